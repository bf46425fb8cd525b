"""How long figures take: Table 1 over a test set in memory beside a plain NumPy loop over images, and structural similarity
with its gradient beside the convolutions that most code writes, each in one run.

python benchmarks/metrics.py --images 654 --threads 2 --json metrics.json
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from _report import begin, finish, parser

from depthlib.metrics import table_1
from depthlib.protocols import EIGEN14
from depthlib.ssim import gaussian_window, ssim_map


def plain_loop(predictions: np.ndarray, truths: np.ndarray) -> dict[str, float]:
    """What public evaluators do: one image after another, compress by the mask, eight figures, an average."""
    rows = []
    for p, g in zip(predictions, truths, strict=True):
        valid = np.zeros(g.shape, dtype=bool)
        valid[36:444, 46:594] = True
        valid &= g > 0
        p, g = p[valid].astype(np.float64), g[valid].astype(np.float64)
        ratio = np.maximum(p / g, g / p)
        e = np.log(p) - np.log(g)
        rows.append([
            (ratio < 1.25).mean(), (ratio < 1.25**2).mean(), (ratio < 1.25**3).mean(), np.mean(np.abs(p - g) / g),
            np.mean((p - g) ** 2 / g), np.mean((p - g) ** 2), np.mean(e**2), np.mean(e**2) - np.mean(e) ** 2,
        ])  # fmt: skip
    mean = np.mean(rows, axis=0)
    return dict(zip(("delta1", "abs_rel", "rmse"), (mean[0], mean[3], np.sqrt(mean[5])), strict=True))


def library(predictions: torch.Tensor, truths: torch.Tensor) -> dict[str, float]:
    """The protocol eigen14 on the same maps, in batches of 16."""
    metrics = table_1("pixels")
    for start in range(0, len(truths), 16):
        metrics.update(*EIGEN14.prepare(predictions[start : start + 16, None], truths[start : start + 16, None]))
    return {name: float(value) for name, value in metrics.compute().items()}


def by_convolutions(first: torch.Tensor, second: torch.Tensor, data_range: float) -> torch.Tensor:
    """Structural similarity as public code writes it: one channel convolved with a Gaussian, down and across."""
    window = gaussian_window().to(first)

    def blur(maps: torch.Tensor) -> torch.Tensor:
        return F.conv2d(F.conv2d(maps, window.view(1, 1, -1, 1)), window.view(1, 1, 1, -1))

    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    a, b = blur(first), blur(second)
    variances = blur(first * first) - a**2 + blur(second * second) - b**2
    return (2 * a * b + c1) * (2 * (blur(first * second) - a * b) + c2) / ((a**2 + b**2 + c1) * (variances + c2))


def learning(similarity: Callable[..., torch.Tensor], batch: int, repeats: int = 5) -> float:
    """Milliseconds of the similarity of a batch of 240x320 and of its gradient."""
    generator = torch.Generator().manual_seed(0)
    truth = torch.rand(batch, 1, 240, 320, generator=generator) * 99 + 1
    guess = (truth * 1.01).requires_grad_()
    similarity(guess, truth, 100.0).sum().backward()
    began = time.perf_counter()
    for _ in range(repeats):
        similarity(guess, truth, 100.0).sum().backward()
    return 1000 * (time.perf_counter() - began) / repeats


def timed(function: Callable[[], dict[str, float]]) -> tuple[float, dict[str, float]]:
    began = time.perf_counter()
    answer = function()
    return time.perf_counter() - began, answer


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--images", type=int, default=654)
    args = options.parse_args()
    about = begin(args)
    generator = torch.Generator().manual_seed(0)
    truths = torch.rand(args.images, 480, 640, generator=generator).mul_(9).add_(0.5)
    truths[:, ::7, ::5] = 0  # holes
    predictions = truths.clamp_min(0.5) * 1.2
    predictions[:, ::2] *= 0.7
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds, ours = timed(lambda: library(predictions, truths))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    loop_seconds, theirs = timed(lambda: plain_loop(predictions.numpy(), truths.numpy()))
    assert abs(ours["delta1"] - theirs["delta1"]) < 1e-4 and abs(ours["rmse"] - theirs["rmse"]) < 1e-4
    report = {
        **about, "images": args.images, "size": [480, 640], "library_seconds": round(seconds, 2),
        "numpy_loop_seconds": round(loop_seconds, 2), "memory_grown_mb": round(grown / 1024, 1),
        "ssim_ms": {"batch": 8, "products": round(learning(ssim_map, 8), 1), "convolutions": round(learning(by_convolutions, 8), 1)},
    }  # fmt: skip
    finish(args, report)


if __name__ == "__main__":
    main()
