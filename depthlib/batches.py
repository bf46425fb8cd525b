"""Which samples a step takes, read ahead of it by threads and brought to the network's device.

Colours travel as bytes and depths as 16-bit numbers where the data set keeps them so (a store, shards, samples kept in
memory): a sixth of the bytes to move, and the device turns them into floats.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

import torch
from torch import Tensor

from depthlib.augment import Augmentation, augment
from depthlib.data.store import decode_batch
from depthlib.errors import DepthError
from depthlib.randomness import permutation
from depthlib.sample import RGBD, Batch, collate

#: A process's part of a global batch, in as many pieces as gradients are accumulated over, with each sample's epoch.
Pieces = list[tuple[Batch, list[int]]]


def positions(
    seed: int, count: int, start: int, stop: int, phase: int = 0, order: Callable[[int], Sequence[int]] | None = None
) -> Iterator[tuple[int, int]]:
    """(epoch, sample index) of the training positions start … stop − 1: epoch after epoch, each in an order of its own.

    Args:
        order: epoch → every index once; by default a permutation keyed by seed, epoch and phase.

    >>> [index for _, index in positions(0, 3, 0, 3)] == permutation(0, 0, 3, "order 0")
    True
    """
    epoch, chosen = -1, [0]
    for position in range(start, stop):
        if position // count != epoch:
            epoch = position // count
            chosen = list(order(epoch)) if order else permutation(seed, epoch, count, f"order {phase}")
        yield epoch, chosen[position % count]


class Batches:
    """The global batches of a phase, as this process sees them; a context manager that owns the reading threads.

    Args:
        dataset: where samples come from. One that streams says by ``order(seed, epoch, purpose)`` in which order its samples
            are best read.
        batch: samples of a global batch; process ``rank`` of ``world`` takes every ``world``-th of them.
        accumulate: pieces in which a process computes its part.
        seed, number: of the run and its phase; they key the order.
        device: where the batches go.
        readers: threads that read ahead, a batch each; 0 reads when asked.
        prepare: what the reading threads do to each piece on the processor before it travels; None for nothing.

    Raises:
        DepthError: fewer samples in a batch than processes, or a stream whose lanes they cannot share.
    """

    def __init__(
        self, dataset: RGBD, batch: int, accumulate: int, seed: int, number: int, rank: int, world: int,
        device: torch.device | str, readers: int = 1, prepare: Callable[[Batch, list[int]], Batch] | None = None,
    ) -> None:  # fmt: skip
        if batch < world:
            raise DepthError(
                f"a batch of {batch} cannot be shared by {world} processes. Start at most {batch}, or raise phases.{number}.batch."
            )
        lanes = getattr(dataset, "lanes", world)
        if lanes % world:
            raise DepthError(
                f"{dataset.name}: streams in {lanes} lanes, which {world} processes cannot share evenly. Start a number of "
                f"processes that divides {lanes}, or set the data option lanes to a multiple of {world}."
            )
        self.dataset, self.batch, self.accumulate = dataset, batch, accumulate
        self.seed, self.number, self.rank, self.world = seed, number, rank, world
        self.device, self.readers, self.prepare = torch.device(device), readers, prepare
        self._orders: dict[int, Sequence[int]] = {}
        self._ahead: dict[int, Future[Pieces]] = {}
        self._pool = ThreadPoolExecutor(max(1, readers))

    def __enter__(self) -> Batches:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def take(self, step: int, last: int) -> Pieces:
        """The pieces of a step, on the device; starts to read those after it, up to step ``last``."""
        if self.readers == 0:
            return [(self._move(batch), epochs) for batch, epochs in self._read(step)]
        for ahead in range(step, min(step + self.readers, last) + 1):
            if ahead not in self._ahead:
                self._ahead[ahead] = self._pool.submit(self._read, ahead)
        return [(self._move(batch), epochs) for batch, epochs in self._ahead.pop(step).result()]

    def _order(self, epoch: int) -> Sequence[int]:
        known = self._orders.get(epoch)
        if known is None:
            order = getattr(self.dataset, "order", None)
            purpose = f"order {self.number}"
            known = (
                order(self.seed, epoch, purpose) if order else permutation(self.seed, epoch, len(self.dataset), purpose)
            )
            self._orders = {e: kept for e, kept in self._orders.items() if e >= epoch - 1} | {epoch: known}
        return known

    def _read(self, step: int) -> Pieces:
        chosen = list(
            positions(
                self.seed, len(self.dataset), step * self.batch, (step + 1) * self.batch, self.number, self._order
            )
        )
        mine = chosen[self.rank :: self.world]
        size = math.ceil(len(mine) / self.accumulate)
        pieces = []
        for i in range(0, len(mine), size):
            epochs, indices = (list(part) for part in zip(*mine[i : i + size], strict=True))
            batch = self._fetch(indices)
            if self.prepare is not None:
                batch = self.prepare(decode_batch(batch), epochs)
            pieces.append((_pinned(batch) if self.device.type == "cuda" else batch, epochs))
        return pieces

    def _fetch(self, indices: list[int]) -> Batch:
        encoded = getattr(self.dataset, "encoded", None)
        return encoded(indices) if encoded else collate(self.dataset.__getitems__(indices))

    def _move(self, batch: Batch) -> Batch:
        return decode_batch(to_device(batch, self.device))


def augmenting(size: tuple[int, int], augmentation: Augmentation, seed: int) -> Callable[[Batch, list[int]], Batch]:
    """The augmentation of a phase, as a function of a batch and its epochs."""
    return lambda batch, epochs: augment(batch, size, augmentation, seed, epochs)


def to_device(batch: Batch, device: torch.device | str) -> Batch:
    """Every tensor of a batch on a device; copies from pinned memory do not wait."""
    moved = {k: v.to(device, non_blocking=True) if isinstance(v, Tensor) else v for k, v in batch.items()}
    return moved  # type: ignore[return-value]


def _pinned(batch: Batch) -> Batch:
    """In memory from which a GPU can copy while the processor goes on."""
    pinned = {k: v.pin_memory() if isinstance(v, Tensor) and v.device.type == "cpu" else v for k, v in batch.items()}
    return pinned  # type: ignore[return-value]
