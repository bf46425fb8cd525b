#!/usr/bin/env python
"""Fetch the labelled NYU Depth v2 set and prepare it as a store.

    python data_scripts/prepare_nyu_labelled.py                      download (2.8 GB), then prepare
    python data_scripts/prepare_nyu_labelled.py --from FOLDER        prepare what lies in FOLDER: the official
                                                                     nyu_depth_v2_labeled.mat, or rgb/ and depth/,
                                                                     with splits.mat beside
    python data_scripts/prepare_nyu_labelled.py --mirror http://localhost:8000
    python data_scripts/prepare_nyu_labelled.py --truth raw          with the sensor's holes (rawDepths), into a store of
                                                                     its own, nyu_depth_v2_labeled_raw

The store appears in $DEPTHLIB_DATA/nyu_depth_v2_labeled (or --to) when it is complete. Downloads and the store itself go
on where they were cut off; downloads are checked. The data are for research under their own terms: see the data set's
page. They are never part of this project.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from depthlib.data import FILES, data_root
from depthlib.data.nyu import FULL, TRUTHS, open_nyu
from depthlib.data.preparation import write_store
from depthlib.data.sources import fetch_place, fetch_set
from depthlib.errors import DepthError

LICENCE = "NYU Depth v2 (Silberman et al. 2012): research use, under the data set's own terms; not redistributable."


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--from", dest="source", type=Path, help="a folder that holds the data already; nothing is downloaded"
    )
    parser.add_argument("--to", type=Path, help="the store's folder (default: $DEPTHLIB_DATA/nyu_depth_v2_labeled)")
    parser.add_argument("--size", type=int, nargs=2, default=FULL, metavar=("ROWS", "COLUMNS"),
                        help="default: 480 640, from which recipes read every size; another serves that size alone")  # fmt: skip
    parser.add_argument(
        "--truth", choices=sorted(TRUTHS), default="filled", help="in-painted depth (default) or the sensor's"
    )
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes (default: one a core)"
    )
    parser.add_argument("--mirror", action="append", default=[], metavar="URL",
                        help="a folder on a server that holds the files; tried first, repeatable")  # fmt: skip
    args = parser.parse_args(arguments)
    if args.jobs < 1:
        parser.error(f"--jobs {args.jobs}: expected at least 1")
    target = args.to or data_root() / f"{FILES['nyu'].folder}{'' if args.truth == 'filled' else '_raw'}"
    try:
        if (target / "meta.json").exists():
            ready = open_nyu(target, "all", tuple(args.size), args.truth)
            print(f"{target}: prepared already ({len(ready)} images)")
            return 0
        source = args.source or fetch_place("nyu")
        if args.source is None:
            fetch_set("nyu", source, args.mirror)
        dataset = open_nyu(source, "all", tuple(args.size), args.truth)
        prepared = write_store(dataset, target, LICENCE, jobs=args.jobs, beside=[source / "splits.mat"])
        found = target.name in (FILES["nyu"].folder, f"{FILES['nyu'].folder}_raw")
        how = f"set DEPTHLIB_DATA={target.parent}" if found else f"recipes read it with data.options={{root: {target}}}"
        print(f"{target}: {prepared.kept} images of {args.size[0]}x{args.size[1]}; {how}")
    except DepthError as error:
        print(f"prepare_nyu_labelled: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("prepare_nyu_labelled: interrupted; the same command goes on where it was.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
