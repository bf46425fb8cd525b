#!/usr/bin/env python
"""Fetch KITTI's raw drives (175 GB) and prepare them as Eigen et al. 2014 did.

    python data_scripts/prepare_kitti.py                         61 drives, calibration, Eigen's list of test frames
    python data_scripts/prepare_kitti.py --annotated             also KITTI's accumulated depth maps (14 GB)
    python data_scripts/prepare_kitti.py --only '2011_09_26*'    fetch some archives only
    python data_scripts/prepare_kitti.py --mirror http://localhost:8000

The drives of city, residential and road; 28 of them are tested on. Two stores are written, 184x612 as in the paper: train
(both cameras, frames in which the car stands left out, of points that fall on one pixel the one recorded nearest to the
picture) and test (the 697 frames). `depthlib train eigen-kitti -p data.options.prepared=true` reads the first. What is left
out is counted. Interrupted, it goes on where it was. CC BY-NC-SA 3.0.
"""

from __future__ import annotations

import argparse
import os
import sys

from depthlib.cli import main as depthlib
from depthlib.data import prepared_store

SIZE = (184, 612)
#: Of each part: the options of the data set, and whether damaged frames may be left out. Numbers on fewer test frames do not
#: compare.
PARTS = {"train": (["cameras=[2, 3]", "conflicts=time"], True), "test": (["conflicts=time"], False)}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annotated", action="store_true", help="fetch the accumulated maps too")
    parser.add_argument("--only", metavar="PATTERN", help="fetch these archives only, and prepare nothing")
    parser.add_argument("--mirror", action="append", default=[], metavar="URL",
                        help="a copy of the data set's folder on a server; tried first, repeatable")  # fmt: skip
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes")
    parser.add_argument("--cluster", metavar="ADDRESS", help="of a dask scheduler whose workers read instead")
    args = parser.parse_args(arguments)
    size = f"{SIZE[0]}x{SIZE[1]}"
    prepare = []
    for split, (options, drop) in PARTS.items():
        if prepared_store("kitti", split, SIZE).is_dir():
            print(f"{prepared_store('kitti', split, SIZE)}: prepared already")
            continue
        step = ["prepare", "kitti", "--split", split, "--size", size, "--jobs", str(args.jobs)]
        step += [word for option in options for word in ("--option", option)]
        step += ["--drop-damaged"] if drop else []
        prepare.append([*step, *(["--cluster", args.cluster] if args.cluster else [])])
    mirrors = [word for mirror in args.mirror for word in ("--mirror", mirror)]
    patterns = [args.only] if args.only else ["20*", "eigen_test_files.txt"] if prepare else []
    patterns += ["data_depth_annotated.zip"] if args.annotated else []
    steps = [["fetch", "kitti", "--only", pattern, *mirrors] for pattern in patterns]
    steps += [] if args.only else prepare  # a store of some drives would pass for one of all
    return next((code for step in steps if (code := depthlib(["data", *step]))), 0)


if __name__ == "__main__":
    sys.exit(main())
