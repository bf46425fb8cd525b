"""Which samples a step takes, read ahead of it by threads and brought to the network's device.

Colours travel as bytes and depths as 16-bit numbers where the data set keeps them so (a store, shards, samples kept in
memory): a sixth of the bytes to move, and the device turns them into floats. Where all of it fits the device, a sample
travels once: see :class:`Resident`.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, cast

import torch
from torch import Tensor

from depthlib.augment import Augmentation, augment
from depthlib.data.store import InMemory, Store, decode_batch
from depthlib.errors import DepthError
from depthlib.observations import Observation
from depthlib.randomness import permutation
from depthlib.sample import RGBD, Batch, checked
from depthlib.transfers import pinned, sent, to_device

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
    epoch = -1
    chosen: Sequence[int] = ()
    for position in range(start, stop):
        if position // count != epoch:
            epoch = position // count
            chosen = order(epoch) if order else permutation(seed, epoch, count, f"order {phase}")
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
        resident: keep what was read on the device, if it is a store or kept in memory anyway: see :class:`Resident`.
        prepare: what the reading threads do to each piece on the processor before it travels; None for nothing.

    Raises:
        DepthError: fewer samples in a batch than processes, or a stream whose lanes they cannot share.
    """

    def __init__(
        self, dataset: RGBD, batch: int, accumulate: int, seed: int, number: int, rank: int, world: int,
        device: torch.device | str, readers: int = 1, prepare: Callable[[Batch, list[int]], Batch] | None = None,
        resident: bool = False,
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
        if resident and prepare is None and isinstance(dataset, Store | InMemory):
            dataset = Resident(dataset, device)
        self.dataset, self.batch, self.accumulate = dataset, batch, accumulate
        self.seed, self.number, self.rank, self.world = seed, number, rank, world
        self.device, self.readers, self.prepare = torch.device(device), readers, prepare
        self._orders: dict[int, Sequence[int]] = {}
        self._ahead: dict[int, Future[Pieces]] = {}
        self._pool = ThreadPoolExecutor(max(1, readers), initializer=self._settle)

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

    def _settle(self) -> None:
        """A new thread computes on the first GPU unless it is told."""
        if self.device.type == "cuda" and self.device.index is not None:
            torch.cuda.set_device(self.device)

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
            pieces.append((pinned(batch) if self.device.type == "cuda" else batch, epochs))
        return pieces

    def _fetch(self, indices: list[int]) -> Batch:
        encoded = getattr(self.dataset, "encoded", None)
        if encoded:
            return encoded(indices)
        return checked(self.dataset.__getitems__(indices), self.dataset, len(indices))

    def _move(self, batch: Batch) -> Batch:
        return decode_batch(to_device(batch, self.device))


class Resident:
    """A data set's samples on a device, in the store's encoding; each travels there once, when it is first asked for.

    Shared by the threads that read. If the samples are of several shapes or kinds, or would all together take more than a
    quarter of the device's free memory (of main memory, 2 GB), each batch travels as it is asked for, as without this.

    Args:
        dataset: a store, or one kept in memory.
        device: where the samples stay.
    """

    def __init__(self, dataset: Store | InMemory, device: torch.device | str) -> None:
        self._dataset, self._device = dataset, torch.device(device)
        self._tensors: dict[str, Tensor] = {}  # [len(dataset), ...] each
        self._rest: dict[int, dict[str, Any]] = {}  # of the samples that are there
        self._fits = True
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dataset, name)

    def __len__(self) -> int:
        return len(self._dataset)

    def encoded(self, indices: Sequence[int]) -> Batch:
        """Samples as one batch on the device, for :func:`depthlib.data.store.decode_batch`."""
        new = [i for i in dict.fromkeys(indices) if i not in self._rest] if self._fits else []
        if new:
            batch = cast(dict[str, Any], self._dataset.encoded(new))
            with self._lock:
                self._fits = self._fits and self._bring(new, batch)
        if not self._fits:
            return self._dataset.encoded(indices)
        at = sent(torch.tensor(indices), self._device)
        rest = [self._rest[i] for i in indices]
        found: dict[str, Any] = {key: [entry[key] for entry in rest] for key in rest[0]}
        for key, kept in self._tensors.items():
            # few operations know unsigned 16-bit numbers, and choosing is indifferent to the sign
            found[key] = kept.view(torch.int16)[at].view(torch.uint16) if kept.dtype == torch.uint16 else kept[at]
        return cast(Batch, found)

    def _bring(self, new: list[int], batch: dict[str, Any]) -> bool:
        """Put samples on the device; whether that could be done."""
        tensors = {key: value for key, value in batch.items() if isinstance(value, Tensor)}
        if not self._tensors:
            each = sum(value[0].numel() * value.element_size() for value in tensors.values())
            free = torch.cuda.mem_get_info(self._device)[0] if self._device.type == "cuda" else 8_000_000_000
            if len(self) * each > free / 4:
                return False
            self._tensors = {
                key: torch.empty((len(self), *value.shape[1:]), dtype=value.dtype, device=self._device)
                for key, value in tensors.items()
            }
        alike = {key: (value.dtype, value.shape[1:]) for key, value in tensors.items()}
        if alike != {key: (kept.dtype, kept.shape[1:]) for key, kept in self._tensors.items()}:
            return False
        at = sent(torch.tensor(new), self._device)
        for key, value in tensors.items():
            kept, there = self._tensors[key], sent(value, self._device)
            if kept.dtype == torch.uint16:
                kept, there = kept.view(torch.int16), there.view(torch.int16)
            kept[at] = there
        for row, i in enumerate(new):
            self._rest[i] = {key: values[row] for key, values in batch.items() if key not in tensors}
        return True


def augmenting(
    size: tuple[int, int], augmentation: Augmentation, seed: int, observation: Observation | None = None
) -> Callable[[Batch, list[int]], Batch]:
    """The augmentation of a phase and what is then shown of the truth, as a function of a batch and its epochs."""

    def change(batch: Batch, epochs: list[int]) -> Batch:
        changed = augment(batch, size, augmentation, seed, epochs)
        return observation(changed, seed, epochs) if observation else changed

    return change
