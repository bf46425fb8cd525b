"""Streets as a car sees them: lanes, kerbs, houses, trees, cars, poles, and a sky without depth."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from depthlib.data.scenes import palette
from depthlib.data.scenes.draw import Draw
from depthlib.data.scenes.materials import Colour, Material
from depthlib.data.scenes.scene import Builder, Scene, assemble, camera_pose

CAMERA_HEIGHT = 1.65  # metres, KITTI's left colour camera
LENGTH = 160.0
FACADES: list[Colour] = [
    (0.80, 0.75, 0.66), (0.86, 0.84, 0.80), (0.70, 0.58, 0.48), (0.62, 0.36, 0.30), (0.75, 0.70, 0.55),
    (0.82, 0.72, 0.62), (0.66, 0.66, 0.66),
]  # fmt: skip
CARS: list[Colour] = [
    (0.75, 0.76, 0.78), (0.12, 0.12, 0.14), (0.88, 0.88, 0.88), (0.5, 0.08, 0.08), (0.14, 0.2, 0.42),
    (0.4, 0.42, 0.44), (0.2, 0.3, 0.25),
]  # fmt: skip


def car(b: Builder, d: Draw) -> None:
    """A car, its nose towards +z of its frame."""
    c = palette.vary(d, d.choice(CARS), 0.05)
    paint = Material(c, palette.shade(c, 0.9), (1, 1, 0.1), gloss=0.6, offset=d())
    window = Material((0.08, 0.09, 0.11), gloss=0.9, glass=2.0)
    black = palette.plain(d, (0.06, 0.06, 0.06), 0.1)
    long, w, h = d.between(3.7, 4.7), d.between(1.66, 1.85), d.between(1.38, 1.55)
    if d.chance(0.15):
        h = d.between(1.7, 2.3)  # a van
    waist = 0.52 * h if h < 1.7 else 0.45 * h
    b.box((0, 0.22 + waist / 2, 0), (w, waist, long), paint)
    b.box((0, 0.3, 0), (w * 0.97, 0.25, long + 0.08), black)
    b.ball((0, 0.22 + waist * 0.8, long * 0.33), (w, 0.5, long * 0.36), paint)
    cabin = h - 0.22 - waist
    middle = -0.05 * long if h < 1.7 else -0.1 * long
    cabin_long = (0.5 if h < 1.7 else 0.75) * long
    b.box((0, 0.22 + waist + cabin / 2 - 0.02, middle), (w * 0.86, cabin - 0.02, cabin_long), paint)
    b.box((0, 0.22 + waist + cabin * 0.45, middle), (w * 0.875, cabin * 0.6, cabin_long * 0.88), window)
    for end, lean in ((1, 0.75), (-1, -0.5)):
        b.box(
            (0, 0.22 + waist + cabin * 0.42, middle + end * (cabin_long / 2 + 0.1)),
            (w * 0.8, cabin * 1.05, 0.05),
            window,
            tilt=lean,
        )
    for sx in (-1, 1):
        for sz in (-0.31, 0.31):
            b.cylinder((sx * (w / 2 - 0.09), 0.31, sz * long), 0.62, 0.2, black, roll=math.pi / 2)
            b.cylinder((sx * (w / 2 - 0.08), 0.31, sz * long), 0.36, 0.2, palette.metal(d), roll=math.pi / 2)
        b.box(
            (sx * (w / 2 - 0.2), 0.22 + waist * 0.72, -long / 2 - 0.005),
            (0.24, 0.2, 0.04),
            Material((0.55, 0.05, 0.05), glow=0.5),
        )
        b.box(
            (sx * (w / 2 - 0.22), 0.22 + waist * 0.62, long / 2 + 0.005),
            (0.3, 0.15, 0.04),
            Material((0.9, 0.9, 0.85), gloss=0.8),
        )
    for end in (-1, 1):
        b.box(
            (0, 0.48, end * (long / 2 + 0.045)),
            (0.5, 0.11, 0.02),
            Material((0.9, 0.9, 0.86), (0.1, 0.1, 0.1), (30, 15, 0.4)),
        )


def house(b: Builder, d: Draw, w: float, t: float) -> float:
    """A house whose facade is at z = 0, facing +z of its frame; returns its height to the eaves."""
    floors = d.whole(1, 4)
    h = 0.6 + 2.8 * floors
    c = palette.vary(d, d.choice(FACADES), 0.05)
    if d.chance(0.3):
        brick = palette.vary(d, (0.58, 0.36, 0.29), 0.06)
        body = Material(brick, palette.shade(brick, 0.75), (2, 2, 0.35), cell=(0.3, 0.1), shift=0.5, joint=0.015,
                        joint_tone=1.3, tone=0.15, offset=d())  # fmt: skip
    else:
        body = Material(c, palette.shade(c, 0.8), (0.5, 0.5, 0.35), offset=d())
    b.box((0, h / 2, -t / 2), (w, h, t), body)
    b.box((0, 0.25, -t / 2), (w + 0.06, 0.5, t + 0.06), palette.plain(d, palette.shade(c, 0.6)))
    tile = palette.vary(d, d.choice([(0.52, 0.25, 0.18), (0.30, 0.28, 0.28), (0.42, 0.30, 0.24)]), 0.04)
    roof = Material(
        tile, palette.shade(tile, 0.7), (3, 3, 0.4), cell=(0.3, 0.35), joint=0.04, joint_tone=0.6, tone=0.15
    )
    if d.chance(0.75):
        pitch = d.between(0.5, 0.85)
        run = (t / 2 + 0.4) / math.cos(pitch)
        rise = h + (t / 2) * math.tan(pitch) / 2
        for side in (-1, 1):
            b.box((0, rise, -t / 2 + side * (t / 4 + 0.1)), (w + 0.5, 0.14, run), roof, tilt=-side * pitch)
        top = (t / 2) * math.tan(pitch)
        for k in range(4):  # the gable
            b.box((0, h + top * (k + 0.5) / 4, -t / 2), (w - 0.04, top / 4, t * (1 - (k + 0.6) / 4)), body)
        if d.chance(0.6):
            b.box(
                (d.between(-0.3, 0.3) * w, h + top + 0.2, -t / 2),
                (0.5, 1.4, 0.5),
                palette.plain(d, (0.5, 0.3, 0.25)),
            )
    else:
        b.box((0, h + 0.15, -t / 2), (w + 0.3, 0.3, t + 0.3), palette.plain(d, palette.shade(c, 0.7)))
    frame = palette.plain(d, (0.92, 0.92, 0.9))
    pane = Material((0.12, 0.14, 0.17), (0.5, 0.58, 0.66), (0.6, 0.6, 0.5), gloss=0.9, offset=d(), glass=2.0)
    count = max(2, round(w / d.between(2.2, 3.2)))
    door = d.whole(0, count - 1)
    ww, wh = d.between(0.9, 1.3), d.between(1.2, 1.6)
    for floor in range(floors):
        for k in range(count):
            x = (k + 0.5) / count * w - w / 2
            if floor == 0 and k == door:
                b.box((x, 1.25, 0.02), (1.1, 2.1, 0.08), palette.wood(d, along_v=True))
                continue
            up = 0.6 + 2.8 * floor + 1.5
            b.box((x, up, 0.01), (ww + 0.16, wh + 0.16, 0.07), frame)
            b.box((x, up, 0.04), (ww, wh, 0.03), pane)
    # one strip of windows along the side that faces the road's ends
    for sx in (-1, 1):
        for floor in range(floors):
            b.box((sx * (w / 2 + 0.005), 0.6 + 2.8 * floor + 1.5, -t * 0.35), (0.05, wh, ww), pane)
    return h


def tree(b: Builder, d: Draw) -> None:
    """A trunk and a crown of several masses of leaves."""
    h = d.between(4.0, 10.0)
    bark = Material((0.36, 0.28, 0.22), (0.2, 0.15, 0.12), (8, 2, 0.7), offset=d())
    b.cylinder((0, h * 0.25, 0), 0.09 * h**0.6, h * 0.5, bark, top=0.7)
    c = palette.vary(d, d.choice([(0.34, 0.46, 0.20), (0.28, 0.40, 0.20), (0.46, 0.48, 0.22)]), 0.05)
    f = d.between(2.0, 4.0)
    green = Material(c, palette.shade(c, 0.4), (f, f, 1.0), offset=d())
    if d.chance(0.2):  # a conifer
        b.cylinder((0, h * 0.6, 0), h * 0.4, h * 0.9, green, top=0.02)
        return
    r = h * d.between(0.22, 0.32)
    for _ in range(d.whole(4, 7)):
        s = r * d.between(0.9, 1.5)
        a, out = d.between(0, 2 * math.pi), r * d.between(0.1, 0.7)
        b.ball((out * math.sin(a), h * d.between(0.5, 0.85), out * math.cos(a)), (s * 1.2, s, s * 1.2), green, yaw=a,
               tilt=d.between(-0.3, 0.3))  # fmt: skip


def _make(seed: int, index: int) -> tuple[Builder, dict[str, list[float]], Tensor]:
    d, b = Draw(seed, index, "roads"), Builder()
    lane = d.between(2.9, 3.6)
    lanes = d.choice([1, 2, 2, 2, 3])
    half = lane * lanes / 2 + d.between(0.2, 0.5)
    parking = d.choice([0.0, 2.2, 2.2])
    walk = d.between(1.5, 3.0)
    town = d.chance(0.75)
    own = -0.5 * lane * lanes + lane * (lanes - 0.5) if lanes > 1 else 0.0  # keep right
    along = LENGTH / 2 - 12.0
    grass = palette.vary(d, (0.34, 0.42, 0.20), 0.06)
    b.box(
        (0, -0.55, 60),
        (500, 1.0, 700),
        Material(grass, palette.shade(grass, 0.6), (1.5, 1.5, 0.6)),
        shell=True,
    )
    c = palette.vary(d, d.choice([(0.42, 0.42, 0.43), (0.33, 0.33, 0.34), (0.52, 0.51, 0.49)]), 0.03)
    asphalt = Material(c, palette.shade(c, 0.8), (3.0, 1.0, 0.35), offset=d())
    b.box((0, -0.25, along + 100), (2 * (half + parking), 0.5, LENGTH + 240), asphalt, shell=True)
    white: Colour = (0.88, 0.88, 0.84)
    dash, gap = d.choice([(3.0, 3.0), (3.0, 6.0), (6.0, 6.0)])
    if d.chance(0.9):
        for k in range(1, lanes):
            n = int(90 / (dash + gap))
            phase = d() * (dash + gap)
            for i in range(n):
                b.box((-lane * lanes / 2 + k * lane, 0.001, phase - 4 + i * (dash + gap)), (0.13, 0.004, dash),
                      Material(white, c, (6, 2, 0.3)))  # fmt: skip
        if d.chance(0.8):
            for sx in (-1, 1):
                b.box(
                    (sx * (half - 0.15), 0.001, along + 40),
                    (0.13, 0.004, LENGTH),
                    Material(white, c, (6, 1, 0.3)),
                )
    if town:
        kerb = palette.plain(d, (0.62, 0.61, 0.58))
        slab = palette.vary(d, (0.60, 0.58, 0.55), 0.05)
        paving = Material(
            slab,
            palette.shade(slab, 0.8),
            (2, 2, 0.25),
            cell=(0.5, 0.5),
            joint=0.015,
            joint_tone=0.6,
            tone=0.08,
        )
        for sx in (-1, 1):
            edge = half + parking
            b.box((sx * (edge + 0.08), 0.03, along), (0.16, 0.2, LENGTH), kerb)
            b.box((sx * (edge + 0.16 + walk / 2), 0.0, along), (walk, 0.22, LENGTH), paving, shell=True)
    # both sides of the road, from near to far
    for sx in (-1, 1):
        edge = half + parking + (walk + 0.2 if town else 1.0)
        yaw = -sx * math.pi / 2  # what stands there faces the road
        z = d.between(-6, 4)
        built = 0.75 if town else 0.18
        while z < 105:
            if d.chance(built):
                w, t = d.between(7, 15), d.between(7, 11)
                garden = d.choice([0.3, 0.5, 3.0, 5.0])
                b.place(sx * (edge + garden), z + w / 2, yaw)
                house(b, d, w, t)
                if garden > 2 and d.chance(0.7):
                    hedge = palette.leaves(d)
                    b.place(sx * (edge + 0.4), z + w / 2, yaw)
                    b.box((0, 0.5, 0), (w - 1, d.between(0.8, 1.6), 0.6), hedge)
                z += w + d.choice([0.0, 0.5, 3.0, 6.0])
            else:
                for _ in range(d.whole(1, 4)):
                    b.place(sx * (edge + d.between(1.0, 9.0)), z + d.between(0, 8), 0)
                    tree(b, d)
                z += d.between(6, 14)
        if d.chance(0.5):  # trees along the pavement
            step, z = d.between(9, 16), d.between(5, 15)
            while z < 80:
                b.place(sx * (edge - (0.6 if town else 0)), z, 0, 0.1)
                tree(b, d)
                z += step
        if d.chance(0.7):  # lamp posts
            step, z = d.between(20, 32), d.between(4, 20)
            iron = palette.plain(d, (0.42, 0.43, 0.44))
            while z < 100:
                b.place(sx * (half + parking + 0.5), z, 0)
                b.cylinder((0, 3.5, 0), 0.14, 7.0, iron, top=0.6)
                b.box((-sx * 0.7, 7.0, 0), (1.5, 0.1, 0.12), iron)
                z += step
        for _ in range(d.whole(0, 2)):  # signs
            b.place(sx * (half + parking + 0.45), d.between(8, 50), 0)
            b.cylinder((0, 1.2, 0), 0.06, 2.4, palette.metal(d))
            b.cylinder((0, 2.3, -0.05), 0.6, 0.03, Material(d.choice([(0.8, 0.1, 0.1), (0.1, 0.25, 0.65)]), gloss=0.3),
                       tilt=math.pi / 2)  # fmt: skip
            b.cylinder((0, 2.3, -0.07), 0.42, 0.03, Material((0.92, 0.92, 0.9), gloss=0.3), tilt=math.pi / 2)
        if parking:
            z = d.between(3, 9)
            while z < 70:
                if d.chance(0.6):
                    b.place(sx * (half + 1.15), z, 0.0 if sx > 0 else math.pi)
                    car(b, d)
                z += d.between(5.2, 6.5)
    for k in range(lanes):
        centre = -lane * lanes / 2 + lane * (k + 0.5)
        oncoming = centre < 0 and lanes > 1
        z = d.between(8, 40) if abs(centre - own) < 0.1 else d.between(4, 35)
        while z < 90:
            b.place(centre + d.bell(0, 0.1), z, math.pi if oncoming else 0.0)
            car(b, d)
            z += d.between(12, 60)
    side, rise = d.between(-1.2, 1.2), d.between(0.7, 2.2)
    sun = (side, -rise, d.between(-1.0, 1.0))
    size = math.sqrt(sum(s * s for s in sun))
    overcast = d.chance(0.3)
    strength = 0.4 if overcast else d.between(2.4, 4.0)
    ambient = d.between(0.7, 1.0) * (1.5 if overcast else 1.0)
    rest: dict[str, list[float]] = {
        "sun": [*(s / size for s in sun), strength, strength * 0.95, strength * 0.84],
        "portal": [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0],
        "ambient": [ambient * 0.88, ambient * 0.97, ambient * 1.1, ambient * 0.45, ambient * 0.43, ambient * 0.38],
        "sky": [2.0, 2.1, 2.2, 2.8, 2.8, 2.8, 350.0] if overcast else [0.8, 1.35, 2.4, 2.1, 2.5, 2.8, 900.0],
        "look": [d.between(0.3, 0.5), d.bell(1.0, 0.05), d.bell(1.0, 0.05), d.between(0.0, 0.25),
                 d.between(0.004, 0.012), d.between(0.3, 0.9), d(), d()],
    }  # fmt: skip
    pose = camera_pose(own + d.bell(0, 0.15), CAMERA_HEIGHT, 0, d.bell(0, 0.03), d.bell(0, 0.006), d.bell(0, 0.006))
    return b, rest, pose


def make_roads(seed: int, indices: Sequence[int] | Tensor) -> Scene:
    """Streets; each depends on (seed, its index) alone.

    >>> len(make_roads(0, [3, 4]))
    2
    """
    made = [_make(seed, int(i)) for i in (indices.tolist() if isinstance(indices, torch.Tensor) else indices)]
    return assemble([m[0] for m in made], [m[1] for m in made], [m[2] for m in made])
