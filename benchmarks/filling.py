"""Filling the holes of a depth map by colourisation: the library beside the toolbox's loops, in one run.

python benchmarks/filling.py --images 3 --json filling.json

The loops are those of ``fill_depth_colorization.m`` of the NYU Depth v2 toolbox, line by line, with SciPy's sparse solver
in place of MATLAB's. The pictures are rendered rooms with the holes and the noise of a depth camera. The other two ways of filling are timed beside, on the same maps.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from _report import begin, finish, parser
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import spsolve

from depthlib.data import open_dataset
from depthlib.filling import FILLS, GREY


def toolbox(rgb: np.ndarray, depth: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    """``fill_depth_colorization(imgRgb, imgDepth, alpha)``: [H, W, 3] and [H, W], 0 = missing → [H, W]."""
    known = depth > 0
    farthest = depth[known].max()
    scaled = depth / farthest
    height, width = depth.shape
    grey = rgb @ np.array(GREY)
    rows, columns, values = [], [], []
    for j in range(width):
        for i in range(height):
            here = j * height + i
            colours = []
            for ii in range(max(0, i - 1), min(i + 1, height - 1) + 1):
                for jj in range(max(0, j - 1), min(j + 1, width - 1) + 1):
                    if ii == i and jj == j:
                        continue
                    rows.append(here)
                    columns.append(jj * height + ii)
                    colours.append(grey[ii, jj])
            current = grey[i, j]
            window = np.array([*colours, current])
            sigma = 0.6 * np.mean((window - window.mean()) ** 2)
            around = np.array(colours)
            least = ((around - current) ** 2).min()
            if sigma < -least / np.log(0.01):
                sigma = -least / np.log(0.01)
            if sigma < 0.000002:
                sigma = 0.000002
            weights = np.exp(-((around - current) ** 2) / sigma)
            values.extend(-weights / weights.sum())
            rows.append(here)
            columns.append(here)
            values.append(1.0)
    size = height * width
    A = csc_matrix((values, (rows, columns)), shape=(size, size))
    held = known.ravel(order="F") * alpha
    G = csc_matrix((held, (np.arange(size), np.arange(size))), shape=(size, size))
    filled = spsolve(A + G, held * scaled.ravel(order="F"))
    return filled.reshape(height, width, order="F") * farthest


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--images", type=int, default=3)
    options.add_argument("--size", type=int, nargs=2, default=(240, 320))
    args = options.parse_args()
    about = begin(args)
    seen, exact = (
        open_dataset("rooms", "test", size=tuple(args.size), count=args.images, faults=faults)
        for faults in (True, False)
    )
    samples = [(seen[i]["rgb"], seen[i]["depth"], exact[i]["depth"]) for i in range(args.images)]
    ways = {
        "colorization": FILLS["colorization"],
        "toolbox": lambda rgb, depth: torch.from_numpy(
            toolbox(rgb.permute(1, 2, 0).double().numpy(), depth[0].double().numpy())
        )[None],
        "cross_bilateral": FILLS["cross_bilateral"],
        "nearest": FILLS["nearest"],
    }
    FILLS["colorization"](*samples[0][:2])  # imports and first allocations
    seconds, filled, errors = {}, {}, {}
    for name, way in ways.items():
        began = time.perf_counter()
        filled[name] = [way(rgb, depth) for rgb, depth, _ in samples]
        seconds[name] = round((time.perf_counter() - began) / args.images, 4)
        hole = [(f - true)[depth == 0] for f, (_, depth, true) in zip(filled[name], samples, strict=True)]
        errors[name] = round(torch.cat(hole).square().mean().sqrt().item(), 4)
    apart = max((a - b).abs().max().item() for a, b in zip(filled["colorization"], filled["toolbox"], strict=True))
    report = {
        **about, "size": list(args.size), "images": args.images,
        "holes": round(float(np.mean([(d == 0).float().mean().item() for _, d, _ in samples])), 3),
        "seconds": seconds, "times_faster_than_toolbox": round(seconds["toolbox"] / seconds["colorization"], 1),
        "largest_difference_mm": round(1000 * apart, 4), "rmse_in_holes_m": errors,
    }  # fmt: skip
    finish(args, report)


if __name__ == "__main__":
    main()
