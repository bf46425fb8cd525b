"""Fast depth interpolation after Korinevskaya and Makarov 2018: shrink the sparse map, fill the small one, enlarge it again.

Chapter: `book/sparse_to_dense.py`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depthlib.errors import DepthError
from depthlib.models.reconstruction import Reconstruction, padded

NEAREST = 0.01  # of the mean depth


class FastInterpolation(Reconstruction):
    """Korinevskaya and Makarov 2018: sparse depth [B, 1, H, W] (0 = not measured) to depth [B, 1, H, W].

    The slides name three kinds of blocks (residual, projection, downsampling) and say that the map is made smaller,
    interpolated, and enlarged by a sub-pixel network; their drawings are lost in the text that we have, so what is inside the
    blocks and all sizes are chosen here: ``1/shrink`` of the size by the mean of all pixels of a block, holes counted as zero,
    as a plain resize does it; ``width`` channels; ``blocks`` residual blocks after one projection and one downsampling block,
    and another projection and sub-pixel step back up; then ESPCN (Shi et al. 2016) with two convolutions for the way back.
    Depths are divided by the mean of the measured ones, without which nothing would hold at another scale.

    Args:
        width: channels.
        blocks: residual blocks at the smallest size.
        size: see :class:`~depthlib.models.reconstruction.Reconstruction`.
        shrink: 2, 4 or 8: how many times smaller the map becomes before it is filled.

    Raises:
        DepthError: another ``shrink``.

    >>> FastInterpolation(width=8)(torch.full((1, 1, 50, 70), 2.0)).shape
    torch.Size([1, 1, 50, 70])
    """

    shown = "sparse"

    def __init__(
        self, width: int = 32, blocks: int = 4, size: tuple[int, int] | list[int] = (240, 320), shrink: int = 4
    ) -> None:
        super().__init__(size, False)
        if shrink not in (2, 4, 8):
            raise DepthError(f"interpolation: shrink is {shrink!r}; expected 2, 4 or 8.")
        self.shrink = shrink
        self.project = Projection(1, width)
        self.down = Downsampling(width, 2 * width)
        self.fill = nn.Sequential(*(Residual(2 * width) for _ in range(blocks)))
        self.up = nn.Sequential(nn.Conv2d(2 * width, 4 * width, 3, padding=1), nn.PixelShuffle(2), nn.ReLU())
        self.small = Projection(width, 1)
        self.enlarge = nn.Sequential(
            nn.Conv2d(1, 64, 5, padding=2), nn.Tanh(), nn.Conv2d(64, 32, 3, padding=1), nn.Tanh(),
            nn.Conv2d(32, self.shrink**2, 3, padding=1), nn.PixelShuffle(self.shrink),
        )  # fmt: skip

    def forward(self, sparse: Tensor) -> Tensor:
        height, width = sparse.shape[-2:]
        whole = padded(sparse, 2 * self.shrink, 4 * self.shrink)
        known = (sparse > 0).sum((1, 2, 3), keepdim=True).clamp_min(1)
        middle = (sparse.sum((1, 2, 3), keepdim=True) / known).clamp_min(1e-9)
        # a block holds few measured pixels: their share brings its mean down, and must be learnt
        x = F.avg_pool2d(whole / middle, self.shrink)
        x = self.small(self.up(self.fill(self.down(self.project(x)))))
        dense: Tensor = self.enlarge(x)[..., :height, :width].float()
        if not self.training:  # nothing keeps the last convolution from negative depths; in training they have a slope
            dense = dense.clamp_min(NEAREST)
        return dense * middle


class Residual(nn.Module):
    """Two convolutions beside the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = _two(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.body(x))


class Projection(nn.Module):
    """Two convolutions beside a 1x1 one, to another number of channels."""

    def __init__(self, inside: int, outside: int, stride: int = 1) -> None:
        super().__init__()
        self.body = _two(inside, outside, stride)
        self.beside = nn.Sequential(nn.Conv2d(inside, outside, 1, stride=stride, bias=False), nn.BatchNorm2d(outside))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.beside(x) + self.body(x))


class Downsampling(Projection):
    """A projection to half the size."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__(inside, outside, stride=2)


def _two(inside: int, outside: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(outside), nn.ReLU(),
        nn.Conv2d(outside, outside, 3, padding=1, bias=False), nn.BatchNorm2d(outside),
    )  # fmt: skip
