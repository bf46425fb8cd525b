"""A grid of runs of one recipe: every combination of some values, several at a time, gone on with where it was cut off.

Each run is an executed notebook in a folder of its own (`depthlib run`), so one that fails leaves its cells and harms no
other. What came of all is one JSON file, from which the table and the plot are made.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed

from depthlib.cluster import workers_of
from depthlib.errors import DepthError, Unfinished
from depthlib.files import one_at_a_time, writable_folder, write_whole
from depthlib.markdown import markdown_table
from depthlib.preflight import preflight
from depthlib.recipe import Recipe, load_recipe
from depthlib.results import read_results
from depthlib.stopping import Stopping
from depthlib.typed import read_yaml

SCHEMA = 1
RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)")
TOO_MANY = 10_000


@dataclass(frozen=True)
class Job:
    """One run of the grid: its place in it, its whole recipe, and its folder."""

    parameters: dict[str, Any]
    recipe: Recipe
    folder: Path

    def done(self) -> dict[str, Any] | None:
        """Its results, if it has run to its end with these settings."""
        try:
            results = read_results(self.folder / "results.json")
        except DepthError:
            return None
        same = results.get("settings") == json.loads(json.dumps(self.recipe.to_dict()))
        return results if same else None


def values_of(text: str, source: str = "-p") -> list[Any]:
    """The values that a parameter takes: YAML, separated by commas, with whole numbers from … to as ``0..2``.

    Raises:
        DepthError: no value, one that stands twice, or no YAML.

    >>> values_of("0,0.25,1"), values_of("0..2"), values_of("adam,sgd")
    ([0, 0.25, 1], [0, 1, 2], ['adam', 'sgd'])
    """
    values: list[Any] = []
    for value in read_yaml(f"[{text}]", source):
        ends = RANGE.fullmatch(value) if isinstance(value, str) else None
        if ends is None:
            values.append(value)
            continue
        first, last = int(ends[1]), int(ends[2])
        if not 0 <= last - first < TOO_MANY:
            raise DepthError(f"{source}: {value} is no range; expected the smaller number first, such as 0..2.")
        values += range(first, last + 1)
    if not values:
        raise DepthError(f"{source}: no value; expected such as lam=0,0.25,1 or seed=0..2.")
    for i, value in enumerate(values):
        if value in values[:i]:
            raise DepthError(f"{source}: {value!r} stands twice.")
    return values


def jobs_of(recipe: str, profile: str, grid: Mapping[str, Sequence[Any]], out: Path) -> list[Job]:
    """Every combination as a job; all are checked before any starts.

    Raises:
        DepthError: a parameter that the recipe lacks, or a value that it cannot take, naming both.
    """
    found = []
    for values in itertools.product(*grid.values()):
        parameters = dict(zip(grid, values, strict=True))
        settings = load_recipe(recipe, profile, **parameters)
        preflight(settings)
        name = ",".join(f"{key}={_short(value)}" for key, value in parameters.items())
        found.append(Job(parameters, settings, out / re.sub(r"[^\w.=,+-]", "_", name)))
    if len({job.folder for job in found}) < len(found):
        raise DepthError("sweep: two combinations would share a folder; give values that differ in letters or digits.")
    return found


def sweep(
    recipe: str,
    profile: str,
    grid: Mapping[str, Sequence[Any]],
    out: str | os.PathLike[str],
    jobs: int = 1,
    cluster: str | None = None,
    command: str = "",
) -> dict[str, Any]:
    """Run every combination that has not run yet, and write ``sweep.json``.

    Args:
        recipe: a name, or the path of a YAML file.
        profile: ``smoke``, ``cpu`` or ``gpu``.
        grid: parameter → its values, in the order of the table's columns.
        out: a folder for all runs; on a cluster one that every worker sees.
        jobs: runs at a time; they share this machine's processors.
        cluster: address of a dask scheduler whose workers run instead.
        command: how this was started; kept with the results.

    Returns:
        What ``sweep.json`` holds: ``recipe``, ``profile``, ``grid``, ``runs`` (``parameters``, ``metrics``, ``seconds``, …).

    Raises:
        DepthError: a value that the recipe cannot take, or a folder in which another sweep is at work (before anything runs);
            or runs that failed, with their last words, when all others are done.
        Unfinished: SIGTERM came. The runs at work on this machine had it, too, and saved their steps.
    """
    if jobs < 1:
        raise DepthError(f"--jobs {jobs}: expected at least 1.")
    folder = writable_folder(out, "Choose another folder with --out.").resolve()
    planned = jobs_of(recipe, profile, grid, folder)
    busy = f"{folder}: another sweep is at work there. Wait for it, end it, or choose another folder with --out."
    with one_at_a_time(folder / ".sweep.lock", busy):
        waiting = [job for job in planned if job.done() is None]
        print(f"{len(planned)} runs, {len(planned) - len(waiting)} of them done already", flush=True)
        named = str(Path(recipe).resolve()) if recipe.endswith((".yaml", ".yml")) else recipe
        threads = max(1, (os.cpu_count() or 1) // jobs) if cluster is None else None
        with workers_of(cluster), Stopping() if cluster is None else nullcontext() as stopping:
            said = Parallel(n_jobs=jobs if cluster is None else -1, prefer="threads", verbose=0)(
                delayed(_run)(named, profile, job.parameters, str(job.folder), threads, stopping) for job in waiting
            )
        if stopping and stopping.wanted:
            done = sum(job.done() is not None for job in planned)
            raise Unfinished(f"sweep: SIGTERM came. {done} of {len(planned)} runs are done; the same command goes on.")
        failed = [f"{job.folder.name}: {words}" for job, words in zip(waiting, said, strict=True) if job.done() is None]
        content = {
            "schema": SCHEMA, "recipe": planned[0].recipe.name, "profile": profile,
            "grid": {key: list(values) for key, values in grid.items()}, "command": command,
            "runs": [_row(job, results) for job in planned if (results := job.done()) is not None],
        }  # fmt: skip
        text = json.dumps(content, indent=1) + "\n"
        write_whole(folder / "sweep.json", lambda partial: partial.write_text(text))
        if failed:
            raise DepthError(
                f"sweep: {len(failed)} of {len(planned)} runs failed; the same command runs only these again. "
                + "; ".join(failed)
            )
        return content


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _run(
    recipe: str, profile: str, parameters: dict[str, Any], folder: str, threads: int | None, stopping: Stopping | None
) -> str:
    """One run in a process of its own, ended when ``stopping`` says so; what it said of its fault if it failed."""
    if stopping and stopping.wanted:
        return "it was not begun"
    command = [sys.executable, "-m", "depthlib", "run", recipe, "--profile", profile, "--out", folder]
    for key, value in parameters.items():
        command += ["-p", f"{key}={json.dumps(value)}"]
    environment = dict(os.environ)
    if threads is not None:
        environment["OMP_NUM_THREADS"] = str(threads)
    Path(folder).mkdir(parents=True, exist_ok=True)
    with (Path(folder) / "run.log").open("w+") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        status = None
        try:
            while (status := process.poll()) is None and not (stopping and stopping.wanted):
                time.sleep(0.1)
        finally:
            if status is None:
                process.terminate()
                status = process.wait()
        log.seek(0)
        lines = [line for line in log.read().splitlines() if line.strip()]
        # libraries may print as the process ends, after the sentence that says what was wrong
        lines = [line for line in lines if line.startswith("depthlib: ")] or lines
    if status == 0:
        return ""
    killed = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
    return f"{lines[-1] if lines else 'it said nothing'} ({killed}; all of it in {folder}/run.log)"


def _row(job: Job, results: dict[str, Any]) -> dict[str, Any]:
    kept = ("metrics", "seconds", "samples_seen", "device", "threads", "versions", "commit", "started")
    return {"parameters": job.parameters, **{key: results[key] for key in kept}}


@dataclass(frozen=True)
class Line:
    """One combination without its seed: the mean and the spread of each figure over the seeds that ran.

    ``spread`` is the standard deviation, None with one seed.
    """

    parameters: dict[str, Any]
    seeds: int
    mean: dict[str, float]
    spread: dict[str, float | None]


def summary(content: dict[str, Any], where: str | None = None, predictor: str | None = None) -> list[Line]:
    """The lines of a sweep's table.

    Args:
        content: what :func:`sweep` returned, or ``sweep.json`` as it was read.
        where: data, split and protocol, as results file them; by default the first.
        predictor: whose figures; by default the last part of the network that was scored.

    Raises:
        DepthError: no run, or none with these figures.
    """
    groups: dict[str, list[dict[str, float]]] = {}
    for run in content["runs"]:
        setting = {key: value for key, value in run["parameters"].items() if key != "seed"}
        groups.setdefault(json.dumps(setting), []).append(_figures(run, where, predictor))
    lines = []
    for key, each in groups.items():
        columns = {name: [figures[name] for figures in each] for name in each[0]}
        mean = {name: statistics.fmean(values) for name, values in columns.items()}
        spread = {name: statistics.stdev(values) if len(values) > 1 else None for name, values in columns.items()}
        lines.append(Line(json.loads(key), len(each), mean, spread))
    if not lines:
        raise DepthError("sweep: no run has finished yet.")
    return lines


def _figures(run: dict[str, Any], where: str | None, predictor: str | None) -> dict[str, float]:
    from depthlib.baselines import BASELINES

    metrics = run["metrics"]
    place = where or next(iter(metrics), None)
    if place not in metrics:
        raise DepthError(f"sweep: nothing was scored under {place!r}; there are {', '.join(metrics) or 'no scores'}.")
    parts = [name for name in metrics[place] if name not in BASELINES and not name.endswith("-flip")]
    chosen = predictor or parts[-1]
    if chosen not in metrics[place]:
        raise DepthError(f"sweep: {place} has no {chosen!r}; there are {', '.join(metrics[place])}.")
    return dict(metrics[place][chosen])


def as_markdown(content: dict[str, Any], where: str | None = None, predictor: str | None = None) -> str:
    """A sweep as a table: a line a combination, mean ± standard deviation over seeds."""
    lines = summary(content, where, predictor)
    keys, figures = list(lines[0].parameters), list(lines[0].mean)
    rows = []
    for line in lines:
        cells = [_short(line.parameters[key]) for key in keys] + [str(line.seeds)]
        for name in figures:
            spread = line.spread[name]
            cells.append(f"{line.mean[name]:.3f}" + ("" if spread is None else f" ± {spread:.3f}"))
        rows.append(cells)
    return markdown_table([*keys, "seeds", *figures], rows)
