"""Where a training step's time goes, and what each switch of a recipe gains: the real loop, watched.

Each variant has a process of its own, so that one's memory and compiled kernels are not the other's.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import multiprocessing
import os
import statistics
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

from depthlib.batches import positions
from depthlib.data.store import InMemory
from depthlib.errors import DepthError
from depthlib.losses import make_loss, reduce
from depthlib.observations import make_observation
from depthlib.preflight import preflight
from depthlib.recipe import DataSpec, Phase, Recipe, load_recipe
from depthlib.sample import RGBD
from depthlib.timing import PARTS, Stopwatch, device_name, now, peak_memory
from depthlib.training import make_model, open_once, train
from depthlib.transfers import device_here

WARM = 3  # steps that choose kernels, compile and fill caches
#: A switch → a recipe's phases and speed with it on, and off, as most public code has it.
SWITCHES: dict[str, tuple[Callable[[Recipe], Recipe], Callable[[Recipe], Recipe]]] = {
    "bf16": (lambda recipe: _phases(recipe, precision="bf16"), lambda recipe: _phases(recipe, precision="fp32")),
    "channels_last": (lambda recipe: _speed(recipe, channels_last=True), lambda recipe: _speed(recipe, channels_last=False)),
    "fused": (lambda recipe: _speed(recipe, fused=True), lambda recipe: _speed(recipe, fused=False)),
    "compile": (lambda recipe: _speed(recipe, compile=True), lambda recipe: _speed(recipe, compile=False)),
    "cuda_graphs": (
        lambda recipe: _speed(recipe, compile=True, cuda_graphs=True), lambda recipe: _speed(recipe, cuda_graphs=False)
    ),
    "readers": (lambda recipe: _speed(recipe, readers=4 if _gpu() else 1), lambda recipe: _speed(recipe, readers=0)),
    "resident": (lambda recipe: _speed(recipe, resident=True), lambda recipe: _speed(recipe, resident=False)),
    "augment_on": (
        lambda recipe: _speed(recipe, augment_on="device"), lambda recipe: _speed(recipe, augment_on="processor")
    ),
}  # fmt: skip
FOR_GPUS = ("cuda_graphs", "resident")


def _gpu() -> bool:
    return device_here().type == "cuda"


def _phases(recipe: Recipe, **changes: Any) -> Recipe:
    return dataclasses.replace(recipe, phases=tuple(dataclasses.replace(phase, **changes) for phase in recipe.phases))


def _speed(recipe: Recipe, **changes: Any) -> Recipe:
    return dataclasses.replace(recipe, speed=dataclasses.replace(recipe.speed, **changes))


def measure(
    name: str,
    profile: str,
    parameters: dict[str, Any] | None = None,
    steps: int = 8,
    switches: bool = False,
    rounds: int = 1,
    keep: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Time some steps of each phase of a recipe, with random weights and its own data.

    Args:
        name, profile, parameters: as for :func:`depthlib.recipe.load_recipe`.
        steps: how many are measured of each phase in a round, after a few that are not.
        switches: measure also with each switch of :data:`SWITCHES` that does something here turned over, and with all off.
        rounds: how often everything is measured, in turn: a machine that others use as well is not as fast now as later.
        keep: is given the report so far after each measurement; compiling can outlast the time that there is.

    Returns:
        The report: device, threads, versions, the measured peak of matrix products, and for each phase images a second,
        milliseconds of each part of a step (medians), memory, the share of the peak and ``data_share``, that of the time which
        the processor gave to having a batch (while a GPU may still compute the step before). Under ``switches`` for each switch
        whether the recipe has it ``on``, the same figures with it turned over as ``phases``, and in them ``gain``, how many
        times faster a step is with the switch than without it.

    Raises:
        DepthError: an unknown recipe, or data that are not here.
    """
    for value, option in ((steps, "steps"), (rounds, "rounds")):
        if value < 1:
            raise DepthError(f"--{option} {value}: expected at least 1.")
    recipe = load_recipe(name, profile, **(parameters or {}))
    blank = {key: None if key == "weights" else value for key, value in recipe.model.options.items()}
    recipe = dataclasses.replace(
        recipe, model=dataclasses.replace(recipe.model, weights=None, options=blank), evaluate=()
    )
    preflight(recipe)
    threads = torch.get_num_threads()
    report: dict[str, Any] = {
        "recipe": recipe.name, "profile": profile, "parameters": parameters or {}, "device": device_name(),
        "threads": threads, "torch": torch.__version__, "load_before": round(os.getloadavg()[0], 2), "steps": steps,
        "rounds": rounds,
        "peak_gflops": {
            "bf16": round(alone(matrix_peak, threads, torch.bfloat16)), "fp32": round(alone(matrix_peak, threads, torch.float32)),
            **({"tf32": round(alone(matrix_peak, threads, torch.float32, True))} if _gpu() else {}),
        },
    }  # fmt: skip
    settled = dataclasses.replace(recipe, speed=recipe.speed.on(device_here().type))
    there = [name for name in SWITCHES if _gpu() or name not in FOR_GPUS] if switches else []
    used = {switch: SWITCHES[switch][0](settled) == settled for switch in there}
    variants = {"": settled}
    for switch in used:
        on, off = SWITCHES[switch]
        variants[switch] = off(settled) if used[switch] else on(settled)
    if switches:
        variants["all"] = settled
        for _, off in SWITCHES.values():
            variants["all"] = off(variants["all"])
    work = alone(_flops_of_phases, settled)  # no switch changes it
    taken: dict[str, list[_Taken]] = {}
    for _ in range(rounds):
        for variant, changed in variants.items():
            taken.setdefault(variant, []).append(alone(_take, changed, steps, threads))
            found = {name: _figures(some, variants[name], work, report["peak_gflops"]) for name, some in taken.items()}
            report["phases"] = found.pop("")
            if switches:
                report["switches"] = {
                    name: {"on": used.get(name, True), "phases": figures} for name, figures in found.items()
                }
                _add_gains(report)
            if keep:
                keep(report)
    return report


def _add_gains(report: dict[str, Any]) -> None:
    """How many times faster each phase is with a switch than without."""
    for entry in report["switches"].values():
        for phase, figures in entry["phases"].items():
            times = report["phases"][phase]["images_per_second"] / figures["images_per_second"]
            figures["gain"] = round(times if entry["on"] else 1 / times, 2)


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
    return "\n".join(
        [
            *lines,
            "",
            "Parts in milliseconds a step, medians; waiting for data is `data`. Gain: times faster with the switch than without.",
            *(
                ["A GPU is held up where its parts are timed: images/s are those of steps before that, which were not."]
                if "tf32" in report["peak_gflops"]
                else []
            ),
        ]
    )


@dataclasses.dataclass
class _Taken:
    """What one round saw of a recipe: of each phase's steps the seconds of each part, of all, and of waiting for data; bytes."""

    steps: dict[str, list[dict[str, float]]]
    memory: int


def _take(recipe: Recipe, steps: int, threads: int) -> _Taken:
    torch.set_num_threads(threads)
    opened: list[tuple[DataSpec, RGBD]] = []
    short, counts = [], []
    # to take a step of a GPU apart is to hold it up, so its whole steps are timed before
    quiet = steps if _gpu() else 0
    for number, phase in enumerate(recipe.phases):
        dataset = open_once(phase.data or recipe.data, opened)
        first = WARM + (recipe.speed.readers or 0)  # while kernels are compiled, batches are read ahead
        if isinstance(dataset, InMemory):  # what is to be kept in memory is there, as in all epochs but the first
            if _gpu() and recipe.speed.resident:
                first += math.ceil(len(dataset) / phase.batch)
            used = positions(recipe.seed, len(dataset), 0, (first + quiet + steps) * phase.batch, number)
            dataset.encoded([index for _, index in used])
        counts.append(first + quiet + steps)
        samples = counts[-1] * phase.batch
        short.append(dataclasses.replace(phase, samples=samples, checkpoint_every=10**9, validate_every=0))
    ends = list(itertools.accumulate(counts))
    watch = Stopwatch({step for end in ends for step in range(end - steps, end)})
    with tempfile.TemporaryDirectory() as folder:
        settings = dataclasses.replace(recipe, phases=tuple(short))
        history = train(settings, folder, progress=False, watch=watch, opened=opened).history
    seen = {
        phase.train: [
            {
                "all": history[step - quiet]["seconds"],
                "waiting": history[step - quiet]["data_seconds"],
                **watch.steps[step],
            }
            for step in range(end - steps, end)
        ]
        for phase, end in zip(short, ends, strict=True)
    }
    return _Taken(seen, peak_memory())


def _figures(
    rounds: list[_Taken], recipe: Recipe, work: dict[str, float], peak: dict[str, int]
) -> dict[str, dict[str, Any]]:
    found = {}
    for phase in recipe.phases:
        steps = [step for taken in rounds for step in taken.steps[phase.train]]
        # not the median step: where threads read, a long step is followed by short ones
        speed = phase.batch / statistics.median(
            statistics.mean(step["all"] for step in taken.steps[phase.train]) for taken in rounds
        )
        ms = {part: round(1e3 * statistics.median(step[part] for step in steps), 2) for part in PARTS}
        gflop = work[phase.train] / 1e9
        # on a GPU PyTorch lets convolutions in float32 use TF32
        precision = "bf16" if phase.precision == "bf16" else "tf32" if "tf32" in peak else "fp32"
        found[phase.train] = {
            "images_per_second": round(speed, 2),
            "ms": ms,
            "data_share": round(sum(step["waiting"] for step in steps) / sum(step["all"] for step in steps), 4),
            "memory_mb": round(max(taken.memory for taken in rounds) / 1e6),
            "gflop_per_image": round(gflop, 3),
            "share_of_peak": round(speed * gflop / peak[precision], 3),
        }
    return found


def _flops_of_phases(recipe: Recipe) -> dict[str, float]:
    return {phase.train: _flops(recipe, phase) for phase in recipe.phases}


def _flops(recipe: Recipe, phase: Phase) -> float:
    """Floating-point operations of one image's forward and backward pass."""
    model = make_model(recipe)
    model.begin_phase(phase.train)
    model.train()
    batch: Any = {
        "rgb": torch.rand(2, 3, *model.input_size), "depth": torch.rand(2, 1, *model.input_size) + 1, "index": [0, 1]
    }  # fmt: skip
    if recipe.observe:
        batch = make_observation(recipe.observe.name, **recipe.observe.options)(batch)
    target, mask = model.target(batch["depth"])
    with operation_counter() as counter:
        reduce(
            *make_loss(recipe.loss.name, **recipe.loss.options)(model(*model.inputs(batch)), target, mask)
        ).backward()
    return counter.get_total_flops() / 2


def operation_counter() -> FlopCounterMode:
    """Counts the floating-point operations of convolutions and products within it: ``get_total_flops()``.

    PyTorch's own counter takes the gradient of a grouped convolution's weights for that of a full one, which for a depthwise
    layer is as many times too much as it has channels.

    >>> layer, pixel = torch.nn.Conv2d(8, 8, 1, groups=8, bias=False), torch.rand(1, 8, 1, 1)
    >>> with operation_counter() as counter:
    ...     layer(pixel).sum().backward()
    >>> counter.get_total_flops()  # 8 products and sums forward, as many for the gradient of 8 weights
    32
    """
    return FlopCounterMode(
        display=False, custom_mapping={torch.ops.aten.convolution_backward: _convolution_backward_flops}
    )


def _convolution_backward_flops(
    grad_out: Sequence[int], x: Sequence[int], w: Sequence[int], bias: Any, stride: Any, padding: Any, dilation: Any,
    transposed: bool, output_padding: Any, groups: int, wanted: Sequence[bool], out_shape: Any = None,
) -> int:  # fmt: skip
    """Each of the two gradients takes the products of the forward pass."""
    return conv_flop_count(list(x), list(w), list(grad_out), transposed) * (wanted[0] + wanted[1])


def matrix_peak(threads: int, dtype: torch.dtype, tf32: bool = False) -> float:
    """GFLOP/s of a large matrix product on this machine: what nothing here can exceed. With ``tf32`` a GPU may round float32 so."""
    torch.set_num_threads(threads)
    torch.backends.cuda.matmul.allow_tf32 = tf32
    device = device_here().type
    n = 8192 if device == "cuda" else 2048
    a = torch.rand(n, n, device=device, dtype=dtype)
    best = 0.0
    for _ in range(4):
        began = now()
        for _ in range(5):
            a @ a
        best = max(best, 5 * 2 * n**3 / (now() - began) / 1e9)
    return best


def alone(function: Callable[..., Any], *arguments: Any) -> Any:
    """The function's answer from a process of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()
