"""``depthlib run``, ``train`` and ``pretrain``: a network from its first step to its results."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from depthlib.cli.arguments import Add, add_parameters, add_profile, again, parse_parameters
from depthlib.cli.scores import table
from depthlib.errors import DepthError, Unfinished


def _settings(args: argparse.Namespace) -> tuple[Any, str, dict[str, Any], Path]:
    """Recipe, profile, parameters and output folder of ``run`` and ``train``."""
    from depthlib.files import writable_folder
    from depthlib.recipe import default_profile, load_recipe, run_folder

    profile = args.profile or default_profile()
    parameters = parse_parameters(args.parameter)
    recipe = load_recipe(args.recipe, profile, **parameters)
    out = Path(args.out) if args.out else run_folder(recipe, profile)
    if args.results:  # now, not after hours of training
        writable_folder(args.results, "Choose another folder with --results.")
    return recipe, profile, parameters, out


def _list_recipes() -> int:
    from depthlib.recipe import load_recipe, recipe_names

    for name in recipe_names():
        print(f"{name:22} {load_recipe(name).description}")
    return 0


def run(args: argparse.Namespace) -> int:
    """Execute the runner notebook on a recipe."""
    if args.list or not args.recipe:
        return _list_recipes()
    if args.recipe.startswith("table:"):
        return _run_table(args)
    _, profile, parameters, out = _settings(args)
    from depthlib.notebooks import execute

    arguments = {
        "recipe": args.recipe, "profile": profile, "parameters": parameters, "out": str(out),
        "trackers": args.tracker, "command": again(args, profile),
    }  # fmt: skip
    notebook = execute(Path(__file__).parents[1] / "runner.py", out / "run.ipynb", arguments)
    print(f"notebook    {notebook}")
    return _report(out, args.results)


def _run_table(args: argparse.Namespace) -> int:
    """Every recipe of a table, one after the other; a finished one is only scored."""
    from depthlib.tables import load_table

    name = args.recipe.removeprefix("table:")
    recipes = load_table(name).recipes()
    if not recipes:
        raise DepthError(f"table {name}: none of its rows has a recipe yet.")
    if args.out:
        raise DepthError(
            "--out: a table has several runs; each goes to its own folder. Set DEPTHLIB_RUNS to move them."
        )
    refused = {}
    for number, recipe in enumerate(recipes, 1):
        print(f"\n{recipe}: {number} of {len(recipes)}")
        try:
            run(argparse.Namespace(**{**vars(args), "recipe": recipe, "results": args.results or "results"}))
        except Unfinished:  # whoever ends this run does not want the next one
            raise
        except DepthError as error:  # a set of 400 GB that is not here must not keep the other rows from being made
            refused[recipe] = error
            print(f"{recipe}: {error}", file=sys.stderr)
    table(argparse.Namespace(name=name, results=args.results or "results", format="markdown"))
    if refused:
        raise DepthError(f"table {name}: {len(refused)} of {len(recipes)} recipes did not run: {', '.join(refused)}.")
    return 0


def pretrain(args: argparse.Namespace) -> int:
    """The coarse network's convolutions from pictures of named things."""
    from depthlib.pretraining import NAME, pretrain

    given = {key: getattr(args, key) for key in ("width", "epochs", "batch", "rate", "seed", "workers", "minutes")}
    report = pretrain(args.folder, args.out, **given)
    print(f"{report['images']} pictures of {report['classes']} classes, {report['epochs']} epochs")
    print(
        f"wrong at first {report['top1_error']:.1%}, not among five {report['top5_error']:.1%} (ten cut-outs a picture)"
    )
    narrow = f" -p model.options.width={args.width:g}" if args.width != 1 else ""
    print(f"begin with them:  depthlib train eigen-nyu-paper -p model.options.weights={Path(args.out) / NAME}{narrow}")
    return 0


def train(args: argparse.Namespace) -> int:
    """Train and score a recipe without the notebook."""
    recipe, profile, parameters, out = _settings(args)
    from depthlib import processes
    from depthlib.runs import run_and_score

    run_and_score(
        recipe, profile, out, parameters, trackers=tuple(args.tracker), command=again(args, profile),
        minutes=args.minutes,
    )  # fmt: skip
    return _report(out, args.results) if processes.rank() == 0 else 0


def _report(out: Path, keep: str | None) -> int:
    from depthlib.checkpoints import latest_checkpoint
    from depthlib.reporting import table
    from depthlib.results import read_results, results_path, write_results

    results = read_results(out / "results.json")
    for where, entry in results["metrics"].items():
        print(f"\n{where}\n{table(entry)}")
    print(f"\ncheckpoint  {latest_checkpoint(out)}\nresults     {out / 'results.json'}")
    if keep:
        target = results_path(keep, results["recipe"], results["profile"], results["seed"])
        print(f"kept        {write_results(results, target)}")
    return 0


def add_trainings(add: Add) -> None:
    """The three commands."""
    for name, function, text, examples in (
        ("run", run, "Execute a recipe as a notebook: training, scores, figures.",
         "  depthlib run --list\n  depthlib run eigen-rooms --profile cpu\n"
         "  depthlib run eigen-nyu --profile gpu -p lam=0.25 -p seed=1\n"
         "  depthlib run table:001-1 --profile gpu\n"),
        ("train", train, "Train and score a recipe, without the notebook; goes on where it was interrupted.",
         "  depthlib train eigen-rooms --profile cpu\n  depthlib train eigen-nyu -p phases.0.samples=8000\n"
         "  depthlib train eigen-nyu --profile gpu --minutes 8\n"
         "  accelerate launch --multi_gpu --num_processes 4 -m depthlib train eigen-nyu --profile gpu\n"),
    ):  # fmt: skip
        command = add(name, function, text, examples)
        command.add_argument(
            "recipe",
            nargs="?" if name == "run" else None,
            help="a recipe's name or a YAML file" + (", or table:ID for all of a table" if name == "run" else ""),
        )
        if name == "run":
            command.add_argument("--list", action="store_true", help="list the recipes and stop")
        add_profile(command)
        add_parameters(command)
        command.add_argument(
            "--out",
            help="folder for checkpoints, log and results; by default RECIPE/PROFILE-SEED in $DEPTHLIB_RUNS, else in runs",
        )
        command.add_argument("--results", metavar="DIR",
                             help="also keep the results as DIR/RECIPE/PROFILE-SEED.json" + (" (of a table always: default results)" if name == "run" else ""))  # fmt: skip
        command.add_argument("--tracker", action="append", default=[], metavar="NAME",
                             help="also log to a tracker that Accelerate knows, such as tensorboard; repeatable")  # fmt: skip
        if name == "train":
            command.add_argument("--minutes", type=float, metavar="N",
                                 help="stop after so many, with everything saved and exit status 75; the same command goes on")  # fmt: skip

    command = add("pretrain", pretrain, "Teach the coarse network's convolutions to name things in pictures, as Eigen et al. 2014 did on ImageNet.",
              "  depthlib pretrain imagenet --out runs/imagenet\n"
              "  depthlib train eigen-nyu-paper -p model.options.weights=runs/imagenet/convolutions.safetensors\n")  # fmt: skip
    command.add_argument("folder", help="holds train/CLASS/*.jpg and val/CLASS/*.jpg")
    command.add_argument("--out", default="runs/pretrained", metavar="FOLDER",
                     help="for checkpoints, convolutions.safetensors and pretraining.json; goes on with what is there (default: runs/pretrained)")  # fmt: skip
    command.add_argument("--width", type=float, default=1.0, help="of the network that is to begin so (default: 1)")
    command.add_argument("--epochs", type=int, default=60, help="default: 60")
    command.add_argument("--batch", type=int, default=256, help="pictures a step (default: 256)")
    command.add_argument("--rate", type=float, default=0.01, help="learning rate at first (default: 0.01)")
    command.add_argument("--seed", type=int, default=0, help="default: 0")
    command.add_argument("--workers", type=int, default=4, help="processes that read pictures (default: 4)")
    command.add_argument(
        "--minutes", type=float, metavar="N", help="stop after the epoch in which so many have passed, exit status 75"
    )
