"""What every benchmark's report says beside its figures, and where it goes."""

from __future__ import annotations

import argparse
import json
import os
from typing import Any

import torch

from depthlib.files import write_whole
from depthlib.timing import processor_name


def parser(description: str | None) -> argparse.ArgumentParser:
    """A benchmark's options: its own are added to ``--threads`` and ``--json``."""
    options = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--threads", type=int, default=torch.get_num_threads())
    options.add_argument("--json", metavar="OUT", help="also write the report there")
    return options


def begin(args: argparse.Namespace) -> dict[str, Any]:
    """Set the threads; the part of the report that is known before measuring."""
    torch.set_num_threads(args.threads)
    return {
        "threads": args.threads, "torch": torch.__version__, "machine": processor_name(),
        **({"gpu": torch.cuda.get_device_name()} if torch.cuda.is_available() else {}), "load_before": round(os.getloadavg()[0], 2),
    }  # fmt: skip


def finish(args: argparse.Namespace, report: dict[str, Any]) -> None:
    """Print the report, and write it where the user asked."""
    text = json.dumps(report, indent=1)
    print(text)
    if args.json:
        write_whole(args.json, lambda partial: partial.write_text(text + "\n"))
