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
#: A switch → a recipe's phases and speed with it on, and off, as most public code has it.
SWITCHES: dict[str, tuple[Callable[[Recipe], Recipe], Callable[[Recipe], Recipe]]] = {
    "bf16": (lambda recipe: _phases(recipe, precision="bf16"), lambda recipe: _phases(recipe, precision="fp32")),
    "channels_last": (lambda recipe: _speed(recipe, channels_last=True), lambda recipe: _speed(recipe, channels_last=False)),
    "fused": (lambda recipe: _speed(recipe, fused=True), lambda recipe: _speed(recipe, fused=False)),
    "compile": (lambda recipe: _speed(recipe, compile=True), lambda recipe: _speed(recipe, compile=False)),
    "readers": (lambda recipe: _speed(recipe, readers=4 if _gpu() else 1), lambda recipe: _speed(recipe, readers=0)),
    "augment_on": (
        lambda recipe: _speed(recipe, augment_on="device"), lambda recipe: _speed(recipe, augment_on="processor")
    ),
}  # fmt: skip


def _gpu() -> bool:
    return torch.cuda.is_available()


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
        switches: measure again with each switch of :data:`SWITCHES` turned over, and with all of them off.

    Returns:
        The report: device, threads, versions, the measured peak of matrix products, and for each phase images a second,
        milliseconds of each part of a step (medians), memory and the share of the peak. Under ``switches`` for each switch
        whether the recipe has it ``on``, the same figures with it turned over as ``phases``, and in them ``gain``, how many
        times faster a step is with the switch than without it.

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
        settled = _settled(recipe)
        report["switches"] = {}
        for switch, (on, off) in SWITCHES.items():
            used = on(settled) == settled
            found = alone(_timed, off(settled) if used else on(settled), steps, threads)
            _shares(found, off(settled) if used else on(settled), report["peak_gflops"])
            _gains(*((report["phases"], found) if used else (found, report["phases"])), found)
            report["switches"][switch] = {"on": used, "phases": found}
        for _, off in SWITCHES.values():
            settled = off(settled)
        found = alone(_timed, settled, steps, threads)
        _shares(found, settled, report["peak_gflops"])
        _gains(report["phases"], found, found)
        report["switches"]["all"] = {"on": True, "phases": found}
    return report


def _settled(recipe: Recipe) -> Recipe:
    """With what the recipe leaves to the device decided, as training does it."""
    speed = recipe.speed
    readers = speed.readers if speed.readers is not None else 4 if _gpu() else 0
    return _speed(recipe, compile=_gpu() if speed.compile is None else speed.compile, readers=readers)


def _gains(on: dict[str, dict[str, Any]], off: dict[str, dict[str, Any]], into: dict[str, dict[str, Any]]) -> None:
    for phase, figures in into.items():
        figures["gain"] = round(on[phase]["images_per_second"] / off[phase]["images_per_second"], 2)


def as_text(report: dict[str, Any]) -> str:
    """A report as lines to read."""
    lines = [
        f"{report['recipe']} ({report['profile']}) on {report['device']}, {report['threads']} threads, torch {report['torch']}",
        f"peak of matrix products: {report['peak_gflops']['bf16']} GFLOP/s in bf16, {report['peak_gflops']['fp32']} in fp32",
        "",
        f"{'':28}{'images/s':>9}" + "".join(f"{part:>11}" for part in PARTS) + f"{'MB':>8}{'of peak':>9}{'gain':>7}",
    ]
    variants = {"": report["phases"]}
    for name, found in report.get("switches", {}).items():
        variants[f"{'without' if found['on'] else 'with'} {name}"] = found["phases"]
    for name, phases in variants.items():
        for phase, figures in phases.items():
            parts = "".join(f"{figures['ms'][part]:>11.1f}" for part in PARTS)
            gain = f"{figures['gain']:>7.2f}" if "gain" in figures else ""
            lines.append(
                f"{f'{phase} {name}':28}{figures['images_per_second']:>9.1f}{parts}{figures['memory_mb']:>8}"
                f"{figures['share_of_peak']:>9.2f}{gain}"
            )
    return "\n".join([*lines, "", "Parts in milliseconds a step, medians; waiting for data is `data`. Gain: times faster with the switch than without."])


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
