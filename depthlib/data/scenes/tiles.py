"""Images cut into square tiles, so that what a whole tile cannot meet is asked about once and not for every pixel."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

#: Pixels along a side.
TILE = 16


class Tiles(NamedTuple):
    """How B images are cut: image after image, row after row, T tiles in all.

    Attributes:
        batch: B.
        rows, columns: tiles down and across an image.
        image: int64 [T], the image that a tile belongs to.
    """

    batch: int
    rows: int
    columns: int
    image: Tensor

    @classmethod
    def of(cls, batch: int, height: int, width: int, device: torch.device) -> Tiles:
        """Those of B images of so many pixels; the last row and column may reach beyond the image."""
        rows, columns = -(-height // TILE), -(-width // TILE)
        return cls(batch, rows, columns, torch.arange(batch, device=device).repeat_interleave(rows * columns))

    def cut(self, image: Tensor) -> Tensor:
        """[B, rows·16, columns·16] → [T, 256]."""
        tiles = image.reshape(-1, self.rows, TILE, self.columns, TILE).transpose(2, 3)
        return tiles.reshape(-1, TILE * TILE)

    def join(self, tiles: Tensor, side: int = TILE) -> Tensor:
        """The inverse, also for tiles of another side: [..., T, side²] → [..., B, rows·side, columns·side]."""
        lead = tiles.shape[:-2]
        out = tiles.reshape(*lead, self.batch, self.rows, self.columns, side, side).transpose(-3, -2)
        return out.reshape(*lead, self.batch, self.rows * side, self.columns * side)

    def each(self, values: Tensor) -> Tensor:
        """A value an image → a value a tile: [B, ...] → [T, ...], or [1, ...] of a single image."""
        return values if self.batch == 1 else values[self.image]

    def planes(self, values: Tensor) -> Tensor:
        """Numbers of an image, ready to meet its pixels: [B, F] → [F, T, 1], or [F, 1, 1] of a single image."""
        return values[0][:, None, None] if self.batch == 1 else values.t()[:, self.image][:, :, None]


def every_second(tiles: Tensor) -> Tensor:
    """Every second pixel of every second row: [..., T, 256] → [..., T, 64]."""
    return tiles.reshape(*tiles.shape[:-1], TILE, TILE)[..., ::2, ::2].flatten(-2)
