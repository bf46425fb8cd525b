"""From a small depth map to a large one: features at the small size, sub-pixel steps up, edges from the picture if it is seen.

The network answers how far bilinear enlargement is wrong, in units of the map's own spread. So a map in other units, metres
or the 8-bit disparities of Middlebury, gives the same answer in those units: multiply what is shown or add to it, and the
answer is multiplied or added to alike.
Chapter: `book/super_resolution.py`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depthlib.errors import DepthError
from depthlib.models.reconstruction import Reconstruction, Residual, positive, silent

FINE = 4  # pixels of the large map that one pixel of the finest features answers for, each way


class DepthUpsampler(Reconstruction):
    """Small depth [B, 1, h, w] without holes to depth [B, 1, factor·h, factor·w].

    Args:
        factor: 4, 8 or 16: how many times larger each side becomes.
        width: channels at the small size; half as many at a quarter of the large one.
        blocks: residual blocks at the small size.
        guided: whether it also sees the picture, rgb [B, 3, H, W] in [0, 1], as large as the answer or, where the factor does
            not divide its size, less than ``factor`` pixels smaller each way.
        consistent: the mean of the answer over each cell is what was shown of it; False for maps that were not averaged.
        size: of the large map in training; see :class:`~depthlib.models.reconstruction.Reconstruction`.

    Source: sub-pixel steps, Shi et al. 2016; residual blocks without batch norm, Lim et al. 2017.

    >>> DepthUpsampler(4, width=8, blocks=1)(torch.rand(1, 1, 12, 16) + 1).shape
    torch.Size([1, 1, 48, 64])
    """

    shown = "depth_lr"

    def __init__(
        self, factor: int = 8, width: int = 64, blocks: int = 6, guided: bool = False, consistent: bool = True,
        size: tuple[int, int] | list[int] = (240, 320),
    ) -> None:  # fmt: skip
        super().__init__(size, guided)
        if factor not in (4, 8, 16):
            raise DepthError(
                f"upsampler: factor is {factor}; expected 4, 8 or 16. By 3, enlarge 4 times and shrink the answer."
            )
        self.factor, self.consistent = factor, consistent
        fine = max(8, width // 2)
        self.stem = nn.Conv2d(1, width, 5, padding=2)
        self.body = nn.Sequential(*(Residual(width) for _ in range(blocks)))
        steps: list[nn.Module] = []
        inside = width
        for _ in range({4: 0, 8: 1, 16: 2}[factor]):
            steps += [nn.Conv2d(inside, 4 * fine, 3, padding=1), nn.PixelShuffle(2), Residual(fine)]
            inside = fine
        self.up = nn.Sequential(*steps)
        self.join = nn.Conv2d(inside + (3 * FINE**2 if guided else 0), fine, 3, padding=1)
        self.refine = nn.Sequential(*(Residual(fine) for _ in range(3 if guided else 2)))
        self.head = silent(nn.Conv2d(fine, FINE**2, 3, padding=1))

    def forward(self, small: Tensor, rgb: Tensor | None = None) -> Tensor:
        rows, columns = (self.factor * n for n in small.shape[-2:])
        with torch.autocast(small.device.type, enabled=False):
            small = small.float()
            middle = small.mean((2, 3), keepdim=True)
            spread = (small - middle).square().mean((2, 3), keepdim=True).sqrt()
            spread = torch.where(spread > 1e-6 * middle.abs(), spread, 0.0)  # of a flat map only rounding is left
            base = F.interpolate(small, (rows, columns), mode="bilinear", align_corners=False)
        x = self.up(self.body(self.stem((small - middle) / torch.where(spread > 0, spread, 1.0))))
        if rgb is not None:
            height, width = rgb.shape[-2:]
            if not (rows - self.factor < height <= rows and columns - self.factor < width <= columns):
                raise DepthError(
                    f"upsampler: the picture is {height}x{width}, the map of {small.shape[-2]}x{small.shape[-1]} enlarged "
                    f"{self.factor} times {rows}x{columns}; expected the same view, at most {self.factor - 1} pixels smaller."
                )
            rgb = F.pad(rgb, (0, columns - width, 0, rows - height), mode="replicate")
            x = torch.cat([x, F.pixel_unshuffle(rgb, FINE) - 0.5], 1)
        step = F.pixel_shuffle(self.head(F.relu(self.refine(self.join(x)))), FINE)
        with torch.autocast(small.device.type, enabled=False):
            answer = base + spread * step.float()
            if self.consistent:
                wrong = small - F.avg_pool2d(answer, self.factor)
                answer = answer + F.interpolate(wrong, scale_factor=float(self.factor), mode="nearest")
            return positive(answer, small, self.training)
