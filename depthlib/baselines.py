"""Rivals that are not networks: the same map for every picture, and the fillings and enlargements of part of the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from depthlib.errors import DepthError
from depthlib.filling import FILLS, fill_linear
from depthlib.observations import SmallDepth, SparseDepth
from depthlib.predictors import Informed, Predictor
from depthlib.sample import RGBD, Batch, collate, valid
from depthlib.typed import nearest

#: (rgb [3, H, W], sparse depth [1, H, W]) → depth [1, H, W].
COMPLETIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {**FILLS, "linear": lambda rgb, depth: fill_linear(depth)}
ENLARGEMENTS = ("nearest", "bilinear", "bicubic")
#: What results call predictors that are no part of the network.
BASELINES = ("mean", "median", "constant", *COMPLETIONS, *ENLARGEMENTS)


@dataclass(frozen=True)
class Completion(Informed):
    """A predictor that is shown a few true depths and fills the rest.

    Args:
        method: a name of :data:`COMPLETIONS`.
        observation: which pixels are shown; a network that is shown the same sees the same draw.

    Source: the baselines of Korinevskaya and Makarov 2018.

    >>> batch = {"rgb": torch.rand(1, 3, 6, 8), "depth": torch.full((1, 1, 6, 8), 2.0), "index": [0]}
    >>> Completion("nearest", SparseDepth(("uniform",), (0.1,))).of(batch).unique()
    tensor([2.])
    """

    method: str
    observation: SparseDepth = field(default_factory=SparseDepth)

    def __post_init__(self) -> None:
        if self.method not in COMPLETIONS:
            known = list(COMPLETIONS)
            raise DepthError(f"{self.method!r} is unknown{nearest(self.method, known)}; expected {', '.join(known)}.")

    def of(self, samples: Batch) -> Tensor:
        """Metres [B, 1, H, W] for a batch with its truth."""
        sparse = self.observation.of(samples)
        fill = COMPLETIONS[self.method]
        return torch.stack([fill(*pair) for pair in zip(samples["rgb"], sparse, strict=True)])


@dataclass(frozen=True)
class Enlargement(Informed):
    """A predictor that is shown the true map at a fraction of its size and enlarges it.

    Args:
        method: ``nearest``, ``bilinear`` or ``bicubic``.
        factor, how: how many times smaller each side is, and how it is made so: see
            :class:`~depthlib.observations.SmallDepth`.

    Holes of the truth take their nearest known value before it is made smaller, as in the convention for super-resolution in
    the book's chapter; they are not scored.

    >>> Enlargement("bicubic", 4).of({"rgb": torch.rand(1, 3, 8, 8), "depth": torch.full((1, 1, 8, 8), 2.0), "index": [0]}).shape
    torch.Size([1, 1, 8, 8])
    """

    method: str
    factor: int
    how: str = "average"

    def __post_init__(self) -> None:
        if self.method not in ENLARGEMENTS:
            known = list(ENLARGEMENTS)
            raise DepthError(f"{self.method!r} is unknown{nearest(self.method, known)}; expected {', '.join(known)}.")
        SmallDepth(self.factor, self.how)

    def of(self, samples: Batch) -> Tensor:
        """Metres [B, 1, H, W] for a batch with its truth."""
        height, width = samples["depth"].shape[-2:]
        small = SmallDepth(self.factor, self.how).of(samples)
        if self.method == "nearest":
            return F.interpolate(small, scale_factor=self.factor, mode="nearest-exact")[..., :height, :width]
        large = F.interpolate(small, scale_factor=self.factor, mode=self.method, align_corners=False)[
            ..., :height, :width
        ]
        low, high = small.amin((1, 2, 3), keepdim=True), small.amax((1, 2, 3), keepdim=True)
        return large.clamp(low, high)  # bicubic overshoots at steps, below 0 beside far ones


def constant(image: Tensor) -> Predictor:
    """A predictor that answers the same map [1, 1, H, W] for every picture."""
    return lambda rgb: image.expand(len(rgb), -1, -1, -1)


def mean_depth_image(dataset: RGBD, batch: int = 32) -> Tensor:
    """The mean of a data set's depth maps over their valid pixels: metres, float32 [1, 1, H, W].

    The baseline that sees no picture at all (Eigen et al. 2014, §4.3). A pixel that is never valid (sky) gets the
    mean of all others, so that the baseline answers everywhere.
    """
    total = count = torch.zeros(())
    for start in range(0, len(dataset), batch):
        depth = collate(dataset.__getitems__(range(start, min(start + batch, len(dataset)))))["depth"].cpu()
        known = valid(depth)
        total = total + torch.where(known, depth, 0.0).double().sum(0, keepdim=True)
        count = count + known.sum(0, keepdim=True)
    everywhere = total.sum() / count.sum().clamp_min(1)
    return torch.where(count > 0, total / count.clamp_min(1), everywhere).float()


def median_depth_image(dataset: RGBD, batch: int = 32, levels: int = 512) -> Tensor:
    """The median of a data set's depth maps over their valid pixels: metres, float32 [1, 1, H, W].

    The answer without a picture whose mean absolute error is smallest at each pixel, where :func:`mean_depth_image` has the smallest
    mean square. Counted in ``levels`` bins of equal ratio from 0.1 to 100 m, so that memory does not grow with the data: the
    result is within half a bin, 0.7 %. A pixel that is never valid gets the median of all others.
    """
    edges = torch.logspace(-1, 2, levels + 1)
    counts = torch.zeros(0, levels, dtype=torch.int32)
    shape = torch.Size((1, 1))
    for start in range(0, len(dataset), batch):
        depth = collate(dataset.__getitems__(range(start, min(start + batch, len(dataset)))))["depth"].cpu()
        if not len(counts):
            shape = depth.shape[-2:]
            counts = torch.zeros(shape.numel(), levels, dtype=torch.int32)
        bins = torch.bucketize(depth.flatten(1), edges).sub(1).clamp(0, levels - 1)
        counts.scatter_add_(1, bins.T, valid(depth).flatten(1).T.to(torch.int32))
    everywhere = counts.sum(0, keepdim=True)
    medians = []
    for part in counts.split(8192):  # the running sums of all pixels at once would be twice the counts
        below = torch.where(part.any(1, keepdim=True), part, everywhere).cumsum(1)
        half = (2 * below >= below[:, -1:]).to(torch.int8).argmax(1)
        medians.append((edges[half] * edges[half + 1]).sqrt())
    return torch.cat(medians).reshape(1, 1, *shape)
