"""Several processes of one run: which one this is, and what all of them know together.

`accelerate launch` starts them and training joins them; in a run of one process everything here is trivial.
"""

from __future__ import annotations

from typing import Any

import torch.distributed as dist


def _joined() -> bool:
    return dist.is_available() and dist.is_initialized()


def count() -> int:
    """How many processes this run has.

    >>> count(), rank()
    (1, 0)
    """
    return dist.get_world_size() if _joined() else 1


def rank() -> int:
    """Which of them this is; the first, 0, writes what all have found."""
    return dist.get_rank() if _joined() else 0


def gathered(part: Any) -> list[Any]:
    """What each process has, in their order, known to all.

    >>> gathered("mine")
    ['mine']
    """
    if not _joined():
        return [part]
    parts: list[Any] = [None] * count()
    dist.all_gather_object(parts, part)
    return parts
