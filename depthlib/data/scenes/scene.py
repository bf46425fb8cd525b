"""What a scene is: padded, batched primitives, lights and a camera; and the builder that fills one.

World frame: x to the right, y **down**, z forward, metres; the floor is y = 0 and what stands on it has y < 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from depthlib.data.scenes.materials import Material
from depthlib.errors import DepthError
from depthlib.transfers import sent

EMPTY, BOX, ROUND = 0, 1, 2

Vec = tuple[float, float, float]


@dataclass(frozen=True)
class Scene:
    """A batch of B scenes, each of at most P primitives and L lights; padding has ``kind`` 0.

    A primitive is what its unit shape becomes under p = rotation · (half ∘ q) + centre. The unit shape is the
    cube |q| ≤ 1, or x² + z² ≤ α + βy + γy² with |y| ≤ 1: cylinder (1, 0, 0), ellipsoid (1, 0, −1), cone frustum.

    Attributes:
        kind: int64 [B, P]: 0 nothing, 1 box, 2 round.
        centre, half: [B, P, 3] metres.
        rotation: [B, P, 3, 3], columns are the primitive's axes in the world.
        profile: [B, P, 3], (α, β, γ) of a round primitive.
        material: [B, P, M], see :mod:`depthlib.data.scenes.materials`.
        shell: bool [B, P], walls, floor and ground, which cast no shadow but occlude ambient light.
        lights: [B, L, 15]: position, two half-axes of its area, colour times power, emitting direction (0 = all).
        sun: [B, 6]: direction towards it and colour; black indoors.
        portal: [B, 12]: window through which the sun enters: centre, two half-axes, and whether there is one.
        ambient: [B, 6]: light from above, light from below.
        sky: [B, 7]: colour at the zenith and at the horizon; metres at which haze hides half.
        pose: [B, 4, 4], camera to world, metres.
        look: [B, 8]: exposure, red and blue gain, vignetting, noise, blur, two texture offsets.
        scale: [B], metres a metre of the original scene has become, see :meth:`scaled`.
    """

    kind: Tensor
    centre: Tensor
    half: Tensor
    rotation: Tensor
    profile: Tensor
    material: Tensor
    shell: Tensor
    lights: Tensor
    sun: Tensor
    portal: Tensor
    ambient: Tensor
    sky: Tensor
    pose: Tensor
    look: Tensor
    scale: Tensor

    def __len__(self) -> int:
        return self.kind.shape[0]

    def __getitem__(self, index: slice) -> Scene:
        return Scene(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    def to(self, device: torch.device | str) -> Scene:
        """The same scenes on another device."""
        return Scene(**{f.name: sent(getattr(self, f.name), device) for f in fields(self)})

    def scaled(self, s: float) -> Scene:
        """The world and the camera's place in it, s times as large: the same picture, s times the depth.

        >>> from depthlib.data.scenes import make_rooms
        >>> room = make_rooms(0, [0])
        >>> bool((room.scaled(2.0).half == 2 * room.half).all())
        True

        Raises:
            DepthError: a scale that is not above 0.
        """
        if not s > 0:
            raise DepthError(f"scale is {s}; expected a number above 0.")
        return self._changed(torch.mul, torch.full_like(self.scale, s))

    def unscaled(self) -> Scene:
        """The scenes in the metres that they were composed in; undoes :meth:`scaled` to rounding.

        >>> from depthlib.data.scenes import make_rooms
        >>> room = make_rooms(0, [0])
        >>> torch.equal(room.scaled(2.0).unscaled().half, room.half)
        True
        """
        return self._changed(torch.div, self.scale)

    def _changed(self, by: Callable[[Tensor, Tensor], Tensor], s: Tensor) -> Scene:
        """Every length times or by s [B]."""
        s = s[:, None]
        pose, portal, lights = self.pose.clone(), self.portal.clone(), self.lights.clone()
        pose[:, :3, 3] = by(pose[:, :3, 3], s)
        portal[:, :9] = by(portal[:, :9], s)
        lights[:, :, :9] = by(lights[:, :, :9], s[:, None])
        lights[:, :, 9:12] = by(lights[:, :, 9:12], (s * s)[:, None])  # inverse square law
        return replace(
            self,
            centre=by(self.centre, s[:, None]),
            half=by(self.half, s[:, None]),
            pose=pose,
            portal=portal,
            lights=lights,
            scale=by(self.scale, s[:, 0]),
        )

    def trimmed(self, primitives: int, lights: int) -> Scene:
        """Without the padding beyond so many primitives and lights."""
        by_primitive = ("kind", "centre", "half", "rotation", "profile", "material", "shell")
        short = {name: getattr(self, name)[:, :primitives] for name in by_primitive}
        return replace(self, **short, lights=self.lights[:, :lights])


class Builder:
    """Collects one scene's primitives, in a furniture frame: x right, **up**, z out of the wall."""

    def __init__(self) -> None:
        self.rows: list[list[float]] = []
        self.lights: list[list[float]] = []
        self.materials: list[Material] = []
        self.place(0.0, 0.0, 0.0)

    def place(self, x: float, z: float, yaw: float, base: float = 0.0) -> Builder:
        """Move the furniture frame to (x, z) at height ``base``, its z axis turned by ``yaw`` from the world's."""
        self.x, self.z, self.yaw, self.base = x, z, yaw, base
        self.cos, self.sin = math.cos(yaw), math.sin(yaw)
        return self

    def point(self, x: float, up: float, z: float) -> Vec:
        """A point of the furniture frame in the world."""
        return (self.x + self.cos * x + self.sin * z, -(self.base + up), self.z - self.sin * x + self.cos * z)

    def _add(
        self, kind: int, at: Vec, size: Vec, material: Material, yaw: float, tilt: float, roll: float,
        profile: Vec, shell: bool,
    ) -> None:  # fmt: skip
        if yaw:
            c, s = math.cos(self.yaw + yaw), math.sin(self.yaw + yaw)
        else:
            c, s = self.cos, self.sin
        ax, ay, az = (c, 0.0, -s), (0.0, 1.0, 0.0), (s, 0.0, c)
        if roll:
            cr, sr = math.cos(roll), math.sin(roll)
            ax, ay = (cr * ax[0], sr, cr * ax[2]), (-sr * ax[0], cr, -sr * ax[2])
        if tilt:
            ct, st = math.cos(tilt), math.sin(tilt)
            ay, az = (
                (ct * ay[0] + st * az[0], ct * ay[1] + st * az[1], ct * ay[2] + st * az[2]),
                (-st * ay[0] + ct * az[0], -st * ay[1] + ct * az[1], -st * ay[2] + ct * az[2]),
            )
        cx, cy, cz = self.point(*at)
        self.rows.append([
            kind, cx, cy, cz, size[0] / 2, size[1] / 2, size[2] / 2,
            ax[0], ay[0], az[0], ax[1], ay[1], az[1], ax[2], ay[2], az[2], *profile, float(shell),
        ])  # fmt: skip
        self.materials.append(material)

    def box(
        self, at: Vec, size: Vec, material: Material, yaw: float = 0.0, tilt: float = 0.0, roll: float = 0.0,
        shell: bool = False,
    ) -> None:  # fmt: skip
        """A box by its centre (x, up, z) and full size; positive tilt leans its top towards −z."""
        self._add(BOX, at, size, material, yaw, tilt, roll, (1.0, 0.0, 0.0), shell)

    def ball(
        self, at: Vec, size: Vec, material: Material, yaw: float = 0.0, tilt: float = 0.0, roll: float = 0.0
    ) -> None:
        """An ellipsoid by its centre and full size."""
        self._add(ROUND, at, size, material, yaw, tilt, roll, (1.0, 0.0, -1.0), False)

    def cylinder(
        self, at: Vec, diameter: float, height: float, material: Material, tilt: float = 0.0, roll: float = 0.0,
        top: float = 1.0, yaw: float = 0.0,
    ) -> None:  # fmt: skip
        """A cylinder, or a cone frustum whose top is ``top`` times as wide as its bottom."""
        m, n = (1 + top) / 2, (1 - top) / 2
        if top > 1:  # the half-extents are those of the wider end
            diameter, m, n = diameter * top, m / top, n / top
        self._add(
            ROUND,
            at,
            (diameter, height, diameter),
            material,
            yaw,
            tilt,
            roll,
            (m * m, 2 * m * n, n * n),
            False,
        )

    def light(self, at: Vec, colour: Vec, right: Vec, forward: Vec, towards: Vec = (0.0, 0.0, 0.0)) -> None:
        """An area light in **world** coordinates: centre, power, two half-axes, emitting direction."""
        self.lights.append([*at, *right, *forward, *colour, *towards])


def assemble(builders: Sequence[Builder], rest: Sequence[dict[str, list[float]]], poses: Sequence[Tensor]) -> Scene:
    """Pad builders' primitives and lights to one size and stack them; ``rest`` has the per-scene vectors."""
    most = max(len(b.rows) for b in builders)
    most_lights = max(1, max(len(b.lights) for b in builders))
    rows = torch.zeros(len(builders), most, 20)
    rows[:, :, 4:7] = 1.0
    material = torch.zeros(len(builders), most, Material.SIZE)
    lights = torch.zeros(len(builders), most_lights, 15)
    for i, b in enumerate(builders):
        # NumPy reads lists of lists five times faster than PyTorch
        rows[i, : len(b.rows)] = torch.from_numpy(np.array(b.rows, np.float32))
        material[i, : len(b.rows)] = torch.from_numpy(np.array([m.values for m in b.materials], np.float32))
        if b.lights:
            lights[i, : len(b.lights)] = torch.tensor(b.lights)
    stacked = {key: torch.tensor([r[key] for r in rest]) for key in ("sun", "portal", "ambient", "sky", "look")}
    return Scene(
        kind=rows[:, :, 0].long(), centre=rows[:, :, 1:4].contiguous(), half=rows[:, :, 4:7].contiguous(),
        rotation=rows[:, :, 7:16].reshape(len(builders), most, 3, 3), profile=rows[:, :, 16:19].contiguous(),
        material=material, shell=rows[:, :, 19] > 0, lights=lights, pose=torch.stack(list(poses)),
        scale=torch.ones(len(builders)), **stacked,
    )  # fmt: skip


def joined(scenes: Sequence[Scene]) -> Scene:
    """Batches of scenes as one, padded to the largest.

    >>> from depthlib.data.scenes import make_rooms
    >>> len(joined([make_rooms(0, [0, 1]), make_rooms(0, [2])]))
    3
    """
    sizes = {"lights": max(s.lights.shape[1] for s in scenes)}
    most = max(s.kind.shape[1] for s in scenes)
    sizes |= dict.fromkeys(("kind", "centre", "half", "rotation", "profile", "material", "shell"), most)

    def padded(tensor: Tensor, name: str) -> Tensor:
        missing = sizes[name] - tensor.shape[1] if name in sizes else 0
        blank = [0, 0] * (tensor.ndim - 2) + [0, missing]
        return F.pad(tensor, blank, value=1 if name == "half" else 0) if missing else tensor

    return Scene(**{f.name: torch.cat([padded(getattr(s, f.name), f.name) for s in scenes]) for f in fields(Scene)})


def camera_pose(x: float, height: float, z: float, yaw: float, pitch: float, roll: float) -> Tensor:
    """Camera-to-world pose [4, 4]: place in metres (height above the floor), angles in radians; pitch > 0 looks down.

    >>> camera_pose(0, 1.5, 0, 0, 0, 0)[:3, 3]
    tensor([ 0.0000, -1.5000,  0.0000])
    """
    cy, sy, cp, sp = math.cos(yaw), math.sin(yaw), math.cos(pitch), math.sin(pitch)
    cr, sr = math.cos(roll), math.sin(roll)
    turn = torch.tensor([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]], dtype=torch.float64)
    nod = torch.tensor([[1, 0, 0], [0, cp, sp], [0, -sp, cp]], dtype=torch.float64)
    lean = torch.tensor([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]], dtype=torch.float64)
    pose = torch.eye(4, dtype=torch.float64)
    pose[:3, :3] = turn @ nod @ lean
    pose[:3, 3] = torch.tensor([x, -height, z], dtype=torch.float64)
    return pose.float()
