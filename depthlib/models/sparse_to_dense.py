"""From a few depths to all: a small network that knows which pixels were measured, and never changes those.

Three ideas make it fast and right. It works at a quarter of the size each way, where one pixel holds the 16 depths of its
4x4 block and a mask that says which of them are real, so a convolution never takes a hole for a depth. It starts from a
rough map that costs next to nothing, the measured depths averaged into coarser and coarser blocks and pulled back up into
the empty ones, so the network only says by how much to correct it. And it sees ratios, never metres: depths twice as
large give an answer twice as large, at any scale.
Chapter: `book/sparse_to_dense.py`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depthlib.errors import DepthError
from depthlib.models.reconstruction import Reconstruction, Residual, padded, silent

BLOCK = 4  # pixels of a block, each way
LEVELS = 9  # halvings of the rough map; a block of the last is 2048 pixels wide
FINEST = 1e-9  # below any depth, so that ratios are finite


class SparseToDense(Reconstruction):
    """A U-Net of residual blocks over 4x4 blocks, from sparse depth [B, 1, H, W] (0 = not measured) to depth [B, 1, H, W].

    Args:
        width: channels.
        levels: sizes at which it works, the first a quarter of the map's.
        guided: whether it also sees the picture, rgb [B, 3, H, W] in [0, 1].
        size: see :class:`~depthlib.models.reconstruction.Reconstruction`.

    A map without a single measured depth comes back as zeros.

    >>> sparse = torch.zeros(1, 1, 50, 70)
    >>> sparse[..., 10, 20], sparse[..., 40, 60] = 2.0, 2.0
    >>> SparseToDense(width=8)(sparse).detach().unique()  # before training: the rough map
    tensor([2.])
    """

    shown = "sparse"

    def __init__(
        self, width: int = 32, levels: int = 4, guided: bool = False, size: tuple[int, int] | list[int] = (240, 320)
    ) -> None:
        super().__init__(size, guided)
        if width < 1 or not 1 <= levels <= 6:
            raise DepthError(f"sparse_to_dense: width is {width}, levels {levels}; expected 1 or more, and 1 to 6.")
        self.least = BLOCK * 2 ** (levels - 1)
        self.stem = nn.Conv2d(2 * BLOCK**2 + 2 + (3 * BLOCK**2 if guided else 0), width, 3, padding=1)
        self.descent = nn.ModuleList(Residual(width) for _ in range(levels))
        self.down = nn.ModuleList(nn.Conv2d(width, width, 2, stride=2) for _ in range(levels - 1))
        self.across = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in range(levels - 1))
        self.ascent = nn.ModuleList(Residual(width) for _ in range(levels - 1))
        self.head = silent(nn.Conv2d(width, BLOCK**2, 3, padding=1))

    def forward(self, sparse: Tensor, rgb: Tensor | None = None) -> Tensor:
        height, width = sparse.shape[-2:]
        with torch.autocast(sparse.device.type, enabled=False):
            whole = padded(sparse.float(), BLOCK, self.least)
            mask = (whole > 0).float()
            rough, share, middle = rough_map(whole, mask)
            measured = F.pixel_unshuffle(mask, BLOCK)
            # between the middles of blocks the rough map is bilinear; at the border it goes on as it is
            base = F.interpolate(rough, scale_factor=float(BLOCK), mode="bilinear", align_corners=False)
            # how far each measured depth is from it, as a ratio; times four to be about as large as the mask
            ratios = F.pixel_unshuffle(4 * (whole / base - 1) * mask, BLOCK)
            seen = [ratios, measured, rough / middle - 1, share]
            if rgb is not None:
                seen.append(F.pixel_unshuffle(padded(rgb, BLOCK, self.least, "replicate"), BLOCK) - 0.5)
        step = self.network(torch.cat(seen, 1))
        with torch.autocast(sparse.device.type, enabled=False):
            dense = base * F.pixel_shuffle(step.float().clamp(-3, 3), BLOCK).exp()  # beyond e^±3 nothing sensible lies
            dense = torch.where(middle > FINEST, dense, 0.0)[..., :height, :width]
            return torch.where(sparse > 0, sparse.float(), dense)

    def network(self, x: Tensor) -> Tensor:
        """Blocks [B, C, h, w] to a correction of each of their 16 pixels [B, 16, h, w]."""
        x = self.stem(x)
        kept = []
        for level, block in enumerate(self.descent):
            x = block(x)
            if level < len(self.down):
                kept.append(x)
                x = self.down[level](x)
        for level in reversed(range(len(self.down))):
            x = kept[level] + F.interpolate(self.across[level](x), kept[level].shape[-2:], mode="nearest")
            x = self.ascent[level](x)
        head: Tensor = self.head(F.relu(x))
        return head


def rough_map(sparse: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A rough depth for each block: the mean of its measured ones or, where there are none, what coarser blocks say.

    The pull–push of Gortler et al. 1996 (The Lumigraph, §3.4), with two rounds of smoothing of what was pushed down.

    Returns:
        The rough map [B, 1, H/4, W/4], above 0; the measured share of each block, the same shape; and the mean of all
        measured depths [B, 1, 1, 1], tiny where there are none.
    """
    totals, shares = [F.avg_pool2d(sparse, BLOCK)], [F.avg_pool2d(mask, BLOCK)]
    for _ in range(LEVELS):
        totals.append(F.avg_pool2d(totals[-1], 2, ceil_mode=True))
        shares.append(F.avg_pool2d(shares[-1], 2, ceil_mode=True))
    middle = sparse.sum((2, 3), keepdim=True) / mask.sum((2, 3), keepdim=True).clamp_min(1)
    middle = middle.clamp_min(FINEST)
    x = torch.where(shares[-1] > 0, totals[-1] / shares[-1].clamp_min(1e-12), middle)
    for total, share in zip(totals[-2::-1], shares[-2::-1], strict=True):
        pushed = F.interpolate(x, total.shape[-2:], mode="bilinear", align_corners=False)
        known, value = share > 0, total / share.clamp_min(1e-12)
        x = torch.where(known, value, pushed)
        for _ in range(2):
            x = torch.where(known, value, F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, stride=1))
    return x.clamp_min(FINEST), shares[0], middle
