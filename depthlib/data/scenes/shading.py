"""Light and lens: from surfaces to a picture.

Diffuse light from every lamp, falling off with the square of the distance and blocked by whatever stands in
between (soft-edged: each pixel looks at another point of the lamp); light from all around, darker in corners
and where things touch; then exposure, white balance, vignetting, a tone curve, blur and noise.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from depthlib.data.scenes import textures
from depthlib.data.scenes.raycast import (
    MISS, PLANES, TILE, Hit, Scene, candidates, from_tiles, to_tiles, trace,
)  # fmt: skip


def albedo(
    scene: Scene, normal: list[Tensor], local: list[Tensor], hit: Hit, depth: Tensor, textured: bool
) -> tuple[list[Tensor], Tensor]:
    """Colour of the surfaces, three tensors [B·T, 256], and the light they give off."""
    b, p = scene.kind.shape
    shape = hit.t.shape
    image = torch.arange(b, device=hit.t.device).repeat_interleave(shape[0] // b)[:, None]
    flat = (image * p + hit.primitive).view(-1)
    one = [c[flat] for c in scene.colour.reshape(b * p, 3).unbind(-1)]
    emission = scene.emission.reshape(-1)[flat]
    if not textured:
        return [c.view(shape) for c in one], emission.view(shape)
    two_all = scene.second.reshape(b * p, 3)
    kind = scene.texture.reshape(-1)[flat]
    period = scene.period.reshape(-1)
    half = scene.half.reshape(b * p, 3)
    yaw = scene.yaw.reshape(-1)
    x, y, z = (q.view(-1) for q in local)
    n = [q.view(-1) for q in normal]
    size = (depth.view(-1) / (scene.K[:, 0, 0] * 0.5)[image].expand(shape).reshape(-1)).clamp_min(1e-4)
    for k in range(15):
        at = (kind == k).nonzero()[:, 0]
        if at.numel() == 0:
            continue
        row = flat[at]
        c, s = yaw[row].cos(), yaw[row].sin()
        nx, ny, nz = n[0][at], n[1][at], n[2][at]
        ax, ay, az = (c * nx + s * nz).abs(), ny.abs(), (c * nz - s * nx).abs()
        level, side = (ay >= ax) & (ay >= az), ax > az
        lx, ly, lz = x[at], y[at], z[at]
        hx, hy, hz = half[row].unbind(-1)
        u, hu = torch.where(side & ~level, lz, lx), torch.where(side & ~level, hz, hx)
        v, hv = torch.where(level, lz, ly), torch.where(level, hz, hy)
        salt = textures.cell(row % p + 17.0, scene.salt[image.expand(shape).reshape(-1)[at]] % 4096.0)
        painted, glow = textures.paint(
            k, u, v, hu, hv, period[row], salt, size[at], [q[at] for q in one],
            [q[row] for q in two_all.unbind(-1)],
        )  # fmt: skip
        for q, new in zip(one, painted, strict=True):
            q[at] = new
        if glow is not None:
            emission[at] = emission[at] * glow
    return [c.view(shape) for c in one], emission.view(shape)


def lit(scene: Scene, frames: Tensor, points: list[Tensor], normal: list[Tensor], rows: int, shadows: bool) -> list[Tensor]:
    """Irradiance from the lamps, three tensors [B·T, 256]; ``rows`` pixels are an image's padded height."""
    b = len(scene)
    tiles = points[0].shape[0] // b
    total = [torch.zeros_like(points[0]) for _ in range(3)]
    grain = textures.grain(points[0].device)
    for k in range(scene.lights.shape[1]):
        jitter = [grain[(3 * k + c) * 65536 :][: tiles * TILE * TILE].view(tiles, -1) for c in range(3)]
        spread = scene.look[:, 7].view(b, 1, 1)
        light = scene.lights[:, k]
        d = []
        for c in range(3):
            away = points[c].view(b, tiles, -1) - light[:, c].view(b, 1, 1)
            d.append((away - spread * jitter[c].clamp(-2, 2)).view(b * tiles, -1) if shadows else away.view(b * tiles, -1))
        square = d[0] * d[0] + d[1] * d[1] + d[2] * d[2]
        distance = square.sqrt().clamp_min(1e-3)
        cosine = -(d[0] * normal[0] + d[1] * normal[1] + d[2] * normal[2]) / distance
        cosine = cosine.clamp_min(0)
        if shadows:
            # rays start at the lamp: a tile's points lie in a ball, the ball in a cone
            middle = torch.stack([q.view(b, tiles, -1).amin(-1) + q.view(b, tiles, -1).amax(-1) for q in d], -1) / 2
            radius = sum(((q.view(b, tiles, -1) - middle[..., c, None]) ** 2 for c, q in enumerate(d)))
            radius = radius.amax(-1).sqrt()  # type: ignore[union-attr]
            length = middle.norm(dim=-1)
            inside = length <= radius * 1.05
            tangent = radius / (length * length - radius * radius).clamp_min(1e-6).sqrt()
            maybe = candidates(frames, scene.half, light, middle / length[..., None].clamp_min(1e-6), tangent)
            maybe = (maybe | inside[..., None]) & (scene.emission <= 0)[:, None]
            limit = 1 - 0.012 / distance
            shade = trace(scene, frames, light, d, maybe, Hit(limit, torch.zeros_like(d[0], dtype=torch.long)))
            open_ = _soften(from_tiles((shade.t >= limit).to(cosine.dtype), rows, tiles * TILE * TILE // rows), b, normal, rows)
            cosine = cosine * open_
        fall = cosine / (square + 0.05)
        for c in range(3):
            power = scene.power[:, k, c].repeat_interleave(tiles)[:, None]
            total[c] = total[c] + power * fall
    return total


def _soften(open_: Tensor, b: int, normal: list[Tensor], rows: int) -> Tensor:
    """Average shadow over 5x5 pixels of the same orientation. [B, H, W] → [B·T, 256]."""
    columns = open_.shape[-1]
    code = from_tiles(normal[0] + 3.1 * normal[1] + 7.7 * normal[2], rows, columns)
    padded, codes = (F.pad(q[:, None], (2, 2, 2, 2), mode="replicate")[:, 0] for q in (open_, code))
    total, weight = open_.clone(), torch.ones_like(open_)
    for dy, dx in ((-2, -1), (-1, 2), (2, 1), (1, -2), (-1, -1), (1, 1), (-1, 1), (1, -1), (0, 2), (0, -2), (2, 0), (-2, 0)):
        window = (slice(None), slice(2 + dy, 2 + dy + rows), slice(2 + dx, 2 + dx + columns))
        same = ((codes[window] - code).abs() < 0.3).to(open_.dtype)
        total, weight = total + padded[window] * same, weight + same
    return to_tiles(total / weight)


def occlusion(scene: Scene, depth: Tensor) -> Tensor:
    """How open the surroundings are, by the depth of neighbouring pixels: [B, H, W] → [B, H, W] in 0 … 1.

    A neighbour pair on opposite sides that is nearer than the plane through the pixel hides some light.
    """
    b, h, w = depth.shape
    z = F.avg_pool2d(depth[:, None].clamp(max=200), 2, ceil_mode=True)[:, 0]
    total = torch.zeros_like(z)
    hh, ww = z.shape[1:]
    reaches = [max(1, round(w * f)) for f in (0.006, 0.014, 0.03)]
    pad = max(reaches)
    padded = F.pad(z[:, None], (pad,) * 4, mode="replicate")[:, 0]

    def at(dy: int, dx: int) -> Tensor:
        return padded[:, pad + dy : pad + dy + hh, pad + dx : pad + dx + ww]

    inverse = 1 / z.clamp_min(1e-3)
    for r in reaches:
        for dy, dx in ((0, r), (r, 0), (r, r), (r, -r)):
            # in inverse depth a plane is linear, so a convex pair lies above the plane by this much
            closer = (2 - (1 / at(dy, dx).clamp_min(1e-3) + 1 / at(-dy, -dx).clamp_min(1e-3)) * z) * inverse * 0 + (
                z - 0.5 * (at(dy, dx) + at(-dy, -dx))
            ) * inverse
            scaled = closer * (w / r) * 0.35
            total = total + scaled.clamp(0, 1) / (1 + (closer * 4).clamp_min(0) ** 2)
    open_ = (1 - 0.55 * total / len(reaches)).clamp(0.25, 1)
    return F.interpolate(open_[:, None], size=(h, w), mode="bilinear")[:, 0]


def develop(scene: Scene, light: list[Tensor], height: int, width: int) -> Tensor:
    """Lens and sensor: linear light, three [B, H, W] → colour in 0 … 1, [B, 3, H, W]."""
    rgb = torch.stack(light, 1)
    look = scene.look
    gain = look[:, 0, None] * look[:, 1:4]
    y = torch.linspace(-1, 1, height, device=rgb.device)[:, None]
    x = torch.linspace(-1, 1, width, device=rgb.device)
    fade = 1 - look[:, 4].view(-1, 1, 1) * (x * x + 0.6 * y * y)
    rgb = rgb * gain[..., None, None] * fade[:, None]
    rgb = rgb * (1 + rgb * 0.12) / (1 + rgb)  # shoulder, Reinhard et al. 2002, eq. 4
    rgb = rgb.clamp(0, 1).sqrt() * 0.93 + 0.07 * rgb.clamp(0, 1)  # about gamma 2
    padded = F.pad(rgb, (1, 1, 1, 1), mode="replicate")
    cross = padded[..., 1:-1, 2:] + padded[..., 1:-1, :-2] + padded[..., 2:, 1:-1] + padded[..., :-2, 1:-1]
    rgb = 0.52 * rgb + 0.12 * cross
    count = 3 * height * width
    table = textures.grain(rgb.device)
    sensor = []
    for salt, level in zip(scene.salt.tolist(), look[:, 5], strict=True):
        start = salt % max(1, textures.GRAIN - count)
        piece = table[start : start + count]
        if piece.numel() < count:
            piece = piece.repeat(-(-count // piece.numel()))[:count]
        sensor.append(piece.view(3, height, width) * level)
    return (rgb * 1.04 + torch.stack(sensor) * (0.6 + 0.8 * (1 - rgb))).clamp(0, 1)


__all__ = ["MISS", "PLANES", "albedo", "develop", "lit", "occlusion"]
