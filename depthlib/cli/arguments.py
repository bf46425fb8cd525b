"""What commands have in common: the arguments that several take, and how text becomes settings and sizes."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from depthlib.errors import DepthError

#: Makes a command: ``add(name, function, text, examples)``.
Add = Callable[..., argparse.ArgumentParser]
STAGE = "which part answers: of Eigen's networks coarse or fine (default: the part trained last)"


def add_profile(command: argparse.ArgumentParser) -> None:
    """``--profile``, as every command with a recipe has it."""
    command.add_argument(
        "--profile", choices=("smoke", "cpu", "gpu"), help="how big (default: $DEPTHLIB_PROFILE, else cpu)"
    )


def add_parameters(
    command: argparse.ArgumentParser,
    metavar: str = "NAME=VALUE",
    text: str = "override a setting by name or dotted path; repeatable",
) -> None:
    """``-p``, the settings of a recipe."""
    command.add_argument("-p", "--parameter", action="append", default=[], metavar=metavar, help=text)


def again(args: argparse.Namespace, profile: str) -> str:
    """The line that makes a run or a sweep again, as results keep it: without the folder of a recipe of one's own.

    >>> args = argparse.Namespace(command="train", recipe="my/own.yaml", parameter=["data.options={root: rooms}"])
    >>> again(args, "cpu")
    "depthlib train own.yaml --profile cpu -p 'data.options={root: rooms}'"
    """
    overrides = (word for pair in args.parameter for word in ("-p", pair))
    return shlex.join(["depthlib", args.command, Path(args.recipe).name, "--profile", profile, *overrides])


def parse_parameters(pairs: Sequence[str], flag: str = "-p", example: str = "lam=0.25") -> dict[str, str]:
    """Repeated ``NAME=VALUE`` as a dict.

    Raises:
        DepthError: no equals sign, or the profile, which has its own option.

    >>> parse_parameters(["lam=0.25"])
    {'lam': '0.25'}
    """
    parameters: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise DepthError(f"{flag} {pair}: expected name=value, such as {flag} {example}.")
        if name == "profile":
            raise DepthError(f"{flag} {pair}: the profile has its own option: --profile {value}.")
        if name in parameters:
            raise DepthError(f"{flag} {pair}: {name} is given twice, {parameters[name]} before.")
        parameters[name] = value
    return parameters


def parse_options(pairs: Sequence[str]) -> dict[str, Any]:
    """Repeated ``--option NAME=VALUE`` of a data set, values read as YAML.

    Raises:
        DepthError: no equals sign, a value that is no YAML, or what has its own place on the line.

    >>> parse_options(["root=my_pairs", "depth_scale=1000"])
    {'root': 'my_pairs', 'depth_scale': 1000}
    """
    from depthlib.typed import read_yaml

    given = parse_parameters(pairs, "--option", "root=my_pairs")
    for own in ("name", "split", "size"):
        if own in given:
            raise DepthError(f"--option {own}: {own} is no option; it has its own place on the line.")
    return {key: read_yaml(value, f"--option {key}") for key, value in given.items()}


def parse_size(text: str) -> tuple[int, int]:
    """Rows and columns.

    Raises:
        DepthError: anything but two whole numbers.

    >>> parse_size("480x640")
    (480, 640)
    """
    rows, _, columns = text.partition("x")
    if not all(n.isascii() and n.isdigit() and len(n) < 6 for n in (rows, columns)):
        raise DepthError(f"--size {text}: expected rows x columns, such as 480x640.")
    return int(rows), int(columns)


def free(files: Sequence[Path], force: bool) -> None:
    """Refuse to overwrite what is there, unless told to."""
    for file in files:
        if file.is_dir():
            raise DepthError(f"{file}: is a folder. Move it, or choose another place with --out.")
    there = [file for file in files if file.exists()]
    if there and not force:
        raise DepthError(
            f"{there[0]}: is there already. Choose another place with --out, or overwrite it with --force."
        )
