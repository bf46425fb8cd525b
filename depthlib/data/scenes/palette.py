"""Materials as rooms and streets have them; each function draws one."""

from __future__ import annotations

from depthlib.data.scenes.draw import Draw
from depthlib.data.scenes.materials import Colour, Material


def shade(c: Colour, by: float) -> Colour:
    """A colour made lighter (by > 1) or darker."""
    return (min(1.0, c[0] * by), min(1.0, c[1] * by), min(1.0, c[2] * by))


def vary(d: Draw, c: Colour, by: float = 0.06) -> Colour:
    """A colour near another."""
    red, green, blue = (min(1.0, max(0.02, x + d.between(-by, by))) for x in c)
    return red, green, blue


WOODS: list[Colour] = [
    (0.72, 0.52, 0.33), (0.55, 0.35, 0.20), (0.38, 0.22, 0.13), (0.80, 0.65, 0.46), (0.25, 0.16, 0.11),
    (0.62, 0.36, 0.20), (0.86, 0.76, 0.60), (0.48, 0.26, 0.16),
]  # fmt: skip
PAINTS: list[Colour] = [
    (0.90, 0.88, 0.83), (0.87, 0.83, 0.74), (0.83, 0.80, 0.76), (0.88, 0.78, 0.58), (0.72, 0.76, 0.72),
    (0.70, 0.76, 0.82), (0.93, 0.92, 0.90), (0.80, 0.70, 0.60), (0.62, 0.66, 0.58), (0.78, 0.62, 0.52),
    (0.66, 0.34, 0.28), (0.55, 0.60, 0.68), (0.86, 0.72, 0.68),
]  # fmt: skip
CLOTHS: list[Colour] = [
    (0.45, 0.12, 0.12), (0.20, 0.26, 0.42), (0.75, 0.70, 0.60), (0.35, 0.30, 0.26), (0.85, 0.83, 0.80),
    (0.25, 0.36, 0.28), (0.58, 0.46, 0.34), (0.18, 0.18, 0.20), (0.62, 0.58, 0.60), (0.72, 0.40, 0.22),
    (0.50, 0.42, 0.55), (0.30, 0.45, 0.55),
]  # fmt: skip
VIVID: list[Colour] = [
    (0.75, 0.15, 0.12), (0.15, 0.35, 0.65), (0.90, 0.75, 0.15), (0.20, 0.55, 0.30), (0.90, 0.90, 0.88),
    (0.12, 0.12, 0.14), (0.85, 0.45, 0.12), (0.55, 0.25, 0.55), (0.80, 0.55, 0.60), (0.35, 0.65, 0.70),
]  # fmt: skip


def wood(d: Draw, c: Colour | None = None, along_v: bool = False) -> Material:
    """Grain along u, or along v."""
    c = vary(d, c or d.choice(WOODS), 0.03)
    f = (d.between(1.5, 4), d.between(25, 60))
    return Material(
        c,
        shade(c, 0.62),
        (*(f[::-1] if along_v else f), 0.42),
        tone=0.0,
        gloss=d.between(0.0, 0.35),
        offset=d(),
    )


def planks(d: Draw) -> Material:
    """A wooden floor."""
    c = vary(d, d.choice(WOODS[:4] + WOODS[5:]), 0.04)
    width = d.between(0.07, 0.2)
    return Material(
        c, shade(c, 0.65), (1.5, 30, 0.4), cell=(d.between(0.9, 2.2), width), shift=0.37, joint=0.004,
        joint_tone=0.45, tone=d.between(0.08, 0.25), hue=0.03, gloss=d.between(0.05, 0.5), offset=d(),
    )  # fmt: skip


def tiles(d: Draw, small: bool = False) -> Material:
    """Floor or wall tiles, at times chequered."""
    c = vary(d, d.choice([(0.85, 0.82, 0.76), (0.75, 0.68, 0.58), (0.62, 0.60, 0.58), (0.90, 0.90, 0.88)]), 0.05)
    side = d.between(0.1, 0.16) if small else d.choice([0.3, 0.33, 0.4, 0.45])
    check = 0.9 if d.chance(0.2) else 0.0
    return Material(
        c, d.choice([shade(c, 0.45), shade(c, 0.75), (0.2, 0.2, 0.22)]) if check else shade(c, 0.8),
        (2, 2, 0.12), cell=(side, side), joint=d.between(0.005, 0.01), joint_tone=d.choice([0.55, 0.7, 1.15]),
        tone=0.05, check=check, gloss=d.between(0.2, 0.7), offset=d(),
    )  # fmt: skip


def carpet(d: Draw) -> Material:
    """A carpet: soft, mottled, dull."""
    c = vary(d, d.choice([(0.70, 0.64, 0.54), (0.58, 0.54, 0.50), (0.50, 0.44, 0.36), (0.42, 0.45, 0.50),
                          (0.76, 0.73, 0.68), (0.40, 0.22, 0.20)]), 0.04)  # fmt: skip
    f = d.between(6, 25)
    return Material(c, shade(c, 0.7), (f, f, 0.35), offset=d())


def plaster(d: Draw, c: Colour) -> Material:
    """Painted wall, faintly uneven."""
    return Material(c, shade(c, 0.94), (1.0, 1.0, 0.2), offset=d())


def wall(d: Draw, c: Colour) -> Material:
    """Paint mostly; else wallpaper, bricks, panels or tiles."""
    kind = d()
    if kind < 0.72:
        return plaster(d, c)
    if kind < 0.84:
        b = shade(c, d.between(0.72, 0.9))
        return Material(c, b, (4, 4, 0.1), cell=(d.between(0.05, 0.25), 0.0), check=d.between(0.6, 1), offset=d())
    if kind < 0.89:
        brick = vary(d, (0.62, 0.36, 0.28), 0.07)
        return Material(brick, shade(brick, 0.75), (8, 8, 0.3), cell=(0.24, 0.075), shift=0.5, joint=0.01,
                        joint_tone=1.4, tone=0.22, hue=0.05, offset=d())  # fmt: skip
    if kind < 0.94:
        w = d.choice(WOODS[:4])
        return Material(w, shade(w, 0.65), (25, 1.5, 0.35), cell=(0.12, 0.0), joint=0.008, joint_tone=0.4, tone=0.1,
                        offset=d())  # fmt: skip
    return tiles(d, small=True)


def cloth(d: Draw, c: Colour | None = None) -> Material:
    """Fabric: plain, woven, striped, or patchwork."""
    c = vary(d, c or d.choice(CLOTHS), 0.05)
    kind = d()
    if kind < 0.5:
        return Material(c, shade(c, 0.75), (8, 8, 0.3), offset=d())
    if kind < 0.65:
        return Material(c, shade(c, 0.6), (4, 4, 0.15), cell=(0.012, 0.012), check=0.6, offset=d())
    b = vary(d, d.choice(CLOTHS), 0.05)
    if kind < 0.8:
        return Material(c, b, (5, 5, 0.1), cell=(d.between(0.04, 0.12), 0.0), check=1.0, offset=d())
    if kind < 0.9:
        return Material(c, b, (6, 6, 0.1), cell=(0.14, 0.14), pick=0.8, tone=0.2, hue=0.25, offset=d())
    return Material(c, b, (d.between(4, 10), d.between(4, 10), 0.8), offset=d())


def plain(d: Draw, c: Colour, gloss: float = 0.1) -> Material:
    """One colour, slightly uneven."""
    return Material(vary(d, c, 0.03), shade(c, 0.85), (5, 5, 0.12), gloss=gloss, offset=d())


def metal(d: Draw) -> Material:
    """Steel, chrome or black iron."""
    c: Colour = d.choice([(0.6, 0.6, 0.62), (0.15, 0.15, 0.16), (0.75, 0.75, 0.76), (0.45, 0.38, 0.25)])
    return Material(c, shade(c, 0.8), (2, 20, 0.2), gloss=0.8, offset=d())


def screen(d: Draw) -> Material:
    """A dark screen: glossy, and no depth sensor sees it well."""
    return Material((0.06, 0.06, 0.07), gloss=0.9, glass=2.0)


def books(d: Draw) -> Material:
    """A row of spines."""
    c = d.choice([(0.55, 0.35, 0.28), (0.6, 0.58, 0.5), (0.35, 0.4, 0.5)])
    return Material(c, (0.85, 0.82, 0.75), (3, 30, 0.2), cell=(d.between(0.02, 0.045), 0.0), joint=0.003,
                    joint_tone=0.25, tone=0.45, hue=0.5, pick=0.6, offset=d())  # fmt: skip


def picture(d: Draw) -> Material:
    """A painting or a print."""
    a, b = vary(d, d.choice(CLOTHS), 0.1), vary(d, d.choice(PAINTS), 0.1)
    f = d.between(2, 8)
    if d.chance(0.3):
        return Material(a, b, (f, f, 0.3), cell=(0.08, 0.1), pick=0.7, tone=0.3, hue=0.4, gloss=0.3, offset=d())
    return Material(a, b, (f, f * d.between(0.5, 2), 0.9), tone=0.0, gloss=0.3, offset=d())


def leaves(d: Draw) -> Material:
    """Green leaves."""
    c = vary(d, (0.30, 0.46, 0.20), 0.06)
    return Material(c, shade(c, 0.45), (14, 14, 0.8), offset=d())


def stone(d: Draw) -> Material:
    """A counter top: granite or a plain laminate."""
    c = vary(d, d.choice([(0.35, 0.32, 0.30), (0.75, 0.72, 0.68), (0.20, 0.20, 0.20), (0.6, 0.5, 0.4)]), 0.04)
    return Material(c, shade(c, 0.5), (25, 25, 0.5), gloss=d.between(0.2, 0.8), offset=d())
