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

import sys

from _steps import fetch, follow, options, prepare


def main(arguments: list[str] | None = None) -> int:
    args = options(__doc__).parse_args(arguments)
    store = prepare("nyu_raw", args, "train", (240, 320))
    if not store and not args.only:
        return 0
    archives = [fetch("nyu", args), fetch("nyu_raw", args, args.only)]
    return follow(archives if args.only else archives + store)  # a store of some archives would pass for one of all


if __name__ == "__main__":
    sys.exit(main())
