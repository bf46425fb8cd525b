"""Where a training step's time goes, and on what machine."""

from __future__ import annotations

import platform
import time
from pathlib import Path
from typing import Any

import torch

#: The parts of a step, in their order.
PARTS = ("data", "augment", "forward", "backward", "optimiser", "rest")


def now() -> float:
    """Seconds on a clock, once a GPU has done what it was told: there, work is only queued when a line of Python returns.

    >>> now() <= now()
    True
    """
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


class Stopwatch:
    """Seconds of each part of each step.

    Every lap waits until a GPU is done, which costs a little of the overlap that an unwatched run has.

    >>> watch = Stopwatch()
    >>> watch.begin()
    >>> watch.lap("data")
    >>> len(watch.steps), watch.steps[0]["data"] >= 0
    (1, True)
    """

    def __init__(self) -> None:
        self.steps: list[dict[str, float]] = []
        self._last = 0.0

    def begin(self) -> None:
        """A new step."""
        self.steps.append(dict.fromkeys(PARTS, 0.0))
        self._last = now()

    def lap(self, part: str) -> None:
        """What passed since the last lap was ``part``."""
        here = now()
        self.steps[-1][part] += here - self._last
        self._last = here


class Unwatched:
    """A stopwatch that nobody looks at, at no cost."""

    def begin(self) -> None:
        """Nothing."""

    def lap(self, part: str) -> None:
        """Nothing."""


def device_name() -> str:
    """The GPU's name, or else the processor's."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else processor_name()


def processor_name() -> str:
    """The processor's name with family and model: rented machines call very different ones all the same.

    >>> len(processor_name()) > 0
    True
    """
    try:
        lines = (line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines())
        facts = {name.strip(): value.strip() for name, value in lines}
        return f"{facts['model name']}, family {facts['cpu family']} model {facts['model']}"
    except (OSError, KeyError, ValueError):
        return platform.processor() or platform.machine()


def machine() -> dict[str, Any]:
    """What computes here: the device's name, the threads, and torch's version."""
    return {"device": device_name(), "threads": torch.get_num_threads(), "torch": torch.__version__}
