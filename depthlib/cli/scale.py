"""``depthlib sweep`` and ``depthlib bench``: many runs of a recipe, and where the time of one goes."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from depthlib.cli.arguments import Add, add_parameters, add_profile, again, parse_parameters
from depthlib.errors import DepthError


def sweep(args: argparse.Namespace) -> int:
    """Every combination of the given values as a run; a table and a plot of what came of it."""
    from depthlib import plots, sweep
    from depthlib.files import writable_folder, write_whole
    from depthlib.recipe import default_profile, load_recipe, runs_root

    profile = args.profile or default_profile()
    given = parse_parameters(args.parameter, example="lam=0,0.25,1")
    grid = {key: sweep.values_of(text, f"-p {key}") for key, text in given.items()}
    if not grid:
        raise DepthError("sweep: nothing to vary; give values, such as -p lam=0,0.25,1 -p seed=0..2.")
    name = load_recipe(args.recipe, profile).name
    out = Path(args.out) if args.out else runs_root() / "sweeps" / name / f"{profile}-{'-'.join(grid)}"
    if args.results:
        writable_folder(Path(args.results).parent, "Choose another place with --results.")
    content = sweep.sweep(args.recipe, profile, grid, out, args.jobs, args.cluster, again(args, profile))
    table = sweep.as_markdown(content, args.where, args.predictor)
    write_whole(out / "sweep.md", lambda partial: partial.write_text(table + "\n"))
    lines = sweep.summary(content, args.where, args.predictor)
    drawn = [name for name in ("abs_rel", "rmse", "scale_invariant_rmse") if name in lines[0].mean] or list(
        lines[0].mean
    )[:3]
    figure = plots.sweep(lines, drawn)
    write_whole(out / "sweep.png", lambda partial: figure.savefig(partial, format="png", dpi=150))
    print(
        f"\n{table}\n\ntable       {out / 'sweep.md'}\nplot        {out / 'sweep.png'}\nresults     {out / 'sweep.json'}"
    )
    if args.results:
        target = Path(args.results)
        write_whole(target, lambda partial: partial.write_text(json.dumps(content, indent=1) + "\n"))
        print(f"kept        {target}")
    return 0


def bench(args: argparse.Namespace) -> int:
    """Where a step's time goes, and what each switch gains."""
    from depthlib import bench
    from depthlib.files import writable_folder, write_whole
    from depthlib.recipe import default_profile

    profile = args.profile or default_profile()
    parameters: dict[str, Any] = parse_parameters(args.parameter)
    if args.json:
        writable_folder(Path(args.json).parent, "Choose another place with --json.")

    def keep(report: dict[str, Any]) -> None:
        write_whole(args.json, lambda partial: partial.write_text(json.dumps(report, indent=1) + "\n"))

    report = bench.measure(
        args.recipe, profile, parameters, args.steps, args.switches, args.rounds, keep if args.json else None
    )
    print(bench.as_text(report))
    return 0


def add_scale(add: Add) -> None:
    """Both commands."""
    command = add("sweep", sweep, "Every combination of some values as an executed notebook; a table and a plot; goes on where it was cut off.",
                  "  depthlib sweep eigen-rooms -p lam=0,0.25,0.5,1 -p seed=0..2\n"
                  "  depthlib sweep eigen-nyu --profile gpu -p lam=0,0.5 -p seed=0..4 --cluster tcp://10.0.0.5:8786 --out /shared/lam\n")  # fmt: skip
    command.add_argument("recipe", help="a recipe's name or a YAML file")
    add_profile(command)
    add_parameters(
        command,
        "NAME=VALUES",
        "values by name or dotted path, separated by commas; 0..2 are whole numbers from … to; repeatable",
    )
    command.add_argument(
        "--out", help="folder for all runs; by default sweeps/RECIPE/PROFILE-NAMES in $DEPTHLIB_RUNS, else in runs"
    )
    command.add_argument("--results", metavar="FILE", help="also keep sweep.json as this file")
    command.add_argument("--jobs", type=int, default=1, metavar="N", help="runs at a time on this machine (default: 1)")
    command.add_argument("--cluster", metavar="ADDRESS",
                         help="of a dask scheduler whose workers run instead; they must see --out under the same path")  # fmt: skip
    command.add_argument("--where", metavar="KEY", help="data-split/protocol of the table (default: the first scored)")
    command.add_argument("--predictor", help="whose figures (default: the part scored last)")

    command = add("bench", bench, "Where a training step's time goes: images a second, data, forward, backward, optimiser, memory.",
                  "  depthlib bench eigen-rooms\n  depthlib bench densedepth-mobilenet-nyu --profile gpu --switches\n")  # fmt: skip
    command.add_argument("recipe", help="a recipe's name or a YAML file")
    add_profile(command)
    add_parameters(command)
    command.add_argument(
        "--steps", type=int, default=8, metavar="N", help="steps to measure of each phase (default: 8)"
    )
    command.add_argument(
        "--switches", action="store_true", help="also with each switch turned over, one at a time, and all off"
    )
    command.add_argument("--rounds", type=int, default=1, metavar="N",
                         help="measure everything so many times, in turn, on a machine that is not quiet (default: 1)")  # fmt: skip
    command.add_argument("--json", metavar="FILE", help="also write the report there, after each measurement")
