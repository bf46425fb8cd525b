"""Sparse depth: which few pixels of a map are kept, by six patterns with exact counts.

Korinevskaya and Makarov 2018 compare uniform samples, samples along the gradient, both, and a regular grid, each with
10 % of the pixels; scan lines are what a rotating laser gives, corners what visual odometry follows. Every draw is keyed by
(seed, epoch, sample index), so the same sample is thinned in the same way on any device and in any batch.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from depthlib.errors import DepthError
from depthlib.randomness import keys, uniform
from depthlib.sample import valid
from depthlib.transfers import sent


def sample_count(height: int, width: int, fraction: float) -> int:
    """How many pixels a fraction is, rounded; at least one.

    Raises:
        DepthError: a fraction outside (0, 1].

    >>> sample_count(240, 320, 0.1)
    7680
    """
    if not 0 < fraction <= 1:
        raise DepthError(f"sampling: fraction is {fraction:g}; expected more than 0 and at most 1, such as 0.1.")
    return max(1, round(fraction * height * width))


def _first(rank: Tensor, allowed: Tensor, count: int) -> Tensor:
    """The ``count`` smallest ranks of each map among allowed pixels: bool [B, 1, H, W]; fewer where fewer are allowed."""
    flat = torch.where(allowed, rank, math.inf).flatten(1)
    if count == 0:
        return torch.zeros_like(allowed)
    last = flat.kthvalue(min(count, flat.shape[1]), dim=1, keepdim=True).values  # a sort would take five times as long
    below, equal = flat < last, flat == last
    # of those that tie for the last places the first pixels win, on every device
    keep = below | (equal & (equal.cumsum(1) <= count - below.sum(1, keepdim=True)))
    return keep.view_as(allowed) & allowed


def _draws(key: Tensor, like: Tensor) -> Tensor:
    """One uniform number a pixel: [B, 1, H, W]."""
    return uniform(key, like[0].numel(), like.device).view_as(like)


def uniformly(depth: Tensor, count: int, key: Tensor) -> Tensor:
    """``count`` valid pixels, each set as likely as any other."""
    return _first(_draws(key, depth), valid(depth), count)


def edge_strength(depth: Tensor) -> Tensor:
    """How steep log depth is at each pixel, from its neighbours left, right, above and below; 0 beside holes."""
    known = valid(depth)
    logs = torch.where(known, depth, 1.0).log()
    strength = torch.zeros_like(logs)
    for axis in (-1, -2):
        size = logs.shape[axis] - 1
        both = known.narrow(axis, 0, size) & known.narrow(axis, 1, size)
        step = torch.where(both, logs.diff(dim=axis).abs(), 0.0)
        before, after = ((1, 0), (0, 1)) if axis == -1 else ((0, 0, 1, 0), (0, 0, 0, 1))
        strength = strength + F.pad(step, before) + F.pad(step, after)
    return strength


def along_gradient(depth: Tensor, count: int, key: Tensor) -> Tensor:
    """``count`` valid pixels drawn without replacement, each in proportion to how steep the depth is there.

    An exponential race: pixel i finishes at −ln(u)/wᵢ, and the first ``count`` are kept. Where the map is flat
    everywhere, this is :func:`uniformly`.
    """
    weight = edge_strength(depth) + 1e-6
    finish = -(_draws(key, depth).clamp_min(2.0**-25)).log() / weight
    return _first(finish, valid(depth), count)


def mixed(depth: Tensor, count: int, key: Tensor) -> Tensor:
    """Half along the gradient, the rest uniformly among the other pixels."""
    half = along_gradient(depth, count // 2, key)
    rest = torch.where(half, 0.0, depth)
    return half | uniformly(rest, count - count // 2, key + 1)


@functools.lru_cache(maxsize=16)  # made point by point; the same for every batch
def _lattice(height: int, width: int, rows: int, count: int, device: torch.device) -> Tensor:
    """``count`` points on ``rows`` evenly spaced rows, evenly spaced in each: bool [H, W]."""
    keep = torch.zeros(height, width, dtype=torch.bool, device=device)
    for i in range(rows):
        here = count * (i + 1) // rows - count * i // rows  # the rows share what does not divide evenly
        v = (2 * i + 1) * height // (2 * rows)
        u = (2 * torch.arange(here, device=device) + 1) * width // (2 * max(1, here))
        keep[v, u] = True
    return keep


def grid(depth: Tensor, count: int, key: Tensor) -> Tensor:
    """``count`` points of a regular grid; those that fall into holes give nothing."""
    height, width = depth.shape[-2:]
    rows = min(height, max(1, round(math.sqrt(count * height / width)), math.ceil(count / width)))
    return _lattice(height, width, rows, count, depth.device).expand_as(depth) & valid(depth)


def scan_lines(depth: Tensor, count: int, key: Tensor, lines: int = 64) -> Tensor:
    """``count`` points on ``lines`` level lines, as a rotating laser leaves them; more lines if these cannot hold them."""
    height, width = depth.shape[-2:]
    rows = min(height, max(lines, math.ceil(count / width)))
    return _lattice(height, width, min(rows, count), count, depth.device).expand_as(depth) & valid(depth)


def corners(depth: Tensor, count: int, key: Tensor, rgb: Tensor | None = None) -> Tensor:
    """The ``count`` strongest corners of the picture (Harris), those that stand alone before those beside a stronger one.

    What a tracker of ORB-like features would have depth for.

    Raises:
        DepthError: no picture.
    """
    if rgb is None:
        raise DepthError("sampling: the pattern corners needs the picture; pass rgb [B, 3, H, W].")
    grey = rgb.mean(1, keepdim=True)
    smooth = F.avg_pool2d(F.pad(grey, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    dx, dy = torch.gradient(smooth, dim=(-1, -2))
    xx, yy, xy = (F.avg_pool2d(t, 5, stride=1, padding=2, count_include_pad=False) for t in (dx * dx, dy * dy, dx * dy))
    response = xx * yy - xy * xy - 0.04 * (xx + yy).square()  # Harris and Stephens 1988
    alone = response == F.max_pool2d(response, 5, stride=1, padding=2)
    span = (response.amax((1, 2, 3), keepdim=True) - response.amin((1, 2, 3), keepdim=True)).clamp_min(1e-12)
    return _first(-(response / span + 2.0 * alone), valid(depth), count)


#: Pattern → function of (depth, count, key) that says which pixels are kept.
PATTERNS: dict[str, Callable[..., Tensor]] = {
    "uniform": uniformly,
    "gradient": along_gradient,
    "mixed": mixed,
    "grid": grid,
    "scan_lines": scan_lines,
    "corners": corners,
}


def sparsify(
    depth: Tensor,
    pattern: str = "uniform",
    fraction: float = 0.1,
    seed: int = 0,
    epoch: int | Sequence[int] = 0,
    indices: Sequence[int] | None = None,
    rgb: Tensor | None = None,
) -> Tensor:
    """Depth at a few pixels, 0 elsewhere.

    Args:
        depth: metres, [B, 1, H, W], 0 = missing.
        pattern: a name of :data:`PATTERNS`.
        fraction: of all H·W pixels; the count is exact where as many pixels are valid (for lattices: where they fall).
        seed, epoch, indices: the key of the draw; indices are the samples' positions in their data set.
        rgb: for ``"corners"``, [B, 3, H, W].

    Raises:
        DepthError: an unknown pattern or a fraction that cannot be.

    Source: Korinevskaya and Makarov 2018 for the first four patterns.

    >>> kept = sparsify(torch.rand(2, 1, 24, 32) + 1, "mixed", 0.1)
    >>> (kept > 0).sum((1, 2, 3))
    tensor([77, 77])
    """
    if pattern not in PATTERNS:
        raise DepthError(f"sampling: pattern {pattern!r} is unknown; expected one of {', '.join(PATTERNS)}.")
    if depth.ndim != 4 or depth.shape[1] != 1:
        raise DepthError(f"sampling: depth is {tuple(depth.shape)}; expected [B, 1, H, W].")
    count = sample_count(depth.shape[-2], depth.shape[-1], fraction)
    key = sent(
        keys(seed, epoch, range(len(depth)) if indices is None else indices, f"sampling {pattern}"), depth.device
    )
    extra = {"rgb": rgb} if pattern == "corners" else {}
    return torch.where(PATTERNS[pattern](depth, count, key, **extra), depth, 0.0)
