"""What the scripts for large sets share: their options, and the `depthlib data` commands that they run one after another."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Sequence

from depthlib.cli import main as depthlib
from depthlib.data import prepared_store

Step = list[str]


def options(description: str | None) -> argparse.ArgumentParser:
    """``--only``, ``--mirror``, ``--jobs`` and ``--cluster``; a script adds its own."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="PATTERN", help="fetch these archives only, and prepare nothing")
    parser.add_argument("--mirror", action="append", default=[], metavar="URL",
                        help="a copy of the data set's folder on a server; tried first, repeatable")  # fmt: skip
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes")
    parser.add_argument("--cluster", metavar="ADDRESS", help="of a dask scheduler whose workers read instead")
    return parser


def fetch(name: str, args: argparse.Namespace, only: str | None = None) -> Step:
    """Download and unpack a set, or the files of a pattern."""
    return ["fetch", name, "--only", only or "*", *(word for url in args.mirror for word in ("--mirror", url))]


def prepare(
    name: str, args: argparse.Namespace, split: str, size: tuple[int, int], given: Sequence[str] = (), drop: bool = True
) -> list[Step]:
    """Write a part as a store: one step, or none where the store is there, which is said.

    Args:
        given: options of the data set.
        drop: whether damaged frames may be left out.
    """
    store = prepared_store(name, split, size)
    if store.is_dir():
        print(f"{store}: prepared already")
        return []
    step = ["prepare", name, "--split", split, "--size", f"{size[0]}x{size[1]}", "--jobs", str(args.jobs)]
    step += [word for option in given for word in ("--option", option)]
    step += ["--drop-damaged"] if drop else []
    return [[*step, *(["--cluster", args.cluster] if args.cluster else [])]]


def follow(steps: Iterable[Step]) -> int:
    """Run them in order; the status of the first that fails, else 0."""
    return next((code for step in steps if (code := depthlib(["data", *step]))), 0)
