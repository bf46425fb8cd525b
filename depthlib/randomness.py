"""Random numbers keyed by what they are for, not by the order in which they are drawn.

Every draw in augmentation, scenes and dropout is a pure function of (seed, epoch, sample index, purpose).
So a resumed run, another batch split, another number of workers or processes, and another device all see
the same numbers, by construction.

The generator is SplitMix64 used as a counter-based hash (Steele, Lea, Flood 2014: "Fast splittable
pseudorandom number generators").
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from depthlib.transfers import sent

_GOLDEN = 0x9E3779B97F4A7C15 - (1 << 64)  # int64 arithmetic wraps exactly as uint64 does
_MIX1 = 0xBF58476D1CE4E5B9 - (1 << 64)
_MIX2 = 0x94D049BB133111EB - (1 << 64)


def _shift_right(x: Tensor, bits: int) -> Tensor:
    """Logical shift: torch's >> on int64 keeps the sign."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _mix(x: Tensor) -> Tensor:
    x = (x ^ _shift_right(x, 30)) * _MIX1
    x = (x ^ _shift_right(x, 27)) * _MIX2
    return x ^ _shift_right(x, 31)


def keys(seed: int, epoch: int | Sequence[int] | Tensor, indices: Sequence[int] | Tensor, purpose: str) -> Tensor:
    """One 64-bit key a sample: int64 [B].

    Args:
        seed: the run's seed.
        epoch: the pass over the data set; one for all samples, or one each, [B].
        indices: sample indices within the data set, [B].
        purpose: what the numbers are for, such as ``"augment"``; two purposes never share numbers.

    >>> keys(0, 0, [3], "augment").equal(keys(0, 0, [2, 3], "augment")[1:])
    True
    """
    tag = int.from_bytes(hashlib.blake2b(purpose.encode(), digest_size=8).digest(), "little", signed=True)
    key = torch.as_tensor(indices, dtype=torch.int64)
    for part in (epoch, seed, tag):
        key = _mix(key * _GOLDEN + _mix(torch.as_tensor(part, dtype=torch.int64, device=key.device) + _GOLDEN))
    return key


def uniform(key: Tensor, count: int, device: torch.device | str | None = None) -> Tensor:
    """Uniform numbers in [0, 1), float32 [B, count], the same on every device.

    Args:
        key: int64 [B] from :func:`keys`.
        count: how many numbers each sample needs.

    >>> u = uniform(keys(0, 0, [7], "augment"), 1000)
    >>> u.shape, bool((u >= 0).all() and (u < 1).all()), round(u.mean().item(), 1)
    (torch.Size([1, 1000]), True, 0.5)
    """
    key = sent(key, device) if device is not None else key
    counter = torch.arange(1, count + 1, dtype=torch.int64, device=key.device)
    bits = _mix(key[:, None] + counter * _GOLDEN)
    return _shift_right(bits, 40).to(torch.float32) * 2.0**-24


def permutation(seed: int, epoch: int, count: int, purpose: str = "order") -> list[int]:
    """The order of samples in an epoch: a permutation of 0 … count − 1.

    >>> sorted(permutation(0, 0, 5))
    [0, 1, 2, 3, 4]
    """
    return keys(seed, epoch, torch.arange(count), purpose).argsort(stable=True).tolist()


@torch.compiler.disable  # compiled for a processor, the 64-bit hashes write beyond their memory (torch 2.14)
def _kept(key: Tensor, count: int, p: float, device: torch.device) -> Tensor:
    return uniform(key, count, device) >= p


class Dropout(nn.Module):
    """Dropout whose mask depends on the sample, not on the step: ``F.dropout`` with keyed masks.

    Training sets :attr:`keys` for each batch (:func:`set_dropout_keys`); without keys it falls back to
    torch's own generator, so that the layer works in anyone's loop.

    Shape: [B, N] → [B, N].
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p
        self.keys: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        if self.keys is None:
            return nn.functional.dropout(x, self.p)
        return x * _kept(self.keys, x.shape[1], self.p, x.device) / (1 - self.p)

    def extra_repr(self) -> str:
        return f"p={self.p}"


def set_dropout_keys(model: nn.Module, keys: Tensor | None) -> None:
    """Hand the batch's keys to every :class:`Dropout` of a model; ``None`` takes them back."""
    for module in model.modules():
        if isinstance(module, Dropout):
            module.keys = keys
