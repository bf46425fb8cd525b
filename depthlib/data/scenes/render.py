"""From a scene to a picture: first hits, light, shadow, and the camera's own faults."""

from __future__ import annotations

import math
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from depthlib import camera, randomness
from depthlib.data.scenes import raycast
from depthlib.data.scenes.materials import noise_table, paint
from depthlib.data.scenes.raycast import FAR, TILE
from depthlib.data.scenes.scene import BOX, EMPTY, Scene
from depthlib.errors import DepthError
from depthlib.sample import check_size

_CHUNK = {"cpu": 1, "cuda": 64}  # images at once: one stays in a core's cache; many fill a GPU
_AMBIENT_REACH = 0.9  # metres; how far an ambient occlusion ray looks
_DIRECT, _SUN, _SKY = slice(9, 12), slice(0, 3), slice(3, 6)


@dataclass(frozen=True)
class Frame:
    """What a camera sees, with the truth behind it.

    Attributes:
        rgb: [B, 3, H, W] in [0, 1].
        depth: [B, 1, H, W] metres along the axis at the pixel's centre; 0 where the ray leaves the scene (sky).
        normals: [B, 3, H, W] unit, camera frame, facing the camera; 0 where depth is 0.
        K: [B, 3, 3].
        albedo: [B, 3, H, W] in [0, 1], the surfaces' own colour in linear light.
        ids: int64 [B, H, W], the primitive's number, −1 for sky.
        glass: bool [B, 1, H, W], surfaces that return no light to a depth sensor: glass and mirrors.
        gloss: [B, 1, H, W], 0 dull … 1 mirror-like.
    """

    rgb: Tensor
    depth: Tensor
    normals: Tensor
    K: Tensor
    albedo: Tensor
    ids: Tensor
    glass: Tensor
    gloss: Tensor


@lru_cache(maxsize=8)
def _pattern(device: str) -> tuple[Tensor, Tensor]:
    """Per light sample of a tile, repeating every 4x4: place on an area light [2, 64], point on a sphere [3, 64]."""
    order = torch.tensor([0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5]).reshape(4, 4)
    k = order.repeat(TILE // 8, TILE // 8).flatten()
    area = torch.stack(((k % 4).float() / 2 - 0.75, (k // 4).float() / 2 - 0.75))
    height = 1 - (2 * k + 1) / 16
    angle = k * math.pi * (3 - math.sqrt(5))
    ring = (1 - height * height).sqrt()
    sphere = torch.stack((ring * angle.cos(), height, ring * angle.sin()))
    return area.to(device), (sphere * 0.97).to(device)


@lru_cache(maxsize=4)
def _grain(device: str) -> Tensor:
    """A tile of Gaussian noise, [3, 512, 512], of which every picture takes its own part."""
    u = randomness.uniform(randomness.keys(0, 0, range(6), "grain"), 512 * 512).reshape(2, 3, 512, 512)
    return ((-2 * (1 - u[0]).log()).sqrt() * (2 * math.pi * u[1]).cos()).to(device)


def render(
    scene: Scene, K: Tensor, pose: Tensor | None = None, height: int = 240, width: int = 320, *,
    shadows: bool = True, textures: bool = True, sensor: bool = True,
) -> Frame:  # fmt: skip
    """Look at scenes with a camera.

    Args:
        scene: B scenes.
        K: intrinsics in pixels, [3, 3] or [B, 3, 3].
        pose: camera to world, [4, 4] or [B, 4, 4]; the scenes' own camera without it.
        height, width: of the image, pixels.
        shadows: cast shadows and darken corners (ambient occlusion).
        textures: paint surfaces; else each has its mean colour.
        sensor: vignetting, blur and noise.

    Raises:
        DepthError: a size, K or pose that cannot be.

    >>> from depthlib import camera
    >>> from depthlib.data.scenes import make_rooms
    >>> frame = render(make_rooms(0, [0]), camera.from_field_of_view(24, 32, 60), height=24, width=32)
    >>> frame.rgb.shape, bool((frame.depth > 0).all())
    (torch.Size([1, 3, 24, 32]), True)
    """
    check_size((height, width), "render")
    batch, device = len(scene), scene.kind.device
    pose = scene.pose if pose is None else pose.to(device)
    if K.shape[-2:] != (3, 3) or pose.shape[-2:] != (4, 4):
        raise DepthError(f"K is {tuple(K.shape)}, pose {tuple(pose.shape)}; expected [B, 3, 3] and [B, 4, 4].")
    K = K.to(device).expand(batch, 3, 3)
    pose = pose.expand(batch, 4, 4)
    step = _CHUNK.get(device.type, 1)

    def part(i: int) -> tuple[Tensor, ...]:
        n = slice(i, i + step)
        with torch.inference_mode():  # a third less overhead; the joined result is an ordinary tensor again
            return _render(scene[n], K[n], pose[n], height, width, shadows, textures, sensor)

    starts = range(0, batch, step)
    pool = _pool(os.getpid(), torch.get_num_threads()) if device.type == "cpu" and len(starts) > 1 else None
    parts = [part(i) for i in starts] if pool is None else list(pool.map(part, starts))
    rgb, depth, normals, albedo, ids, glass, gloss = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
    return Frame(rgb, depth, normals, K, albedo, ids, glass, gloss)


@lru_cache(maxsize=1)
def _pool(process: int, threads: int) -> ThreadPoolExecutor | None:
    """Threads that render one image each, which beats many threads on one image; none where torch has one."""
    if threads < 2:
        return None
    pool = ThreadPoolExecutor(threads, "scenes", initializer=torch.set_num_threads, initargs=(1,))
    list(pool.map(lambda _: time.sleep(0.01), range(threads)))  # start them all
    torch.set_num_threads(threads)  # the setting is a thread's own, but the default of later threads is shared
    return pool


def _gather(table: Tensor, index: Tensor) -> Tensor:
    """Rows of [B·P, F] at [N], as planes [F, N]."""
    return table.t().contiguous().index_select(1, index)


def _camera_axes(scene: Scene, pose: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Primitives in the camera's frame (centre, half-axes) and the camera in theirs (origin, matrix)."""
    turn, place = pose[:, None, :3, :3], pose[:, None, :3, 3]
    offset = scene.centre - place
    centre = (turn * offset[..., :, None]).sum(-2)
    axes = (turn[..., :, :, None] * scene.rotation[..., :, None, :]).sum(-3)  # camera from unit axes
    origin = -(scene.rotation * offset[..., :, None]).sum(-2) / scene.half
    matrix = axes.transpose(-1, -2) / scene.half[..., :, None]
    return centre, axes * scene.half[..., None, :], origin, matrix


def _near_mask(low: Tensor, high: Tensor, centre: Tensor, extent: Tensor) -> Tensor:
    """Which primitives' bounding boxes meet a tile's: low, high [T, 3]; centre, extent [T or 1, P, 3]."""
    near = None
    for axis in range(3):
        c, e = centre[..., axis], extent[..., axis]
        part = (c + e > low[:, axis, None]) & (c - e < high[:, axis, None])
        near = part if near is None else near & part
    assert near is not None
    return near


def _along(ways: Tensor, points: Tensor) -> Tensor:
    """Scalar products of every tile's direction with its image's points: [B·T, 3], [B, N, 3] → [B·T, N]."""
    return (ways.reshape(len(points), -1, 3) @ points.transpose(1, 2)).flatten(0, 1)


def _cone_mask(low: Tensor, high: Tensor, light: Tensor, spread: Tensor, centre: Tensor, radius: Tensor) -> Tensor:
    """Which bounding spheres can stand between a tile's points and a light: bool [B·T, P].

    Args:
        low, high: bounds of the tile's points, [B·T, 3].
        light, spread: [B·T, 3], [B·T, 1]: the light's centre and radius.
        centre, radius: [B, P, 3], [B·T or 1, P].
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


def _outside(way: Tensor, sky: Tensor) -> Tensor:
    """The sky and a hazy line of trees far away, by direction in the world: [3, N], linear light."""
    up = -way[1] / (way * way).sum(0).sqrt()
    blend = (up * 2.2).clamp(0, 1).sqrt()
    light = sky[3:6] + (sky[0:3] - sky[3:6]) * blend
    side = torch.where(way[2].abs() > way[0].abs(), way[0] / way[2].abs().clamp_min(1e-3), way[2] / way[0].abs())
    ragged = _noise(side * 3 + 1.7, up * 4 + 0.37)
    green = (0.10 + 0.06 * ragged - up) * 30
    trees = torch.stack((0.30 + 0.10 * ragged, 0.38 + 0.12 * ragged, 0.25 + 0.08 * ragged)).clamp_min(0.05)
    return light + (trees * sky[3:6] * 0.7 - light) * green.clamp(0, 1) * 0.9


def _noise(u: Tensor, v: Tensor) -> Tensor:
    u, v = u / 8, v / 8
    grid = torch.stack((u - u.floor(), v - v.floor()), -1)[None, None] * 2 - 1
    table = noise_table(str(u.device))
    return torch.nn.functional.grid_sample(table, grid, align_corners=True)[0, 0, 0]


def _render(
    scene: Scene,
    K: Tensor,
    pose: Tensor,
    height: int,
    width: int,
    shadows: bool,
    textures: bool,
    sensor: bool,
) -> tuple[Tensor, ...]:
    """All of it, for a few images at once; works in the scene's own metres (before :meth:`Scene.scaled`)."""
    batch, device = len(scene), K.device
    scale = scene.scale
    unit = Scene(**{
        **{k: getattr(scene, k) for k in ("kind", "rotation", "profile", "material", "shell", "sun", "ambient")},
        "sky": scene.sky, "look": scene.look, "scale": torch.ones_like(scale),
        "centre": scene.centre / scale[:, None, None], "half": scene.half / scale[:, None, None],
        "lights": scene.lights, "portal": scene.portal, "pose": pose,
    })  # fmt: skip
    lights = scene.lights.clone()
    lights[:, :, :9] /= scale[:, None, None]
    lights[:, :, 9:12] /= (scale * scale)[:, None, None]
    portal = torch.cat((scene.portal[:, :9] / scale[:, None], scene.portal[:, 9:]), 1)
    pose = pose.clone()
    pose[:, :3, 3] /= scale[:, None]
    count = scene.kind.shape[1]

    # rays, in tiles
    rows, columns = -(-height // TILE), -(-width // TILE)
    tiles = rows * columns
    v, u = camera.pixel_grid(rows * TILE, columns * TILE, device)
    x = raycast.to_tiles((u - K[:, 0, 2, None, None]) / K[:, 0, 0, None, None], rows, columns)
    y = raycast.to_tiles((v - K[:, 1, 2, None, None]) / K[:, 1, 1, None, None], rows, columns)  # [B·T, 256]
    image = torch.arange(batch, device=device).repeat_interleave(tiles)
    base = image * count
    spread = (lambda t: t) if batch == 1 else (lambda t: t[image])  # a value an image → a value a tile

    # first hits
    centre, axes, origin, matrix = _camera_axes(unit, pose)
    mask = raycast.frustum_mask(K, centre, axes, rows, columns).flatten(0, 1)
    kind = spread(scene.kind)
    profile = scene.profile.flatten(0, 1)
    depth, index = raycast.first_hit(
        x, y, mask & (kind != EMPTY), base, kind, origin.flatten(0, 1), matrix.flatten(0, 1), profile,
        centre[..., 2].flatten(),
    )  # fmt: skip
    hit = index >= 0
    flat = index.clamp_min(0).flatten()
    z = torch.where(hit, depth, 50.0)

    # the surface there
    per_pixel = (lambda t: t[0][:, None, None]) if batch == 1 else (lambda t: t.t()[:, image][:, :, None])
    turn = per_pixel(pose[:, :3, :3].flatten(1))  # [9, T or 1, 1]
    place = per_pixel(pose[:, :3, 3])
    way = torch.stack([turn[3 * a] * x + turn[3 * a + 1] * y + turn[3 * a + 2] for a in range(3)])  # [3, T, 256]
    point = place + way * z
    table = torch.cat((
        unit.rotation.reshape(-1, 9), unit.centre.reshape(-1, 3), unit.half.reshape(-1, 3), profile,
        scene.kind.reshape(-1, 1).float(), scene.material.reshape(batch * count, -1),
    ), 1)  # fmt: skip
    g = _gather(table, flat).reshape(-1, *x.shape)
    r, half, prof, m = g[0:9], g[12:15], g[15:18], g[19:].flatten(1)
    rel = point - g[9:12]
    q = torch.stack([r[a] * rel[0] + r[3 + a] * rel[1] + r[6 + a] * rel[2] for a in range(3)])  # metres, local
    unit_q = q / half
    size = unit_q.abs()
    # a box's face is its largest coordinate; a round one has caps, and elsewhere the gradient
    on_y = (size[1] >= size[0]) & (size[1] >= size[2])
    on_x = (size[0] >= size[2]) & ~on_y
    round_ = g[18] != BOX
    ends = prof[0] + unit_q[1].sign() * prof[1] + prof[2]
    cap = (size[1] > 0.9999) & (ends > 1e-3)
    gx, gy, gz = unit_q[0] / half[0], -(0.5 * prof[1] + prof[2] * unit_q[1]) / half[1], unit_q[2] / half[2]
    flat_x, flat_y = torch.where(round_, False, on_x), torch.where(round_, cap, on_y)
    flat_any = torch.where(round_, cap, True)
    n_local = torch.stack((
        torch.where(flat_any, flat_x.float() * unit_q[0].sign(), gx),
        torch.where(flat_any, flat_y.float() * unit_q[1].sign(), gy),
        torch.where(flat_any, (~(flat_x | flat_y)).float() * unit_q[2].sign(), gz),
    ))  # fmt: skip
    n_local = n_local / (n_local * n_local).sum(0).sqrt().clamp_min(1e-12)
    n = torch.stack([r[3 * a] * n_local[0] + r[3 * a + 1] * n_local[1] + r[3 * a + 2] * n_local[2] for a in range(3)])
    facing = (n * way).sum(0)
    n = torch.where(facing > 0, -n, n)
    length = (way * way).sum(0).sqrt()
    slope = (facing.abs() / length).clamp_min(0.05)

    # its colour
    tex_u = torch.where(on_x, q[2], q[0]).flatten()
    tex_v = torch.where(on_y, q[2], q[1]).flatten()
    focal = K[:, 0, 0].min()
    footprint = (z * length / (focal * slope.sqrt())).flatten()
    if textures:
        albedo = paint(m, tex_u, tex_v, footprint).reshape(3, *x.shape)
    else:
        albedo = (m[0:3] + 0.5 * (m[3:6] - m[0:3]) * m[8].clamp(0, 1)).reshape(3, *x.shape)
    gloss, glow, glass = m[18:21].reshape(3, *x.shape)

    # light: every second pixel of every second row sends the shadow rays
    face = index * 4 + torch.where(on_x, 1, torch.where(on_y, 2, 3))
    some = raycast.every_second
    few_n, few_hit = some(n), some(hit)
    start = some(point) + few_n * (2e-3 + 3e-4 * some(z))
    area, sphere = _pattern(str(device))
    low, high = start.amin(-1).t(), start.amax(-1).t()  # [T, 3]
    world_matrix = (unit.rotation.transpose(-1, -2) / unit.half[..., None]).flatten(0, 1)
    world_origin = -(world_matrix * unit.centre.reshape(-1, 1, 3)).sum(-1)
    before = _before(start, few_n, few_hit, unit) & (kind != EMPTY)
    caster = before & ~spread(scene.shell)
    radii = spread(unit.half.norm(dim=-1))

    asked: list[tuple[Tensor, Tensor]] = []  # shadow rays, and what could stop them
    share: list[Tensor] = []  # how much of it falls on the surface
    for k in range(lights.shape[1] if bool((lights[:, :, _DIRECT] > 0).any()) else 0):
        light = per_pixel(lights[:, k])  # [15, T or 1, 1]
        towards = light[0:3] - point
        square = (towards * towards).sum(0)
        emits = light[12:15]
        leaving = (-(towards * emits).sum(0) / square.sqrt()).clamp_min(0)
        leaving = torch.where((emits * emits).sum(0) > 0, leaving, 1.0)
        share.append((n * towards).sum(0).clamp_min(0) / square.sqrt() * leaving / (square + 0.15))
        if shadows:
            lit = (some(share[-1] > 0) & few_hit).any(-1)
            at, wide = lights[image, k, 0:3], lights[image, k, 3:9].norm(dim=-1, keepdim=True)
            near = _cone_mask(low, high, at, wide, unit.centre, radii) & caster & lit[:, None]
            asked.append((light[0:3] + light[3:6] * area[0] + light[6:9] * area[1] - start, near))
    sun = per_pixel(scene.sun)
    sunny = bool((scene.sun[:, 3:6] > 0).any())
    if sunny:
        aim = sun[0:3]
        window = per_pixel(portal)
        normal = torch.linalg.cross(window[3:6], window[6:9], dim=0)
        to = window[0:3] - point
        along = (to * normal).sum(0) / (aim * normal).sum(0)
        through = aim * along - to
        across = (through * window[3:6]).sum(0) / (window[3:6] ** 2).sum(0).clamp_min(1e-9)
        down = (through * window[6:9]).sum(0) / (window[6:9] ** 2).sum(0).clamp_min(1e-9)
        enters = (across.abs() < 1) & (down.abs() < 1) & (across.abs() > 0.03) & (down.abs() > 0.03) & (along > 0)
        falls = (n * aim).sum(0).clamp_min(0)
        share.append(torch.where((window[9] == 0) | enters, falls, 0.0))
        if shadows:
            reach = torch.where(portal[:, 9] > 0, 12.0, 60.0)
            lit = (some(share[-1] > 0) & few_hit).any(-1)
            at = spread(scene.sun[:, 0:3] * reach[:, None]) + (low + high) / 2
            near = (
                _cone_mask(low, high, at, (high - low).norm(dim=-1, keepdim=True) / 2, unit.centre, radii)
                & caster
                & lit[:, None]
            )
            soft = torch.stack((area[0], torch.zeros_like(area[0]), area[1]))[:, None] * 0.012
            asked.append((((aim + soft) * spread(reach)[:, None]).expand_as(start), near))
    if shadows:
        extent = spread((unit.rotation.abs() * unit.half[..., None, :]).sum(-1))
        margin = _AMBIENT_REACH * 0.9
        near = _near_mask(low - margin, high + margin, spread(unit.centre), extent) & before & few_hit.any(-1)[:, None]
        asked.append(((few_n + sphere[:, None]) * (0.6 * _AMBIENT_REACH), near))
        kinds = len(asked)
        stopped = raycast.any_hit(
            start.repeat(1, kinds, 1), torch.cat([a[0] for a in asked], 1), torch.cat([a[1] for a in asked]),
            base.repeat(kinds), kind.expand(len(base), -1).repeat(kinds, 1), world_origin, world_matrix, profile,
        )  # fmt: skip
        clear = 1 - stopped.reshape(kinds, len(base), -1).float()
        seen = list(_spread_light(clear, face, batch, rows, columns))

    ambient = per_pixel(scene.ambient)
    upward = 0.5 - 0.5 * n[1]
    indirect = ambient[3:6] + (ambient[0:3] - ambient[3:6]) * upward
    if shadows:
        indirect = indirect * (0.22 + 0.78 * seen[-1])
    received = indirect
    shine = torch.zeros_like(z)
    view = -way / length
    for k, part in enumerate(share):
        last = sunny and k == len(share) - 1
        if shadows:
            part = part * seen[k]
        power = sun[3:6] if last else per_pixel(lights[:, k])[_DIRECT]
        received = received + power * part
        if not last:
            light = per_pixel(lights[:, k])
            towards = light[0:3] - point
            middle = towards / (towards * towards).sum(0).sqrt() + view
            cosine = ((n * middle).sum(0) / (middle * middle).sum(0).sqrt()).clamp_min(0)
            c2 = cosine * cosine
            c8 = c2 * c2 * c2 * c2
            shine = shine + (c8 * c8 * c8 * c8) * power.mean(0) * part
    fresnel = (1 - slope) ** 4
    radiance = albedo * received + gloss * (0.9 * shine + 0.5 * fresnel * ambient[0:3].mean(0))
    sky = per_pixel(scene.sky)
    radiance = radiance + glow * albedo
    radiance = radiance + (sky[3:6] - radiance) * (z / (z + sky[6]))  # haze
    away = ~hit | ((glass > 0.5) & (glass < 1.5))  # no surface, or a window: what lies outside
    if bool(away.any()):
        outdoors = _outside(way.flatten(1), sky.expand(-1, *x.shape).flatten(1)).reshape(3, *x.shape)
        radiance = torch.where(away, outdoors, radiance)

    # back to images
    def to_image(t: Tensor) -> Tensor:
        return raycast.from_tiles(t, batch, rows, columns)[..., :height, :width]

    known = hit.float()
    n_camera = torch.stack([turn[a] * n[0] + turn[3 + a] * n[1] + turn[6 + a] * n[2] for a in range(3)]) * known
    rgb = _develop(to_image(radiance).transpose(0, 1), scene.look, sensor)
    metres = (to_image(torch.where(hit, depth, 0.0)) * scale[:, None, None])[:, None]
    normals = to_image(n_camera).transpose(0, 1).contiguous()
    ids = to_image(torch.where(hit, index - base.to(torch.int32)[:, None], -1)).long()
    others = [to_image(t)[:, None] for t in ((glass > 0.5) & hit, gloss * known)]
    return rgb, metres, normals, to_image(albedo * known).transpose(0, 1).contiguous(), ids, *others


def _spread_light(few: Tensor, face: Tensor, batch: int, rows: int, columns: int) -> Tensor:
    """Average over the 4x4 pattern of light samples, then fill all pixels; both within one face.

    Shape: few [S, T, 64], face [T, 256] → [S, T, 256].
    """
    side = TILE // 2
    values = raycast.from_tiles(few, batch, rows, columns, side)  # [S, B, h, w]
    faces = raycast.from_tiles(face, batch, rows, columns)  # [B, H, W]
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
            for k in {0, 2 * r, c, 2 * r + c}:
                v, f = corners[k]
                same = (f == mine).float()
                total = total + v * same
                weight = weight + same
            full[:, :, r::2, c::2] = total / weight
    tiles = full.reshape(-1, batch, rows, TILE, columns, TILE).transpose(3, 4)
    return tiles.reshape(len(few), -1, TILE * TILE)


def _before(start: Tensor, n: Tensor, hit: Tensor, scene: Scene) -> Tensor:
    """Which primitives reach in front of a tile's surface, if that is flat: bool [B·T, P]."""
    first = n[:, :, 0]
    flat = ((n * first[:, :, None]).sum(0).amin(-1) > 0.9999) & hit.all(-1)
    level = (start * first[:, :, None]).sum(0).amin(-1)
    across = first.t()
    axes = (scene.rotation * scene.half[..., None, :]).transpose(2, 3)  # rows are half-axes
    ahead = _along(across, scene.centre)
    for k in range(3):
        ahead += _along(across, axes[:, :, k]).abs()
    return (ahead > level[:, None]) | ~flat[:, None]


def _develop(radiance: Tensor, look: Tensor, sensor: bool) -> Tensor:
    """Linear light to a photograph: exposure, white balance, tone curve, and the sensor's faults."""
    height, width = radiance.shape[-2:]
    rows = radiance.clamp_max(4.0).mean(-1)  # first rows, then the whole: the same on any number of threads
    grey = rows.mean((1, 2))[:, None, None, None].clamp_min(1e-6)
    tone = look[:, :, None, None, None]
    balance = torch.stack((tone[:, 1], torch.ones_like(tone[:, 1]), tone[:, 2]), 1)[:, :, 0]
    image = radiance * (tone[:, 0] / grey) * balance
    if sensor:
        image = _blur(image, tone[:, 5])
        v, u = camera.pixel_grid(height, width, radiance.device)
        r2 = ((u / (width - 1) - 0.5) ** 2 + (v / (height - 1) - 0.5) ** 2) * 2
        image = image * (1 - tone[:, 3] * r2)
    image = image * (1 + image * 0.11) / (1 + image)  # white at about 3 times
    image = image.clamp(0, 1).sqrt()
    if sensor:
        image = image + tone[:, 4] * _noise_field(look, height, width) * (1.25 - image)
    return image.clamp(0, 1)


def _noise_field(look: Tensor, height: int, width: int) -> Tensor:
    grain = _grain(str(look.device))
    rows = torch.arange(height, device=look.device)
    columns = torch.arange(width, device=look.device)
    fields = []
    for offset in (look[:, 6:8] * 512).long():
        part = grain.index_select(1, (rows + offset[0]) % 512)
        fields.append(part.index_select(2, (columns + offset[1]) % 512))
    return torch.stack(fields)


def _blur(image: Tensor, amount: Tensor) -> Tensor:
    """A lens: a 3x3 binomial, of which ``amount`` is mixed in."""
    p = torch.nn.functional.pad(image, (1, 1, 1, 1), mode="replicate")
    rows = 0.25 * (p[:, :, :-2] + p[:, :, 2:]) + 0.5 * p[:, :, 1:-1]
    soft = 0.25 * (rows[..., :-2] + rows[..., 2:]) + 0.5 * rows[..., 1:-1]
    return image + (soft - image) * amount


__all__ = ["FAR", "Frame", "render"]
