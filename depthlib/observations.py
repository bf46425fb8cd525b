"""What part of the truth a network is shown: a few depths, or a small map. Keyed like augmentation.

A recipe names one under ``observe``: training makes it anew in every epoch, an evaluation once and for all. Chapters:
`book/sparse_to_dense.py`, `book/super_resolution.py`.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from depthlib.data.sampling import PATTERNS, sample_count, sparsify
from depthlib.errors import DepthError
from depthlib.filling import fill_nearest
from depthlib.randomness import keys, uniform
from depthlib.registry import named
from depthlib.sample import Batch, check_metres, valid
from depthlib.transfers import sent
from depthlib.typed import nearest


class Observation(ABC):
    """Adds one key to a batch: what a reconstruction starts from."""

    #: The key of the batch: ``sparse`` or ``depth_lr``.
    key: str

    @abstractmethod
    def of(self, batch: Batch, seed: int = 0, epochs: Sequence[int] | int = 0) -> Tensor:
        """The observation of each sample, metres, 0 = nothing seen."""

    @property
    @abstractmethod
    def label(self) -> str:
        """A short name for results, without dots."""

    def __call__(self, batch: Batch, seed: int = 0, epochs: Sequence[int] | int = 0) -> Batch:
        """The batch with the observation in it.

        Args:
            batch: with ``depth`` [B, 1, H, W], metres, and ``index``.
            seed, epochs: with the index the key of every draw; one epoch for all samples or one each.

        Raises:
            DepthError: what one of your own shows is no map of metres for each sample.
        """
        shown = self.of(batch, seed, epochs)
        source = f"observation {type(self).__name__}"
        shape = list(shown.shape) if isinstance(shown, Tensor) else type(shown).__name__
        if (
            not isinstance(shown, Tensor)
            or shown.ndim != 4
            or shape[:2] != [len(batch["depth"]), 1]
            or shown.dtype != torch.float32
        ):
            kind = f" of {shown.dtype}" if isinstance(shown, Tensor) else ""
            raise DepthError(
                f"{source}: shows {shape}{kind}; expected [{len(batch['depth'])}, 1, h, w] of torch.float32."
            )
        if shown.device.type == "cpu":
            check_metres(shown, source, math.inf)  # some networks are shown disparities
        return cast(Batch, {**batch, self.key: shown})


@dataclass(frozen=True)
class SparseDepth(Observation):
    """Depth at a few pixels, 0 elsewhere: ``sparse`` [B, 1, H, W].

    Args:
        patterns: names of :data:`depthlib.data.sampling.PATTERNS`; each sample draws one of them.
        fractions: of all pixels; each sample draws one of them.

    Source: Korinevskaya and Makarov 2018 draw 10 % in four patterns.

    >>> batch = {"rgb": torch.rand(2, 3, 24, 32), "depth": torch.rand(2, 1, 24, 32) + 1, "index": [0, 1]}
    >>> (SparseDepth(("uniform", "grid"))(batch)["sparse"] > 0).sum((1, 2, 3))
    tensor([77, 77])
    """

    patterns: tuple[str, ...] = ("uniform",)
    fractions: tuple[float, ...] = (0.1,)
    key = "sparse"

    def __post_init__(self) -> None:
        if not self.patterns or not self.fractions:
            raise DepthError("observing sparse depth: patterns and fractions must each name one at least.")
        for pattern in self.patterns:
            if pattern not in PATTERNS:
                known = list(PATTERNS)
                raise DepthError(
                    f"pattern {pattern!r} is unknown{nearest(pattern, known)}; expected {', '.join(known)}."
                )
        for fraction in self.fractions:
            sample_count(1000, 1000, fraction)

    @property
    def label(self) -> str:
        percent = "-".join(f"{100 * f:g}".replace(".", "_") for f in self.fractions)
        return f"{'-'.join(self.patterns)}-{percent}pc"

    def of(self, batch: Batch, seed: int = 0, epochs: Sequence[int] | int = 0) -> Tensor:
        depth, rgb, indices = batch["depth"], batch["rgb"], list(batch["index"])
        epochs = [epochs] * len(depth) if isinstance(epochs, int) else list(epochs)
        kinds = [(pattern, fraction) for pattern in self.patterns for fraction in self.fractions]
        drawn = uniform(keys(seed, epochs, indices, "sampling kind"), 1)[:, 0].mul(len(kinds)).long().tolist()
        sparse = torch.empty_like(depth)
        for number in sorted(set(drawn)):
            rows = [row for row, kind in enumerate(drawn) if kind == number]
            key = [epochs[row] for row in rows], [indices[row] for row in rows]
            pattern, fraction = kinds[number]
            there = sent(torch.tensor(rows), depth.device)
            sparse[there] = sparsify(depth[there], pattern, fraction, seed, *key, rgb=rgb[there])
        return sparse


@dataclass(frozen=True)
class SmallDepth(Observation):
    """The map at a fraction of its size: ``depth_lr`` [B, 1, ⌈H/factor⌉, ⌈W/factor⌉].

    Holes take their nearest known value first. Where the factor does not divide a side, the map goes on beyond its end with
    its last values; what a predictor says there is cut away.

    Args:
        factor: how many times smaller each side is.
        how: ``average`` is the mean of each cell, as images are made smaller for super-resolution: beside an edge the mean says
            how much of the cell lies on either side of it. ``pick`` is the pixel in the middle of each cell, as a sensor of
            few thin beams sees it: where between two of them an edge runs, is lost. (A cell of even sides has no such pixel; the
            one behind its middle is taken, half a pixel away from where an enlargement puts it.)

    >>> batch = {"depth": torch.tensor([1.0, 1.0, 1.0, 5.0]).expand(1, 1, 4, 4), "index": [0]}
    >>> SmallDepth(4)(batch)["depth_lr"].item(), SmallDepth(4, "pick")(batch)["depth_lr"].item()
    (2.0, 1.0)
    """

    factor: int = 4
    how: str = "average"
    key = "depth_lr"

    def __post_init__(self) -> None:
        if not 2 <= self.factor <= 64:
            raise DepthError(f"enlarging: factor is {self.factor}; expected 2 to 64.")
        if self.how not in ("average", "pick"):
            raise DepthError(f"enlarging: how is {self.how!r}; expected average or pick.")

    @property
    def label(self) -> str:
        return f"x{self.factor}" + ("-picked" if self.how == "pick" else "")

    def of(self, batch: Batch, seed: int = 0, epochs: Sequence[int] | int = 0) -> Tensor:
        truth = batch["depth"]
        height, width = truth.shape[-2:]
        if height < self.factor or width < self.factor:
            raise DepthError(f"enlarging {self.factor} times: the maps are {height}x{width}, too small for that.")
        whole = truth if bool(valid(truth).all()) else torch.stack([_whole(depth) for depth in truth])
        whole = F.pad(whole, (0, -width % self.factor, 0, -height % self.factor), mode="replicate")
        middle = self.factor // 2
        if self.how == "average":
            return F.avg_pool2d(whole, self.factor)
        return whole[..., middle :: self.factor, middle :: self.factor]


def _whole(depth: Tensor) -> Tensor:
    return depth if bool(valid(depth).all()) else fill_nearest(depth.cpu()).to(depth.device)


#: What a network can be shown of the truth: keys of a batch.
KEYS = ("sparse", "depth_lr")
#: name → module and class
OBSERVATIONS = {"sparse": (__name__, "SparseDepth"), "small": (__name__, "SmallDepth")}


def make_observation(name: str, **options: Any) -> Observation:
    """An observation by name, as recipes make it; lists become tuples.

    Args:
        name: one of :data:`OBSERVATIONS`, or ``module:Class`` for an :class:`Observation` of your own.
        options: of its ``__init__``.

    Raises:
        DepthError: an unknown name or option, or a value out of range.

    >>> make_observation("sparse", patterns=["grid"], fractions=[0.001]).label
    'grid-0_1pc'
    """
    kind = named("observation", name, OBSERVATIONS, Observation)
    try:
        made: Observation = kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in options.items()})
    except (TypeError, ValueError) as error:
        raise DepthError(f"observation {name!r}: options {options} do not fit ({error}).") from error
    if getattr(made, "key", None) not in KEYS or not re.fullmatch(r"[\w-]+", str(made.label)):
        raise DepthError(
            f"observation {name!r}: key is {getattr(made, 'key', None)!r} and label {made.label!r}; expected one of {', '.join(KEYS)}, and "
            "letters, digits and dashes, under which scores are filed."
        )
    return made
