"""Building a scene: keyed numbers to draw from, and a list of primitives to fill."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from depthlib.data.scenes import textures as tx
from depthlib.data.scenes.raycast import BOX, CYLINDER, NOTHING, SPHERE, Scene
from depthlib.randomness import keys, uniform

Colour = tuple[float, float, float]
NUMBERS = 4096
BLACK: Colour = (0.02, 0.02, 0.02)


class Draw:
    """A scene's own stream of uniform numbers."""

    def __init__(self, numbers: list[float]) -> None:
        self.numbers, self.at = numbers, 0

    def __call__(self, low: float = 0.0, high: float = 1.0) -> float:
        u = self.numbers[self.at % len(self.numbers)]
        self.at += 1
        return low + (high - low) * u

    def chance(self, p: float) -> bool:
        return self() < p

    def whole(self, low: int, high: int) -> int:
        """An integer from low to high, both included."""
        return min(high, int(self(low, high + 1)))

    def pick[T](self, options: Sequence[T]) -> T:
        return options[self.whole(0, len(options) - 1)]

    def colour(self, saturation: float = 0.5, low: float = 0.08, high: float = 0.7) -> Colour:
        """A linear colour of random hue."""
        hue, s, value = self(0, 6), saturation * self(), self(low, high)
        r, g, b = (min(1.0, max(0.0, abs((hue + k) % 6 - 3) - 1)) for k in (0, 4, 2))
        return (value * (1 - s + s * r), value * (1 - s + s * g), value * (1 - s + s * b))


def shade(colour: Colour, factor: float) -> Colour:
    """A colour made darker or lighter."""
    return (min(1.0, colour[0] * factor), min(1.0, colour[1] * factor), min(1.0, colour[2] * factor))


class Builder:
    """Primitives of one scene, placed in the frame of the piece that is being built.

    In a piece's frame x is to its right, z to its back, heights are above the floor.
    """

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.rows: list[tuple[float, ...]] = []
        self.x = self.z = self.yaw = self.floor = 0.0

    @contextmanager
    def piece(self, x: float, z: float, yaw: float = 0.0, floor: float = 0.0):  # type: ignore[no-untyped-def]
        """Place what follows in a frame within the current one."""
        before = (self.x, self.z, self.yaw, self.floor)
        self.x, self.z = self.place(x, z)
        self.yaw, self.floor = self.yaw + yaw, self.floor + floor
        yield
        self.x, self.z, self.yaw, self.floor = before

    def place(self, x: float, z: float) -> tuple[float, float]:
        """A point of the piece's frame in the world."""
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        return self.x + c * x - s * z, self.z + s * x + c * z

    def add(
        self, kind: int, x: float, bottom: float, z: float, w: float, h: float, d: float, colour: Colour,
        texture: int = tx.PAINT, second: Colour = BLACK, period: float = 1.0, emission: float = 0.0,
        glass: bool = False, yaw: float = 0.0,
    ) -> None:  # fmt: skip
        """One primitive of full size w x h x d whose lowest point is ``bottom`` above the floor."""
        wx, wz = self.place(x, z)
        self.rows.append((
            kind, wx, -(self.floor + bottom + h / 2), wz, w / 2, h / 2, d / 2, self.yaw + yaw,
            texture, *colour, *second, period, emission, float(glass),
        ))  # fmt: skip

    def box(self, *args, **options) -> None:  # type: ignore[no-untyped-def]
        self.add(BOX, *args, **options)

    def ball(self, *args, **options) -> None:  # type: ignore[no-untyped-def]
        self.add(SPHERE, *args, **options)

    def tube(self, *args, **options) -> None:  # type: ignore[no-untyped-def]
        self.add(CYLINDER, *args, **options)

    def plane(self, colour: Colour, texture: int = tx.PAINT, second: Colour = BLACK, period: float = 1.0) -> None:
        """One of the hall's six planes; call six times, first of all."""
        self.rows.append((NOTHING, 0, 0, 0, 1, 1, 1, 0, texture, *colour, *second, period, 0.0, 0.0))


def camera_pose(position: tuple[float, float, float], yaw: float, pitch: float, roll: float) -> list[list[float]]:
    """Camera to world, 4x4: turned right by yaw, down by pitch, then rolled; radians."""
    cy, sy, cp, sp, cr, sr = (f(a) for a in (yaw, pitch, roll) for f in (math.cos, math.sin))
    right, down, ahead = (cy, 0.0, -sy), (-sy * sp, cp, -cy * sp), (sy * cp, sp, cy * cp)
    right, down = (
        tuple(cr * a + sr * b for a, b in zip(right, down, strict=True)),
        tuple(cr * b - sr * a for a, b in zip(right, down, strict=True)),
    )  # type: ignore[assignment]
    return [[right[i], down[i], ahead[i], position[i]] for i in range(3)] + [[0.0, 0.0, 0.0, 1.0]]


def make(
    purpose: str, furnish: Callable[[Builder], dict[str, object]], seed: int, indices: Sequence[int] | Tensor,
    K: Tensor, base: tuple[int, int], far: float, outdoor: bool, device: torch.device | str,
) -> Scene:  # fmt: skip
    """Build one scene an index. ``furnish`` fills a builder and returns hall, camera, lights and look."""
    key = keys(seed, 0, indices, purpose)
    numbers = uniform(key, NUMBERS).tolist()
    built, rows = [], []
    for line in numbers:
        builder = Builder(Draw(line))
        built.append(furnish(builder))
        rows.append(builder.rows)
    count = max(map(len, rows))
    nothing = (NOTHING, 0, 0, 0, 1, 1, 1, 0, 0, *BLACK, *BLACK, 1.0, 0.0, 0.0)
    table = torch.tensor([[*r, *[nothing] * (count - len(r))] for r in rows], dtype=torch.float32)

    def stack(name: str) -> Tensor:
        return torch.tensor([b[name] for b in built], dtype=torch.float32)

    return Scene(
        kind=table[..., 0].long(), centre=table[..., 1:4].contiguous(), half=table[..., 4:7].contiguous(),
        yaw=table[..., 7].contiguous(), texture=table[..., 8].long(), colour=table[..., 9:12].contiguous(),
        second=table[..., 12:15].contiguous(), period=table[..., 15].contiguous(),
        emission=table[..., 16].contiguous(), glass=table[..., 17] > 0, hall=stack("hall"),
        camera=stack("camera"), K=K.expand(len(rows), 3, 3).contiguous(), lights=stack("lights"),
        power=stack("power"), ambient=stack("ambient"), look=stack("look"), unit=torch.ones(len(rows)),
        salt=(key & 0xFFFFF), base=base, far=far, outdoor=outdoor,
    ).to(device)  # fmt: skip
