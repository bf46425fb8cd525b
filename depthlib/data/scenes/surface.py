"""What a ray has met: the place, the way the surface faces there, and its colour."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from depthlib.data.scenes.materials import paint
from depthlib.data.scenes.scene import BOX, Scene
from depthlib.data.scenes.tiles import Tiles


class Surface(NamedTuple):
    """The surface behind each pixel of T tiles, in world coordinates.

    Attributes:
        hit: bool [T, 256], whether there is one.
        z: [T, 256] metres along the camera's axis; 50 where there is none.
        way: [3, T, 256], the ray's direction, one metre along the axis.
        length: [T, 256], of ``way``.
        point: [3, T, 256].
        normal: [3, T, 256], unit, facing the camera.
        slope: [T, 256], cosine between ray and normal, at least 0.05.
        face: int32 [T, 256], differs between primitives and between the sides of a box.
        albedo: [3, T, 256], linear light.
        gloss, glow, glass: [T, 256].
    """

    hit: Tensor
    z: Tensor
    way: Tensor
    length: Tensor
    point: Tensor
    normal: Tensor
    slope: Tensor
    face: Tensor
    albedo: Tensor
    gloss: Tensor
    glow: Tensor
    glass: Tensor


def turned(turn: Tensor, v: Tensor) -> Tensor:
    """Matrices times vectors: [9, ...], [3, ...] → [3, ...]."""
    return torch.stack([turn[3 * a] * v[0] + turn[3 * a + 1] * v[1] + turn[3 * a + 2] * v[2] for a in range(3)])


def turned_back(turn: Tensor, v: Tensor) -> Tensor:
    """The transposed matrices times vectors: [9, ...], [3, ...] → [3, ...]."""
    return torch.stack([turn[a] * v[0] + turn[3 + a] * v[1] + turn[6 + a] * v[2] for a in range(3)])


def surface(
    tiles: Tiles, scene: Scene, K: Tensor, x: Tensor, y: Tensor, depth: Tensor, index: Tensor, textures: bool
) -> Surface:  # fmt: skip
    """The surface at each ray's first hit.

    Args:
        tiles: how the images are cut.
        scene, K: B scenes, [B, 3, 3].
        x, y: rays (x, y, 1) in the camera's frame, [T, 256].
        depth, index: from :func:`depthlib.data.scenes.raycast.first_hit`.
        textures: paint surfaces; else each has its mean colour.
    """
    hit = index >= 0
    z = torch.where(hit, depth, 50.0)
    turn, place = tiles.planes(scene.pose[:, :3, :3].flatten(1)), tiles.planes(scene.pose[:, :3, 3])
    way = torch.stack([turn[3 * a] * x + turn[3 * a + 1] * y + turn[3 * a + 2] for a in range(3)])
    point = place + way * z
    table = torch.cat((
        scene.rotation.reshape(-1, 9), scene.centre.reshape(-1, 3), scene.half.reshape(-1, 3),
        scene.profile.reshape(-1, 3), scene.kind.reshape(-1, 1).float(), scene.material.flatten(0, 1),
    ), 1)  # fmt: skip
    g = table.t().contiguous().index_select(1, index.clamp_min(0).flatten()).reshape(-1, *x.shape)
    r, half, profile, m = g[0:9], g[12:15], g[15:18], g[19:].flatten(1)
    q = turned_back(r, point - g[9:12])  # metres, in the primitive's frame
    unit = q / half
    size = unit.abs()
    # a box's face is its largest coordinate; a round one has caps, and elsewhere the gradient
    on_y = (size[1] >= size[0]) & (size[1] >= size[2])
    on_x = (size[0] >= size[2]) & ~on_y
    round_ = g[18] != BOX
    ends = profile[0] + unit[1].sign() * profile[1] + profile[2]
    cap = (size[1] > 0.9999) & (ends > 1e-3)
    gx, gy, gz = unit[0] / half[0], -(0.5 * profile[1] + profile[2] * unit[1]) / half[1], unit[2] / half[2]
    flat_x, flat_y = torch.where(round_, False, on_x), torch.where(round_, cap, on_y)
    flat = torch.where(round_, cap, True)
    local = torch.stack((
        torch.where(flat, flat_x.float() * unit[0].sign(), gx),
        torch.where(flat, flat_y.float() * unit[1].sign(), gy),
        torch.where(flat, (~(flat_x | flat_y)).float() * unit[2].sign(), gz),
    ))  # fmt: skip
    normal = turned(r, local / (local * local).sum(0).sqrt().clamp_min(1e-12))
    facing = (normal * way).sum(0)
    normal = torch.where(facing > 0, -normal, normal)
    length = (way * way).sum(0).sqrt()
    slope = (facing.abs() / length).clamp_min(0.05)
    if textures:
        u, v = torch.where(on_x, q[2], q[0]).flatten(), torch.where(on_y, q[2], q[1]).flatten()
        footprint = (z * length / (K[:, 0, 0].min() * slope.sqrt())).flatten()
        albedo = paint(m, u, v, footprint)
    else:
        albedo = m[0:3] + 0.5 * (m[3:6] - m[0:3]) * m[8].clamp(0, 1)
    gloss, glow, glass = m[18:21].reshape(3, *x.shape)
    face = index * 4 + torch.where(on_x, 1, torch.where(on_y, 2, 3))
    return Surface(
        hit, z, way, length, point, normal, slope, face, albedo.reshape(3, *x.shape), gloss, glow, glass
    )  # fmt: skip
