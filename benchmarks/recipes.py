"""Where a step's time goes in every recipe whose data are here: images a second, data, forward, backward, optimiser.

python benchmarks/recipes.py --profile cpu --steps 3 --json recipes.json

The real loop with the recipe's own data and random weights, each recipe in a process of its own. A recipe whose data are not
here is named with the reason. A recipe that differs from its base only in what does not cost time is left out.
"""

from __future__ import annotations

from typing import Any

from _report import begin, finish, parser

from depthlib.bench import measure
from depthlib.data import data_root
from depthlib.errors import DepthError
from depthlib.recipe import load_recipe, recipe_names


def cost(name: str, profile: str) -> str:
    """What of a recipe decides how long its step takes."""
    recipe = load_recipe(name, profile)
    options = {key: value for key, value in recipe.model.options.items() if key != "weights"}
    phases = [(phase.train, phase.batch, phase.accumulate, phase.precision, phase.optimiser) for phase in recipe.phases]
    return repr((recipe.data, recipe.model.name, options, recipe.loss.name, phases, recipe.speed))


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--profile", choices=("smoke", "cpu", "gpu"), default="cpu")
    options.add_argument("--steps", type=int, default=3)
    options.add_argument("--recipes", nargs="+", default=recipe_names())
    args = options.parse_args()
    report: dict[str, Any] = {
        **begin(args),
        "profile": args.profile,
        "steps": args.steps,
        "recipes": {},
        "not_here": {},
    }
    known: set[str] = set()
    for name in args.recipes:
        key = cost(name, args.profile)
        if key in known:
            continue
        known.add(key)
        try:
            found = measure(name, args.profile, steps=args.steps)
        except DepthError as error:
            report["not_here"][name] = str(error).replace(str(data_root()), "$DEPTHLIB_DATA")
            continue
        report["device"], report["peak_gflops"] = found["device"], found["peak_gflops"]
        report["recipes"][name] = found["phases"]
        print(name, found["phases"], flush=True)
    finish(args, report)


if __name__ == "__main__":
    main()
