"""Where a training step's time goes, and what each switch of a recipe gains: the real loop, watched.

Each variant has a process of its own, so that one's memory and compiled kernels are not the other's.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from depthlib.errors import DepthError
from depthlib.losses import make_loss, reduce
from depthlib.recipe import Phase, Recipe, load_recipe
from depthlib.results import device_name, preflight
from depthlib.timing import PARTS, Stopwatch
from depthlib.training import make_model, peak_memory, train

WARM = 3  # steps that choose kernels, compile and fill caches
#: A switch → a recipe's phases and speed with it off, as most public code has it.
SWITCHES: dict[str, Callable[[Recipe], Recipe]] = {
    "bf16": lambda recipe: _phases(recipe, precision="fp32"),
    "channels_last": lambda recipe: _speed(recipe, channels_last=False),
    "fused": lambda recipe: _speed(recipe, fused=False),
    "compile": lambda recipe: _speed(recipe, compile=False),
    "readers": lambda recipe: _speed(recipe, readers=0),
    "augment_on": lambda recipe: _speed(recipe, augment_on="processor", readers=0),
}


def _phases(recipe: Recipe, **changes: Any) -> Recipe:
    return dataclasses.replace(recipe, phases=tuple(dataclasses.replace(phase, **changes) for phase in recipe.phases))


def _speed(recipe: Recipe, **changes: Any) -> Recipe:
    return dataclasses.replace(recipe, speed=dataclasses.replace(recipe.speed, **changes))


def measure(
    name: str, profile: str, parameters: dict[str, Any] | None = None, steps: int = 8, switches: bool = False
) -> dict[str, Any]:
    """Time some steps of each phase of a recipe, with random weights and its own data.

    Args:
        name, profile, parameters: as for :func:`depthlib.recipe.load_recipe`.
        steps: how many are measured, after a few that are not.
        switches: measure again with each switch of :data:`SWITCHES` off, and with all of them off.

    Returns:
        The report: device, threads, versions, the measured peak of matrix products, and for each phase images a second,
        milliseconds of each part of a step (medians), memory and the share of the peak; under ``without`` the same for each
        switch that is off, with ``gain``, how many times faster it makes a step.

    Raises:
        DepthError: an unknown recipe, or data that are not here.
    """
    if steps < 1:
        raise DepthError(f"--steps {steps}: expected at least 1.")
    recipe = load_recipe(name, profile, **(parameters or {}))
    recipe = dataclasses.replace(recipe, model=dataclasses.replace(recipe.model, weights=None))
    preflight(recipe)
    threads = torch.get_num_threads()
    report: dict[str, Any] = {
        "recipe": recipe.name, "profile": profile, "parameters": parameters or {}, "device": device_name(),
        "threads": threads, "torch": torch.__version__, "load_before": round(os.getloadavg()[0], 2), "steps": steps,
        "peak_gflops": {
            "bf16": round(alone(matrix_peak, threads, torch.bfloat16)), "fp32": round(alone(matrix_peak, threads, torch.float32))
        },
    }  # fmt: skip
    report["phases"] = alone(_timed, recipe, steps, threads)
    _shares(report["phases"], recipe, report["peak_gflops"])
    if switches:
        report["without"] = {}
        for switch in (*SWITCHES, "all"):
            changed = recipe
            for key in SWITCHES if switch == "all" else (switch,):
                changed = SWITCHES[key](changed)
            if changed == recipe or (switch == "compile" and not _compiles(recipe)):
                continue  # off already
            found = alone(_timed, changed, steps, threads)
            _shares(found, changed, report["peak_gflops"])
            for phase, figures in found.items():
                figures["gain"] = round(report["phases"][phase]["images_per_second"] / figures["images_per_second"], 2)
            report["without"][switch] = found
    return report


def _compiles(recipe: Recipe) -> bool:
    return torch.cuda.is_available() if recipe.speed.compile is None else recipe.speed.compile


def as_text(report: dict[str, Any]) -> str:
    """A report as lines to read."""
    lines = [
        f"{report['recipe']} ({report['profile']}) on {report['device']}, {report['threads']} threads, torch {report['torch']}",
        f"peak of matrix products: {report['peak_gflops']['bf16']} GFLOP/s in bf16, {report['peak_gflops']['fp32']} in fp32",
        "",
        f"{'':24}{'images/s':>9}" + "".join(f"{part:>11}" for part in PARTS) + f"{'MB':>8}{'of peak':>9}{'gain':>7}",
    ]
    variants = {"": report["phases"], **{f"without {name}": found for name, found in report.get("without", {}).items()}}
    for name, phases in variants.items():
        for phase, figures in phases.items():
            parts = "".join(f"{figures['ms'][part]:>11.1f}" for part in PARTS)
            gain = f"{figures['gain']:>7.2f}" if "gain" in figures else ""
            lines.append(
                f"{f'{phase} {name}':24}{figures['images_per_second']:>9.1f}{parts}{figures['memory_mb']:>8}"
                f"{figures['share_of_peak']:>9.2f}{gain}"
            )
    return "\n".join([*lines, "", "Parts in milliseconds a step, medians; waiting for data is `data`."])


def _timed(recipe: Recipe, steps: int, threads: int) -> dict[str, dict[str, Any]]:
    torch.set_num_threads(threads)
    short = tuple(
        dataclasses.replace(phase, samples=(WARM + steps) * phase.batch, checkpoint_every=10**9, validate_every=0)
        for phase in recipe.phases
    )
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        train(dataclasses.replace(recipe, phases=short, evaluate=()), folder, progress=False, watch=watch)
    memory = round(peak_memory() / 1e6)
    found = {}
    for number, phase in enumerate(short):
        begin = number * (WARM + steps)
        measured = watch.steps[begin + WARM : begin + WARM + steps]
        whole = statistics.median(sum(step.values()) for step in measured)
        found[phase.train] = {
            "images_per_second": round(phase.batch / whole, 2),
            "ms": {part: round(1e3 * statistics.median(step[part] for step in measured), 2) for part in PARTS},
            "data_share": round(
                sum(step["data"] for step in measured) / sum(sum(step.values()) for step in measured), 4
            ),
            "memory_mb": memory,
            "gflop_per_image": round(_flops(recipe, phase) / 1e9, 3),
        }
    return found


def _flops(recipe: Recipe, phase: Phase) -> float:
    """Floating-point operations of one image's forward and backward pass."""
    model = make_model(recipe)
    model.begin_phase(phase.train)
    model.train()
    rgb = torch.rand(2, 3, *model.input_size)
    target, mask = model.target(torch.rand(2, 1, *model.input_size) + 1)
    with FlopCounterMode(display=False) as counter:
        reduce(*make_loss(recipe.loss.name, **recipe.loss.options)(model(rgb), target, mask)).backward()
    return counter.get_total_flops() / 2


def _shares(phases: dict[str, dict[str, Any]], recipe: Recipe, peak: dict[str, int]) -> None:
    for phase in recipe.phases:
        figures = phases[phase.train]
        done = figures["images_per_second"] * figures["gflop_per_image"]
        figures["share_of_peak"] = round(done / peak["bf16" if phase.precision == "bf16" else "fp32"], 3)


def matrix_peak(threads: int, dtype: torch.dtype) -> float:
    """GFLOP/s of a large matrix product on this machine: what nothing here can exceed."""
    torch.set_num_threads(threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    n = 8192 if device == "cuda" else 2048
    a = torch.rand(n, n, device=device, dtype=dtype)
    best = 0.0
    for _ in range(4):
        _wait()
        began = time.perf_counter()
        for _ in range(5):
            a @ a
        _wait()
        best = max(best, 5 * 2 * n**3 / (time.perf_counter() - began) / 1e9)
    return best


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def alone(function: Callable[..., Any], *arguments: Any) -> Any:
    """The function's answer from a process of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()
