"""The command line: ``depthlib …`` or ``python -m depthlib …``. A file for each group of commands."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from depthlib import __version__
from depthlib.cli.data import add_data
from depthlib.cli.doctor import add_doctor
from depthlib.cli.predict import add_predict
from depthlib.cli.scale import add_scale
from depthlib.cli.scores import add_scores
from depthlib.cli.trainings import add_trainings
from depthlib.cli.use import add_use
from depthlib.errors import DepthError, Unfinished

# torch and everything else heavy is imported inside the commands, so that --help answers at once

GOES_ON = ("run", "train", "pretrain", "sweep", "data")  # commands that keep what they have done


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="depthlib",
        description="Depth from a single image: train, score and use the networks of the course.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="examples:\n"
        "  depthlib doctor                          what is here, what is missing\n"
        "  depthlib run eigen-rooms --profile cpu   a training on rendered rooms, no download\n"
        "  depthlib predict photo.jpg               depth of a photo, with the network in the box\n",
    )
    parser.add_argument("--version", action="version", version=f"depthlib {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, function: Any, text: str, examples: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name, help=text, description=text, epilog=f"examples:\n{examples}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        sub.set_defaults(function=function)
        return sub

    for group in (add_trainings, add_scale, add_scores, add_data, add_predict, add_use, add_doctor):
        group(add)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point: parses, runs, and turns a :class:`DepthError` into one line and exit status 2."""
    args = _parser().parse_args(arguments)
    try:
        return args.function(args)
    except Unfinished as error:
        print(f"depthlib: {error}", file=sys.stderr)
        return 75  # EX_TEMPFAIL: whoever started this may start it again
    except DepthError as error:
        print(f"depthlib: {error}", file=sys.stderr)
        return 2
    except PermissionError as error:
        print(f"depthlib: {error.filename}: may not be read or written by you ({error.strerror}).", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `depthlib table all | head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        goes_on = "; the same command goes on where it was" if args.command in GOES_ON else ""
        if args.command == "predict":
            goes_on = "; with --skip the same command goes on where it was"
        print(f"depthlib: interrupted{goes_on}.", file=sys.stderr)
        return 130
