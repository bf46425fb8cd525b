"""Pieces of furniture, built in their own frame: back at z = 0 towards the wall, front at z > 0, metres.

Every function takes the builder (already placed), the scene's draws and the piece's width, and returns nothing;
:data:`PIECES` says how much floor a piece needs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from depthlib.data.scenes import palette
from depthlib.data.scenes.draw import Draw
from depthlib.data.scenes.materials import Material
from depthlib.data.scenes.scene import Builder


def clutter(b: Builder, d: Draw, up: float, width: float, depth: float, count: int, z0: float = 0.0) -> None:
    """Small things on a surface at height ``up``."""
    for _ in range(count):
        x, z = d.between(-0.42, 0.42) * width, z0 + d.between(0.2, 0.8) * depth
        kind = d()
        if kind < 0.3:
            w, h, t = d.between(0.08, 0.3), d.between(0.03, 0.25), d.between(0.08, 0.25)
            material = palette.plain(d, d.choice(palette.VIVID + palette.CLOTHS), 0.2)
            b.box((x, up + h / 2, z), (w, h, t), material, yaw=d.between(-0.6, 0.6))
        elif kind < 0.5:  # a stack of books or papers
            level = up
            for _ in range(d.whole(1, 4)):
                t = d.between(0.015, 0.05)
                material = palette.plain(d, d.choice(palette.VIVID), 0.2)
                b.box((x, level + t / 2, z), (0.22, t, 0.16), material, yaw=d.between(-0.4, 0.4))
                level += t
        elif kind < 0.7:  # a bottle or a cup
            w, h = d.between(0.06, 0.1), d.between(0.08, 0.28)
            material = palette.plain(d, d.choice(palette.VIVID), 0.7)
            b.cylinder((x, up + h / 2, z), w, h, material, top=d.choice([1.0, 0.8, 1.2]))
            if h > 0.17:
                b.cylinder((x, up + h + 0.03, z), w * 0.4, 0.06, material)
        elif kind < 0.85:  # a bowl or vase
            s = d.between(0.1, 0.22)
            b.ball(
                (x, up + s * 0.4, z),
                (s, s * d.between(0.8, 1.3), s),
                palette.plain(d, d.choice(palette.PAINTS), 0.6),
            )
        else:
            plant(b, d, x, up, z, d.between(0.15, 0.3))


def plant(b: Builder, d: Draw, x: float, up: float, z: float, size: float) -> None:
    """A pot with leaves."""
    pot = palette.plain(d, d.choice([(0.62, 0.36, 0.24), (0.85, 0.85, 0.82), (0.25, 0.25, 0.28)]), 0.2)
    b.cylinder((x, up + 0.22 * size, z), 0.45 * size, 0.44 * size, pot, top=1.3)
    green = palette.leaves(d)
    for _ in range(d.whole(6, 11)):
        angle, lean = d.between(0, 2 * math.pi), d.between(0.15, 1.0)
        length = size * d.between(0.6, 1.1)
        reach = 0.5 * length * math.sin(lean)
        b.ball(
            (x + reach * math.sin(angle), up + 0.42 * size + 0.5 * length * math.cos(lean), z + reach * math.cos(angle)),
            (0.16 * size, length, 0.05 * size), green, yaw=angle, tilt=-lean,
        )  # fmt: skip


def legs(
    b: Builder,
    w: float,
    t: float,
    h: float,
    thick: float,
    m: Material,
    z0: float = 0.0,
    rounded: bool = False,
) -> None:
    """Four legs under a w x t surface."""
    for sx in (-1, 1):
        for zz in (z0 + thick, z0 + t - thick):
            if rounded:
                b.cylinder((sx * (w / 2 - thick), h / 2, zz), thick, h, m)
            else:
                b.box((sx * (w / 2 - thick), h / 2, zz), (thick, h, thick), m)


def table(b: Builder, d: Draw, w: float) -> None:
    """A table or desk, with things on it."""
    h, t, m = d.between(0.70, 0.78), d.between(0.6, 0.95), palette.wood(d)
    b.box((0, h - 0.02, t / 2), (w, 0.04, t), m)
    if d.chance(0.5):
        b.box((0, h - 0.08, t / 2), (w - 0.16, 0.08, t - 0.16), m)
    legs(b, w, t, h - 0.04, d.between(0.04, 0.08), m, rounded=d.chance(0.3))
    clutter(b, d, h, w, t, d.whole(1, 6))
    if d.chance(0.35):
        monitor(b, d, d.between(-0.2, 0.2) * w, h, 0.3 * t)


def monitor(b: Builder, d: Draw, x: float, up: float, z: float) -> None:
    """A screen on a foot."""
    case = palette.plain(d, d.choice([(0.1, 0.1, 0.1), (0.7, 0.7, 0.7)]), 0.2)
    w = d.between(0.42, 0.6)
    b.box((x, up + 0.32, z), (w, w * 0.65, 0.05), case)
    b.box((x, up + 0.32, z + 0.024), (w * 0.92, w * 0.58, 0.01), palette.screen(d))
    b.box((x, up + 0.07, z), (0.05, 0.14, 0.05), case)
    b.box((x, up + 0.01, z), (0.22, 0.02, 0.18), case)


def chair(b: Builder, d: Draw, w: float) -> None:
    """A chair facing +z."""
    m = palette.wood(d) if d.chance(0.7) else palette.metal(d)
    seat = palette.cloth(d) if d.chance(0.5) else m
    s, h, top = d.between(0.42, 0.48), d.between(0.43, 0.48), d.between(0.85, 1.05)
    if d.chance(0.25):  # an office chair
        b.box((0, h, 0.28), (s + 0.04, 0.09, s + 0.04), seat)
        b.box((0, 0.5 * (h + top) + 0.08, 0.06), (s, top - h - 0.02, 0.08), seat, tilt=0.12)
        b.cylinder((0, h / 2, 0.28), 0.06, h, palette.metal(d))
        for k in range(5):
            b.box((0.15 * math.sin(k * 1.257), 0.06, 0.28 + 0.15 * math.cos(k * 1.257)), (0.04, 0.04, 0.3),
                  palette.metal(d), yaw=k * 1.257)  # fmt: skip
        for sx in (-1, 1):
            b.box((sx * s * 0.55, h + 0.2, 0.28), (0.05, 0.03, 0.28), seat)
            b.box((sx * s * 0.55, h + 0.1, 0.25), (0.03, 0.2, 0.04), seat)
        return
    b.box((0, h, 0.05 + s / 2), (s, 0.04, s), seat)
    legs(b, s, s, h, 0.04, m, z0=0.05)
    tilt = d.between(0.05, 0.2)
    for sx in (-1, 1):
        b.box((sx * (s / 2 - 0.02), (h + top) / 2, 0.04), (0.04, top - h, 0.04), m, tilt=tilt)
    if d.chance(0.5):
        bars = d.whole(2, 3)
        for k in range(bars):
            up = h + (top - h) * (k + 0.9) / bars * 0.93
            b.box((0, up, 0.04 - (up - (h + top) / 2) * tilt), (s - 0.04, 0.07, 0.02), m)
    else:
        for k in range(4):
            b.box(((k - 1.5) * s * 0.22, (h + top) / 2, 0.04), (0.025, top - h, 0.02), m, tilt=tilt)
        b.box((0, top - 0.03, 0.04 - (top - h) / 2 * tilt), (s, 0.07, 0.03), m, tilt=tilt)


def dining(b: Builder, d: Draw, w: float) -> None:
    """A table with chairs about it."""
    x, z, yaw = b.x, b.z, b.yaw
    m, h, t, round_top = palette.wood(d), d.between(0.72, 0.77), d.between(0.75, 0.95), d.chance(0.3)
    if round_top:
        t = w = min(w, 1.15)
        b.cylinder((0, h - 0.02, 0.6 + t / 2), w, 0.035, m)
        b.cylinder((0, h / 2, 0.6 + t / 2), 0.1, h, m)
        b.cylinder((0, 0.03, 0.6 + t / 2), 0.55, 0.06, m, top=0.6)
    else:
        b.box((0, h - 0.02, 0.6 + t / 2), (w, 0.04, t), m)
        legs(b, w, t, h - 0.04, 0.06, m, z0=0.6)
    clutter(b, d, h, w * 0.8, t, d.whole(0, 4), z0=0.6)
    look = d.next  # every chair from the same draws, so that they match
    for side in (0, 1):
        for k in range(1 if w < 1.2 else 2):
            if not d.chance(0.85):
                continue
            px = 0.0 if w < 1.2 else (k - 0.5) * w * 0.5
            pz = d.between(0.1, 0.3) if side == 0 else 1.2 + t - d.between(0.1, 0.3)
            turn = d.between(-0.3, 0.3) + (math.pi if side else 0.0)
            wx, _, wz = b.point(px, 0, pz)
            after, d.next = d.next, look
            b.place(wx, wz, yaw + turn)
            chair(b, d, 0.45)
            d.next = max(after, d.next)
            b.place(x, z, yaw)


def bed(b: Builder, d: Draw, w: float) -> None:
    """A bed, head against the wall."""
    m, length, h = palette.wood(d), d.between(1.9, 2.1), d.between(0.42, 0.6)
    cover = palette.cloth(d)
    sheet = palette.cloth(d, (0.88, 0.86, 0.84))
    head = d.between(0.8, 1.25)
    b.box((0, head / 2, 0.03), (w + 0.08, head, 0.06), m)
    b.box((0, h * 0.28, length / 2), (w, h * 0.36, length), m)
    b.box((0, h * 0.7, length / 2), (w - 0.03, h * 0.55, length - 0.04), sheet)
    b.box((0, h * 0.62 + 0.03, length * 0.62), (w + 0.05, h * 0.75, length * 0.72), cover)
    b.ball((0, h - 0.02, length * 0.6), (w * 1.3, 0.16, length * 0.95), cover)
    for k in range(2 if w > 1.2 else 1):
        x = (k - 0.5) * w * 0.48 if w > 1.2 else 0.0
        b.ball((x, h + 0.08, 0.3), (0.62, 0.2, 0.42), sheet, tilt=-0.25, yaw=d.between(-0.15, 0.15))
        if d.chance(0.5):
            b.ball((x, h + 0.16, 0.42), (0.42, 0.4, 0.16), palette.cloth(d), tilt=0.7)
    if d.chance(0.35):
        b.box((0, h * 0.7, length + 0.02), (w + 0.06, h * 1.4, 0.05), m)


def sofa(b: Builder, d: Draw, w: float) -> None:
    """A sofa or an armchair, with cushions."""
    m, t, h = palette.cloth(d), d.between(0.85, 1.0), d.between(0.78, 0.95)
    arm, seat = d.between(0.14, 0.22), d.between(0.4, 0.46)
    b.box((0, 0.24, t / 2), (w - 0.04, 0.34, t - 0.04), m)
    b.box((0, h / 2 + 0.04, 0.13), (w - 0.1, h - 0.06, 0.2), m, tilt=0.08)
    count = max(1, round((w - 2 * arm) / 0.65))
    each = (w - 2 * arm) / count
    for k in range(count):
        x = (k - (count - 1) / 2) * each
        b.box((x, seat - 0.04, t / 2 + 0.1), (each - 0.015, 0.16, t - 0.25), m)
        b.ball((x, seat + 0.03, t / 2 + 0.1), (each, 0.1, t - 0.3), m)
        b.box((x, seat + 0.24, 0.27), (each - 0.02, 0.44, 0.16), m, tilt=0.18)
    for sx in (-1, 1):
        b.box((sx * (w - arm) / 2, 0.33, t / 2), (arm, 0.52, t), m)
        b.cylinder((sx * (w - arm) / 2, 0.59, t / 2), arm * 1.05, t, m, tilt=math.pi / 2)
    for _ in range(d.whole(0, 3)):
        x = d.between(-0.5, 0.5) * (w - 2 * arm - 0.4)
        b.ball(
            (x, seat + 0.22, 0.44),
            (0.44, 0.42, 0.17),
            palette.cloth(d),
            tilt=d.between(0.25, 0.5),
            roll=d.between(-0.4, 0.4),
        )


def bookcase(b: Builder, d: Draw, w: float) -> None:
    """Shelves with books and things."""
    m, t, h = palette.wood(d, along_v=True), d.between(0.26, 0.36), d.between(1.1, 2.1)
    b.box((0, h / 2, 0.01), (w, h, 0.02), m)
    for sx in (-1, 1):
        b.box((sx * (w / 2 - 0.012), h / 2, t / 2), (0.024, h, t), m)
    levels = max(2, round(h / d.between(0.32, 0.42)))
    pitch = (h - 0.1) / levels
    board = palette.wood(d)
    board.values[:6] = m.values[:6]
    for k in range(levels + 1):
        b.box((0, 0.08 + k * pitch, t / 2), (w - 0.04, 0.022, t), board)
        if k == levels:
            break
        x, up = -w / 2 + 0.03, 0.091 + k * pitch
        while x < w / 2 - 0.1:
            run = min(d.between(0.12, 0.5), w / 2 - 0.03 - x)
            kind = d()
            if kind < 0.62:
                tall = pitch * d.between(0.55, 0.88)
                deep = d.between(0.6, 0.85) * t
                b.box((x + run / 2, up + tall / 2, 0.03 + deep / 2), (run, tall, deep), palette.books(d))
            elif kind < 0.8:
                b.place(*_shift(b, x + run / 2, 0), b.yaw, b.base)
                clutter(b, d, up, min(run, 0.2), t * 0.8, 1)
                b.place(*_shift(b, -x - run / 2, 0), b.yaw, b.base)
            x += run + d.between(0.0, 0.08)


def _shift(b: Builder, x: float, z: float) -> tuple[float, float]:
    wx, _, wz = b.point(x, 0, z)
    return wx, wz


def cabinet(b: Builder, d: Draw, w: float) -> None:
    """Drawers or doors, handles, things on top."""
    m, t, h = palette.wood(d), d.between(0.4, 0.55), d.choice([0.55, 0.75, 0.85, 1.1, 1.3])
    if d.chance(0.3):
        m = palette.plain(d, d.choice(palette.PAINTS), 0.2)
    b.box((0, h / 2 + 0.03, t / 2), (w, h - 0.06, t), m)
    b.box((0, h - 0.015, t / 2 + 0.01), (w + 0.04, 0.03, t + 0.03), m)
    b.box((0, 0.03, t / 2 - 0.03), (w - 0.06, 0.06, t - 0.06), m)
    handle = palette.metal(d)
    fronts(
        b,
        d,
        w,
        h - 0.12,
        0.08,
        t,
        m,
        handle,
        max(1, round(w / 0.5)),
        max(1, round(h / 0.25)) if d.chance(0.6) else 1,
    )
    if d.chance(0.3) and h < 0.9:
        tv(b, d, h, t)
    else:
        clutter(b, d, h, w, t, d.whole(1, 6))
    if d.chance(0.25) and h < 1.2:
        lamp_small(b, d, d.between(-0.35, 0.35) * w, h, t / 2)


def fronts(
    b: Builder,
    d: Draw,
    w: float,
    h: float,
    up: float,
    z: float,
    m: Material,
    handle: Material,
    nx: int,
    ny: int,
) -> None:
    """A grid of doors or drawers with handles."""
    for i in range(nx):
        for k in range(ny):
            cx, cy = (i + 0.5) / nx * w - w / 2, up + (k + 0.5) / ny * h
            b.box((cx, cy, z + 0.006), (w / nx - 0.025, h / ny - 0.025, 0.018), m)
            if ny > 1:
                b.box((cx, cy, z + 0.03), (0.12, 0.015, 0.02), handle)
            else:
                side = -1 if i % 2 else 1
                b.box((cx + side * (w / nx / 2 - 0.06), cy + 0.1 * h, z + 0.03), (0.015, 0.12, 0.02), handle)


def tv(b: Builder, d: Draw, up: float, t: float) -> None:
    """A television set."""
    w, case = d.between(0.8, 1.2), palette.plain(d, (0.08, 0.08, 0.09), 0.4)
    b.box((0, up + 0.06 + w * 0.3, t / 2), (w, w * 0.6, 0.08), case)
    b.box((0, up + 0.06 + w * 0.3, t / 2 + 0.038), (w * 0.93, w * 0.52, 0.01), palette.screen(d))
    b.box((0, up + 0.03, t / 2), (w * 0.4, 0.06, 0.22), case)


def wardrobe(b: Builder, d: Draw, w: float) -> None:
    """Tall, two or three doors."""
    m, t, h = palette.wood(d, along_v=True), d.between(0.5, 0.62), d.between(1.8, 2.2)
    b.box((0, h / 2, t / 2), (w, h, t), m)
    b.box((0, h - 0.03, t / 2 + 0.01), (w + 0.05, 0.06, t + 0.04), m)
    fronts(b, d, w, h - 0.2, 0.1, t, m, palette.metal(d), max(2, round(w / 0.5)), 1)
    if d.chance(0.4):
        clutter(b, d, h, w, t, d.whole(1, 3))


def kitchen(b: Builder, d: Draw, w: float) -> None:
    """A counter with cupboards under and over it."""
    m = palette.wood(d, along_v=True) if d.chance(0.6) else palette.plain(d, d.choice(palette.PAINTS), 0.3)
    handle, top = palette.metal(d), palette.stone(d)
    b.box((0, 0.46, 0.29), (w, 0.84, 0.56), m)
    b.box((0, 0.05, 0.26), (w, 0.1, 0.5), palette.plain(d, (0.12, 0.11, 0.1)))
    b.box((0, 0.9, 0.31), (w + 0.02, 0.04, 0.63), top)
    n = max(2, round(w / 0.5))
    fronts(b, d, w, 0.74, 0.12, 0.57, m, handle, n, 1)
    b.box((0, 1.18, 0.006), (w, 0.52, 0.012), palette.tiles(d, small=True))
    if d.chance(0.75):
        hh = d.between(0.55, 0.8)
        b.box((0, 1.45 + hh / 2, 0.17), (w, hh, 0.34), m)
        fronts(b, d, w, hh - 0.02, 1.46, 0.34, m, handle, n, 1)
    clutter(b, d, 0.92, w, 0.5, d.whole(2, 8))
    if d.chance(0.5):  # a stove
        x = d.between(-0.25, 0.25) * w
        b.box(
            (x, 0.46, 0.3),
            (0.6, 0.88, 0.62),
            palette.plain(d, d.choice([(0.85, 0.85, 0.85), (0.15, 0.15, 0.15)]), 0.6),
        )
        b.box((x, 0.5, 0.612), (0.46, 0.36, 0.012), palette.screen(d))
        b.box((x, 0.74, 0.64), (0.5, 0.02, 0.03), handle)
        for k in range(4):
            b.cylinder((x + (0.13 if k % 2 else -0.13), 0.926, 0.2 + 0.26 * (k // 2)), 0.17, 0.01, palette.screen(d))


def fridge(b: Builder, d: Draw, w: float) -> None:
    """A refrigerator."""
    m = palette.plain(d, d.choice([(0.88, 0.88, 0.86), (0.62, 0.63, 0.65), (0.12, 0.12, 0.13)]), 0.5)
    h = d.between(1.6, 1.8)
    b.box((0, h / 2, 0.32), (w, h, 0.62), m)
    b.box((0, h * 0.33, 0.65), (w - 0.01, h * 0.62, 0.05), m)
    b.box((0, h * 0.83, 0.65), (w - 0.01, h * 0.32, 0.05), m)
    for up in (0.45, 0.8):
        b.box((-w / 2 + 0.06, h * up, 0.69), (0.025, 0.3, 0.03), palette.metal(d))


def lamp_floor(b: Builder, d: Draw, w: float) -> None:
    """A standing lamp."""
    m, h = palette.metal(d), d.between(1.35, 1.75)
    b.cylinder((0, 0.015, 0.25), 0.3, 0.03, m)
    b.cylinder((0, h / 2, 0.25), 0.03, h, m)
    b.cylinder((0, h, 0.25), 0.42, 0.28, Material((0.95, 0.85, 0.65), glow=d.choice([0.0, 1.6, 2.5])), top=0.6)


def lamp_small(b: Builder, d: Draw, x: float, up: float, z: float) -> None:
    """A table lamp."""
    m = palette.plain(d, d.choice(palette.PAINTS), 0.5)
    b.ball((x, up + 0.12, z), (0.16, 0.24, 0.16), m)
    b.cylinder((x, up + 0.25, z), 0.02, 0.1, m)
    b.cylinder((x, up + 0.38, z), 0.32, 0.2, Material((0.95, 0.86, 0.68), glow=d.choice([0.0, 2.0, 3.0])), top=0.6)


def coffee_table(b: Builder, d: Draw, w: float) -> None:
    """Low, in the middle of a rug."""
    m, h, t = palette.wood(d), d.between(0.38, 0.48), d.between(0.5, 0.7)
    b.box((0, h - 0.02, t / 2), (w, 0.04, t), m)
    legs(b, w, t, h, 0.05, m)
    if d.chance(0.4):
        b.box((0, 0.14, t / 2), (w - 0.1, 0.02, t - 0.1), m)
    clutter(b, d, h, w, t, d.whole(1, 5))


def nightstand(b: Builder, d: Draw, w: float) -> None:
    """A small cabinet with a lamp."""
    m, h = palette.wood(d), d.between(0.5, 0.65)
    b.box((0, h / 2, 0.2), (w, h, 0.4), m)
    fronts(b, d, w, h - 0.1, 0.06, 0.4, m, palette.metal(d), 1, 2)
    lamp_small(b, d, 0, h, 0.2)


def boxes(b: Builder, d: Draw, w: float) -> None:
    """A stack of cardboard boxes."""
    up = 0.0
    for _ in range(d.whole(1, 3)):
        h = d.between(0.22, 0.42)
        card = palette.plain(d, d.choice([(0.70, 0.55, 0.38), (0.66, 0.50, 0.34), (0.80, 0.78, 0.74)]), 0.0)
        b.box((d.between(-0.05, 0.05), up + h / 2, 0.3), (d.between(0.35, 0.55), h, d.between(0.3, 0.45)), card,
              yaw=d.between(-0.4, 0.4))  # fmt: skip
        up += h


def plant_floor(b: Builder, d: Draw, w: float) -> None:
    """A tall house plant."""
    plant(b, d, 0, 0, 0.3, d.between(0.7, 1.2))


def basket(b: Builder, d: Draw, w: float) -> None:
    """A bin, a ball or a stool."""
    kind = d()
    if kind < 0.4:
        b.cylinder((0, 0.17, 0.2), 0.26, 0.34, palette.plain(d, d.choice(palette.VIVID + palette.WOODS)), top=1.2)
    elif kind < 0.6:
        s = d.between(0.2, 0.6)
        b.ball((0, s / 2, 0.3), (s, s, s), palette.plain(d, d.choice(palette.VIVID), 0.5))
    else:
        m = palette.cloth(d)
        b.cylinder((0, 0.2, 0.25), 0.48, 0.4, m)
        b.ball((0, 0.4, 0.25), (0.48, 0.12, 0.48), m)


@dataclass(frozen=True)
class Piece:
    """A kind of furniture: how to build it, the widths it comes in, the floor it needs in front of the wall."""

    build: Callable[[Builder, Draw, float], None]
    width: tuple[float, float]
    depth: float
    height: float


PIECES: dict[str, Piece] = {
    "table": Piece(table, (1.0, 1.7), 1.0, 0.8),
    "chair": Piece(chair, (0.5, 0.5), 0.55, 1.0),
    "dining": Piece(dining, (1.0, 1.8), 2.1, 1.0),
    "bed": Piece(bed, (0.95, 1.8), 2.15, 0.6),
    "sofa": Piece(sofa, (1.5, 2.3), 1.0, 0.9),
    "armchair": Piece(sofa, (0.85, 1.0), 1.0, 0.9),
    "bookcase": Piece(bookcase, (0.7, 1.6), 0.36, 2.0),
    "cabinet": Piece(cabinet, (0.6, 1.6), 0.56, 1.2),
    "wardrobe": Piece(wardrobe, (0.9, 1.7), 0.65, 2.2),
    "kitchen": Piece(kitchen, (1.6, 3.2), 0.68, 2.2),
    "fridge": Piece(fridge, (0.65, 0.8), 0.72, 1.8),
    "lamp": Piece(lamp_floor, (0.5, 0.5), 0.5, 1.7),
    "coffee": Piece(coffee_table, (0.8, 1.2), 0.7, 0.5),
    "nightstand": Piece(nightstand, (0.4, 0.5), 0.45, 1.0),
    "boxes": Piece(boxes, (0.6, 0.7), 0.6, 0.9),
    "plant": Piece(plant_floor, (0.6, 0.6), 0.6, 1.4),
    "basket": Piece(basket, (0.5, 0.6), 0.55, 0.5),
}
