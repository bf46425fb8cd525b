"""A recipe from its first step to its results: what `depthlib train` and the runner notebook both do."""

from __future__ import annotations

import importlib.metadata
import itertools
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

import depthlib
from depthlib import processes
from depthlib.bootstrap import drawn_from
from depthlib.evaluation import Score
from depthlib.preflight import preflight
from depthlib.protocols import get_protocol
from depthlib.recipe import Recipe
from depthlib.reporting import left_out
from depthlib.results import SCHEMA, check_results, read_results, write_results
from depthlib.sample import dropped
from depthlib.scoring import differences, score_run
from depthlib.training import Run, finished, open_spec, own_augmentations, train


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

    A finished run is only scored anew; where nothing is to be scored (``evaluate`` is empty), it keeps the scores that it has.

    Raises:
        Unfinished: see :func:`depthlib.training.train`.
    """
    preflight(recipe)
    if progress and processes.rank() == 0:
        for line in left_out(open_spec(recipe.data)):
            print(line, file=sys.stderr)
    started = time.time()
    over = finished(out, recipe)
    run = train(recipe, out, progress=progress, trackers=trackers, minutes=minutes)
    path = Path(out) / "results.json"
    if over and not recipe.evaluate and path.exists():
        return run, read_results(path)
    began = time.perf_counter()
    scores = score_run(recipe, run, progress)
    results = make_results(recipe, profile, run, scores, time.perf_counter() - began, started, parameters, command)
    if processes.rank() == 0:
        write_results(results, path)
    return run, results


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
        "own": own_augmentations(recipe)
        | {e.protocol: repr(get_protocol(e.protocol)) for e in recipe.evaluate if ":" in e.protocol},
        "data": {
            "name": recipe.data.name,
            "split": recipe.data.split,
            "fingerprint": trained_on.fingerprint(),
            "images": len(trained_on),
            **({"left_out": lost} if (lost := dropped(trained_on)) else {}),
        },
        "samples_seen": run.samples_seen,
        # a figure that no image allows, or that is infinite, has no place in JSON
        "metrics": {
            key: {name: {m: v for m, v in s.metrics.items() if math.isfinite(v)} for name, s in entry.items()}
            for key, entry in scores.items()
        },
        "scored": {
            key: {
                name: {
                    "images": s.images,
                    "pixels": s.pixels,
                    "skipped": s.skipped,
                    "intervals_over": dict([drawn_from(s.scored_scenes)]),
                }
                for name, s in entry.items()
            }
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
