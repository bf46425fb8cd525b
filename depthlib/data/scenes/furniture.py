"""Furniture from boxes, ellipsoids and cylinders. Each piece stands at its frame's origin, its back at +z.

Every function takes the builder and returns nothing; sizes are metres, from the width the room has for it.
"""

from __future__ import annotations

from depthlib.data.scenes import textures as tx
from depthlib.data.scenes.build import BLACK, Builder, Colour, shade

WOODS: tuple[Colour, ...] = (
    (0.30, 0.16, 0.07), (0.45, 0.28, 0.13), (0.16, 0.07, 0.03), (0.55, 0.40, 0.23), (0.62, 0.50, 0.33), (0.09, 0.05, 0.03),
)  # fmt: skip
WHITE: Colour = (0.75, 0.74, 0.71)


def timber(b: Builder) -> dict[str, object]:
    """A wood, or paint, for all parts of a piece."""
    if b.draw.chance(0.22):
        colour = WHITE if b.draw.chance(0.6) else b.draw.colour(0.4, 0.03, 0.5)
        return {"colour": colour, "second": BLACK}
    colour = shade(b.draw.pick(WOODS), b.draw(0.8, 1.25))
    return {"colour": colour, "second": shade(colour, 0.55), "texture": tx.WOOD, "period": b.draw(0.08, 0.2)}


def cloth(b: Builder) -> dict[str, object]:
    """A fabric: plain, striped or checked."""
    colour = b.draw.colour(0.75, 0.05, 0.6)
    kind = b.draw.pick((tx.FABRIC, tx.FABRIC, tx.FABRIC, tx.STRIPES, tx.CHECKS))
    other = shade(colour, b.draw(0.6, 0.85)) if kind == tx.FABRIC else b.draw.colour(0.6, 0.1, 0.7)
    return {"colour": colour, "second": other, "texture": kind, "period": b.draw(0.05, 0.2)}


def legs(b: Builder, w: float, d: float, h: float, thick: float, material: dict[str, object]) -> None:
    for x in (-1, 1):
        for z in (-1, 1):
            add = b.tube if thick < 0.045 else b.box
            add(x * (w - thick) / 2, 0, z * (d - thick) / 2, thick, h, thick, **material)


def books(b: Builder, w: float, d: float, bottom: float, height: float) -> None:
    """Blocks of books on a board, some of them lying."""
    x = -w / 2
    while x < w / 2 - 0.05:
        run = min(b.draw(0.08, 0.5), w / 2 - x)
        what = b.draw()
        if what < 0.62:
            tall = height * b.draw(0.62, 0.92)
            b.box(x + run / 2, bottom, 0.02, run, tall, d * b.draw(0.65, 0.85), WHITE, texture=tx.BOOKS, period=b.draw(0.025, 0.045))
        elif what < 0.75:
            b.box(x + run / 2, bottom, 0, min(run, 0.3), height * b.draw(0.15, 0.4), d * 0.7, b.draw.colour(0.7), yaw=b.draw(-0.1, 0.1))
        elif what < 0.84:
            r = min(run, height * 0.7, d * 0.8) * b.draw(0.5, 1)
            b.draw.pick((b.ball, b.tube))(x + run / 2, bottom, 0, r, min(height * 0.8, r * b.draw(0.8, 1.3)), r, b.draw.colour(0.7))
        x += run + b.draw(0, 0.06)


def shelf(b: Builder, w: float, tall: float | None = None) -> None:
    m, h, d = timber(b), tall or b.draw(1.0, 2.2), b.draw(0.26, 0.38)
    rows = max(1, round(h / 0.38))
    t = 0.025
    for x in (-1, 1):
        b.box(x * (w - t) / 2, 0, -d / 2, t, h, d, **m)
    b.box(0, 0, -0.01, w, h, 0.02, **{**m, "colour": shade(m["colour"], 0.6)})  # type: ignore[arg-type]
    step = (h - t - 0.06) / rows
    for i in range(rows + 1):
        b.box(0, 0.06 + i * step, -d / 2, w - 2 * t, t, d, **m)
    for i in range(rows):
        with b.piece(0, -d / 2):
            books(b, w - 2 * t, d, 0.06 + i * step + t, step - t)
    if tall is None and h < 1.7:
        with b.piece(0, -d / 2, floor=h + 0.03):
            clutter(b, w * 0.8, d * 0.5, b.draw.whole(0, 2))


def cabinet(b: Builder, w: float) -> None:
    m, d = timber(b), b.draw(0.38, 0.6)
    h = b.draw.pick((b.draw(0.5, 0.9), b.draw(0.9, 1.3), b.draw(1.8, 2.2)))
    b.box(0, 0, -d / 2 + 0.02, w - 0.06, 0.07, d - 0.06, BLACK)
    b.box(0, 0.07, -d / 2, w, h - 0.1, d, **{**m, "texture": tx.PANEL, "second": (0.5, 0.48, 0.42), "period": b.draw(0.2, 0.45)})
    b.box(0, h - 0.03, -d / 2, w + 0.03, 0.03, d + 0.03, **m)
    if h < 1.35:
        with b.piece(0, -d / 2, floor=h):
            if b.draw.chance(0.3) and w > 0.7:
                screen(b, b.draw(0.6, 1.0))
            else:
                clutter(b, w * 0.8, d * 0.5, b.draw.whole(1, 4))


def screen(b: Builder, w: float) -> None:
    """A television or monitor."""
    b.tube(0, 0, 0, w * 0.4, 0.02, 0.18, BLACK)
    b.box(0, 0.02, 0.03, 0.05, 0.1, 0.04, BLACK)
    b.box(0, 0.07, 0, w, w * 0.58, 0.04, (0.015, 0.015, 0.018), glass=True)
    b.box(0, 0.08, -0.021, w - 0.03, w * 0.58 - 0.03, 0.005, shade(b.draw.colour(0.3, 0.02, 0.06), 1), glass=True)


def lamp(b: Builder, h: float) -> None:
    """A lamp with a bright shade; ``h`` is its height."""
    r = min(0.42, max(0.18, h * 0.35))
    b.tube(0, 0, 0, r * 0.55, 0.025, r * 0.55, BLACK)
    b.tube(0, 0.02, 0, 0.03, h - r * 0.7, 0.03, b.draw.colour(0.3, 0.02, 0.4))
    b.tube(0, h - r * 0.75, 0, r, r * 0.75, r, (0.8, 0.7, 0.5), emission=b.draw.pick((0.0, 0.25, 0.5)))


def plant(b: Builder) -> None:
    h, green = b.draw(0.4, 1.3), (b.draw(0.02, 0.1), b.draw(0.1, 0.25), 0.03)
    pot = b.draw(0.18, 0.35)
    b.tube(0, 0, 0, pot, pot, pot, b.draw.colour(0.6, 0.1, 0.6))
    b.tube(0, pot, 0, 0.03, h * 0.5, 0.03, (0.1, 0.06, 0.03))
    for _ in range(b.draw.whole(3, 6)):
        r = b.draw(0.15, 0.4)
        b.ball(
            b.draw(-0.18, 0.18), pot + h * b.draw(0.15, 0.7), b.draw(-0.18, 0.18), r, r * b.draw(0.6, 1.1), r,
            green, texture=tx.LEAVES, second=shade(green, 0.25), period=0.06, yaw=b.draw(0, 3),
        )  # fmt: skip


def clutter(b: Builder, w: float, d: float, count: int) -> None:
    """Small things on a surface at the frame's floor."""
    for i in range(count):
        x = (i + 0.5) / count * w - w / 2 + b.draw(-0.3, 0.3) * w / count
        with b.piece(x, b.draw(-0.5, 0.5) * d, b.draw(-0.8, 0.8)):
            what, c = b.draw.whole(0, 7), b.draw.colour(0.8, 0.05, 0.7)
            if what == 0:
                r = b.draw(0.06, 0.16)
                b.ball(0, 0, 0, r, r, r, c)
            elif what == 1:
                r = b.draw(0.07, 0.1)
                b.tube(0, 0, 0, r, r * b.draw(1, 1.4), r, c)
            elif what == 2:
                r, h = b.draw(0.06, 0.09), b.draw(0.18, 0.3)
                b.tube(0, 0, 0, r, h * 0.7, r, c, glass=True)
                b.tube(0, h * 0.7, 0, r * 0.4, h * 0.3, r * 0.4, c, glass=True)
            elif what == 3:
                for k in range(b.draw.whole(1, 4)):
                    b.box(0, k * 0.03, 0, b.draw(0.14, 0.24), 0.03, b.draw(0.12, 0.2), b.draw.colour(0.7), yaw=b.draw(-0.3, 0.3))
            elif what == 4:
                lamp(b, b.draw(0.35, 0.6))
            elif what == 5:
                b.tube(0, 0, 0, 0.13, 0.15, 0.13, c)
                b.ball(0, 0.13, 0, 0.22, 0.22, 0.22, (0.05, 0.15, 0.03), texture=tx.LEAVES, second=(0.01, 0.04, 0.01), period=0.05)
            elif what == 6:
                b.box(0, 0, 0, b.draw(0.1, 0.35), b.draw(0.06, 0.3), b.draw(0.1, 0.25), c, texture=tx.PICTURE, period=0.01)
            else:
                b.box(0, 0, 0.02, 0.2, 0.25, 0.02, c, texture=tx.PICTURE, period=0.02)


def table(b: Builder, w: float, d: float | None = None, h: float | None = None, things: int = 3) -> None:
    m = timber(b)
    h, d = h or b.draw(0.68, 0.78), d or b.draw(0.6, 0.95)
    if b.draw.chance(0.2) and abs(w - d) < 0.3:
        b.tube(0, h - 0.03, 0, w, 0.03, w, **m)
        b.tube(0, 0, 0, 0.09, h - 0.03, 0.09, **m)
        b.tube(0, 0, 0, w * 0.5, 0.03, w * 0.5, **m)
    else:
        b.box(0, h - 0.035, 0, w, 0.035, d, **m)
        if b.draw.chance(0.5):
            b.box(0, h - 0.11, 0, w * 0.9, 0.075, d * 0.9, **m)
        with b.piece(0, 0):
            legs(b, w * 0.95, d * 0.94, h - 0.035, b.draw(0.03, 0.08), m)
    with b.piece(0, 0, floor=h):
        clutter(b, w * 0.8, d * 0.55, things)


def chair(b: Builder) -> None:
    m, seat = timber(b), b.draw(0.42, 0.47)
    w = b.draw(0.4, 0.48)
    soft = cloth(b) if b.draw.chance(0.5) else m
    if b.draw.chance(0.2):  # office chair
        b.tube(0, 0.02, 0, 0.55, 0.05, 0.55, BLACK)
        b.tube(0, 0.05, 0, 0.06, seat - 0.1, 0.06, (0.1, 0.1, 0.1))
    else:
        legs(b, w, w, seat - 0.03, 0.04, m)
    b.box(0, seat - 0.04, 0, w, 0.05, w, **soft)
    back = b.draw(0.4, 0.55)
    if b.draw.chance(0.5):
        b.box(0, seat + 0.08, w / 2 - 0.02, w, back - 0.08, 0.03, **soft)
        for x in (-1, 1):
            b.box(x * (w / 2 - 0.02), seat, w / 2 - 0.02, 0.035, back, 0.035, **m)
    else:
        for k in range(5):
            b.box((k / 4 - 0.5) * (w - 0.035), seat, w / 2 - 0.02, 0.03, back, 0.03, **m)
        b.box(0, seat + back, w / 2 - 0.02, w, 0.07, 0.035, **m)


def cushion(b: Builder, x: float, bottom: float, z: float) -> None:
    s = b.draw(0.36, 0.5)
    b.ball(x, bottom, z, s, s * 0.9, 0.2, **cloth(b), yaw=b.draw(-0.4, 0.4))


def sofa(b: Builder, w: float) -> None:
    m, d, seat = cloth(b), b.draw(0.8, 0.95), b.draw(0.38, 0.46)
    arm, back = b.draw(0.12, 0.22), b.draw(0.72, 0.92)
    inner = w - 2 * arm
    b.box(0, 0.08, -d / 2, w, seat - 0.2, d, **m)
    b.box(0, 0.08, -0.11, w, back - 0.08, 0.22, **m)
    for x in (-1, 1):
        b.box(x * (w - arm) / 2, 0.08, -d / 2, arm, seat + 0.08, d, **m)
        b.tube(x * (w / 2 - 0.06), 0, -d + 0.08, 0.05, 0.08, 0.05, BLACK)
    n = max(1, round(inner / 0.65))
    for k in range(n):
        x = ((k + 0.5) / n - 0.5) * inner
        b.box(x, seat - 0.13, -(d + 0.2) / 2, inner / n - 0.015, 0.14, d - 0.22, **m)
        b.box(x, seat, -0.28, inner / n - 0.02, back - seat - 0.02, 0.14, **{**m, "colour": shade(m["colour"], 1.06)})  # type: ignore[arg-type]
        if b.draw.chance(0.45):
            cushion(b, x, seat + 0.01, -0.45)


def bed(b: Builder, w: float) -> None:
    m, linen, d = timber(b), cloth(b), b.draw(1.95, 2.1)
    h = b.draw(0.42, 0.6)
    b.box(0, h * 0.25, -d / 2, w, h * 0.3, d, **m)
    legs_at = ((-1, -1), (1, -1))
    for x, z in legs_at:
        b.box(x * (w / 2 - 0.05), 0, -d + 0.06 if z < 0 else -0.06, 0.08, h * 0.5, 0.08, **m)
    b.box(0, 0, 0.0, w + 0.06, b.draw(0.8, 1.25), 0.05, **m)
    b.box(0, h * 0.55, -d / 2, w - 0.04, h * 0.42, d - 0.04, WHITE)
    b.box(0, h * 0.5, -d * 0.62, w + 0.03, h * 0.5 + 0.03, d * 0.74, **linen)
    n = 1 if w < 1.2 else 2
    for k in range(n):
        b.ball(((k + 0.5) / n - 0.5) * w, h * 0.93, -0.3, min(0.75, w / n - 0.05), 0.2, 0.45, WHITE, texture=tx.FABRIC, second=shade(WHITE, 0.9), period=0.3)
        if b.draw.chance(0.5):
            cushion(b, ((k + 0.5) / n - 0.5) * w, h * 0.98, -0.45)


def desk(b: Builder, w: float) -> None:
    d = b.draw(0.55, 0.75)
    with b.piece(0, -d / 2):
        table(b, w, d, 0.74, b.draw.whole(1, 3))
        if b.draw.chance(0.7):
            with b.piece(b.draw(-0.2, 0.2) * w, 0.1, b.draw(-0.2, 0.2), floor=0.74):
                screen(b, b.draw(0.4, 0.6))
                b.box(0, 0, -0.25, 0.42, 0.02, 0.14, (0.03, 0.03, 0.03))
    if b.draw.chance(0.85):
        with b.piece(b.draw(-0.2, 0.2) * w, -d - b.draw(0.1, 0.35), 3.1416 + b.draw(-0.7, 0.7)):
            chair(b)


def counter(b: Builder, w: float) -> None:
    """A kitchen: cupboards below and above, a worktop with things on it."""
    m, d = timber(b), 0.6
    b.box(0, 0, -d / 2 + 0.03, w, 0.1, d - 0.06, BLACK)
    b.box(0, 0.1, -d / 2, w, 0.76, d, **{**m, "texture": tx.PANEL, "second": (0.5, 0.5, 0.5), "period": b.draw(0.25, 0.76)})
    b.box(0, 0.86, -d / 2 - 0.01, w, 0.04, d + 0.02, b.draw.colour(0.2, 0.03, 0.6), texture=tx.FABRIC, second=b.draw.colour(0.1, 0.05, 0.5), period=0.05)
    b.box(0, 0.9, -0.005, w, 0.5, 0.01, b.draw.colour(0.3, 0.3, 0.7), texture=tx.TILES, second=(0.3, 0.3, 0.3), period=b.draw(0.08, 0.15))
    n = max(1, round(w / 0.5))
    for k in range(n):
        if b.draw.chance(0.8):
            b.box(((k + 0.5) / n - 0.5) * w, 1.42, -0.17, w / n - 0.01, 0.7, 0.34, **{**m, "texture": tx.PANEL, "second": (0.5, 0.5, 0.5), "period": 0.7})
    with b.piece(0, -d / 2, floor=0.9):
        clutter(b, w * 0.85, 0.3, b.draw.whole(2, 5))


def carton(b: Builder) -> None:
    """A cardboard box, basket or stool."""
    s, c = b.draw(0.25, 0.6), (0.42, 0.28, 0.15)
    what = b.draw.whole(0, 3)
    if what == 0:
        b.box(0, 0, 0, s, s * b.draw(0.5, 1), s * b.draw(0.6, 1), c, texture=tx.WOOD, second=shade(c, 0.8), period=0.3)
    elif what == 1:
        b.tube(0, 0, 0, s * 0.7, s * 0.8, s * 0.7, **cloth(b))
    elif what == 2:
        b.ball(0, 0, 0, s * 0.6, s * 0.6, s * 0.6, **cloth(b))
    else:
        m = timber(b)
        legs(b, 0.32, 0.32, 0.42, 0.03, m)
        b.tube(0, 0.42, 0, 0.36, 0.04, 0.36, **m)
