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

    Raises:
        DepthError: minutes that are no positive number.
    """

    def __init__(self, minutes: float | None = None) -> None:
        if minutes is not None and not 0 < minutes < math.inf:
            raise DepthError(f"minutes is {minutes}; expected a number above 0, such as 8.")
        self.minutes = minutes
        self._until = None if minutes is None else time.monotonic() + 60 * minutes
        self._told = False
        self._before: Any = None

    def __enter__(self) -> Stopping:
        if threading.current_thread() is threading.main_thread():  # elsewhere Python has no signals
            self._before = signal.signal(signal.SIGTERM, self._tell)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)

    def _tell(self, number: int, frame: FrameType | None) -> None:
        self._told = True

    @property
    def told(self) -> bool:
        """Whether SIGTERM came."""
        return self._told

    @property
    def wanted(self) -> bool:
        """Whether to stop after this step."""
        return self._told or (self._until is not None and time.monotonic() >= self._until)

    def unfinished(self, step: int) -> Unfinished:
        """What to raise once step ``step`` is saved."""
        why = "SIGTERM came" if self._told or self.minutes is None else f"its {self.minutes:g} minutes are over"
        return Unfinished(f"training: {why}. {step} steps are saved; the same command goes on from there.")
