"""The command line: ``depthlib …`` or ``python -m depthlib …``."""

from __future__ import annotations

import argparse
import math
import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from depthlib import __version__
from depthlib.cli_arguments import parse_options, parse_parameters, parse_size
from depthlib.errors import DepthError, Unfinished

# torch and everything else heavy is imported inside the commands, so that --help answers at once


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


def _command(args: argparse.Namespace, recipe: Any, profile: str) -> str:
    """The line that makes this run again, without the folders of this machine."""
    extra = "".join(f" -p {pair}" for pair in args.parameter)
    return f"depthlib {args.command} {recipe.name} --profile {profile}{extra}"


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
    recipe, profile, parameters, out = _settings(args)
    from depthlib.notebooks import execute

    arguments = {
        "recipe": args.recipe, "profile": profile, "parameters": parameters, "out": str(out),
        "trackers": args.tracker, "command": _command(args, recipe, profile),
    }  # fmt: skip
    notebook = execute(Path(__file__).with_name("runner.py"), out / "run.ipynb", arguments)
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


def table(args: argparse.Namespace) -> int:
    """A published table with ours beside it, or the list of tables."""
    from depthlib import tables

    if not args.name:
        for name in tables.table_names():
            found = tables.load_table(name)
            print(f"{name:22} {found.title} ({found.source})")
        return 0
    names = tables.table_names() if args.name == "all" else [args.name]
    show = tables.as_json if args.format == "json" else tables.as_markdown
    print("\n\n".join(show(name, Path(args.results)) for name in names))
    return 0


def train(args: argparse.Namespace) -> int:
    """Train and score a recipe without the notebook."""
    recipe, profile, parameters, out = _settings(args)
    from depthlib import processes
    from depthlib.runs import run_and_score

    run_and_score(
        recipe, profile, out, parameters, trackers=tuple(args.tracker), command=_command(args, recipe, profile),
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


def evaluate(args: argparse.Namespace) -> int:
    """Score a checkpoint, or predictions on disk, on a data set."""
    from depthlib.data import open_dataset
    from depthlib.evaluation import evaluate_many
    from depthlib.protocols import PROTOCOLS, fitting, get_protocol
    from depthlib.reporting import FORMATS, comparison

    if args.compare_with and args.format not in ("text", "markdown"):
        raise DepthError(f"--compare-with: is printed as text; not with --format {args.format}.")
    options = parse_options(args.option)
    if args.protocol != "all":  # mistakes in the command first, then the data
        get_protocol(args.protocol)
    predictor, kind = _predictor(args.predictions, args)
    rival = _predictor(args.compare_with, args) if args.compare_with else None
    size = parse_size(args.size) if args.size else (240, 320) if args.against == "nyu" else None
    dataset = open_dataset(args.against, args.split, size, **options)
    if args.protocol == "all":
        names = fitting((dataset[0]["depth"].shape[-2], dataset[0]["depth"].shape[-1]))
        if args.kind == "disparity":
            names = [name for name in names if PROTOCOLS[name].alignment != "none"]
    else:
        names = [args.protocol]
    chosen = [get_protocol(name) for name in names]
    scores, refused = evaluate_many(predictor, dataset, chosen, progress=True, kind=kind)
    if not scores:
        reasons = [str(error) for error in refused.values()]
        one = args.protocol != "all"
        raise DepthError(reasons[0] if one else f"{args.predictions}: no protocol can score this. {' '.join(reasons)}")
    print(FORMATS[args.format](scores))
    if rival is not None:
        rules = [score.protocol for score in scores.values()]
        rivals, not_compared = evaluate_many(rival[0], dataset, rules, kind=rival[1])
        for name, score in rivals.items():
            print(f"\n{comparison(scores[name], score, args.predictions, args.compare_with)}")
            for sentence in score.warnings:
                print(f"note: {args.compare_with}, {name}: {sentence}", file=sys.stderr)
        if not rivals:
            raise DepthError(f"{args.compare_with}: cannot be compared. {' '.join(map(str, not_compared.values()))}")
        refused |= {f"{args.compare_with} {name}": error for name, error in not_compared.items()}
    for reason in refused.values():
        print(f"not scored: {reason}", file=sys.stderr)
    for found in scores.values():
        if args.format != "text":
            for sentence in found.warnings:
                print(f"note: {found.protocol.name}: {sentence}", file=sys.stderr)
    return 0


HUGGINGFACE = "huggingface:"
RECONSTRUCTIONS = ("fill:", "enlarge:")


def _baseline(given: str) -> Any:
    """``fill:METHOD[:PATTERN[:FRACTION]]`` or ``enlarge:METHOD:FACTOR[:average|pick]``; instead of a method, the folder of a run."""
    from depthlib.adapters import reconstruction_from_onnx
    from depthlib.baselines import Completion, Enlargement
    from depthlib.checkpoints import BOXES, latest_checkpoint, load_model
    from depthlib.observations import Observation, SmallDepth, SparseDepth
    from depthlib.predictors import Shown

    kind, method, *rest = given.split(":")

    def network(observation: Observation) -> Any:
        if method.endswith(".onnx"):
            return reconstruction_from_onnx(method, observation)
        trained = method in BOXES or latest_checkpoint(method) is not None
        return Shown(load_model(method), observation) if trained else None

    try:
        if kind == "enlarge" and 0 < len(rest) < 3:
            small = SmallDepth(int(rest[0]), *rest[1:])
            return network(small) or Enlargement(method, small.factor, small.how)
        if kind == "fill" and len(rest) < 3:
            pattern, fraction = rest[0] if rest else "uniform", float(rest[1]) if rest[1:] else 0.1
            few = SparseDepth((pattern,), (fraction,))
            return network(few) or Completion(method, few)
    except DepthError:
        raise
    except ValueError as error:
        raise DepthError(f"{given}: {error}; expected such as fill:linear:uniform:0.1 or enlarge:bicubic:8.") from error
    raise DepthError(f"{given}: expected such as fill:linear:uniform:0.1 or enlarge:bicubic:8.")


def _predictor(given: str, args: argparse.Namespace) -> tuple[Any, Any]:
    """What `evaluate` is to score: a checkpoint, an ONNX file, a model of Hugging Face, a baseline, or maps on disk."""
    from depthlib import adapters
    from depthlib.checkpoints import latest_checkpoint, load_model
    from depthlib.predictors import from_model
    from depthlib.stored import StoredPredictions

    predictor: Any
    checkpoint = maps = False
    if given.startswith(RECONSTRUCTIONS):
        predictor = _baseline(given)
    elif given.startswith(HUGGINGFACE):
        predictor = adapters.from_huggingface(given.removeprefix(HUGGINGFACE))
    elif given.endswith(".onnx"):
        predictor = adapters.from_onnx(given)
    elif checkpoint := latest_checkpoint(given) is not None:
        predictor = from_model(load_model(given, args.stage))
    else:
        maps, predictor = True, StoredPredictions(given, args.scale)
    metres = checkpoint or given.startswith(RECONSTRUCTIONS) or getattr(predictor, "metres", False)
    alone = not args.compare_with  # of two, each takes the options that fit it
    if metres and alone and (args.scale is not None or args.kind != "depth"):
        raise DepthError(f"{given}: answers in metres; --scale and --kind are for other models and maps.")
    if args.stage and alone and not checkpoint:
        raise DepthError(f"{given}: no checkpoint there, so it has no stage {args.stage!r}.")
    if args.scale is not None and not maps and not metres:
        predictor = adapters.scaled(predictor, args.scale)
    return predictor, "depth" if metres else args.kind


def protocols(args: argparse.Namespace) -> int:
    """Say what each protocol does and whose numbers it makes comparable."""
    from depthlib.protocols import PROTOCOLS

    print("\n\n".join(protocol.describe() for protocol in PROTOCOLS.values()))
    return 0


def predict(args: argparse.Namespace) -> int:
    """Depth of a photo: 16-bit PNG, coloured PNG, point cloud, surface."""
    from PIL import Image

    from depthlib import camera
    from depthlib.checkpoints import load_model
    from depthlib.data.formats import read_rgb, write_depth_png, write_image
    from depthlib.files import writable_folder
    from depthlib.pointcloud import colored_points, surface, write_ply
    from depthlib.prediction import predict as answer
    from depthlib.prediction import to_rgb

    photo = Path(args.photo)
    if args.field_of_view is not None and not 0 < args.field_of_view < 180:
        raise DepthError(f"--field-of-view {args.field_of_view:g}: expected more than 0 and less than 180 degrees.")
    rgb = to_rgb(read_rgb(photo))
    model = load_model(args.checkpoint, args.stage)
    depth = answer(model, rgb).full(mode="bilinear")[0]
    known = depth[(depth > 0) & depth.isfinite()]
    if not known.numel():
        raise DepthError(
            f"{photo}: {args.checkpoint or 'the network in the box'} answers with no depth at all; train it again, at a lower rate."
        )
    out = writable_folder(args.out or photo.parent, "Choose another folder with --out.")
    from depthlib.plots import colorize

    height, width = depth.shape[-2:]
    angle, whose = args.field_of_view, "as --field-of-view says"
    if angle is None:
        focal = camera.focal_from_exif(photo)
        angle = math.degrees(2 * math.atan(width / 2 / focal)) if focal else 60.0
        whose = "as the photo says" if focal else "a guess: the photo does not say; give --field-of-view"
    K = camera.from_field_of_view(height, width, angle)
    # millimetres in 16 bits end at 65 m; roads are farther, and are stored as KITTI stores them
    scale, unit = (1000, "millimetres") if known.max() <= 65.535 else (256, "1/256 m")
    stem = out / f"{photo.stem}-depth"
    written = []
    try:
        for name, write in (
            (f"{stem}.png", lambda path: write_depth_png(path, depth[0].numpy(), scale)),
            (f"{stem}-coloured.png", lambda path: write_image(path, Image.fromarray(colorize(depth)))),
            (f"{stem}.ply", lambda path: write_ply(path, *colored_points(depth, K, rgb[0]))),
            (f"{stem}-surface.ply", lambda path: write_ply(path, *surface(depth, K, rgb[0]))),
        ):
            write(name)
            written.append(name)
    except DepthError:  # all or none
        for name in written:
            Path(name).unlink(missing_ok=True)
        raise
    print(f"{photo}: {known.min():.2f} to {known.max():.2f} m, median {known.median():.2f} m")
    print(f"{stem}.png            16 bit, {unit}, 0 = outside the network's view")
    print(f"{stem}-coloured.png   to look at")
    print(f"{stem}.ply            point cloud, metres, for a lens of {angle:.0f} degrees across ({whose})")
    print(f"{stem}-surface.ply    the same as a surface, torn where depth jumps")
    return 0


def export(args: argparse.Namespace) -> int:
    """A checkpoint as an ONNX file."""
    from depthlib.checkpoints import load_model
    from depthlib.export import LEAST, MULTIPLE, export_onnx
    from depthlib.files import writable_folder

    out = Path(args.out)
    if not out.name or out.is_dir():
        raise DepthError(f"--out {args.out!r}: is a folder; give a file, such as depth.onnx.")
    model = load_model(args.checkpoint, args.stage)
    writable_folder(out.parent, "Choose another place with --out.")
    export_onnx(model, out)
    rows, columns = model.input_size
    free = ", other sizes run too" if model.any_size else ""
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB")
    if model.shown:
        sides = f", sides in multiples of {MULTIPLE} from {LEAST}" if model.shown == "sparse" else ""
        picture = ", rgb float32 [B, 3, ., .] in [0, 1] of the answer's size" if getattr(model, "guided", False) else ""
        print(
            f"{model.shown} float32 [B, 1, ., .] in any unit{sides}{picture} -> depth float32 [B, 1, ., .] in that unit"
        )
        return 0
    print(f"rgb float32 [B, 3, {rows}, {columns}] in [0, 1] -> depth float32 [B, 1, ., .] in metres")
    print(f"The metres hold for pictures resized to {rows}x{columns}, as it was trained{free}.")
    return 0


def doctor(args: argparse.Namespace) -> int:
    """Say what is here and what is missing."""
    import importlib.metadata
    import platform

    import torch

    from depthlib.data import data_root, open_dataset

    print(f"depthlib     {__version__}")
    print(
        f"python       {platform.python_version()}" + ("" if sys.version_info >= (3, 11) else "  too old: 3.11 needed")
    )
    for name in ("torch", "torchvision", "accelerate", "torchmetrics"):
        print(f"{name:12} {importlib.metadata.version(name)}")
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    print(
        f"devices      {os.cpu_count()} processors, " + (", ".join(gpus) if gpus else "no CUDA GPU: use --profile cpu")
    )
    print(f"free space   {shutil.disk_usage('.').free / 1e9:.0f} GB here")
    for extra, packages in _extras().items():
        absent = [name for name in packages if not _installed(name)]
        remedy = f"missing {', '.join(absent)}: pip install 'depthlib-course[{extra}]'" if absent else "installed"
        print(f"extra        {extra}: {remedy}")
    root = data_root()
    print(f"data         {root}  (DEPTHLIB_DATA {'set' if os.environ.get('DEPTHLIB_DATA') else 'not set'})")
    print("  rooms, roads: made on the fly; every chapter runs on them")
    try:
        nyu = open_dataset("nyu", "train")
        print(f"  nyu: {len(nyu)} training images: `depthlib run eigen-nyu` works")
    except DepthError as error:
        print(f"  nyu: {error}\n       The recipes whose names hold nyu need it; the chapters show committed results.")
    weights = os.environ.get("DEPTHLIB_WEIGHTS")
    missing = " (no such folder)" if weights and not Path(weights).is_dir() else ""
    print(
        f"weights      {weights or 'DEPTHLIB_WEIGHTS not set; recipes that begin with ImageNet weights, or have VGG in their loss, download them; no chapter needs any'}{missing}"
    )
    return 0


def _extras() -> dict[str, list[str]]:
    """What this package's extras for users ask for; the names of packages."""
    import importlib.metadata

    try:
        lines = importlib.metadata.requires("depthlib-course") or []
    except importlib.metadata.PackageNotFoundError:  # used as it lies there, not installed
        lines = []
    asked: dict[str, list[str]] = {}
    for line in lines:
        name, extra = re.match(r"[\w-]+", line), re.search(r"""extra == ['"]([\w-]+)""", line)
        if name and extra and extra[1] not in ("book", "test"):
            asked.setdefault(extra[1], []).append(name[0])
    return asked


def _installed(package: str) -> bool:
    import importlib.metadata

    try:
        return bool(importlib.metadata.version(package))
    except importlib.metadata.PackageNotFoundError:
        return False


GOES_ON = ("run", "train", "pretrain", "sweep", "data")  # commands that keep what they have done
STAGE = "which part answers: of Eigen's networks coarse or fine (default: the part trained last)"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="depthlib",
        description="Depth from a single image: train, score and use the networks of the course.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="examples:\n"
        "  depthlib doctor                          what is here, what is missing\n"
        "  depthlib run eigen-rooms --profile cpu   a training on rendered rooms, no download\n"
        "  depthlib predict photo.jpg               depth of a photo, with the network in the box\n",
    )
    parser.add_argument("--version", action="version", version=f"depthlib {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, function: Any, text: str, examples: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name, help=text, description=text, epilog=f"examples:\n{examples}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        sub.set_defaults(function=function)
        return sub

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
        sub = add(name, function, text, examples)
        sub.add_argument(
            "recipe",
            nargs="?" if name == "run" else None,
            help="a recipe's name, a YAML file, or (run) table:ID for all of a table",
        )
        if name == "run":
            sub.add_argument("--list", action="store_true", help="list the recipes and stop")
        sub.add_argument(
            "--profile", choices=("smoke", "cpu", "gpu"), help="how big (default: $DEPTHLIB_PROFILE, else cpu)"
        )
        sub.add_argument("-p", "--parameter", action="append", default=[], metavar="NAME=VALUE",
                         help="override a setting by name or dotted path; repeatable")  # fmt: skip
        sub.add_argument(
            "--out",
            help="folder for checkpoints, log and results; by default RECIPE/PROFILE-SEED in $DEPTHLIB_RUNS, else in runs",
        )
        sub.add_argument("--results", metavar="DIR",
                         help="also keep the results as DIR/RECIPE/PROFILE-SEED.json" + (" (of a table always: default results)" if name == "run" else ""))  # fmt: skip
        sub.add_argument("--tracker", action="append", default=[], metavar="NAME",
                         help="also log to a tracker that Accelerate knows, such as tensorboard; repeatable")  # fmt: skip
        if name == "train":
            sub.add_argument("--minutes", type=float, metavar="N",
                             help="stop after so many, with everything saved and exit status 75; the same command goes on")  # fmt: skip

    sub = add("pretrain", pretrain, "Teach the coarse network's convolutions to name things in pictures, as Eigen et al. 2014 did on ImageNet.",
              "  depthlib pretrain imagenet --out runs/imagenet\n"
              "  depthlib train eigen-nyu-paper -p model.options.weights=runs/imagenet/convolutions.safetensors\n")  # fmt: skip
    sub.add_argument("folder", help="holds train/CLASS/*.jpg and val/CLASS/*.jpg")
    sub.add_argument("--out", default="runs/pretrained", metavar="FOLDER",
                     help="for checkpoints, convolutions.safetensors and pretraining.json; goes on with what is there (default: runs/pretrained)")  # fmt: skip
    sub.add_argument("--width", type=float, default=1.0, help="of the network that is to begin so (default: 1)")
    sub.add_argument("--epochs", type=int, default=60, help="default: 60")
    sub.add_argument("--batch", type=int, default=256, help="pictures a step (default: 256)")
    sub.add_argument("--rate", type=float, default=0.01, help="learning rate at first (default: 0.01)")
    sub.add_argument("--seed", type=int, default=0, help="default: 0")
    sub.add_argument("--workers", type=int, default=4, help="processes that read pictures (default: 4)")
    sub.add_argument(
        "--minutes", type=float, metavar="N", help="stop after the epoch in which so many have passed, exit status 75"
    )

    sub = add("evaluate", evaluate, "Score a checkpoint, or depth maps of any program, under a named protocol.",
              "  depthlib evaluate runs/eigen-nyu/cpu-0 --against nyu\n"
              "  depthlib evaluate runs/eigen-rooms/cpu-0 --against folder --option root=my_pairs --protocol full\n"
              "  depthlib evaluate their_maps --against nyu --scale 1000 --protocol all --format markdown\n"
              "  depthlib evaluate midas_out --against nyu --kind disparity --protocol midas_affine\n"
              "  depthlib evaluate runs/eigen-nyu/cpu-0 --against nyu --compare-with runs/eigen-nyu-log-rmse/cpu-0\n"
              "  depthlib evaluate model.onnx --against nyu --protocol bts\n"
              "  depthlib evaluate huggingface:depth-anything/Depth-Anything-V2-Small-hf --kind disparity \\\n"
              "      --protocol midas_affine\n"
              "  depthlib evaluate fill:linear:uniform:0.1 --against nyu --protocol makarov18\n"
              "  depthlib protocols\n")  # fmt: skip
    sub.add_argument(
        "predictions",
        help="a run's folder, a checkpoint folder, a file .onnx, huggingface:NAME, a folder of maps (NAME.npy, .pfm, .png), or a "
        "predictor that is shown part of the truth: fill:METHOD:PATTERN:FRACTION, enlarge:METHOD:FACTOR[:pick], where the METHOD "
        "is a baseline, box/NAME, the folder of a run or a file .onnx",
    )
    sub.add_argument(
        "--against",
        default="nyu",
        metavar="DATA",
        help="a name of `depthlib data list` (default: nyu)",
    )
    sub.add_argument("--compare-with", metavar="OTHER",
                     help="a second one on the same images: which figures differ by more than chance (paired bootstrap)")  # fmt: skip
    sub.add_argument("--split", default="test", help="which part of the data (default: test)")
    sub.add_argument(
        "--size", metavar="HxW", help="rows and columns of the truth (default: as on disk; of nyu 240x320)"
    )
    sub.add_argument("--protocol", default="eigen14", help="a name of `depthlib protocols`, or all (default: eigen14)")
    sub.add_argument("--stage", help=f"of a checkpoint, {STAGE}")
    sub.add_argument("--scale", type=float, help="of maps and of other models, units in a metre: 1000 for millimetres")
    sub.add_argument(
        "--kind", choices=("depth", "disparity"), default="depth", help="what the maps are (default: depth)"
    )
    sub.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="an option of the data set")
    sub.add_argument(
        "--format", choices=("text", "json", "markdown", "latex"), default="text", help="of the report (default: text)"
    )

    from depthlib.cli_data import add_data
    from depthlib.cli_scale import add_scale

    add_data(add)
    add_scale(add)

    sub = add("table", table, "A table of the papers, published numbers beside ours.",
              "  depthlib table\n  depthlib table 001-1\n  depthlib run table:001-1 --profile gpu\n")  # fmt: skip
    sub.add_argument("name", nargs="?", help="an id from the list, or all; without it, the list")
    sub.add_argument("--results", default="results", metavar="DIR", help="where runs are kept (default: results)")
    sub.add_argument(
        "--format", choices=("markdown", "json"), default="markdown", help="of the table (default: markdown)"
    )

    add("protocols", protocols, "List the evaluation protocols: crop, caps, alignment, averaging, figures.",
        "  depthlib protocols\n")  # fmt: skip

    sub = add("predict", predict, "Depth of a photo: a 16-bit PNG, a coloured PNG, a point cloud and a surface.",
              "  depthlib predict photo.jpg\n"
              "  depthlib predict photo.jpg --checkpoint runs/eigen-rooms/cpu-0 --out depths\n")  # fmt: skip
    sub.add_argument("photo", help="a JPEG, PNG or other picture")
    sub.add_argument("--checkpoint", help="a run's folder or a checkpoint folder (default: the one in the box)")
    sub.add_argument("--stage", help=STAGE)
    sub.add_argument("--out", help="folder to write to (default: beside the photo)")
    sub.add_argument("--field-of-view", type=float, metavar="DEGREES",
                     help="horizontal angle of the lens, for the point cloud (default: what the photo says, else 60)")  # fmt: skip

    sub = add("export", export, "A checkpoint as one ONNX file: colours in, metres out (or some depth in), without torch.",
              "  depthlib export runs/densedepth-mobilenet-nyu/cpu-0 --out depth.onnx\n"
              "  depthlib evaluate depth.onnx --against nyu\n")  # fmt: skip
    sub.add_argument(
        "checkpoint",
        nargs="?",
        help="a run's folder or a checkpoint folder (default: the one in the box)",
    )
    sub.add_argument("--stage", help=STAGE)
    sub.add_argument("--out", default="depth.onnx", metavar="FILE", help="the file to write (default: depth.onnx)")

    add("doctor", doctor, "Say what is here (Python, torch, devices, data, weights) and what is missing.",
        "  depthlib doctor\n")  # fmt: skip
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point: parses, runs, and turns a :class:`DepthError` into one line and exit status 2."""
    args = _parser().parse_args(arguments)
    try:
        return args.function(args)
    except Unfinished as error:
        print(f"depthlib: {error}", file=sys.stderr)
        return 75  # EX_TEMPFAIL: whoever started this may start it again
    except DepthError as error:
        print(f"depthlib: {error}", file=sys.stderr)
        return 2
    except PermissionError as error:
        print(f"depthlib: {error.filename}: may not be read or written by you ({error.strerror}).", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `depthlib table all | head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        goes_on = "; the same command goes on where it was" if args.command in GOES_ON else ""
        print(f"depthlib: interrupted{goes_on}.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
