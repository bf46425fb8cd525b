"""When a run is to stop before its end: its minutes are over, or somebody asked it to."""

from __future__ import annotations

import math
import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any

from depthlib.errors import DepthError, Unfinished


class Stopping:
    """Watches the clock and SIGTERM, which batch systems send before they kill; a context manager.

    Args:
        minutes: after which :attr:`wanted` is true; None for never.
        interrupts: watch Ctrl-C, too, so that the step at work is ended and saved; a second one ends at once.

    Raises:
        DepthError: minutes that are no positive number.
    """

    def __init__(self, minutes: float | None = None, interrupts: bool = False) -> None:
        if minutes is not None and not 0 < minutes < math.inf:
            raise DepthError(f"minutes is {minutes}; expected a number above 0, such as 8.")
        self.minutes = minutes
        self._until = None if minutes is None else time.monotonic() + 60 * minutes
        self._told = self._interrupted = False
        self._before: Any = None
        self._interrupts = interrupts

    def __enter__(self) -> Stopping:
        if threading.current_thread() is threading.main_thread():  # elsewhere Python has no signals
            self._before = signal.signal(signal.SIGTERM, self._tell)
            # what a shell runs in the background ignores it, and goes on doing so
            self._interrupts = self._interrupts and signal.getsignal(signal.SIGINT) is signal.default_int_handler
            if self._interrupts:
                signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)
            if self._interrupts:
                signal.signal(signal.SIGINT, signal.default_int_handler)

    def _tell(self, number: int, frame: FrameType | None) -> None:
        self._told = True

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self._told = self._interrupted = True
        signal.signal(signal.SIGINT, signal.default_int_handler)  # who presses it again does not want to wait

    @property
    def told(self) -> bool:
        """Whether SIGTERM came, or Ctrl-C where that is watched."""
        return self._told

    @property
    def wanted(self) -> bool:
        """Whether to stop after this step."""
        return self._told or (self._until is not None and time.monotonic() >= self._until)

    def unfinished(self, step: int) -> Unfinished | KeyboardInterrupt:
        """What to raise once step ``step`` is saved."""
        if self._interrupted:
            return KeyboardInterrupt(f"{step} steps are saved")
        why = "SIGTERM came" if self._told or self.minutes is None else f"its {self.minutes:g} minutes are over"
        return Unfinished(f"training: {why}. {step} steps are saved; the same command goes on from there.")
