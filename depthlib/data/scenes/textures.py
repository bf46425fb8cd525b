"""Textures: the colour of a surface at a place, from hashed noise; no file is read."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from depthlib.randomness import keys, uniform

(PAINT, WOOD, FABRIC, TILES, BRICKS, STRIPES, PLANKS, BOOKS, WINDOW, PICTURE, DOOR, CHECKS, HOUSE, LEAVES, PANEL) = range(15)
GRAIN = 1 << 21


@lru_cache(maxsize=4)
def noise_tile(device: torch.device) -> Tensor:
    """Periodic noise [1, 3, 513, 513] in 0 … 1: clouds, other clouds, and fine grain."""
    fields = []
    for channel, persistence in enumerate((0.55, 0.7, 1.1)):
        total, weight = torch.zeros(1, 1, 512, 512), 0.0
        for octave in range(3, 10):
            n = 2**octave
            grid = uniform(keys(channel, octave, [0], "noise"), n * n).view(1, 1, n, n)
            grid = F.pad(grid, (1, 1, 1, 1), mode="circular")
            step = 512 // n
            smooth = F.interpolate(grid, scale_factor=step, mode="bicubic")[..., step:-step, step:-step]
            total += persistence ** (octave - 3) * (smooth - 0.5)
            weight += persistence ** (2 * (octave - 3))
        fields.append((0.5 + total * 0.9 / weight**0.5).clamp(0, 1))
    return F.pad(torch.cat(fields, 1), (0, 1, 0, 1), mode="circular").to(device)


@lru_cache(maxsize=4)
def grain(device: torch.device) -> Tensor:
    """Normal random numbers [2^21], for sensor noise and soft shadows."""
    u = uniform(keys(0, 0, [0], "grain"), GRAIN).view(2, -1)
    radius = (-2 * (1 - u[0]).log()).sqrt()
    angle = 2 * torch.pi * u[1]
    return torch.cat((radius * angle.cos(), radius * angle.sin())).to(device)


@lru_cache(maxsize=4)
def _table(device: torch.device) -> Tensor:
    return uniform(keys(0, 0, [0], "cells"), 1 << 16)[0].to(device)


def cell(i: Tensor, j: Tensor) -> Tensor:
    """A uniform number for each integer cell (given as floats)."""
    return _table(i.device)[(i.long() * 7919 + j.long() * 104729) & 0xFFFF]


def noise(u: Tensor, v: Tensor) -> Tensor:
    """Noise that repeats with period 1: [N], [N] → [3, N]."""
    grid = torch.stack((u - u.floor(), v - v.floor()), -1)
    grid = (grid * 512 + 0.5) * (2 / 513) - 1
    return F.grid_sample(noise_tile(u.device), grid[None, None], align_corners=False, padding_mode="border")[0, :, 0]


def _line(distance: Tensor, width: Tensor | float, footprint: Tensor) -> Tensor:
    """How much of a pixel a line covers, by the distance to its middle: 0 … 1."""
    return ((width / 2 - distance) / footprint + 0.5).clamp(0, 1) * (width / footprint).clamp(0, 1)


def _joints(u: Tensor, v: Tensor, width: float | Tensor, footprint: Tensor) -> Tensor:
    """Lines between cells of size 1."""
    du, dv = (u - u.round()).abs(), (v - v.round()).abs()
    return torch.maximum(_line(du, width, footprint), _line(dv, width, footprint))


def paint(
    kind: int, u: Tensor, v: Tensor, hu: Tensor, hv: Tensor, period: Tensor, salt: Tensor, foot: Tensor,
    one: list[Tensor], two: list[Tensor],
) -> tuple[list[Tensor], Tensor | None]:  # fmt: skip
    """Colour of N surface points of one texture.

    Args:
        u, v: position on the face, scene units; v down on upright faces. hu, hv: half the face's size.
        period: size of the pattern; salt: 0 … 1, differs between primitives; foot: size of a pixel there.
        one, two: the two colours, three tensors each.

    Returns: red, green, blue [N], and the share that emits light (windows), or None.
    """
    s, w = u / period, v / period
    fine = foot / period
    shift = salt * 7.31
    mix: Tensor
    gain: Tensor | float = 1.0
    emit = None
    if kind == PAINT:
        n = noise(u * 0.31 + shift, v * 0.31 + salt)
        gain = 0.94 + 0.1 * n[0] + 0.02 * n[2]
        mix = torch.zeros_like(u)
    elif kind in (WOOD, PLANKS):
        row = w.floor() if kind == PLANKS else torch.zeros_like(w)
        pick = cell(row, (salt * 4096).floor())
        board = (s * 0.16 + pick).floor()
        if kind == PLANKS:
            pick = cell(row, board + (salt * 4096).floor())
        n = noise(s * 0.07 + pick + shift, w * 0.55 + pick * 3)
        mix = (1.9 * n[1] - 0.45 + 0.25 * (n[2] - 0.5) / (1 + (fine * 8) ** 2)).clamp(0, 1)
        gain = 0.85 + 0.3 * pick
        if kind == PLANKS:
            seam = torch.maximum(
                _line((w - w.round()).abs(), 0.05, fine),
                _line(((s * 0.16 + cell(row, (salt * 4096).floor())) % 1.0).sub(0.5).abs().sub(0.5).abs() / 0.16, 0.05, fine),
            )
            gain = gain * (1 - 0.55 * seam)
    elif kind in (FABRIC, LEAVES):
        n = noise(s * 0.5 + shift, w * 0.5 + salt)
        strength = 1.0 if kind == LEAVES else 0.5
        mix = (0.5 + strength * 1.6 * (n[2] - 0.5) / (1 + fine * 1.5) + 0.9 * (n[0] - 0.5)).clamp(0, 1)
        gain = 0.9 + 0.2 * n[1]
    elif kind in (TILES, BRICKS):
        if kind == BRICKS:
            s = s * 0.5 + 0.5 * (w.floor() % 2)
        pick = cell(s.floor(), w.floor() + (salt * 4096).floor())
        joint = _joints(s, w, 0.04 if kind == TILES else 0.09, fine)
        n = noise(s * 0.23 + pick + shift, w * 0.23 + pick)
        gain = 0.85 + 0.2 * pick * (1.0 if kind == BRICKS else 0.4) + 0.2 * (n[0] - 0.5) + 0.1
        mix = joint
    elif kind == STRIPES:
        wave = (s - s.floor() - 0.5).abs() - 0.25
        mix = (wave / fine.clamp_min(1e-3) + 0.5).clamp(0, 1)
        mix = mix + (0.5 - mix) * (fine - 0.3).clamp(0, 1)
    elif kind == CHECKS:
        a, b = (s - s.floor() - 0.5).abs() < 0.25, (w - w.floor() - 0.5).abs() < 0.25
        mix = 0.5 * a + 0.5 * b
        border = torch.minimum(hu - u.abs(), hv - v.abs())
        mix = torch.where((border > 0.07) & (border < 0.13), 1.0, mix)
        gain = 0.85 + 0.3 * noise(s * 2 + shift, w * 2)[2]
    elif kind == BOOKS:
        book = s.floor()
        tag = (salt * 4096).floor()
        top = 0.7 + 0.3 * cell(book, tag + 3)
        height = (hv - v) / (2 * hv)
        hue = [0.08 + 0.75 * cell(book, tag + 5 + k) ** 1.7 for k in range(3)]
        grey = (hue[0] + hue[1] + hue[2]) / 3
        hue = [0.55 * h + 0.45 * grey for h in hue]
        band = ((height - 0.25 - 0.4 * cell(book, tag + 9)).abs() < 0.05) & (cell(book, tag + 11) > 0.5)
        edge = ((s - book - 0.5).abs() * 2) ** 6
        gain = (1 - 0.6 * edge) * torch.where(height > top, 0.12, 1.0)
        return [torch.where(band, 0.7, h) * gain for h in hue], None
    elif kind == WINDOW:
        # frame, glazing bars and what is outside; period = number of panes across
        x, y = (u / hu + 1) / 2, (v / hv + 1) / 2
        rim = torch.minimum(hu - u.abs(), hv - v.abs()) < 0.05
        bar = ((x * period - (x * period).round()).abs() / period * 2 * hu < 0.022) | (((y - 0.5).abs() * 2 * hv) < 0.02)
        frame = rim | bar
        n = noise(u * 0.12 + shift, v * 0.12)
        outside = (y * 1.4 - 0.65 + 0.9 * (n[0] - 0.5)).clamp(0, 1)
        sky = [1.0 - 0.75 * outside, 1.04 - 0.62 * outside, 1.12 - 0.85 * outside]
        emit = torch.where(frame, 0.0, 1.0)
        return [torch.where(frame, o, c) for o, c in zip(one, sky, strict=True)], emit
    elif kind == PICTURE:
        x, y = u / hu, v / hv
        frame = torch.minimum(hu - u.abs(), hv - v.abs()) < period
        n = noise(x * 0.11 + shift, y * 0.11 + salt)
        m = noise(y * 0.07 + salt, x * 0.19 + shift)
        horizon = ((y - 0.6 * (salt - 0.5) + (n[0] - 0.5)) * 6).clamp(0, 1)
        out = []
        for k in range(3):
            top, low = cell(shift * 600 + k, salt * 3000), cell(salt * 5000, shift * 50 + k)
            c = (top + (low - top) * horizon) * (0.5 + m[k if k < 2 else 0]) * 0.8
            out.append(torch.where(frame, one[k], c))
        return out, None
    elif kind == DOOR:
        x, y = u.abs() / hu, (v / hv + 1) / 2
        panel = (x > 0.16) & (x < 0.74) & ((y - 0.27).abs() < 0.17) | (x > 0.16) & (x < 0.74) & ((y - 0.73).abs() < 0.2)
        ring = (x > 0.12) & (x < 0.78) & (((y - 0.27).abs() < 0.19) | ((y - 0.73).abs() < 0.22)) & ~panel
        knob = ((u - 0.82 * hu) ** 2 + (v - 0.05 * hv) ** 2) < 0.035**2
        gain = 1.0 - 0.3 * ring - 0.04 * panel
        gain = gain * torch.where((x > 0.94) | (y < 0.02), 1.15, 1.0)
        mix = knob.to(u.dtype)
    elif kind == PANEL:
        # drawers: rows of fronts with a dark gap and a knob
        row = w.floor()
        gap = _line((w - w.round()).abs(), 0.04, fine)
        knob = (((w - row - 0.5) * period) ** 2 + (u.abs() - hu * 0.5) ** 2) < 0.018**2
        n = noise(u * 0.5 + shift, v * 3 + salt)
        gain = (0.9 + 0.2 * n[1]) * (1 - 0.7 * gap)
        mix = knob.to(u.dtype)
    else:  # HOUSE: windows in rows on a plastered or brick front
        i, j = s.floor(), w.floor()
        x, y = s - i - 0.5, w - j - 0.5
        pane = (x.abs() < 0.2) & (y.abs() < 0.27)
        rim = (x.abs() < 0.24) & (y.abs() < 0.31) & ~pane
        n = noise(u * 0.05 + shift, v * 0.05 + salt)
        gain = 0.8 + 0.3 * n[0] + 0.1 * n[2]
        shine = 0.05 + 0.3 * cell(i, j + (salt * 4096).floor()) * (0.5 - y)
        out = [(a * gain) for a in one]
        out = [torch.where(rim, 0.7, torch.where(pane, shine, c)) for c in out]
        return out, None
    return [(a + (b - a) * mix) * gain for a, b in zip(one, two, strict=True)], emit
