"""``depthlib doctor``: what is here and what is missing."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from pathlib import Path

from depthlib import __version__
from depthlib.cli.arguments import Add
from depthlib.errors import DepthError


def doctor(args: argparse.Namespace) -> int:
    """Say what is here and what is missing."""
    import importlib.metadata
    import platform

    import torch

    from depthlib.data import data_root, open_dataset

    print(f"depthlib     {__version__}")
    print(
        f"python       {platform.python_version()}" + ("" if sys.version_info >= (3, 11) else "  too old: 3.11 needed")
    )
    for name in ("torch", "torchvision", "accelerate", "torchmetrics"):
        print(f"{name:12} {importlib.metadata.version(name)}")
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    print(
        f"devices      {os.cpu_count()} processors, " + (", ".join(gpus) if gpus else "no CUDA GPU: use --profile cpu")
    )
    print(f"free space   {shutil.disk_usage('.').free / 1e9:.0f} GB here")
    for extra, packages in _extras().items():
        absent = [name for name in packages if not _installed(name)]
        remedy = f"missing {', '.join(absent)}: pip install {' '.join(absent)}" if absent else "installed"
        print(f"extra        {extra}: {remedy}")
    root = data_root()
    print(f"data         {root}  (DEPTHLIB_DATA {'set' if os.environ.get('DEPTHLIB_DATA') else 'not set'})")
    print("  rooms, roads: made on the fly; every chapter runs on them")
    try:
        nyu = open_dataset("nyu", "train")
        print(f"  nyu: {len(nyu)} training images: `depthlib run eigen-nyu` works")
    except DepthError as error:
        print(f"  nyu: {error}\n       The recipes whose names hold nyu need it; the chapters show committed results.")
    weights = os.environ.get("DEPTHLIB_WEIGHTS")
    missing = " (no such folder)" if weights and not Path(weights).is_dir() else ""
    print(
        f"weights      {weights or 'DEPTHLIB_WEIGHTS not set; recipes that begin with ImageNet weights, or have VGG in their loss, download them; no chapter needs any'}{missing}"
    )
    return 0


def _extras() -> dict[str, list[str]]:
    """What this package's extras for users ask for; the names of packages."""
    import importlib.metadata

    try:
        lines = importlib.metadata.requires("depthlib-course") or []
    except importlib.metadata.PackageNotFoundError:  # used as it lies there, not installed
        lines = []
    asked: dict[str, list[str]] = {}
    for line in lines:
        name, extra = re.match(r"[\w-]+", line), re.search(r"""extra == ['"]([\w-]+)""", line)
        if name and extra and extra[1] not in ("book", "test"):
            asked.setdefault(extra[1], []).append(name[0])
    return asked


def _installed(package: str) -> bool:
    import importlib.metadata

    try:
        return bool(importlib.metadata.version(package))
    except importlib.metadata.PackageNotFoundError:
        return False


def add_doctor(add: Add) -> None:
    """The command."""
    add("doctor", doctor, "Say what is here (Python, torch, devices, data, weights) and what is missing.",
        "  depthlib doctor\n")  # fmt: skip
