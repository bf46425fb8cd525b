"""A laser scan as a depth map: the library beside a loop over points, in one run.

python benchmarks/projection.py --scans 50 --json projection.json
"""

from __future__ import annotations

import time

import numpy as np
from _report import begin, finish, parser

from depthlib.data.kitti import project_scan

#: P2 · R0_rect · Tr_velo_to_cam of a drive of 26 September 2011, rounded.
MATRIX = np.array([[609.7, -721.4, -1.3, -123.0], [180.4, 7.6, -719.7, -101.0], [0.99995, 0.0001, 0.0105, -0.269]])
SIZE = (375, 1242)


def made_scan(points: int, seed: int) -> np.ndarray:
    """Points all round the scanner, as many as a genuine scan has, float32 [N, 4]."""
    rng = np.random.default_rng(seed)
    angle, distance = rng.uniform(-np.pi, np.pi, points), rng.uniform(3, 80, points)
    down = rng.choice(np.linspace(-0.43, 0.03, 64), points)
    x, y, z = distance * np.cos(angle), distance * np.sin(angle), distance * np.tan(down)
    return np.stack([x, y, z, np.zeros(points)], axis=1).astype(np.float32)


def loop(points: np.ndarray) -> np.ndarray:
    """What a first version looks like: one point after another, the nearest wins."""
    out = np.zeros(SIZE, dtype=np.float32)
    for x, y, z, _ in points:
        if x < 0:
            continue
        u, v, depth = MATRIX[:, 0] * x + MATRIX[:, 1] * y + MATRIX[:, 2] * z + MATRIX[:, 3]
        if depth <= 0:
            continue
        column, row = round(u / depth) - 1, round(v / depth) - 1
        if 0 <= row < SIZE[0] and 0 <= column < SIZE[1] and (out[row, column] == 0 or depth < out[row, column]):
            out[row, column] = depth
    return out


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--scans", type=int, default=50)
    options.add_argument("--points", type=int, default=115_236)
    args = options.parse_args()
    about = begin(args)
    scans = [made_scan(args.points, seed) for seed in range(4)]
    began = time.perf_counter()
    for i in range(args.scans):
        ours = project_scan(scans[i % 4], MATRIX, SIZE)
    seconds = (time.perf_counter() - began) / args.scans
    began = time.perf_counter()
    theirs = loop(scans[(args.scans - 1) % 4])
    loop_seconds = time.perf_counter() - began
    assert np.allclose(ours, theirs, rtol=1e-4)
    report = {
        **about, "scans": args.scans, "points": args.points, "scans_per_second": round(1 / seconds, 1),
        "loop_scans_per_second": round(1 / loop_seconds, 2), "times_faster": round(loop_seconds / seconds, 1),
    }  # fmt: skip
    finish(args, report)


if __name__ == "__main__":
    main()
