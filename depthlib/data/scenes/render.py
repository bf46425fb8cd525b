"""From a scene to a picture: first hits, light, shadow, and the camera's own faults."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from depthlib import camera
from depthlib.data.scenes import raycast
from depthlib.data.scenes.light import DIRECT, ShadowRays, falling, leaves, radiance, shadow_rays
from depthlib.data.scenes.photograph import photograph
from depthlib.data.scenes.scene import EMPTY, Scene
from depthlib.data.scenes.surface import Surface, surface, turned_back
from depthlib.data.scenes.tiles import TILE, Tiles
from depthlib.errors import DepthError
from depthlib.sample import check_size

_CHUNK = {"cpu": 1, "cuda": 64}  # images at once: one stays in a core's cache; many fill a GPU


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


def render(
    scene: Scene, K: Tensor, pose: Tensor | None = None, height: int = 240, width: int = 320, *,
    shadows: bool = True, textures: bool = True, sensor: bool = True, compiled: bool = False,
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
        compiled: by ``torch.compile``, for a GPU: the same pictures to rounding in fewer and larger programs, after a minute
            of waiting. On a processor it gains nothing.

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
    scene = replace(scene, pose=pose.expand(batch, 4, 4))
    # all that the program must know of the scenes, at once: a GPU is waited for when it is asked
    facts = torch.stack((
        (scene.kind != EMPTY).sum(1), (scene.lights[:, :, DIRECT] > 0).any(-1).sum(1), (scene.sun[:, 3:6] > 0).any(-1),
    )).tolist()  # fmt: skip
    step = _CHUNK.get(device.type, 1)

    def part(i: int) -> tuple[Tensor, ...]:
        n = slice(i, i + step)
        primitives, lamps, sunny = (max(fact[n]) for fact in facts)
        if compiled:  # one program for all: a source without power costs less than compiling another
            lamps, sunny = scene.lights.shape[1], 1
        with torch.inference_mode():  # a third less overhead; the joined result is an ordinary tensor again
            wanted = _Wanted(height, width, bool(sunny), shadows, textures, sensor)
            return _render(scene[n].trimmed(max(1, primitives), lamps), K[n], wanted, compiled)

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


def _camera_axes(scene: Scene) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Primitives in the camera's frame (centre, half-axes) and the camera in theirs (origin, matrix)."""
    turn, place = scene.pose[:, None, :3, :3], scene.pose[:, None, :3, 3]
    offset = scene.centre - place
    centre = (turn * offset[..., :, None]).sum(-2)
    axes = (turn[..., :, :, None] * scene.rotation[..., :, None, :]).sum(-3)  # camera from unit axes
    origin = -(scene.rotation * offset[..., :, None]).sum(-2) / scene.half
    matrix = axes.transpose(-1, -2) / scene.half[..., :, None]
    return centre, axes * scene.half[..., None, :], origin, matrix


class _Wanted(NamedTuple):
    """What the pictures of some scenes shall be like, as far as it does not change from pixel to pixel."""

    height: int
    width: int
    sunny: bool
    shadows: bool
    textures: bool
    sensor: bool


class _Lit(NamedTuple):
    """Surfaces, what falls on each of them if nothing stands in between, and the rays that find out."""

    at: Surface
    shares: list[Tensor]
    rays: ShadowRays | None


def _cast(tiles: Tiles, scene: Scene, K: Tensor) -> tuple[Tensor, ...]:
    """Rays (x, y, 1), [T, 256] each; which primitives a tile's rays can meet; and the camera in the primitives' frames."""
    v, u = camera.pixel_grid(tiles.rows * TILE, tiles.columns * TILE, K.device)
    x = tiles.cut((u - K[:, 0, 2, None, None]) / K[:, 0, 0, None, None])
    y = tiles.cut((v - K[:, 1, 2, None, None]) / K[:, 1, 1, None, None])
    centre, axes, origin, matrix = _camera_axes(scene)
    mask = raycast.frustum_mask(K, centre, axes, tiles.rows, tiles.columns).flatten(0, 1)
    mask = mask & (tiles.each(scene.kind) != EMPTY)
    return x, y, mask, origin.flatten(0, 1), matrix.flatten(0, 1), centre[..., 2].flatten()


def _meet(
    tiles: Tiles, scene: Scene, K: Tensor, x: Tensor, y: Tensor, depth: Tensor, index: Tensor, wanted: _Wanted
) -> _Lit:  # fmt: skip
    """What the rays (x, y, 1) have met at ``depth``, and what has to be asked about its light."""
    at = surface(tiles, scene, K, x, y, depth, index, wanted.textures)
    shares = falling(tiles, scene, at, wanted.sunny)
    return _Lit(at, shares, shadow_rays(tiles, scene, at, shares, wanted.sunny) if wanted.shadows else None)


def _finish(
    tiles: Tiles, scene: Scene, lit: _Lit, stopped: Tensor | None, depth: Tensor, index: Tensor, outside: bool,
    wanted: _Wanted,
) -> tuple[Tensor, ...]:  # fmt: skip
    """The tensors of a :class:`Frame`, but K; depth in the scene's own metres."""
    at = lit.at
    light = radiance(tiles, scene, at, lit.shares, stopped, wanted.sunny, outside)

    def whole(t: Tensor) -> Tensor:
        return tiles.join(t)[..., : wanted.height, : wanted.width]

    known = at.hit.float()
    base = (tiles.image * scene.kind.shape[1]).to(torch.int32)[:, None]
    normal = turned_back(tiles.planes(scene.pose[:, :3, :3].flatten(1)), at.normal) * known
    return (
        photograph(whole(light).transpose(0, 1), scene.look, wanted.sensor),
        whole(torch.where(at.hit, depth, 0.0))[:, None],
        whole(normal).transpose(0, 1).contiguous(),
        whole(at.albedo * known).transpose(0, 1).contiguous(),
        whole(torch.where(at.hit, index - base, -1)).long(),
        whole((at.glass > 0.5) & at.hit)[:, None],
        whole(at.gloss * known)[:, None],
    )


@lru_cache
def _steps(compiled: bool) -> tuple[Callable[..., Any], ...]:
    """The three steps between which rays are followed, as they are or as ``torch.compile`` makes them."""
    steps = (_cast, _meet, _finish)
    if not compiled:
        return steps
    # several threads render: while one compiles, another may run a step that is not compiled yet as it is (torch 2.11 refuses)
    torch._dynamo.config.error_on_nested_fx_trace = False
    return tuple(torch.compile(step) for step in steps)


def _render(scene: Scene, K: Tensor, wanted: _Wanted, compiled: bool) -> tuple[Tensor, ...]:
    """All of it, for a few images at once."""
    cast, meet, finish = _steps(compiled)
    scale = scene.scale[:, None, None, None]
    scene = scene.unscaled()
    tiles = Tiles.of(len(scene), wanted.height, wanted.width, K.device)
    base = tiles.image * scene.kind.shape[1]
    kind, profile = tiles.each(scene.kind), scene.profile.flatten(0, 1)
    x, y, mask, origin, matrix, ahead = cast(tiles, scene, K)
    depth, index = raycast.first_hit(x, y, mask, base, kind, origin, matrix, profile, ahead)
    lit: _Lit = meet(tiles, scene, K, x, y, depth, index, wanted)
    stopped = None
    if lit.rays is not None:
        sources = len(lit.shares) + 1
        world_matrix = (scene.rotation.transpose(-1, -2) / scene.half[..., None]).flatten(0, 1)
        world_origin = -(world_matrix * scene.centre.reshape(-1, 1, 3)).sum(-1)
        stopped = raycast.any_hit(
            lit.rays.start.repeat(1, sources, 1), lit.rays.ways, lit.rays.near, base.repeat(sources),
            kind.expand(len(base), -1).repeat(sources, 1), world_origin, world_matrix, profile,
        )  # fmt: skip
    outside = compiled or len(scene) > 1 or bool(leaves(lit.at).any())  # of many images, one always looks out
    rgb, metres, *rest = finish(tiles, scene, lit, stopped, depth, index, outside, wanted)
    return rgb, metres * scale, *rest
