"""A scene's picture: geometry from :mod:`raycast`, light from :mod:`shading`."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from depthlib import camera
from depthlib.data.scenes import shading
from depthlib.data.scenes.raycast import (
    TILE, Hit, Scene, candidates, from_tiles, leave_hall, local_frames, surface, to_tiles, trace,
)  # fmt: skip
from depthlib.errors import DepthError


@dataclass(frozen=True)
class Frame:
    """A rendered batch. Depth is exact, metres, 0 = nothing there (sky)."""

    rgb: Tensor  # [B, 3, H, W] in 0 … 1
    depth: Tensor  # [B, 1, H, W]
    normals: Tensor  # [B, 3, H, W] unit, camera axes, facing the camera; 0 where depth is 0
    K: Tensor  # [B, 3, 3]
    glass: Tensor  # [B, 1, H, W] bool: windows and other things a depth sensor sees through


def render(
    scene: Scene,
    K: Tensor | None = None,
    pose: Tensor | None = None,
    size: tuple[int, int] = (240, 320),
    shadows: bool = True,
    textures: bool = True,
) -> Frame:
    """Look at scenes.

    Args:
        K: [3, 3] or [B, 3, 3] for ``size``; the scene's own camera without.
        pose: [4, 4] or [B, 4, 4], from the new camera to the scene's own, metres.
        size: rows and columns.
        shadows, textures: cues that can be switched off; without textures surfaces are plain.

    Raises:
        DepthError: a size without pixels.

    >>> from depthlib.data.scenes import make_rooms, render
    >>> frame = render(make_rooms(0, [0, 1]), size=(24, 32))
    >>> frame.rgb.shape, frame.depth.shape, bool((frame.depth > 0).all())
    (torch.Size([2, 3, 24, 32]), torch.Size([2, 1, 24, 32]), True)
    """
    height, width = size
    if height < 2 or width < 2:
        raise DepthError(f"scenes: size is {size}; expected (rows, columns) of 2 or more, such as (240, 320).")
    b, device = len(scene), scene.kind.device
    if K is None:
        K = camera.resize(scene.K, height / scene.base[0], width / scene.base[1])
    K = K.to(device).expand(b, 3, 3)
    to_world = scene.camera
    if pose is not None:
        step = pose.to(device).expand(b, 4, 4).clone()
        step[:, :3, 3] /= scene.unit[:, None]
        to_world = torch.stack([_product(a, m) for a, m in zip(to_world, step, strict=True)])
    # One image at a time stays in a CPU's cache, and cannot depend on its neighbours.
    chunk = 1 if device.type == "cpu" else 32
    parts = [
        _render(scene.rows(i, i + chunk), K[i : i + chunk], to_world[i : i + chunk], size, shadows, textures)
        for i in range(0, b, chunk)
    ]
    rgb, depth, normals, glass = (torch.cat(q) for q in zip(*parts, strict=True))
    return Frame(rgb, depth, normals, K, glass)


def _product(a: Tensor, m: Tensor) -> Tensor:
    return (a[:, :, None] * m[None]).sum(1)


def _render(
    scene: Scene, K: Tensor, to_world: Tensor, size: tuple[int, int], shadows: bool, textures: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    b, (height, width) = len(scene), size
    full = (-(-height // TILE) * TILE, -(-width // TILE) * TILE)
    frames = local_frames(scene)
    seen = camera.rays(K, *full)  # [B, 3, H, W]
    R, origin = to_world[:, :3, :3], to_world[:, :3, 3]
    tiles = to_tiles(seen[:, 0]).shape[0] // b
    ray = [
        to_tiles(sum(R[:, i, j, None, None] * seen[:, j] for j in range(3)))  # type: ignore[arg-type]
        for i in range(3)
    ]
    corners = torch.stack([r.view(b, tiles, -1) for r in ray], -1)
    corners = corners / corners.norm(dim=-1, keepdim=True)
    axis = corners[:, :, (TILE // 2) * TILE + TILE // 2]
    cosine = (corners * axis[:, :, None]).sum(-1).amin(-1).clamp(1e-3, 1)
    maybe = candidates(frames, scene.half, origin, axis, (1 / (cosine * cosine) - 1).clamp_min(0).sqrt() + 1e-4)
    hit: Hit = leave_hall(scene.hall, origin, ray)
    hit = trace(scene, frames, origin, ray, maybe, hit)
    points = [
        r * hit.t + o.repeat_interleave(tiles)[:, None] for r, o in zip(ray, origin.unbind(-1), strict=True)
    ]
    normal, local = surface(scene, frames, points, hit)
    facing = normal[0] * ray[0] + normal[1] * ray[1] + normal[2] * ray[2]
    flip = torch.where(facing > 0, -1.0, 1.0)
    normal = [n * flip for n in normal]

    colour, emission = shading.albedo(scene, normal, local, hit, hit.t, textures)
    light = shading.lit(scene, frames, points, normal, full[0], shadows)
    depth = from_tiles(hit.t, *full)
    open_ = to_tiles(shading.occlusion(scene, depth)) if shadows else torch.ones_like(hit.t)
    if not scene.outdoor:
        for k in range(3):  # corners of the hall see less of it
            low, high = (scene.hall[:, k + o].repeat_interleave(tiles)[:, None] for o in (0, 3))
            gap = torch.minimum(points[k] - low, high - points[k])
            open_ = open_ * (1 - 0.28 * torch.exp(-gap.clamp_min(0) * 3.5))
    up = 0.5 - 0.5 * normal[1]
    linear = []
    for k in range(3):
        ambient = scene.ambient[:, k].repeat_interleave(tiles)[:, None] * (0.7 + 0.3 * up)
        linear.append(colour[k] * (light[k] * (0.4 + 0.6 * open_) + ambient * open_ + emission))
    linear = [from_tiles(q, height, width) for q in linear]
    metres = from_tiles(hit.t, height, width) * scene.unit.view(b, 1, 1)
    sky = metres > scene.far
    if scene.outdoor:
        linear = _air(scene, linear, from_tiles(ray[1], height, width), metres, sky)
    rgb = shading.develop(scene, linear, height, width)
    depth = torch.where(sky, 0.0, metres)[:, None]
    world = [from_tiles(n, height, width) for n in normal]
    seen_normals = [sum(R[:, i, j, None, None] * world[i] for i in range(3)) for j in range(3)]
    normals = torch.stack(seen_normals, 1) * (depth > 0)  # type: ignore[arg-type]
    image = torch.arange(b, device=K.device).repeat_interleave(tiles)[:, None]
    glass = scene.glass[image, hit.primitive]
    return rgb, depth, normals, from_tiles(glass, height, width)[:, None] & (depth > 0)


def _air(scene: Scene, linear: list[Tensor], down: Tensor, metres: Tensor, sky: Tensor) -> list[Tensor]:
    """Sky, brighter towards the horizon, and haze in front of what is far."""
    height = (-down).clamp(0, 0.5) * 2
    haze = 1 - torch.exp(-metres * scene.look[:, 6].view(-1, 1, 1))
    out = []
    for colour, horizon, top in zip(linear, (1.5, 1.6, 1.75), (0.55, 0.8, 1.35), strict=True):
        above = horizon + (top - horizon) * height
        out.append(torch.where(sky, above, colour + (horizon * 0.8 - colour) * haze))
    return out


__all__ = ["F", "Frame", "render"]
