"""Depth from some depth: the library's networks beside what they replace, time, memory and error, in one run.

python benchmarks/reconstruction.py --json reconstruction.json
python benchmarks/reconstruction.py --published runs/interpolation-nyu/cpu-0

Sparse to dense: a tenth of the pixels of real maps (NYU Depth v2's test part where it is here, else rendered rooms), batches of
1 and 32. Rivals that are no networks take maps one by one, as they always do. Super-resolution: an answer of 375x450, the size
of Middlebury's Cones. Memory: by how much a process of its own grows at most during its first calls, compiling included (Linux);
on a GPU, what is held there. Set ``OMP_WAIT_POLICY`` to nothing: with ``active`` torch's threads would slow down everybody else's.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _report import begin, finish, parser
from torch import Tensor

from depthlib.baselines import ENLARGEMENTS, Enlargement
from depthlib.bench import alone
from depthlib.checkpoints import BOXES, load_model
from depthlib.data import open_dataset
from depthlib.errors import DepthError
from depthlib.filling import FILLS, fill_linear
from depthlib.models import build_model
from depthlib.observations import SmallDepth, SparseDepth
from depthlib.reconstruction import complete, enlarge, quick
from depthlib.sample import collate, valid
from depthlib.timing import now

LINEAR = "linear (SciPy)"
ROOT = Path(__file__).resolve().parent.parent


def times(call: Callable[[int], Any], repeats: int) -> list[float]:
    """Milliseconds of single calls, after two of warming up."""
    found = []
    for i in range(repeats + 2):
        began = now()
        call(i)
        found.append(1000 * (now() - began))
    return found[2:]


def milliseconds(found: list[float]) -> dict[str, float]:
    """The median of single calls, and the fastest."""
    return {"ms": round(float(np.median(found)), 2), "fastest_ms": round(min(found), 2)}


def rmse(answers: Tensor, truth: Tensor) -> float:
    """The mean over maps of each one's root mean squared error, in metres."""
    known = valid(truth)
    squares = torch.where(known, (answers - truth).square(), 0.0).flatten(1).sum(1)
    return round((squares / known.flatten(1).sum(1)).sqrt().mean().item(), 4)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--images", type=int, default=32)
    options.add_argument("--repeats", type=int, default=20, help="calls of a method in a round")
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument(
        "--published",
        metavar="RUN",
        help="a run of interpolation-nyu; without it an untrained one is timed, and its error is taken from results/",
    )
    args = options.parse_args()
    report = {
        **begin(args), "omp_wait_policy": os.environ.get("OMP_WAIT_POLICY", ""), "images": args.images,
        "rounds": args.rounds, "repeats": args.repeats,
    }  # fmt: skip
    device = "cuda" if torch.cuda.is_available() else "cpu"
    report["data"], shown, rgb, truth = maps(args.images)
    report["sparse"] = sparse(shown, rgb, truth, args, device)
    report["superres"] = superres(args, device)
    finish(args, report)


def maps(images: int) -> tuple[str, Tensor, Tensor, Tensor]:
    """The data set's name, a tenth of the pixels of its maps [B, 1, H, W], pictures, and the whole maps."""
    try:
        dataset = open_dataset("nyu", "test", (240, 320))
        chosen = range(0, len(dataset), max(1, len(dataset) // images))[:images]
    except DepthError:
        dataset = open_dataset("rooms", "test", (240, 320), count=images)
        chosen = range(images)
    batch = collate(dataset.__getitems__(chosen))
    return dataset.name, SparseDepth(("uniform",), (0.1,)).of(batch, 0, 0), batch["rgb"], batch["depth"]


def methods(published: str | None, device: str) -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
    """Every way of filling maps [B, 1, H, W], given pictures as well."""
    found: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        LINEAR: lambda shown, rgb: torch.stack([fill_linear(one) for one in shown]),
        "nearest": lambda shown, rgb: torch.stack([FILLS["nearest"](*each) for each in zip(rgb, shown, strict=True)]),
        "colour-guided": lambda shown, rgb: torch.stack(
            [FILLS["cross_bilateral"](*each) for each in zip(rgb, shown, strict=True)]
        ),
    }
    models = {
        "network": load_model("box/sparse"),
        "published": load_model(published) if published else build_model("interpolation"),
    }
    for name, model in models.items():
        model = model.to(device)
        found[name] = lambda shown, rgb, model=model: complete(model, shown)
        fast = quick(model)
        found[f"{name}, compiled"] = lambda shown, rgb, fast=fast: fast(shown)
    return found


def where_it_works(name: str, shown: Tensor, device: str) -> Tensor:
    """Maps on the network's device; on the processor for what is no network."""
    return shown.to(device if name.startswith(("network", "published")) else "cpu")


def memory(name: str, batch: int, threads: int, published: str | None, device: str) -> float | None:
    """MB that a method needs beside its maps and its weights; for a process of its own. None where that cannot be known."""
    torch.set_num_threads(threads)
    _, shown, rgb, _ = maps(batch)
    call, shown = methods(published, device)[name], where_it_works(name, shown, device)
    before = held(device)
    for _ in range(2):
        call(shown, rgb)
    after = held(device, peak=True)
    return None if before is None or after is None else round(after - before, 1)


def held(device: str, peak: bool = False) -> float | None:
    """MB that this process holds, or has held at most since it was asked last."""
    if device == "cuda":
        if peak:
            return torch.cuda.max_memory_allocated() / 1e6
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated() / 1e6
    status, peaks = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not status.exists():
        return None
    if not peak:
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)  # else what reading the maps has freed would be used again, unseen
        peaks.write_text("5")  # the peak begins anew
    found = re.search(r"^VmHWM:\s+(\d+)", status.read_text(), re.M)
    return int(found[1]) * 1024 / 1e6 if found else None


def sparse(shown: Tensor, rgb: Tensor, truth: Tensor, args: Any, device: str) -> dict[str, Any]:
    """Rows by method: batch 1, batch 32 a map, error. All take their turn in each round, for this machine's clock drifts."""
    count = len(shown)
    ways = methods(args.published, device)
    seen = {name: where_it_works(name, shown, device) for name in ways}
    calls: dict[str, Callable[[int], Tensor]] = {
        name: lambda i, name=name: ways[name](seen[name][i % count : i % count + 1], rgb[i % count : i % count + 1])[
            0
        ].cpu()
        for name in ways
    }
    rows: dict[str, Any] = {
        name: {"rmse_m": rmse(torch.stack([call(i) for i in range(count)]), truth)} for name, call in calls.items()
    }
    rounds: list[dict[str, list[float]]] = []
    for _ in range(args.rounds):
        rounds.append({
            name: times(call, 1 if name == "colour-guided" else args.repeats) for name, call in calls.items()
        })  # fmt: skip
    for name, row in rows.items():
        row.update(milliseconds([t for each in rounds for t in each[name]]))
        row["maps_per_second"] = round(1000 / row["ms"], 1)
        faster = [float(np.median(each[LINEAR]) / np.median(each[name])) for each in rounds]
        row["times_faster_than_linear"] = round(float(np.median(faster)), 1)
        row["times_faster_by_round"] = [round(f, 1) for f in faster]
    for name in ways:
        if count >= 32 and name in ("network", "published"):  # a second size would be compiled anew
            batch = milliseconds(times(lambda _, name=name: ways[name](seen[name][:32], rgb[:32]), 5))
            rows[name]["batch_32_ms_each"] = round(batch["ms"] / 32, 2)
            rows[name]["batch_32_memory_mb"] = alone(memory, name, 32, args.threads, args.published, device)
        rows[name]["memory_mb"] = alone(memory, name, 1, args.threads, args.published, device)
    if not args.published:  # what is timed is untrained: its error is that of the committed run, on all 654 maps
        run = json.loads((ROOT / "results" / "interpolation-nyu" / "cpu-0.json").read_text())
        for name in rows:
            if name.startswith("published"):
                rows[name]["rmse_m"] = round(run["metrics"]["nyu-test/uniform-10pc/makarov18"]["all"]["rmse"], 4)
                rows[name]["rmse_from"] = "results/interpolation-nyu/cpu-0.json"
    return rows


def superres(args: Any, device: str) -> dict[str, Any]:
    """Rows by factor and method for an answer of 375x450; a guided network's cost beside the plain one's."""
    truth = open_dataset("rooms", "test", (375, 450), count=1)[0]
    batch = collate([truth])
    rows: dict[str, Any] = {}
    for factor in (8, 4):
        small = SmallDepth(factor).of(batch).to(device)
        for method in ENLARGEMENTS:
            enlarged = times(lambda _, m=method, f=factor: Enlargement(m, f).of(batch), args.repeats)
            rows[f"x{factor}, {method}"] = milliseconds(enlarged)
        for name, guided in ((f"box/superres-x{factor}", False), ("", True)):
            model = load_model(name) if name in BOXES else build_model(
                "upsampler", factor=factor, guided=guided, **({"width": 48, "blocks": 4} if factor == 4 else {})
            )  # fmt: skip
            model, rgb = model.to(device), batch["rgb"].to(device)
            seen = (small, rgb) if guided else (small,)
            label = f"x{factor}, network" + (", guided" if guided else "")
            fast = quick(model)
            rows[label] = milliseconds(times(lambda _, m=model, s=seen: enlarge(m, *s), args.repeats))
            rows[f"{label}, compiled"] = milliseconds(times(lambda _, f=fast, s=seen: f(*s), args.repeats))
    return rows


if __name__ == "__main__":
    main()
