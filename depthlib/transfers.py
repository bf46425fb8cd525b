"""What travels to a GPU and back while it computes.

A GPU is told what to do long before it does it. Who waits for a copy waits until all that was told before is done; then the GPU
waits in its turn, until it is told more. So nothing here waits, until a number is really needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from depthlib.sample import Batch


def device_here() -> torch.device:
    """Where networks compute unless somebody says otherwise: the CUDA GPU where there is one, else the processor.

    >>> device_here().type in ("cuda", "cpu")
    True
    """
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def sent(numbers: Tensor, device: torch.device | str) -> Tensor:
    """Numbers, such as keys, on a device. A GPU copies them when it comes to it.

    >>> sent(torch.tensor([1, 2]), "cpu")
    tensor([1, 2])
    """
    if torch.device(device).type != "cuda" or numbers.device.type == "cuda":
        return numbers.to(device)
    return numbers.pin_memory().to(device, non_blocking=True)


def to_device(batch: Batch, device: torch.device | str) -> Batch:
    """Every tensor of a batch on a device; copies from pinned memory to a GPU do not wait."""
    later = torch.device(device).type == "cuda"  # what comes from there is read here at once
    moved = {k: v.to(device, non_blocking=later) if isinstance(v, Tensor) else v for k, v in batch.items()}
    return cast(Batch, moved)


def pinned(batch: Batch) -> Batch:
    """In memory from which a GPU can copy while the processor goes on."""
    kept = {k: v.pin_memory() if isinstance(v, Tensor) and v.device.type == "cpu" else v for k, v in batch.items()}
    return cast(Batch, kept)


class Later:
    """Numbers with names, on their way from a device.

    Args:
        names: one for each number.
        values: [len(names)].

    >>> Later(("loss", "stop"), torch.tensor([0.5, 0.0])).read()
    {'loss': 0.5, 'stop': 0.0}
    """

    def __init__(self, names: Sequence[str], values: Tensor) -> None:
        self._names = names
        self._values = values.to("cpu", non_blocking=values.is_cuda)  # pinned, where the copy goes on by itself
        self._copied = None
        if values.is_cuda:
            self._copied = torch.cuda.Event()
            self._copied.record(torch.cuda.current_stream(values.device))

    def read(self) -> dict[str, float]:
        """The numbers; waits until they are computed, and for nothing that was asked for after them."""
        if self._copied is not None:
            self._copied.synchronize()
        return dict(zip(self._names, self._values.tolist(), strict=True))
