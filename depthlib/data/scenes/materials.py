"""What surfaces are made of: one parameter vector a primitive, and the one formula that paints all of them.

Wood, carpet, tiles, bricks, wallpaper, books and plain paint differ only in their numbers: two colours mixed by
a stretched fractal noise, laid out in cells (planks, tiles, bricks, stripes, book spines) with joints.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from depthlib import randomness
from depthlib.data.scenes.kept import kept

Colour = tuple[float, float, float]


class Material:
    """A surface's look; colours are sRGB-like in [0, 1], lengths in metres. ``values`` is its row of numbers."""

    SIZE: ClassVar[int] = 23
    __slots__ = ("values",)

    def __init__(
        self, a: Colour, b: Colour | None = None, noise: tuple[float, float, float] = (1.0, 1.0, 0.0),
        cell: tuple[float, float] = (0.0, 0.0), shift: float = 0.0, joint: float = 0.0, joint_tone: float = 0.6,
        tone: float = 0.0, hue: float = 0.0, check: float = 0.0, pick: float = 0.0, gloss: float = 0.0,
        glow: float = 0.0, glass: float = 0.0, offset: float = 0.0, joint_v: bool = True,
    ) -> None:  # fmt: skip
        b = a if b is None else b
        self.values = [
            a[0] * a[0], a[1] * a[1], a[2] * a[2],  # 0-2 linear light
            b[0] * b[0], b[1] * b[1], b[2] * b[2],  # 3-5
            noise[0], noise[1], noise[2],  # 6-8 noise: cycles a metre along u and v, amount of colour b
            1 / cell[0] if cell[0] else 0.0, 1 / cell[1] if cell[1] else 0.0,  # 9-10 cells a metre
            shift, joint, joint_tone,  # 11-13 shift from row to row; joint's width (m) and tone
            tone, hue, check, pick,  # 14-17 cells: tone and hue that vary, chequered b, random b
            gloss, glow, glass,  # 18-20
            offset, float(joint_v),  # 21-22
        ]  # fmt: skip


_TABLE = 256


@kept
def noise_table(device: str) -> Tensor:
    """Two channels of tileable fractal noise around 0, [1, 2, 257, 257]; fixed for all scenes."""
    total = torch.zeros(1, 2, _TABLE, _TABLE)
    for octave, cells in enumerate((8, 16, 32, 64, 128)):
        grid = randomness.uniform(randomness.keys(0, octave, [0, 1], "noise-table"), cells * cells)
        grid = grid.reshape(1, 2, cells, cells) * 2 - 1
        padded = torch.nn.functional.pad(grid, (2, 2, 2, 2), mode="circular")
        up = torch.nn.functional.interpolate(padded, scale_factor=_TABLE // cells, mode="bicubic")
        edge = 2 * (_TABLE // cells)
        total += up[:, :, edge:-edge, edge:-edge] * 0.62**octave
    total = total / total.std(dim=(2, 3), keepdim=True)
    return torch.nn.functional.pad(total, (0, 1, 0, 1), mode="circular").to(device)


def _fraction(x: Tensor) -> Tensor:
    return x - x.floor()


def noise(u: Tensor, v: Tensor) -> Tensor:
    """Two channels of fractal noise at N places, [2, N]; it repeats where u or v has grown by 1."""
    grid = torch.stack((_fraction(u), _fraction(v)), dim=-1)[None, None] * 2 - 1
    return torch.nn.functional.grid_sample(noise_table(str(u.device)), grid, align_corners=True)[0, :, 0]


def paint(m: Tensor, u: Tensor, v: Tensor, footprint: Tensor) -> Tensor:
    """Diffuse colour of surface points, linear light: [3, N].

    Args:
        m: materials, [M, N].
        u, v: surface coordinates in metres, [N].
        footprint: metres a pixel covers, [N]; detail finer than that fades, so that far texture does not alias.
    """
    u = u + m[21] * 7.31
    v = v + m[21] * 3.77
    n0, n1 = noise(u * m[6] / 8, v * m[7] / 8)  # the table's period is 8 cycles of its coarsest octave
    fade = (1.3 - 1.6 * footprint * torch.maximum(m[6], m[7])).clamp(0, 1)
    n0, n1 = n0 * fade, n1 * fade
    # cells
    row = v * m[10]
    row_index = row.floor()
    column = u * m[9] + row_index * m[11]
    column_index = column.floor()
    hashed = column_index.to(torch.int32) * 73856093 ^ row_index.to(torch.int32) * 19349663
    hashed = hashed ^ (m[21] * 65536).to(torch.int32)
    hashed = (hashed ^ (hashed >> 13)) * 1274126177
    hashed = (hashed ^ (hashed >> 16)) * 668265263
    scale = 2.0 / 255
    r0 = ((hashed >> 8) & 255).float() * scale - 1
    r1 = ((hashed >> 16) & 255).float() * scale - 1
    r2 = ((hashed >> 23) & 255).float() * scale - 1
    parity = _fraction((column_index + row_index) * 0.5) * 2
    cells = torch.maximum(m[9], m[10])
    visible = (1.4 - 1.2 * footprint * cells).clamp(0, 1)
    # distance to the nearest joint, metres; no cells along a side, no joints there
    cu, cv = column - column_index, row - row_index
    gap_u = torch.minimum(cu, 1 - cu) / m[9].clamp_min(1e-6)
    gap_v = torch.minimum(cv, 1 - cv) / m[10].clamp_min(1e-6)
    gap_u = torch.where(m[9] > 0, gap_u, 1e3)
    gap_v = torch.where((m[10] > 0) & (m[22] > 0), gap_v, 1e3)
    half_joint = m[12] * 0.5
    cover = ((half_joint - torch.minimum(gap_u, gap_v)) / footprint.clamp_min(1e-6) + 0.5).clamp(0, 1)
    thin = (m[12] / footprint.clamp_min(1e-6)).clamp(0, 1)
    joint = 1 - (1 - m[13]) * cover * thin * (m[12] > 0)
    mix = (m[8] * n0 + visible * (m[16] * parity + m[17] * (r1 > 0))).clamp(0, 1)
    tone = (1 + visible * m[14] * r0 + 0.15 * m[8] * n1).clamp_min(0.05) * joint
    colour = m[0:3] + (m[3:6] - m[0:3]) * mix
    hue = visible * m[15]
    tint = torch.stack((1 + hue * r1, 1 + hue * r2, 1 - hue * 0.5 * (r1 + r2))).clamp_min(0.08)
    return (colour * tint * tone).clamp(0, 1)
