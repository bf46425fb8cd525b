"""The two questions of :mod:`depthlib.data.scenes.raycast`, asked by Triton: a tile is a program that walks its own list.

In eager PyTorch each of some forty operations on each of some hundred list positions is a kernel launch and a trip through
memory; here a tile's rays stay in registers from the first candidate to the last. Triton comes with PyTorch wherever that
supports a GPU.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from depthlib.data.scenes.raycast import FAR as BEYOND
from depthlib.data.scenes.tiles import TILE

RAYS, SHADOW_RAYS = tl.constexpr(TILE**2), tl.constexpr((TILE // 2) ** 2)
FAR = tl.constexpr(BEYOND)
WIDTH = tl.constexpr(16)  # numbers of a primitive


@triton.jit
def _slab(o, d):
    inverse = 1.0 / d
    middle = o * inverse
    reach = tl.abs(inverse)
    return -(middle + reach), reach - middle


@triton.jit
def _meet(ox, oy, oz, dx, dy, dz, row, shift, ROUND: tl.constexpr):
    """Where o + t·d enters and leaves a unit shape; the formulas of ``raycast._meet_box`` and ``_meet_round``.

    NaN passes on, as in PyTorch: 0 · ∞, a ray inside a face's plane, meets nothing.
    """
    near, far = _slab(oy, dy)
    if ROUND:
        alpha, beta, gamma = tl.load(row + 12), tl.load(row + 13), tl.load(row + 14)
        x, y, z = ox + shift * dx, oy + shift * dy, oz + shift * dz
        gy = gamma * dy
        a = tl.maximum(dx * dx + dz * dz - gy * dy, 1e-9, propagate_nan=tl.PropagateNan.ALL)
        b = x * dx + z * dz - gy * y - 0.5 * beta * dy
        c = x * x + z * z - alpha - (gamma * y + beta) * y
        root = b * b - a * c
        middle = shift - b / a
        reach = tl.sqrt(tl.maximum(root, 0.0, propagate_nan=tl.PropagateNan.ALL)) / a
        near = tl.maximum(near, middle - reach, propagate_nan=tl.PropagateNan.ALL)
        far = tl.where(root > 0, tl.minimum(far, middle + reach, propagate_nan=tl.PropagateNan.ALL), -FAR)
    else:
        near_x, far_x = _slab(ox, dx)
        near_z, far_z = _slab(oz, dz)
        near = tl.maximum(
            tl.maximum(near_x, near, propagate_nan=tl.PropagateNan.ALL), near_z, propagate_nan=tl.PropagateNan.ALL
        )
        far = tl.minimum(
            tl.minimum(far_x, far, propagate_nan=tl.PropagateNan.ALL), far_z, propagate_nan=tl.PropagateNan.ALL
        )
    return near, far


@triton.jit
def _first(x, y, best, index, begin, count, listed, numbers, ROUND: tl.constexpr):
    tile = tl.program_id(0)
    at = tile * RAYS + tl.arange(0, RAYS)
    px, py, z, who = tl.load(x + at), tl.load(y + at), tl.load(best + at), tl.load(index + at)
    start = tl.load(begin + tile)
    for k in range(tl.load(count + tile)):
        primitive = tl.load(listed + start + k)
        row = numbers + primitive * WIDTH
        dx = px * tl.load(row) + py * tl.load(row + 1) + tl.load(row + 2)
        dy = px * tl.load(row + 3) + py * tl.load(row + 4) + tl.load(row + 5)
        dz = px * tl.load(row + 6) + py * tl.load(row + 7) + tl.load(row + 8)
        shift = tl.load(row + 15)  # a z near the shape, for precision
        near, far = _meet(tl.load(row + 9), tl.load(row + 10), tl.load(row + 11), dx, dy, dz, row, shift, ROUND)
        hit = (near < far) & (near < z) & (near > 1e-4)
        z = tl.where(hit, near, z)
        who = tl.where(hit, primitive, who)
    tl.store(best + at, z)
    tl.store(index + at, who)


@triton.jit
def _any(s, w, plane, blocked, begin, count, listed, numbers, ROUND: tl.constexpr):
    tile = tl.program_id(0)
    at = tile * SHADOW_RAYS + tl.arange(0, SHADOW_RAYS)
    sx, sy, sz = tl.load(s + at), tl.load(s + plane + at), tl.load(s + 2 * plane + at)
    wx, wy, wz = tl.load(w + at), tl.load(w + plane + at), tl.load(w + 2 * plane + at)
    found = tl.load(blocked + at) != 0
    start = tl.load(begin + tile)
    for k in range(tl.load(count + tile)):
        row = numbers + tl.load(listed + start + k) * WIDTH
        m0, m1, m2 = tl.load(row), tl.load(row + 1), tl.load(row + 2)
        m3, m4, m5 = tl.load(row + 3), tl.load(row + 4), tl.load(row + 5)
        m6, m7, m8 = tl.load(row + 6), tl.load(row + 7), tl.load(row + 8)
        dx, dy, dz = wx * m0 + wy * m1 + wz * m2, wx * m3 + wy * m4 + wz * m5, wx * m6 + wy * m7 + wz * m8
        ox = sx * m0 + sy * m1 + sz * m2 + tl.load(row + 9)
        oy = sx * m3 + sy * m4 + sz * m5 + tl.load(row + 10)
        oz = sx * m6 + sy * m7 + sz * m8 + tl.load(row + 11)
        near, far = _meet(ox, oy, oz, dx, dy, dz, row, 0.0, ROUND)
        near = tl.maximum(near, 0.0, propagate_nan=tl.PropagateNan.ALL)
        found = found | (near < tl.minimum(far, 1.0, propagate_nan=tl.PropagateNan.ALL))
    tl.store(blocked + at, found.to(tl.int8))


def _lists(mask: Tensor, base: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Where each tile's list begins [T], how long it is [T], and all lists in one; int32."""
    count = mask.sum(1, dtype=torch.int32)
    tile, primitive = mask.nonzero(as_tuple=True)
    begin = count.cumsum(0, dtype=torch.int32) - count
    return begin, count, (primitive + base[tile]).to(torch.int32)


def first_hit(
    x: Tensor, y: Tensor, masks: tuple[Tensor, Tensor], base: Tensor, numbers: Tensor, best: Tensor, index: Tensor
) -> None:
    """Lower ``best`` [T, 256] and set ``index`` where a ray (x, y, 1) first meets a box, then a round primitive.

    Args:
        x, y: [T, 256], contiguous.
        masks: which boxes and which round primitives a tile tests, bool [T, P] each.
        base: where the primitives of a tile's image begin, int64 [T].
        numbers: of all primitives, [B·P, 16]: matrix, origin, profile, depth.
    """
    for round_, mask in enumerate(masks):
        _first[(len(x),)](x, y, best, index, *_lists(mask, base), numbers, ROUND=bool(round_))


def any_hit(
    start: Tensor, way: Tensor, masks: tuple[Tensor, Tensor], base: Tensor, numbers: Tensor, blocked: Tensor
) -> None:
    """Set ``blocked`` int8 [T, 64] where a segment start + t·way meets a primitive; other arguments as above.

    Args:
        start, way: [3, T, 64], contiguous.
    """
    for round_, mask in enumerate(masks):
        _any[(start.shape[1],)](start, way, start[0].numel(), blocked, *_lists(mask, base), numbers, ROUND=bool(round_))
