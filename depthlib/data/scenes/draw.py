"""One scene's random numbers, spent in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from depthlib import randomness

T = TypeVar("T")
_COUNT = 6144


class Draw:
    """Numbers for one scene from its key; which numbers it gets depends on nothing else.

    >>> Draw(0, 5, "rooms").between(2, 3) == Draw(0, 5, "rooms").between(2, 3)
    True
    """

    def __init__(self, seed: int, index: int, purpose: str) -> None:
        self.numbers: list[float] = randomness.uniform(randomness.keys(seed, 0, [index], purpose), _COUNT)[0].tolist()
        self.next = -1

    def __call__(self) -> float:
        """Uniform in [0, 1)."""
        self.next = (self.next + 1) % _COUNT
        return self.numbers[self.next]

    def between(self, low: float, high: float) -> float:
        """Uniform in [low, high)."""
        return low + (high - low) * self()

    def whole(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int(self() * (high - low + 1))

    def chance(self, p: float) -> bool:
        """True with probability p."""
        return self() < p

    def choice(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[int(self() * len(options))]

    def bell(self, middle: float, spread: float) -> float:
        """Roughly normal, never further than three spreads from the middle."""
        return middle + spread * 2.0 * (self() + self() + self() - 1.5)
