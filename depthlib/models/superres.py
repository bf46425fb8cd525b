"""Depth super-resolution after Korinevskaya and Makarov 2018: a generator of residual blocks and sub-pixel steps, and the critic that it plays against.

Chapter: `book/super_resolution.py`.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depthlib.errors import DepthError
from depthlib.models.reconstruction import Reconstruction, positive

HEADROOM = 0.8  # what the small map spans of tanh's −1 … 1: the large one may go a little beyond it


class Generator(Reconstruction):
    """Korinevskaya and Makarov 2018: small depth [B, 1, h, w] without holes to depth [B, 1, factor·h, factor·w].

    The slides name the parts (ELU, batch norm, tanh, pixel shuffle) and call the network their earlier one, changed; the text
    that we have lacks their drawing. Chosen here: SRGAN's generator (Ledig et
    al. 2017) with ELU for its PReLU, ``width`` channels and ``blocks`` residual blocks at the small size, one sub-pixel step
    for each doubling, and 9x9 convolutions at both ends. tanh needs numbers between −1 and 1, of which the paper does not say
    how depth gets there: the small map's own smallest and largest value become −0.8 and 0.8, so that any unit will do.

    Args:
        factor: 2, 4, 8 or 16.
        width: channels.
        blocks: residual blocks.
        size: rows and columns in training; see :class:`~depthlib.models.reconstruction.Reconstruction`.

    >>> Generator(4, width=8, blocks=1)(torch.rand(1, 1, 12, 16) + 1).shape
    torch.Size([1, 1, 48, 64])
    """

    shown = "depth_lr"

    def __init__(
        self, factor: int = 8, width: int = 32, blocks: int = 4, size: tuple[int, int] | list[int] = (240, 320)
    ) -> None:
        super().__init__(size, False)
        if factor not in (2, 4, 8, 16):
            raise DepthError(f"superres: factor is {factor}; expected 2, 4, 8 or 16.")
        self.factor = factor
        self.stem = nn.Sequential(nn.Conv2d(1, width, 9, padding=4), nn.ELU())
        self.body = nn.Sequential(
            *(_Residual(width) for _ in range(blocks)),
            nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width),
        )  # fmt: skip
        steps = [(nn.Conv2d(width, 4 * width, 3, padding=1), nn.PixelShuffle(2), nn.ELU()) for _ in range(round(math.log2(factor)))]  # fmt: skip
        self.up = nn.Sequential(*(layer for step in steps for layer in step))
        self.head = nn.Conv2d(width, 1, 9, padding=4)

    def forward(self, small: Tensor) -> Tensor:
        with torch.autocast(small.device.type, enabled=False):
            small = small.float()
            low, high = small.amin((2, 3), keepdim=True), small.amax((2, 3), keepdim=True)
            middle, half = (low + high) / 2, (high - low) / 2
            half = torch.where(half > 1e-6 * middle.abs(), half, 0.0)  # of a flat map only rounding is left
        x = self.stem(HEADROOM * (small - middle) / torch.where(half > 0, half, 1.0))
        answer = torch.tanh(self.head(self.up(x + self.body(x)))).float()
        return positive(middle + half * answer / HEADROOM, small, self.training)


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ELU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        step: Tensor = self.body(x)
        return x + step


class Critic(nn.Module):
    """The discriminator: how real a map [B, 1, H, W] that spans about −1 … 1 looks, as a logit [B].

    LeakyReLU and batch norm are the paper's; four halvings from ``width`` to 8·``width`` channels, then the mean over all
    places, are chosen here, so that it judges textures anywhere in a map of any size.

    >>> Critic(width=4)(torch.zeros(2, 1, 32, 48)).shape
    torch.Size([2])
    """

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(1, width, 3, stride=2, padding=1), nn.LeakyReLU(0.2)]
        for inside, outside in ((1, 2), (2, 4), (4, 8)):
            layers += [
                nn.Conv2d(inside * width, outside * width, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(outside * width), nn.LeakyReLU(0.2),
            ]  # fmt: skip
        self.body = nn.Sequential(*layers)
        self.head = nn.Conv2d(8 * width, 1, 1)

    def forward(self, maps: Tensor) -> Tensor:
        logits: Tensor = self.head(self.body(maps)).mean((1, 2, 3))
        return logits


def believed(logits: Tensor) -> Tensor:
    """The generator's loss of each sample, −log D(G(x)): small where the critic takes its map for a real one."""
    return F.softplus(-logits)


def caught(real: Tensor, made: Tensor) -> Tensor:
    """The critic's loss, −log D(y) − log(1 − D(G(x))): the slides print it once with a half before each term and once without its signs."""
    return F.softplus(-real).mean() + F.softplus(made).mean()
