"""Depth from some depth: the library's networks beside what they replace, time, memory and error, in one run.

python benchmarks/reconstruction.py --json reconstruction.json
python benchmarks/reconstruction.py --published runs/interpolation-nyu/cpu-0

Sparse to dense: a tenth of the pixels of real maps (NYU Depth v2's test part where it is here, else rendered rooms), batches of
1 and 32. Rivals that are no networks take maps one by one, as they always do. Super-resolution: an answer of 375x450, the size
of Middlebury's Cones. Set ``OMP_WAIT_POLICY`` to nothing: with ``active`` torch's threads would slow down everybody else's.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from _report import begin, finish, parser
from torch import Tensor

from depthlib.baselines import ENLARGEMENTS, Enlargement
from depthlib.checkpoints import BOXES, load_model
from depthlib.data import open_dataset
from depthlib.errors import DepthError
from depthlib.filling import FILLS, fill_linear
from depthlib.models import build_model
from depthlib.observations import SmallDepth, SparseDepth
from depthlib.reconstruction import complete, enlarge, quick
from depthlib.sample import collate, valid


def milliseconds(call: Callable[[int], Any], repeats: int) -> dict[str, float]:
    """Single calls after five of warming up: the median, and the fastest."""
    for i in range(5):
        call(i)
    times = []
    for i in range(repeats):
        began = time.perf_counter()
        call(i)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(1000 * (time.perf_counter() - began))
    return {"ms": round(float(np.median(times)), 2), "fastest_ms": round(min(times), 2)}


def rmse(answers: Tensor, truth: Tensor) -> float:
    """The mean over maps of each one's root mean squared error, in metres."""
    known = valid(truth)
    squares = torch.where(known, (answers - truth).square(), 0.0).flatten(1).sum(1)
    return round((squares / known.flatten(1).sum(1)).sqrt().mean().item(), 4)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--images", type=int, default=32)
    options.add_argument("--repeats", type=int, default=30)
    options.add_argument(
        "--published", metavar="RUN", help="a run of interpolation-nyu; without it an untrained one is timed"
    )
    args = options.parse_args()
    report = {**begin(args), "omp_wait_policy": os.environ.get("OMP_WAIT_POLICY", ""), "images": args.images}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        dataset = open_dataset("nyu", "test", (240, 320))
        chosen = range(0, len(dataset), max(1, len(dataset) // args.images))[: args.images]
    except DepthError:
        dataset = open_dataset("rooms", "test", (240, 320), count=args.images)
        chosen = range(args.images)
    report["data"] = dataset.name
    batch = collate(dataset.__getitems__(chosen))
    truth, rgb = batch["depth"], batch["rgb"]
    shown = SparseDepth(("uniform",), (0.1,)).of(batch, 0, 0)
    report["sparse"] = sparse(shown, rgb, truth, args, device)
    report["superres"] = superres(args, device)
    report["peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    finish(args, report)


def sparse(shown: Tensor, rgb: Tensor, truth: Tensor, args: Any, device: str) -> dict[str, Any]:
    """Rows by method: batch 1, batch 32 a map, error; the plain rival first and again at the end, for its clock may drift."""
    count = len(shown)
    rows: dict[str, Any] = {}

    def one_by_one(name: str, call: Callable[[int], Tensor], repeats: int) -> None:
        rows[name] = {
            **milliseconds(call, repeats),
            "rmse_m": rmse(torch.stack([call(i) for i in range(count)]), truth),
        }

    one_by_one("linear (SciPy)", lambda i: fill_linear(shown[i % count]), args.repeats)
    one_by_one("nearest", lambda i: FILLS["nearest"](rgb[i % count], shown[i % count]), args.repeats)
    one_by_one(
        "colour-guided", lambda i: FILLS["cross_bilateral"](rgb[i % count], shown[i % count]), min(5, args.repeats)
    )
    on_device = shown.to(device)
    models = {
        "network": load_model("box/sparse"),
        "published": load_model(args.published) if args.published else build_model("interpolation"),
    }
    for name, model in models.items():
        model = model.to(device)
        with torch.inference_mode():
            fast = quick(model)
            ways = {
                name: lambda x, model=model: complete(model, x),
                f"{name}, compiled": lambda x, fast=fast: fast(x),
            }
            for way, call in ways.items():
                row = milliseconds(lambda i, call=call: call(on_device[i % count : i % count + 1]), args.repeats)
                row["rmse_m"] = rmse(torch.cat([call(on_device[i : i + 1]) for i in range(count)]).cpu(), truth)
                if count >= 32 and "compiled" not in way:  # a second size would be compiled anew
                    row["batch_32_ms_each"] = round(
                        milliseconds(lambda _, call=call: call(on_device[:32]), 5)["ms"] / 32, 2
                    )
                rows[way] = row
    again = milliseconds(lambda i: fill_linear(shown[i % count]), args.repeats)
    rows["linear (SciPy), again"] = again
    slower = (rows["linear (SciPy)"]["ms"] + again["ms"]) / 2
    for row in rows.values():
        row["times_faster_than_linear"] = round(slower / row["ms"], 1)
        row["maps_per_second"] = round(1000 / row["ms"], 1)
    if not args.published:
        for name in rows:
            if name.startswith("published"):
                rows[name].pop("rmse_m")  # untrained
    return rows


def superres(args: Any, device: str) -> dict[str, Any]:
    """Rows by factor and method for an answer of 375x450; a guided network's cost beside the plain one's."""
    truth = open_dataset("rooms", "test", (375, 450), count=1)[0]
    batch = collate([truth])
    rows: dict[str, Any] = {}
    for factor in (8, 4):
        small = SmallDepth(factor).of(batch).to(device)
        for method in ENLARGEMENTS:
            rows[f"x{factor}, {method}"] = milliseconds(
                lambda _, m=method, f=factor: Enlargement(m, f).of(batch), args.repeats
            )
        for name, guided in ((f"box/superres-x{factor}", False), ("", True)):
            model = load_model(name) if name in BOXES else build_model(
                "upsampler", factor=factor, guided=guided, **({"width": 48, "blocks": 4} if factor == 4 else {})
            )  # fmt: skip
            model, rgb = model.to(device), batch["rgb"].to(device)
            seen = (small, rgb) if guided else (small,)
            label = f"x{factor}, network" + (", guided" if guided else "")
            rows[label] = milliseconds(lambda _, m=model, s=seen: enlarge(m, *s), args.repeats)
            with torch.inference_mode():
                fast = quick(model)
                rows[f"{label}, compiled"] = milliseconds(lambda _, f=fast, s=seen: f(*s), args.repeats)
    return rows


if __name__ == "__main__":
    main()
