"""Tables that all scenes share, made once for each device."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

import torch

T = TypeVar("T")


def kept(make: Callable[[str], T]) -> Callable[[str], T]:
    """Make a table once for each device, by the device's name; a compiled renderer takes it for a constant."""
    remembered = lru_cache(maxsize=8)(make)

    def table(device: str) -> T:
        return remembered(device)

    # by its name a compiler tells one constant from another
    table.__code__ = table.__code__.replace(co_name=make.__name__)
    return torch.compiler.assume_constant_result(wraps(make)(table))
