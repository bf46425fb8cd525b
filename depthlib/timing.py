"""Where a training step's time goes, and on what machine."""

from __future__ import annotations

import platform
import resource
import sys
import time
from collections.abc import Container
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

    Every lap waits until a GPU is done. So the parts are right, and their sum is more than a step takes that nobody watches:
    there the processor prepares a step while the GPU computes the one before.

    Args:
        watched: numbers of the steps to watch, counted from 0 since the watch was made; None for all, () for none, at no cost.

    >>> watch = Stopwatch(watched=(1,))
    >>> for _ in range(3):
    ...     watch.begin()
    ...     watch.lap("data")
    >>> list(watch.steps), watch.steps[1]["data"] >= 0
    ([1], True)
    """

    def __init__(self, watched: Container[int] | None = None) -> None:
        self.steps: dict[int, dict[str, float]] = {}
        self._watched, self._step, self._last = watched, -1, 0.0

    def begin(self) -> None:
        """A new step."""
        self._step += 1
        if self._watched is None or self._step in self._watched:
            self.steps[self._step] = dict.fromkeys(PARTS, 0.0)
            self._last = now()

    def lap(self, part: str) -> None:
        """What passed since the last lap was ``part``."""
        if self._step in self.steps:
            here = now()
            self.steps[self._step][part] += here - self._last
            self._last = here


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


def peak_memory(device: str | None = None) -> int:
    """Most bytes this process has held: on a ``cuda`` device, by default where there is one, else in main memory."""
    if device == "cuda" or (device is None and torch.cuda.is_available()):
        return int(torch.cuda.max_memory_allocated())
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
