#!/usr/bin/env python
"""Fetch KITTI's raw drives (175 GB) and prepare them after Eigen et al. 2014.

    python data_scripts/prepare_kitti.py                         61 drives, calibration, Eigen's list of test frames
    python data_scripts/prepare_kitti.py --annotated             also KITTI's accumulated depth maps (14 GB)
    python data_scripts/prepare_kitti.py --only '2011_09_26*'    fetch some archives only
    python data_scripts/prepare_kitti.py --mirror http://localhost:8000

The drives of city, residential and road; 28 of them are tested on. Two stores are written, 184x612 as in the paper: train
(both cameras, frames in which the car stands left out, of points that fall on one pixel the one recorded nearest in time to
the picture) and test (the 697 frames). The first is read by
    depthlib train eigen-kitti --profile gpu -p 'data.options={cameras: [2, 3], conflicts: time, prepared: true, even: 800}'
The paper tells standing frames by acceleration, here speed does; it has 28 scenes, here are the 33 drives that are not tested
on. What is left out is counted. Interrupted, it goes on where it was. CC BY-NC-SA 3.0.
"""

from __future__ import annotations

import sys

from _steps import fetch, follow, options, prepare

SIZE = (184, 612)


def main(arguments: list[str] | None = None) -> int:
    parser = options(__doc__)
    parser.add_argument("--annotated", action="store_true", help="fetch the accumulated maps too")
    args = parser.parse_args(arguments)
    stores = prepare("kitti", args, "train", SIZE, ["cameras=[2, 3]", "conflicts=time"])
    stores += prepare("kitti", args, "test", SIZE, ["conflicts=time"], drop=False)  # fewer frames do not compare
    patterns = [args.only] if args.only else ["20*", "eigen_test_files.txt"] if stores else []
    patterns += ["data_depth_annotated.zip"] if args.annotated else []
    archives = [fetch("kitti", args, pattern) for pattern in patterns]
    return follow(archives if args.only else archives + stores)  # a store of some drives would pass for one of all


if __name__ == "__main__":
    sys.exit(main())
