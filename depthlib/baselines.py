"""Rivals that are not networks: a map from a few true depths, or from a small true map.

The mean and median depth image, which are shown nothing, are in :mod:`depthlib.evaluation`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from depthlib.data.sampling import PATTERNS, sample_count, sparsify
from depthlib.errors import DepthError
from depthlib.evaluation import Informed
from depthlib.filling import FILLS, fill_linear, fill_nearest
from depthlib.sample import Batch, valid
from depthlib.typed import nearest

#: (rgb [3, H, W], sparse depth [1, H, W]) → depth [1, H, W].
COMPLETIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {**FILLS, "linear": lambda rgb, depth: fill_linear(depth)}
ENLARGEMENTS = ("nearest", "bilinear", "bicubic")


@dataclass(frozen=True)
class Completion(Informed):
    """A predictor that is shown a few true depths and fills the rest.

    Args:
        method: a name of :data:`COMPLETIONS`.
        pattern: which pixels are shown, a name of :data:`depthlib.data.sampling.PATTERNS`.
        fraction: of all pixels.
        seed: of the draw.

    Source: the baselines of Korinevskaya and Makarov 2018.

    >>> batch = {"rgb": torch.rand(1, 3, 6, 8), "depth": torch.full((1, 1, 6, 8), 2.0), "index": [0]}
    >>> Completion("nearest", "uniform", 0.1).of(batch).unique()
    tensor([2.])
    """

    method: str
    pattern: str = "uniform"
    fraction: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        for value, known in ((self.method, tuple(COMPLETIONS)), (self.pattern, tuple(PATTERNS))):
            if value not in known:
                raise DepthError(
                    f"{value!r} is unknown{nearest(value, list(known))}; expected one of {', '.join(known)}."
                )
        sample_count(1000, 1000, self.fraction)

    def of(self, samples: Batch) -> Tensor:
        """Metres [B, 1, H, W] for a batch with its truth."""
        rgb = samples["rgb"]
        sparse = sparsify(
            samples["depth"], self.pattern, self.fraction, seed=self.seed, indices=samples["index"], rgb=rgb
        )
        fill = COMPLETIONS[self.method]
        return torch.stack([fill(*pair) for pair in zip(rgb, sparse, strict=True)])


@dataclass(frozen=True)
class Enlargement(Informed):
    """A predictor that is shown the true map at a fraction of its size and enlarges it.

    Args:
        method: ``nearest``, ``bilinear`` or ``bicubic``.
        factor: how many times smaller each side is.

    Holes of the truth take their nearest known value before it is made smaller by picking pixels, as in the convention for
    super-resolution in the book's chapter; they are not scored.

    >>> Enlargement("bicubic", 4).of({"rgb": torch.rand(1, 3, 8, 8), "depth": torch.full((1, 1, 8, 8), 2.0), "index": [0]}).shape
    torch.Size([1, 1, 8, 8])
    """

    method: str
    factor: int

    def __post_init__(self) -> None:
        if self.method not in ENLARGEMENTS:
            known = list(ENLARGEMENTS)
            raise DepthError(f"{self.method!r} is unknown{nearest(self.method, known)}; expected {', '.join(known)}.")
        if not 2 <= self.factor <= 64:
            raise DepthError(f"enlarging: factor is {self.factor}; expected 2 to 64.")

    def of(self, samples: Batch) -> Tensor:
        """Metres [B, 1, H, W] for a batch with its truth."""
        truth = samples["depth"]
        height, width = truth.shape[-2:]
        if height < 2 * self.factor or width < 2 * self.factor:
            raise DepthError(f"enlarging {self.factor} times: the maps are {height}x{width}, too small for that.")
        whole = torch.stack([depth if valid(depth).all() else fill_nearest(depth) for depth in truth])
        small = F.interpolate(whole, (height // self.factor, width // self.factor), mode="nearest-exact")
        if self.method == "nearest":
            return F.interpolate(small, (height, width), mode="nearest-exact")
        large = F.interpolate(small, (height, width), mode=self.method, align_corners=False)
        low, high = small.amin((1, 2, 3), keepdim=True), small.amax((1, 2, 3), keepdim=True)
        return large.clamp(low, high)  # bicubic overshoots at steps, below 0 beside far ones
