"""One picture through the network in the box: torch on a CPU beside onnxruntime, the same weights, in one run.

python benchmarks/export.py --sizes 192x256 480x640 --json export.json
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from _report import begin, finish, parser

from depthlib.checkpoints import load_model
from depthlib.export import export_onnx


def milliseconds(answer: Callable[[], object], repeats: int) -> float:
    """The median of single calls, after three of warming up."""
    times = []
    for i in range(repeats + 3):
        began = time.perf_counter()
        answer()
        if i >= 3:
            times.append(time.perf_counter() - began)
    return round(1000 * float(np.median(times)), 2)


def main() -> None:
    import onnxruntime

    options = parser(__doc__)
    options.add_argument("--sizes", nargs="+", default=["192x256", "240x320", "480x640"])
    options.add_argument("--repeats", type=int, default=20)
    args = options.parse_args()
    report = {**begin(args), "onnxruntime": onnxruntime.__version__, "repeats": args.repeats}
    model = load_model().eval()
    with tempfile.TemporaryDirectory() as scratch, torch.inference_mode():
        path = export_onnx(model, Path(scratch) / "box.onnx")
        report["file_mb"] = round(path.stat().st_size / 1e6, 2)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = args.threads
        session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
        fast = load_model().to(memory_format=torch.channels_last)
        for size in args.sizes:
            rgb = torch.rand(1, 3, *(int(n) for n in size.split("x")))
            last = rgb.contiguous(memory_format=torch.channels_last)
            ours = model.to_depth(model(rgb)).numpy()
            theirs = session.run(None, {"rgb": rgb.numpy()})[0]
            report[size] = {
                "torch_ms": milliseconds(lambda rgb=rgb: model.to_depth(model(rgb)), args.repeats),
                "torch_channels_last_ms": milliseconds(lambda rgb=last: fast.to_depth(fast(rgb)), args.repeats),
                "onnxruntime_ms": milliseconds(lambda rgb=rgb: session.run(None, {"rgb": rgb.numpy()}), args.repeats),
                "largest_difference_m": float(np.abs(ours - theirs).max()),
            }
    finish(args, report)


if __name__ == "__main__":
    main()
