#!/usr/bin/env python
"""Fetch NYU Depth v2's raw recordings (428 GB) and prepare them as Eigen et al. 2014 did.

    python data_scripts/prepare_nyu_raw.py                       all archives, then a store of the training scenes
    python data_scripts/prepare_nyu_raw.py --only 'kitchens*'    fetch some archives only
    python data_scripts/prepare_nyu_raw.py --mirror http://localhost:8000

For each depth frame the picture nearest in time, pictures that are nearest to several left out; depth moved into the colour
camera; each map's smallest and largest depth masked; only the 249 training scenes, named by the official labelled file,
which is fetched too; half size. Recipes even the scenes to 1200 frames when they read the store. What is left out is
counted and named. Interrupted, it goes on: archives that were unpacked are not fetched again, frames that were written
are not read again. The data are for research under their own terms.
"""

from __future__ import annotations

import argparse
import os
import sys

from depthlib.cli import main as depthlib
from depthlib.data import prepared_store

SIZE = (240, 320)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="*", metavar="PATTERN", help="fetch these archives only, and prepare nothing")
    parser.add_argument("--mirror", action="append", default=[], metavar="URL",
                        help="a copy of the data set's folder on a server; tried first, repeatable")  # fmt: skip
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes")
    parser.add_argument("--cluster", metavar="ADDRESS", help="of a dask scheduler whose workers read instead")
    args = parser.parse_args(arguments)
    store = prepared_store("nyu_raw", "train", SIZE)
    if store.is_dir():
        print(f"{store}: prepared already")
        return 0
    mirrors = [word for mirror in args.mirror for word in ("--mirror", mirror)]
    steps = [["fetch", "nyu", *mirrors], ["fetch", "nyu_raw", "--only", args.only, *mirrors]]
    if args.only == "*":  # a store of some archives would pass for one of all
        cluster = ["--cluster", args.cluster] if args.cluster else []
        size = f"{SIZE[0]}x{SIZE[1]}"
        steps.append(["prepare", "nyu_raw", "--size", size, "--drop-damaged", "--jobs", str(args.jobs), *cluster])
    return next((code for step in steps if (code := depthlib(["data", *step]))), 0)


if __name__ == "__main__":
    sys.exit(main())
