"""Ray casting in torch: image tiles, each with the short list of primitives it can meet.

An image is cut into tiles of 16x16 pixels. A primitive is tested only in tiles whose frustum it can touch.
Tiles are sorted by the length of their lists, so step k works on the first tiles only, in whole contiguous
blocks, and no tensor ever holds pixels times primitives; where few tiles are left, a step takes many of their primitives.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from functools import lru_cache
from types import ModuleType

import torch
from torch import Tensor

from depthlib.data.scenes.scene import BOX, ROUND
from depthlib.data.scenes.tiles import TILE

FAR = 1e9
_TOGETHER = 512  # tiles times positions of their lists that an operation takes at least, if there are as many


@lru_cache
def kernels(device: str) -> ModuleType | None:
    """:mod:`depthlib.data.scenes.raycast_gpu`; None on a processor, or where PyTorch came without Triton."""
    if device != "cuda":
        return None
    try:
        return importlib.import_module("depthlib.data.scenes.raycast_gpu")
    except ImportError:
        return None


def frustum_mask(K: Tensor, centre: Tensor, axes: Tensor, rows: int, columns: int) -> Tensor:
    """Which primitives can touch which tile, by the four side planes of the tile's frustum: bool [B, T, P].

    Args:
        K: [B, 3, 3].
        centre: [B, P, 3] in the camera's frame.
        axes: [B, P, 3, 3], columns are half-axes in the camera's frame.
    """
    ahead = centre[..., 2] + axes[..., 2, :].abs().sum(-1) > 0
    masks = []
    for axis, count in ((1, rows), (0, columns)):
        edge = torch.arange(count + 1, device=K.device) * float(TILE) - 0.5
        slope = (edge - K[:, axis, 2, None]) / K[:, axis, axis, None]  # [B, count + 1]
        # plane through the camera: x - slope * z = 0
        signed = centre[:, None, :, axis] - slope[:, :, None] * centre[:, None, :, 2]
        reach = (axes[:, None, :, axis] - slope[:, :, None, None] * axes[:, None, :, 2]).abs().sum(-1)
        reach = reach * 1.0001 + 1e-6
        masks.append((signed + reach > 0)[:, :-1] & (signed - reach < 0)[:, 1:])  # [B, count, P]
    both = masks[0][:, :, None] & masks[1][:, None] & ahead[:, None, None]
    return both.flatten(1, 2)


def candidates(mask: Tensor, base: Tensor) -> tuple[Tensor, Tensor, list[tuple[int, int, int]]]:
    """Lists of primitives from a mask [T, P], one a tile, and in which pieces to work through them.

    Args:
        base: [T], added to the numbers in a tile's list: where its image's primitives begin.

    Returns:
        Tile order [T], the longest list first; table [T, most] of primitives, −1 where a list has ended; and pieces (n, from,
        to): positions from … to − 1 of the lists of the first n tiles. Where few tiles have so long a list, many positions
        are taken together, because many small operations take longer than a large one.
    """
    count = mask.sum(1)
    order = count.argsort(descending=True, stable=True)
    count = count[order]
    tile, primitive = mask[order].nonzero(as_tuple=True)
    start = count.cumsum(0) - count
    most = int(count[0]) if len(count) else 0
    table = torch.full((len(mask), max(most, 1)), -1, dtype=torch.int64, device=mask.device)
    table[tile, torch.arange(len(tile), device=mask.device) - start[tile]] = primitive + base[order][tile]
    active = (count[None] > torch.arange(most, device=mask.device)[:, None]).sum(1).tolist()
    pieces, at = [], 0
    while at < most:
        together = min(max(1, _TOGETHER // active[at]), most - at)
        pieces.append((active[at], at, at + together))
        at += together
    return order, table, pieces


def _listed(numbers: Tensor, table: Tensor) -> Tensor:
    """The numbers of listed primitives, [T, most] → [16, T, most, 1]; where a list has ended, of one that no ray meets."""
    nothing = numbers.new_zeros(1, numbers.shape[1])
    nothing[:, 9:12] = 2.0  # a ray outside, with a direction of 0: where it would enter and leave is not a number
    return torch.cat((numbers, nothing))[table].permute(2, 0, 1).unsqueeze(-1)


def _slab(o: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
    """Where o + t·d enters and leaves |q| ≤ 1 along one axis."""
    inverse = d.reciprocal()
    middle = o * inverse
    reach = inverse.abs_()
    far = reach - middle
    return middle.add_(reach).neg_(), far


def _meet_box(o: Sequence[Tensor], d: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    near, far = _slab(o[0], d[0])
    for axis in (1, 2):
        n, f = _slab(o[axis], d[axis])
        torch.maximum(near, n, out=near)
        torch.minimum(far, f, out=far)
    return near, far


def _meet_round(
    o: Sequence[Tensor], d: Sequence[Tensor], profile: Sequence[Tensor], shift: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Interval inside x² + z² ≤ α + βy + γy², |y| ≤ 1; ``shift`` is a t near the shape, for precision."""
    alpha, beta, gamma = profile
    near, far = _slab(o[1], d[1])
    x, y, z = o if shift is None else [a + shift * b for a, b in zip(o, d, strict=True)]
    dx, dy, dz = d
    gy = gamma * dy
    a = (dx * dx).add_(dz * dz).sub_(gy * dy).clamp_min_(1e-9)
    b = (x * dx).add_(z * dz).sub_(gy * y).sub_(0.5 * beta * dy)
    c = (x * x).add_(z * z).sub_(alpha).sub_((gamma * y).add_(beta).mul_(y))
    root = (b * b).sub_(a * c)
    inverse = a.reciprocal_()
    middle = b.mul_(inverse).neg_() if shift is None else shift - b * inverse
    reach = root.clamp_min(0).sqrt_().mul_(inverse)
    near = torch.maximum(near, middle - reach)
    far = torch.minimum(far, middle + reach)
    return near, torch.where(root > 0, far, -FAR)


def first_hit(
    x: Tensor,
    y: Tensor,
    mask: Tensor,
    base: Tensor,
    kind: Tensor,
    origin: Tensor,
    matrix: Tensor,
    profile: Tensor,
    depth: Tensor,
) -> tuple[Tensor, Tensor]:
    """Nearest primitive along rays (x, y, 1) from the camera.

    Args:
        x, y: [T, 256].
        mask: which primitives to test, bool [T, P].
        base: where the primitives of a tile's image begin, int64 [T].
        kind: [T, P].
        origin, matrix, profile, depth: of all primitives, [B·P, …]. ``origin`` is the camera in unit-shape
            coordinates, ``matrix`` takes camera directions there, ``depth`` is z of the centre.

    Returns:
        (z [T, 256] metres, ``FAR`` where nothing is hit; index [T, 256] of the primitive, −1 for none).
    """
    best = torch.full_like(x, FAR)
    index = torch.full(x.shape, -1, dtype=torch.int32, device=x.device)
    numbers = torch.cat((matrix.flatten(1), origin, profile, depth[:, None]), 1)
    if fast := kernels(x.device.type):
        fast.first_hit(
            x.contiguous(), y.contiguous(), (mask & (kind == BOX), mask & (kind == ROUND)), base, numbers, best, index
        )
        return best, index
    for shape in (BOX, ROUND):
        order, table, pieces = candidates(mask & (kind == shape), base)
        xs, ys, z, i = x[order, None], y[order, None], best[order], index[order]
        listed, primitive = _listed(numbers, table), table.to(torch.int32)
        for n, first, last in pieces:
            m = listed[:, :n, first:last].unbind()  # sixteen [n, k, 1]
            px, py = xs[:n], ys[:n]
            d = [(px * m[r]).add_(py * m[r + 1]).add_(m[r + 2]) for r in (0, 3, 6)]
            near, far = _meet_box(m[9:12], d) if shape == BOX else _meet_round(m[9:12], d, m[12:15], m[15])
            zn = z[:n]
            hit = (near < far).logical_and_(near < zn[:, None]).logical_and_(near > 1e-4)
            if last - first > 1:
                near, who = torch.where(hit, near, FAR).min(1)
                hit, who = near < zn, primitive[:n, first:last].gather(1, who)
            else:
                near, hit, who = near[:, 0], hit[:, 0], primitive[:n, first, None]
            torch.where(hit, near, zn, out=zn)
            torch.where(hit, who, i[:n], out=i[:n])
        best[order], index[order] = z, i
    return best, index


def any_hit(
    start: Tensor,
    way: Tensor,
    mask: Tensor,
    base: Tensor,
    kind: Tensor,
    origin: Tensor,
    matrix: Tensor,
    profile: Tensor,
) -> Tensor:
    """Whether the segment start + t·way, 0 < t < 1, meets a primitive: bool [T, N].

    Args:
        start, way: world coordinates, [3, T, N].
        mask, base, kind: as for :func:`first_hit`.
        origin, matrix: world to unit-shape coordinates, q = matrix · p + origin.
    """
    blocked = torch.zeros(start.shape[1:], dtype=torch.bool, device=start.device)
    numbers = torch.cat((matrix.flatten(1), origin, profile, torch.zeros_like(profile[:, :1])), 1)
    if fast := kernels(start.device.type):
        masks = mask & (kind == BOX), mask & (kind == ROUND)
        fast.any_hit(start.contiguous(), way.contiguous(), masks, base, numbers, blocked.view(torch.int8))
        return blocked
    for shape in (BOX, ROUND):
        order, table, pieces = candidates(mask & (kind == shape), base)
        if not pieces:
            continue
        order = order[: pieces[0][0]]  # only tiles that something may shade
        s, w, found = start[:, order, None], way[:, order, None], blocked[order]
        listed = _listed(numbers, table[: len(order)])
        for n, first, last in pieces:
            m = listed[:, :n, first:last].unbind()  # sixteen [n, k, 1]
            sx, sy, sz = s[:, :n].unbind()
            wx, wy, wz = w[:, :n].unbind()
            d = [(wx * m[r]).add_(wy * m[r + 1]).add_(wz * m[r + 2]) for r in (0, 3, 6)]
            o = [(sx * m[r]).add_(sy * m[r + 1]).add_(sz * m[r + 2]).add_(m[9 + r // 3]) for r in (0, 3, 6)]
            near, far = _meet_box(o, d) if shape == BOX else _meet_round(o, d, m[12:15], None)
            hit = near.clamp_min_(0.0) < far.clamp_max_(1.0)
            found[:n].logical_or_(hit.any(1) if last - first > 1 else hit[:, 0])
        blocked[order] = found
    return blocked
