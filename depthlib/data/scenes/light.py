"""Light on surfaces: lamps, the sun, the sky's and the room's own glow; and which primitives could stand in its way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from depthlib.data.scenes.kept import kept
from depthlib.data.scenes.materials import noise
from depthlib.data.scenes.scene import EMPTY, Scene
from depthlib.data.scenes.surface import Surface
from depthlib.data.scenes.tiles import TILE, Tiles, every_second

_AMBIENT_REACH = 0.9  # metres; how far an ambient occlusion ray looks
DIRECT = slice(9, 12)  # of a lamp's numbers: colour times power


class ShadowRays(NamedTuple):
    """Segments of every second pixel of every second row, towards S sources of light.

    Attributes:
        start: [3, T, 64] metres, just above the surface.
        ways: [3, S·T, 64], from there to the source: point + way is where it ends.
        near: bool [S·T, P], primitives that a tile's segments may meet.
    """

    start: Tensor
    ways: Tensor
    near: Tensor


@kept
def pattern(device: str) -> tuple[Tensor, Tensor]:
    """Per light sample of a tile, repeating every 4x4: place on an area light [2, 64], point on a sphere [3, 64]."""
    order = torch.tensor([0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5]).reshape(4, 4)
    k = order.repeat(TILE // 8, TILE // 8).flatten()
    area = torch.stack(((k % 4).float() / 2 - 0.75, (k // 4).float() / 2 - 0.75))
    height = 1 - (2 * k + 1) / 16
    angle = k * math.pi * (3 - math.sqrt(5))
    ring = (1 - height * height).sqrt()
    sphere = torch.stack((ring * angle.cos(), height, ring * angle.sin()))
    return area.to(device), (sphere * 0.97).to(device)


def falling(tiles: Tiles, scene: Scene, at: Surface, sunny: bool) -> list[Tensor]:
    """How much of each source's power falls on a surface where nothing stands in between.

    Args:
        sunny: whether the sun is a source; it comes last, after the scene's lights.

    Returns:
        [T, 256] for each source; of a lamp a square metre at most, of the sun the cosine.
    """
    found = []
    for k in range(scene.lights.shape[1]):
        lamp = tiles.planes(scene.lights[:, k])  # [15, T or 1, 1]
        towards = lamp[0:3] - at.point
        square = (towards * towards).sum(0)
        emits = lamp[12:15]
        leaving = (-(towards * emits).sum(0) / square.sqrt()).clamp_min(0)
        leaving = torch.where((emits * emits).sum(0) > 0, leaving, 1.0)
        found.append((at.normal * towards).sum(0).clamp_min(0) / square.sqrt() * leaving / (square + 0.15))
    if sunny:
        aim = tiles.planes(scene.sun)[0:3]
        window = tiles.planes(scene.portal)
        outward = torch.linalg.cross(window[3:6], window[6:9], dim=0)
        to = window[0:3] - at.point
        along = (to * outward).sum(0) / (aim * outward).sum(0)
        through = aim * along - to
        across = (through * window[3:6]).sum(0) / (window[3:6] ** 2).sum(0).clamp_min(1e-9)
        down = (through * window[6:9]).sum(0) / (window[6:9] ** 2).sum(0).clamp_min(1e-9)
        enters = (across.abs() < 1) & (down.abs() < 1) & (across.abs() > 0.03) & (down.abs() > 0.03) & (along > 0)
        falls = (at.normal * aim).sum(0).clamp_min(0)
        found.append(torch.where((window[9] == 0) | enters, falls, 0.0))
    return found


def shadow_rays(tiles: Tiles, scene: Scene, at: Surface, shares: Sequence[Tensor], sunny: bool) -> ShadowRays:
    """From surfaces towards every source whose share is given, and last a little way into the open, for dark corners.

    Args:
        shares: from :func:`falling`; where nothing falls on a tile, nothing needs to be asked.
    """
    normal, hit = every_second(at.normal), every_second(at.hit)
    start = every_second(at.point) + normal * (2e-3 + 3e-4 * every_second(at.z))
    low, high = start.amin(-1).t(), start.amax(-1).t()  # [T, 3]
    area, sphere = pattern(str(start.device))
    before = _before(start, normal, hit, scene) & (tiles.each(scene.kind) != EMPTY)
    caster = before & ~tiles.each(scene.shell)
    radii = tiles.each(scene.half.norm(dim=-1))
    ways: list[Tensor] = []
    nears: list[Tensor] = []
    for k, share in enumerate(shares):
        lit = (every_second(share > 0) & hit).any(-1)
        if sunny and k == len(shares) - 1:
            reach = torch.where(scene.portal[:, 9] > 0, 12.0, 60.0)
            source = tiles.each(scene.sun[:, 0:3] * reach[:, None]) + (low + high) / 2
            spread = (high - low).norm(dim=-1, keepdim=True) / 2
            soft = torch.stack((area[0], torch.zeros_like(area[0]), area[1]))[:, None] * 0.012
            way = (tiles.planes(scene.sun)[0:3] + soft) * tiles.each(reach)[:, None]
            ways.append(way.expand_as(start))
        else:
            source = scene.lights[tiles.image, k, 0:3]
            spread = scene.lights[tiles.image, k, 3:9].norm(dim=-1, keepdim=True)
            lamp = tiles.planes(scene.lights[:, k])
            ways.append(lamp[0:3] + lamp[3:6] * area[0] + lamp[6:9] * area[1] - start)
        nears.append(_cone_mask(low, high, source, spread, scene.centre, radii) & caster & lit[:, None])
    extent = tiles.each((scene.rotation.abs() * scene.half[..., None, :]).sum(-1))
    margin = _AMBIENT_REACH * 0.9
    nears.append(
        _near_mask(low - margin, high + margin, tiles.each(scene.centre), extent) & before & hit.any(-1)[:, None]
    )
    ways.append((normal + sphere[:, None]) * (0.6 * _AMBIENT_REACH))
    return ShadowRays(start, torch.cat(ways, 1), torch.cat(nears))


def radiance(
    tiles: Tiles, scene: Scene, at: Surface, shares: Sequence[Tensor], stopped: Tensor | None, sunny: bool, outside: bool
) -> Tensor:  # fmt: skip
    """The light that each pixel's ray brings back: [3, T, 256], linear.

    Args:
        shares: from :func:`falling`.
        stopped: bool [S·T, 64], which of the shadow rays met something; None for a world without shadows.
        sunny: whether the last share is the sun's.
        outside: look out of the windows; False where no ray of these images leaves the scene.
    """
    ambient = tiles.planes(scene.ambient)
    upward = 0.5 - 0.5 * at.normal[1]
    received = ambient[3:6] + (ambient[0:3] - ambient[3:6]) * upward
    if stopped is not None:
        clear = 1 - stopped.reshape(-1, len(tiles.image), stopped.shape[-1]).float()
        seen = _spread(clear, at.face, tiles)
        received = received * (0.22 + 0.78 * seen[-1])
        shares = [share * part for share, part in zip(shares, seen, strict=False)]
    shine = torch.zeros_like(at.z)
    view = -at.way / at.length
    for k, share in enumerate(shares):
        if sunny and k == len(shares) - 1:
            received = received + tiles.planes(scene.sun)[3:6] * share
            continue
        lamp = tiles.planes(scene.lights[:, k])
        power = lamp[DIRECT]
        received = received + power * share
        towards = lamp[0:3] - at.point
        middle = towards / (towards * towards).sum(0).sqrt() + view
        cosine = ((at.normal * middle).sum(0) / (middle * middle).sum(0).sqrt()).clamp_min(0)
        c2 = cosine * cosine
        c8 = c2 * c2 * c2 * c2
        shine = shine + (c8 * c8 * c8 * c8) * power.mean(0) * share
    fresnel = (1 - at.slope) ** 4
    light = at.albedo * received + at.gloss * (0.9 * shine + 0.5 * fresnel * ambient[0:3].mean(0))
    light = light + at.glow * at.albedo
    sky = tiles.planes(scene.sky)
    light = light + (sky[3:6] - light) * (at.z / (at.z + sky[6]))  # haze
    return torch.where(leaves(at), _outside(at.way, sky), light) if outside else light


def leaves(at: Surface) -> Tensor:
    """Where a ray meets no surface, or a window: bool [T, 256]."""
    return ~at.hit | ((at.glass > 0.5) & (at.glass < 1.5))


def _outside(way: Tensor, sky: Tensor) -> Tensor:
    """The sky and a hazy line of trees far away, by direction in the world: [3, ...], linear light."""
    up = -way[1] / (way * way).sum(0).sqrt()
    blend = (up * 2.2).clamp(0, 1).sqrt()
    light = sky[3:6] + (sky[0:3] - sky[3:6]) * blend
    side = torch.where(way[2].abs() > way[0].abs(), way[0] / way[2].abs().clamp_min(1e-3), way[2] / way[0].abs())
    ragged = noise((side * 3 + 1.7).flatten() / 8, (up * 4 + 0.37).flatten() / 8)[0].reshape(side.shape)
    green = (0.10 + 0.06 * ragged - up) * 30
    trees = torch.stack((0.30 + 0.10 * ragged, 0.38 + 0.12 * ragged, 0.25 + 0.08 * ragged)).clamp_min(0.05)
    return light + (trees * sky[3:6] * 0.7 - light) * green.clamp(0, 1) * 0.9


def _along(ways: Tensor, points: Tensor) -> Tensor:
    """Scalar products of every tile's direction with its image's points: [T, 3], [B, N, 3] → [T, N]."""
    return (ways.reshape(len(points), -1, 3) @ points.transpose(1, 2)).flatten(0, 1)


def _near_mask(low: Tensor, high: Tensor, centre: Tensor, extent: Tensor) -> Tensor:
    """Which primitives' bounding boxes meet a tile's: low, high [T, 3]; centre, extent [T or 1, P, 3]."""
    near = None
    for axis in range(3):
        c, e = centre[..., axis], extent[..., axis]
        part = (c + e > low[:, axis, None]) & (c - e < high[:, axis, None])
        near = part if near is None else near & part
    assert near is not None
    return near


def _cone_mask(low: Tensor, high: Tensor, light: Tensor, spread: Tensor, centre: Tensor, radius: Tensor) -> Tensor:
    """Which bounding spheres can stand between a tile's points and a light: bool [T, P].

    Args:
        low, high: bounds of the tile's points, [T, 3].
        light, spread: [T, 3], [T, 1]: the light's centre and radius.
        centre, radius: [B, P, 3], [T or 1, P].
    """
    middle, reach = (low + high) / 2, (high - low).norm(dim=-1, keepdim=True) / 2
    to_tile = middle - light
    length = to_tile.norm(dim=-1, keepdim=True).clamp_min(1e-6)
    way = to_tile / length
    along = _along(way, centre) - (light * way).sum(-1, keepdim=True)
    square = _along(-2 * light, centre) + (light * light).sum(-1, keepdim=True)
    square = square.reshape(len(centre), -1, centre.shape[1]) + (centre * centre).sum(-1)[:, None]
    away = (square.flatten(0, 1) - along * along).clamp_min(0).sqrt()
    part = (along / length).clamp(0, 1)  # the beam narrows from the light's width to the tile's
    width = spread + (reach - spread) * part + 0.02
    return (away < radius + width) & (along > -radius - spread) & (along < length + reach + radius)


def _before(start: Tensor, n: Tensor, hit: Tensor, scene: Scene) -> Tensor:
    """Which primitives reach in front of a tile's surface, if that is flat: bool [T, P]."""
    first = n[:, :, 0]
    flat = ((n * first[:, :, None]).sum(0).amin(-1) > 0.9999) & hit.all(-1)
    level = (start * first[:, :, None]).sum(0).amin(-1)
    across = first.t()
    axes = (scene.rotation * scene.half[..., None, :]).transpose(2, 3)  # rows are half-axes
    ahead = _along(across, scene.centre)
    for k in range(3):
        ahead += _along(across, axes[:, :, k]).abs()
    return (ahead > level[:, None]) | ~flat[:, None]


def _spread(few: Tensor, face: Tensor, tiles: Tiles) -> Tensor:
    """Average over the 4x4 pattern of light samples, then fill all pixels; both within one face.

    Shape: few [S, T, 64], face [T, 256] → [S, T, 256].
    """
    values = tiles.join(few, TILE // 2)  # [S, B, h, w]
    faces = tiles.join(face)  # [B, H, W]
    coarse = faces[:, ::2, ::2].contiguous()
    for axis in (2, 1):
        length = coarse.shape[axis]
        total, weight = values.clone(), torch.ones_like(coarse, dtype=torch.float32)
        for offset, w in ((1, 1.0), (2, 0.5)):
            a, b = coarse.narrow(axis, offset, length - offset), coarse.narrow(axis, 0, length - offset)
            same = (a == b).float() * w
            for into, source in ((offset, 0), (0, offset)):
                total.narrow(axis + 1, into, length - offset).add_(
                    values.narrow(axis + 1, source, length - offset) * same
                )
                weight.narrow(axis, into, length - offset).add_(same)
        values = total / weight
    # pixel (2i + r, 2j + c) lies r/2, c/2 of the way to the next samples
    down = torch.cat((values[:, :, 1:], values[:, :, -1:]), 2), torch.cat((coarse[:, 1:], coarse[:, -1:]), 1)
    corners = []
    for v, f in ((values, coarse), down):
        corners.append((v, f))
        corners.append((torch.cat((v[..., 1:], v[..., -1:]), -1), torch.cat((f[..., 1:], f[..., -1:]), -1)))
    full = torch.empty(len(few), *faces.shape, device=few.device)
    for r in (0, 1):
        for c in (0, 1):
            mine = faces[:, r::2, c::2]
            total, weight = values * 1e-3, torch.full(coarse.shape, 1e-3, device=few.device)
            for k in sorted({0, 2 * r, c, 2 * r + c}):
                v, f = corners[k]
                same = (f == mine).float()
                total = total + v * same
                weight = weight + same
            full[:, :, r::2, c::2] = total / weight
    return tiles.cut(full.flatten(0, 1)).reshape(len(few), -1, TILE * TILE)
