"""Results: one JSON file a finished run, with all that is needed to trust its numbers.

A run that did not finish writes none. The schema is in the package: ``results.schema.json``.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import itertools
import json
import math
import os
import platform
import shlex
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

import depthlib
from depthlib import processes
from depthlib.augment import NAMED
from depthlib.baselines import COMPLETIONS, ENLARGEMENTS, Completion, Enlargement, Shown
from depthlib.errors import DepthError
from depthlib.evaluation import (
    Score,
    bootstrap_difference,
    constant,
    evaluate,
    from_model,
    mean_depth_image,
    median_depth_image,
    mirror_averaged,
)
from depthlib.files import writable_folder, write_whole
from depthlib.losses import make_loss
from depthlib.metrics import PIXEL_METRICS
from depthlib.models import build_model
from depthlib.models.base import DepthModel
from depthlib.observations import Observation, SmallDepth, SparseDepth, make_observation
from depthlib.protocols import get_protocol
from depthlib.recipe import DataSpec, EvaluateSpec, Recipe
from depthlib.sample import RGBD
from depthlib.structure import MAP_METRICS
from depthlib.training import Run, open_once, open_spec

SCHEMA = 1
#: Predictors in results that are no part of the network.
BASELINES = ("mean", "median", "constant", *COMPLETIONS, *ENLARGEMENTS)


def score_run(recipe: Recipe, run: Run, progress: bool = False) -> dict[str, dict[str, Score]]:
    """Score a trained model, each of its stages, and the recipe's baselines.

    Returns:
        ``"nyu-test/eigen14"`` → ``"coarse"``, ``"fine"``, ``"mean"`` … → :class:`~depthlib.evaluation.Score`. Where part of
        the truth is shown, what it was stands before the protocol: ``"nyu-test/grid-10pc/makarov18"``.
    """
    scores: dict[str, dict[str, Score]] = {}
    opened: list[tuple[DataSpec, RGBD]] = []  # what is scored under several protocols is read once, if it is kept
    for spec in recipe.evaluate:
        dataset = open_once(spec.data, opened)
        observation = observed(recipe, spec)
        entry = scores.setdefault(_place(recipe, spec, dataset), {})
        for stage in spec.stages:
            run.model.begin_phase(stage)
            predictor = Shown(run.model, observation) if observation else run.model
            entry[stage] = evaluate(predictor, dataset, spec.protocol, progress=progress)
            if spec.flip:
                twice = mirror_averaged(from_model(run.model))
                entry[f"{stage}-flip"] = evaluate(twice, dataset, spec.protocol, progress=progress)
        for name in spec.baselines:
            entry[name] = evaluate(baseline(name, recipe, spec, opened), dataset, spec.protocol, progress=progress)
    return scores


def _place(recipe: Recipe, spec: EvaluateSpec, dataset: RGBD) -> str:
    """Where the scores of an entry stand in results."""
    observation = observed(recipe, spec)
    shown = f"{observation.label}/" if observation else ""
    return f"{dataset.name}-{spec.data.split}/{shown}{spec.protocol}"


def observed(recipe: Recipe, spec: EvaluateSpec | None = None) -> Observation | None:
    """What a network is shown of the truth when it is scored; nothing for depth from a picture."""
    chosen = (spec.observe if spec else None) or recipe.observe
    return make_observation(chosen.name, **chosen.options) if chosen else None


def baseline(name: str, recipe: Recipe, spec: EvaluateSpec, opened: list[tuple[DataSpec, RGBD]] | None = None) -> Any:
    """A predictor that sees no picture: the ``mean`` or ``median`` depth image of the training data, or a ``constant``; or one
    that is shown the same part of the truth as the network."""
    observation = observed(recipe, spec)
    if isinstance(observation, SparseDepth) and name in COMPLETIONS:
        return Completion(name, observation)
    if isinstance(observation, SmallDepth) and name in ENLARGEMENTS:
        return Enlargement(name, observation.factor, observation.how)
    if name == "constant":
        return constant(torch.ones(1, 1, 1, 1))
    image = {"mean": mean_depth_image, "median": median_depth_image}.get(name)
    if image is None:
        raise DepthError(f"baseline {name!r}: the network of {recipe.name} is shown nothing that it could start from.")
    seen = open_once(spec.baseline_data or recipe.data, [] if opened is None else opened)
    return constant(image(seen))


def differences(entry: dict[str, Score]) -> dict[str, dict[str, dict[str, float]]]:
    """Paired bootstrap of every predictor against every other, in all eight figures."""
    names = list(entry)
    found: dict[str, dict[str, dict[str, float]]] = {}
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            compared = {m: bootstrap_difference(entry[first], entry[second], m) for m in entry[first].metrics}
            found[f"{first} - {second}"] = {
                m: {"value": d.value, "low": d.low, "high": d.high}
                for m, d in compared.items()
                if all(map(math.isfinite, (d.value, d.low, d.high)))
            }
    return found


def make_results(
    recipe: Recipe,
    profile: str,
    run: Run,
    scores: dict[str, dict[str, Score]],
    evaluate_seconds: float,
    started: float,
    parameters: dict[str, Any] | None = None,
    command: str | None = None,
) -> dict[str, Any]:
    """Everything the contract asks for, as plain data, checked against the schema."""
    trained_on = open_spec(recipe.data)
    results = {
        "schema": SCHEMA,
        "recipe": recipe.name,
        "profile": profile,
        "seed": recipe.seed,
        "parameters": parameters or {},
        "settings": recipe.to_dict(),
        "data": {
            "name": recipe.data.name,
            "split": recipe.data.split,
            "fingerprint": trained_on.fingerprint(),
            "images": len(trained_on),
        },
        "samples_seen": run.samples_seen,
        # a figure that no image allows, or that is infinite, has no place in JSON
        "metrics": {
            key: {name: {m: v for m, v in s.metrics.items() if math.isfinite(v)} for name, s in entry.items()}
            for key, entry in scores.items()
        },
        "scored": {
            key: {name: {"images": s.images, "pixels": s.pixels, "skipped": s.skipped} for name, s in entry.items()}
            for key, entry in scores.items()
        },
        "differences": {key: differences(entry) for key, entry in scores.items() if len(entry) > 1},
        "validation": [
            {"step": h["step"], "phase": h["phase"], "loss": h["validation"]} for h in run.history if "validation" in h
        ],
        "curve": loss_curve(run.history),
        "seconds": {
            "train": round(run.seconds, 2),
            "data": round(sum(entry.get("data_seconds", 0.0) for entry in run.history), 2),
            "evaluate": round(evaluate_seconds, 2),
        },
        "images_per_second": round(run.samples_seen / run.seconds, 2) if run.seconds else 0.0,
        "peak_memory_bytes": run.peak_memory_bytes,
        "device": run.machine["device"],
        "threads": run.machine["threads"],
        "processes": processes.count(),
        "versions": {
            "python": platform.python_version(),
            "torch": run.machine["torch"],
            "torchvision": importlib.metadata.version("torchvision"),
            "depthlib": depthlib.__version__,
        },
        "commit": commit(),
        "started": datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
        "command": command or shlex.join(["depthlib", *sys.argv[1:]]),
    }
    check_results(results, "results")
    return results


def loss_curve(history: list[dict[str, Any]], points: int = 60) -> list[dict[str, Any]]:
    """The training loss of each phase as at most ``points`` means, at the samples seen when each ends; a critic's as well.

    >>> loss_curve([{"phase": "all", "samples": 8 * (i + 1), "loss": float(i)} for i in range(4)], points=2)
    [{'phase': 'all', 'samples': 16, 'loss': 0.5}, {'phase': 'all', 'samples': 32, 'loss': 2.5}]
    """
    curve = []
    for name, entries in itertools.groupby(history, lambda entry: entry["phase"]):
        steps = list(entries)
        edges = [len(steps) * i // points for i in range(points + 1)]
        for start, stop in itertools.pairwise(edges):
            if start < stop:
                point: dict[str, Any] = {"phase": name, "samples": steps[stop - 1]["samples"]}
                for key in ("loss", "critic_loss", "critic_accuracy"):
                    if key in steps[start]:
                        mean = sum(entry[key] for entry in steps[start:stop]) / (stop - start)
                        point[key] = round(mean, 6)
                curve.append(point)
    return curve


def run_and_score(
    recipe: Recipe,
    profile: str,
    out: str | os.PathLike[str],
    parameters: dict[str, Any] | None = None,
    progress: bool = True,
    trackers: tuple[str, ...] = (),
    command: str | None = None,
    minutes: float | None = None,
) -> tuple[Run, dict[str, Any]]:
    """Train, score and write ``results.json``: what ``depthlib train`` and the runner notebook both do.

    Raises:
        Unfinished: see :func:`depthlib.training.train`.
    """
    from depthlib.training import train

    preflight(recipe)

    started = time.time()
    run = train(recipe, out, progress=progress, trackers=trackers, minutes=minutes)
    began = time.perf_counter()
    scores = score_run(recipe, run, progress)
    results = make_results(recipe, profile, run, scores, time.perf_counter() - began, started, parameters, command)
    if processes.rank() == 0:
        write_results(results, Path(out) / "results.json")
    return run, results


def preflight(recipe: Recipe) -> None:
    """Find now, not after hours of training, what a recipe names and nobody has.

    Raises:
        DepthError: a model, loss, augmentation, protocol, stage or data set that is not there.
    """
    if importlib.util.find_spec("jsonschema") is None:
        raise DepthError("jsonschema is not installed, by which results are checked; `pip install jsonschema`.")
    with torch.device("meta"):  # shapes only
        model = build_model(recipe.model.name, **recipe.model.options)
    make_loss(recipe.loss.name, **recipe.loss.options)
    _same_view("data", recipe.data, model)
    for number, phase in enumerate(recipe.phases):
        if phase.data is not None:
            _same_view(f"phases.{number}.data", phase.data, model)
        model.begin_phase(phase.train)
        if phase.augment not in NAMED:
            raise DepthError(f"augmentation {phase.augment!r} is unknown; expected one of {', '.join(NAMED)}.")
        if phase.validation is not None:
            open_spec(phase.validation)
    _shows(recipe, model)
    places: dict[str, DataSpec] = {}
    for number, entry in enumerate(recipe.evaluate):
        get_protocol(entry.protocol)
        if entry.flip and model.shown:
            raise DepthError(
                f"evaluate.{number}.flip: only pictures are mirrored, and model {recipe.model.name!r} is shown {model.shown!r}."
            )
        for name in entry.baselines:
            if name not in ("mean", "median"):  # those cost a pass over the data
                baseline(name, recipe, entry)
        for stage in entry.stages:
            model.begin_phase(stage)
        place = _place(recipe, entry, open_spec(entry.data))
        if places.setdefault(place, entry.data) != entry.data:
            raise DepthError(
                f"evaluate.{number}: {place} is the place of another entry's scores, of other options or another size. Score one "
                "of the two by `depthlib evaluate`, or in a recipe of its own."
            )
        if entry.baseline_data is not None:
            open_spec(entry.baseline_data)


#: The key of the batch that a network is shown of the truth → the task that this makes of it.
TASKS = {"": "depth", "sparse": "sparse", "depth_lr": "superres"}


def _shows(recipe: Recipe, model: DepthModel) -> None:
    """A network that is shown part of the truth needs a recipe that says which, and another does not."""
    for where, spec in (
        ("observe", recipe.observe),
        *((f"evaluate.{i}.observe", e.observe) for i, e in enumerate(recipe.evaluate)),
    ):
        if spec is None and where != "observe":
            continue
        key = make_observation(spec.name, **spec.options).key if spec else ""
        if key != model.shown:
            needs = f"is shown {model.shown!r}" if model.shown else "is shown a picture only"
            raise DepthError(
                f"{where}: {'gives ' + repr(key) if key else 'is missing'}, but model {recipe.model.name!r} {needs}."
            )
    if recipe.task != TASKS[model.shown]:
        raise DepthError(
            f"task is {recipe.task!r}, but what model {recipe.model.name!r} is shown makes it {TASKS[model.shown]!r}."
        )


def _same_view(where: str, spec: DataSpec, model: DepthModel) -> None:
    """Training cuts crops from pictures as they come; prediction resizes a picture to the model's frame first.

    Were they of different size, the network would learn from cut-outs and be asked about whole pictures.
    """
    dataset = open_spec(spec)
    if model.shown:  # it is told depths, and need not know how large things look
        return
    rows, columns = spec.size or dataset[0]["depth"].shape[-2:]
    frame = model.frame_size
    scale = max(frame[0] / rows, frame[1] / columns)
    if scale != 1:
        raise DepthError(
            f"{where}: pictures are {rows}x{columns}, but the model resizes every picture to at least "
            f"{frame[0]}x{frame[1]} when it is asked: it would train on cut-outs {scale:.2g} times as large. Give data "
            f"and model.options.size one size, or set {where}.size so that one side equals the model's."
        )


def check_results(results: Any, source: str) -> None:
    """Raise a DepthError that names the first place where results break the schema."""
    import jsonschema

    schema = json.loads((Path(__file__).parent / "results.schema.json").read_text())
    error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema).iter_errors(results))
    if error is not None:
        raise DepthError(f"{source}: {error.json_path}: {error.message}. Results are written by runs, not by hand.")


def write_results(results: dict[str, Any], path: str | os.PathLike[str]) -> Path:
    """Write results atomically, after checking them."""
    check_results(results, str(path))
    text = json.dumps(results, indent=1, allow_nan=False) + "\n"
    writable_folder(Path(path).parent)
    return write_whole(path, lambda partial: partial.write_text(text))


def read_results(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read results and check them.

    Raises:
        DepthError: not there, not JSON, or not of the schema.
    """
    try:
        results = json.loads(Path(path).read_text(), parse_constant=_no_number)
    except (OSError, ValueError, RecursionError) as error:
        raise DepthError(
            f"{path}: cannot be read as results ({error}). The command inside it makes it anew."
        ) from error
    check_results(results, str(path))
    return results


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number that a run writes")


def results_path(root: str | os.PathLike[str], recipe: str, profile: str, seed: int) -> Path:
    """Where results are kept: ``ROOT/RECIPE/PROFILE-SEED.json``."""
    return Path(root) / recipe / f"{profile}-{seed}.json"


def commit() -> str:
    """The project's commit, with ``+`` when the tree differs from it; ``unknown`` outside a checkout."""
    root = Path(__file__).resolve().parent.parent

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")) != root:
            return "unknown"
        return git("rev-parse", "--short=12", "HEAD") + ("+" if git("status", "--porcelain", "depthlib") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def table(entry: dict[str, dict[str, float]]) -> str:
    """Figures of several predictors as a Markdown table, in one fixed order.

    >>> print(table({"mean": {"delta1": 0.418, "rmse": 1.244}}))
    |  | delta1 | rmse |
    |---|---|---|
    | mean | 0.418 | 1.244 |
    """
    columns = [m for m in (*PIXEL_METRICS, *MAP_METRICS) if any(m in row for row in entry.values())]
    lines = ["|  | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    lines += [
        f"| {name} | " + " | ".join(f"{row[c]:.3f}" if c in row else "–" for c in columns) + " |"
        for name, row in entry.items()
    ]
    return "\n".join(lines)
