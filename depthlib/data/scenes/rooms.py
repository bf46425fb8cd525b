"""Furnished rooms: walls, what stands along them and in the middle, lights, and a person holding a camera."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from depthlib.data.scenes import palette
from depthlib.data.scenes.draw import Draw
from depthlib.data.scenes.furniture import PIECES, clutter
from depthlib.data.scenes.materials import Material
from depthlib.data.scenes.scene import Builder, Scene, assemble, camera_pose

#: What kinds of room there are: along the walls, and on the floor.
KINDS: dict[str, tuple[list[str], list[str]]] = {
    "living": (["sofa", "bookcase", "cabinet", "armchair", "cabinet", "lamp", "plant", "bookcase"],
               ["coffee", "armchair", "basket"]),
    "bedroom": (["bed", "nightstand", "wardrobe", "cabinet", "table", "bookcase", "lamp", "chair"],
                ["chair", "basket"]),
    "office": (["table", "bookcase", "cabinet", "table", "bookcase", "plant", "boxes"], ["chair", "chair", "boxes"]),
    "kitchen": (["kitchen", "fridge", "kitchen", "cabinet", "chair"], ["dining", "chair"]),
    "dining": (["cabinet", "bookcase", "plant", "chair", "cabinet"], ["dining", "dining"]),
    "store": (["bookcase", "boxes", "wardrobe", "boxes", "cabinet", "table"], ["boxes", "basket", "boxes"]),
}  # fmt: skip

Rect = tuple[float, float, float, float]  # x0, z0, x1, z1


class _Room:
    """One room while it is being furnished: x in ±width/2, z in ±length/2."""

    def __init__(self, d: Draw) -> None:
        self.d, self.b = d, Builder()
        self.corridor = d.chance(0.06)
        self.width = d.between(1.5, 2.2) if self.corridor else d.between(2.6, 5.0)
        self.length = d.between(5, 9) if self.corridor else d.between(3.0, 6.6) * d.choice([0.85, 1.0, 1.0, 1.15])
        self.height = d.between(2.35, 3.0)
        self.taken: list[Rect] = []
        self.standing: list[Rect] = []
        self.doors: list[tuple[int, float, float]] = []  # wall, from, to, along the wall
        self.windows: list[tuple[int, float, float]] = []
        self.tall: list[tuple[int, float, float]] = []

    def wall_frame(self, wall: int) -> tuple[float, float, float, float]:
        """A wall's middle (x, z), the yaw of its inward direction, and its length."""
        w, half = self.width / 2, self.length / 2
        return [
            (0.0, half, math.pi, self.width), (w, 0.0, -math.pi / 2, self.length),
            (0.0, -half, 0.0, self.width), (-w, 0.0, math.pi / 2, self.length),
        ][wall]  # fmt: skip

    def on_wall(self, wall: int, along: float, out: float = 0.0) -> Builder:
        """The furniture frame at a wall, ``along`` metres from its middle."""
        x, z, yaw, _ = self.wall_frame(wall)
        self.b.place(x, z, yaw)
        px, _, pz = self.b.point(along, 0, out)
        return self.b.place(px, pz, yaw)

    def footprint(self, x: float, z: float, yaw: float, width: float, depth: float) -> Rect:
        """Floor that a piece with its back at (x, z) covers."""
        c, s = abs(math.cos(yaw)), abs(math.sin(yaw))
        mx, mz = x + math.sin(yaw) * depth / 2, z + math.cos(yaw) * depth / 2
        hx, hz = (c * width + s * depth) / 2, (s * width + c * depth) / 2
        return (mx - hx, mz - hz, mx + hx, mz + hz)

    def free(self, r: Rect) -> bool:
        """Whether a footprint lies in the room and on nobody else's floor."""
        w, long = self.width / 2 + 0.02, self.length / 2 + 0.02
        if r[0] < -w or r[2] > w or r[1] < -long or r[3] > long:
            return False
        return all(r[2] <= t[0] or r[0] >= t[2] or r[3] <= t[1] or r[1] >= t[3] for t in self.taken)

    # ---- the shell

    def build_shell(self) -> None:
        d, b = self.d, self.b
        w, long, h = self.width, self.length, self.height
        floor = [palette.planks, palette.carpet, palette.tiles][d.choice([0, 0, 0, 1, 1, 1, 2])](d)
        paint = palette.vary(d, d.choice(palette.PAINTS), 0.05)
        ceiling = palette.plaster(d, palette.vary(d, (0.92, 0.91, 0.89), 0.03))
        main = palette.wall(d, paint)
        accent = palette.wall(d, palette.vary(d, d.choice(palette.PAINTS), 0.05)) if d.chance(0.25) else main
        self.trim = palette.plain(d, (0.92, 0.91, 0.88), 0.2) if d.chance(0.7) else palette.wood(d)
        b.place(0, 0, 0)
        b.box((0, -0.1, 0), (w + 0.4, 0.2, long + 0.4), floor, shell=True)
        b.box((0, h + 0.1, 0), (w + 0.4, 0.2, long + 0.4), ceiling, shell=True)
        accented = d.whole(0, 3)
        for wall in range(4):
            _, _, _, long = self.wall_frame(wall)
            self.on_wall(wall, 0)
            b.box((0, h / 2, -0.1), (long, h, 0.2), accent if wall == accented else main, shell=True)
        if d.chance(0.85):
            tall = d.between(0.07, 0.14)
            for wall in range(4):
                _, _, _, long = self.wall_frame(wall)
                self.on_wall(wall, 0)
                b.box((0, tall / 2, 0.008), (long, tall, 0.016), self.trim)
        if d.chance(0.3):
            for wall in range(4):
                _, _, _, long = self.wall_frame(wall)
                self.on_wall(wall, 0)
                b.box((0, h - 0.04, 0.02), (long, 0.08, 0.05), self.trim)

    def build_door(self, wall: int) -> None:
        d, b = self.d, self.b
        long = self.wall_frame(wall)[3]
        wide, tall = d.between(0.75, 0.9), d.between(1.98, 2.08)
        if long < wide + 0.6:
            return
        along = d.between(-1, 1) * (long / 2 - wide / 2 - 0.15)
        self.on_wall(wall, along)
        leaf = palette.wood(d, along_v=True) if d.chance(0.5) else palette.plain(d, (0.9, 0.89, 0.86), 0.2)
        b.box((0, tall / 2, 0.012), (wide, tall, 0.024), leaf)
        for sx in (-1, 1):
            b.box((sx * (wide / 2 + 0.04), tall / 2, 0.02), (0.08, tall + 0.08, 0.04), self.trim)
            for up, hh in ((0.3, 0.36), (0.72, 0.42)):
                if leaf.values[0] > 0:
                    b.box((sx * wide * 0.22, tall * up, 0.026), (wide * 0.32, tall * hh, 0.01), leaf)
        b.box((0, tall + 0.04, 0.02), (wide + 0.16, 0.08, 0.04), self.trim)
        b.ball((wide * 0.4, 1.0, 0.07), (0.055, 0.055, 0.055), palette.metal(d))
        self.doors.append((wall, along - wide / 2 - 0.1, along + wide / 2 + 0.1))
        px, _, pz = b.point(0, 0, 0)
        self.taken.append(self.footprint(px, pz, b.yaw, wide, 0.7))

    def build_window(self, wall: int) -> list[float] | None:
        """A window with frame, glazing bars, sill, at times blinds and curtains; returns the sun's portal."""
        d, b = self.d, self.b
        long = self.wall_frame(wall)[3]
        wide, tall = d.between(0.8, min(2.2, long - 0.6)), d.between(0.9, 1.5)
        sill = d.between(0.75, 1.0) if tall < 1.3 else d.between(0.5, 0.8)
        along = d.between(-1, 1) * (long / 2 - wide / 2 - 0.25)
        for other, start, end in self.doors:
            if other == wall and start < along + wide / 2 + 0.15 and end > along - wide / 2 - 0.15:
                return None
        self.on_wall(wall, along)
        middle = sill + tall / 2
        b.box((0, middle, 0.004), (wide, tall, 0.008), Material((0.8, 0.85, 0.9), glass=1.0, gloss=0.9))
        blinds = d.chance(0.3)
        if blinds:
            part = d.between(0.3, 1.0)
            slats = Material((0.93, 0.92, 0.9), (0.7, 0.69, 0.66), (1, 1, 0.05), cell=(0.0, 0.04), joint=0.016,
                             joint_tone=0.55, glow=0.35, offset=d())  # fmt: skip
            b.box((0, sill + tall * (1 - part / 2), 0.03), (wide - 0.02, tall * part, 0.02), slats)
        for sx in (-1, 1):
            b.box((sx * (wide / 2 + 0.03), middle, 0.02), (0.07, tall + 0.13, 0.05), self.trim)
        for up in (sill - 0.03, sill + tall + 0.03):
            b.box((0, up, 0.02), (wide + 0.13, 0.07, 0.05), self.trim)
        for k in range(1, d.choice([1, 2, 2, 3])):
            b.box(
                (0, sill + tall * 0.5, 0.015) if k == 1 else (0, sill + tall * 0.75, 0.015),
                (wide, 0.035, 0.03),
                self.trim,
            )
        for k in range(1, max(2, round(wide / 0.6))):
            b.box(
                (-wide / 2 + k * wide / max(2, round(wide / 0.6)), middle, 0.015),
                (0.035, tall, 0.03),
                self.trim,
            )
        b.box((0, sill - 0.06, 0.07), (wide + 0.16, 0.03, 0.14), self.trim)
        if d.chance(0.45):
            fabric = palette.cloth(d)
            rod = sill + tall + 0.12
            b.cylinder((0, rod, 0.09), 0.025, wide + 0.5, palette.metal(d), roll=math.pi / 2)
            low = sill - 0.15 if d.chance(0.5) else 0.05
            for sx in (-1, 1):
                for k in range(4):  # folds
                    b.cylinder((sx * (wide / 2 + 0.2 - k * 0.075), (rod + low) / 2, 0.09), 0.085, rod - low, fabric)
        self.windows.append((wall, along - wide / 2 - 0.3, along + wide / 2 + 0.3))
        c = b.point(0, middle, 0.02)
        r = b.point(wide / 2, middle, 0.02)
        right = (r[0] - c[0], 0.0, r[2] - c[2])
        inward = (b.sin, 0.0, b.cos)
        strength = d.between(0.25, 1.6) * (0.35 if blinds else 1.0) * wide * tall
        sky = d.choice([(0.85, 0.95, 1.1), (0.95, 1.0, 1.05), (1.0, 0.98, 0.95)])
        b.light(
            c,
            (3 * strength * sky[0], 3 * strength * sky[1], 3 * strength * sky[2]),
            right,
            (0, tall / 2, 0),
            inward,
        )
        return [*c, *right, 0.0, tall / 2, 0.0, 1.0, 0.0, 0.0]

    # ---- furniture

    def put(self, name: str, wall: int | None, tries: int = 6) -> bool:
        """Find room for a piece, along a wall or free on the floor, and build it."""
        d, piece = self.d, PIECES[name]
        for _ in range(tries):
            width = d.between(*piece.width)
            if wall is not None:
                _x, _z, yaw, long = self.wall_frame(wall)
                if long < width + 0.1:
                    return False
                along = d.between(-1, 1) * (long / 2 - width / 2 - 0.03)
                blocked = self.doors + (self.windows if piece.height > 1.1 else [])
                if any(o == wall and s < along + width / 2 and e > along - width / 2 for o, s, e in blocked):
                    continue
                gap = 0.03 if piece.height > 1.1 or d.chance(0.7) else d.between(0.03, 0.2)
                self.on_wall(wall, along, gap)
                px, pz = self.b.x, self.b.z
                yaw = self.b.yaw + (d.bell(0, 0.05) if piece.height < 1.1 and d.chance(0.3) else 0.0)
            else:
                px = d.between(-0.5, 0.5) * (self.width - 0.8)
                pz = d.between(-0.5, 0.5) * (self.length - 0.8)
                yaw = d.choice([0, math.pi / 2, math.pi, -math.pi / 2]) + (d.bell(0, 0.3) if d.chance(0.5) else 0.0)
            spot = self.footprint(px, pz, yaw, width + 0.04, piece.depth)
            if self.free(spot):
                self.taken.append(spot)
                self.standing.append(spot)
                if wall is not None and piece.height > 1.1:
                    self.tall.append((wall, along - width / 2, along + width / 2))
                self.b.place(px, pz, yaw)
                piece.build(self.b, d, width)
                return True
        return False

    def hang(self, wall: int) -> None:
        """Pictures, a mirror, a clock or a shelf on a wall, clear of doors, windows and tall pieces."""
        d, b = self.d, self.b
        long = self.wall_frame(wall)[3]
        for _ in range(d.whole(0, 3)):
            wide, tall = d.between(0.25, 0.9), d.between(0.25, 0.8)
            along, up = d.between(-1, 1) * (long / 2 - wide / 2 - 0.1), d.between(1.35, 1.75)
            taken = self.doors + self.windows + self.tall
            if any(o == wall and s < along + wide / 2 + 0.05 and e > along - wide / 2 - 0.05 for o, s, e in taken):
                continue
            self.tall.append((wall, along - wide / 2, along + wide / 2))
            self.on_wall(wall, along)
            kind = d()
            if kind < 0.75:
                frame = palette.wood(d) if d.chance(0.6) else palette.metal(d)
                b.box((0, up, 0.012), (wide, tall, 0.024), frame)
                edge = 0.03
                if d.chance(0.5):
                    b.box((0, up, 0.02), (wide - 0.05, tall - 0.05, 0.014), palette.plain(d, (0.92, 0.91, 0.88)))
                    edge = d.between(0.08, 0.16)
                b.box((0, up, 0.024), (wide - edge, tall - edge, 0.01), palette.picture(d))
            elif kind < 0.85:
                b.cylinder((0, up, 0.02), 0.3, 0.04, palette.plain(d, (0.9, 0.9, 0.88), 0.3), tilt=math.pi / 2)
            else:
                b.box((0, up - 0.15, 0.1), (wide, 0.025, 0.2), palette.wood(d))
                clutter(b, d, up - 0.1375, wide, 0.2, d.whole(1, 4))

    # ---- camera and light

    def stand(self) -> None:
        """Where the person stands, before furniture is placed, and roughly where they look."""
        d = self.d
        w, half = self.width / 2, self.length / 2
        self.close = d.chance(0.15)
        wall = d.choice([0, 2, 0, 2, 1, 3]) if not self.corridor else d.choice([0, 2])
        x0, z0, yaw, long = self.wall_frame(wall)
        self.b.place(x0, z0, yaw)
        out = d.between(0.3, 0.9) if not self.close else d.between(0.4, 0.6) * (half if wall % 2 == 0 else w) * 2
        x, _, z = self.b.point(d.between(-0.38, 0.38) * long, 0, out)
        x, z = max(-w + 0.3, min(w - 0.3, x)), max(-half + 0.3, min(half - 0.3, z))
        # look across the room, more or less towards its middle
        tx, tz = d.between(-0.5, 0.5) * self.width * 0.9, d.between(-0.5, 0.5) * self.length * 0.5
        reach = math.hypot(tx - x, tz - z)
        self.look = math.atan2(tx - x, tz - z) if reach > 0.6 else yaw + d.between(-0.7, 0.7)
        if self.corridor:
            self.look = yaw + d.bell(0, 0.15)
        self.eye = (x, z)
        self.taken.append((x - 0.45, z - 0.45, x + 0.45, z + 0.45))
        # nothing right in front of the lens
        ahead = 0.45 if self.close else 0.75
        fx, fz = x + math.sin(self.look) * ahead, z + math.cos(self.look) * ahead
        self.taken.append((fx - 0.3, fz - 0.3, fx + 0.3, fz + 0.3))

    def aim(self) -> Tensor:
        """The camera's pose: of a few directions near the intended one, that with most furniture in view."""
        d = self.d
        (x, z), best, most = self.eye, self.look, -1.0
        for k in range(1 if self.corridor else 5):
            look = self.look + (d.bell(0, 0.35) if k else 0.0)
            seen = 0.0
            for r in self.standing:
                px, pz = (r[0] + r[2]) / 2 - x, (r[1] + r[3]) / 2 - z
                far, side = math.hypot(px, pz), math.atan2(px, pz) - look
                side = abs((side + math.pi) % (2 * math.pi) - math.pi)
                seen += (
                    (1.0 - side) * min(1.0, (r[2] - r[0]) * (r[3] - r[1]) + 0.3) if side < 0.6 and far > 0.7 else 0.0
                )
                seen -= 1.0 if side < 0.6 and far < 0.9 else 0.0
            if seen > most:
                best, most = look, seen
        height = min(self.height - 0.3, d.bell(0.85, 0.06) if d.chance(0.08) else d.bell(1.4, 0.14))
        pitch = d.bell(0.17, 0.11) + (0.12 if self.close else 0.0)
        return camera_pose(x, height, z, best, pitch, d.bell(0, 0.025))

    def light(self, windows: bool) -> None:
        d, b = self.d, self.b
        warm = d.choice([(1.0, 0.86, 0.66), (1.0, 0.92, 0.8), (1.0, 0.98, 0.95), (0.93, 0.97, 1.0)])
        dark = windows and d.chance(0.45)  # daylight only
        if dark:
            return
        kind = d()
        power = d.between(3.0, 6.0)
        x, z = d.between(-0.2, 0.2) * self.width, d.between(-0.2, 0.2) * self.length
        b.place(x, z, 0)
        glow = Material((1.0, 0.97, 0.9), glow=7.0)
        if kind < 0.4:  # a flush light
            b.ball((0, self.height, 0), (0.42, 0.22, 0.42), glow)
            at, wide = (x, -(self.height - 0.25), z), 0.14
        elif kind < 0.65:  # a panel
            b.box((0, self.height - 0.02, 0), (1.2, 0.05, 0.35), glow)
            at, wide = (x, -(self.height - 0.1), z), 0.3
        elif kind < 0.85:  # a pendant
            drop = d.between(0.4, 0.7)
            b.cylinder((0, self.height - drop / 2, 0), 0.012, drop, palette.metal(d))
            b.cylinder((0, self.height - drop, 0), 0.42, 0.2, Material((0.95, 0.9, 0.8), glow=3.0), top=0.4)
            at, wide = (x, -(self.height - drop - 0.16), z), 0.12
        else:  # spots out of view
            at, wide = (x, -(self.height - 0.08), z), 0.5
        b.light(at, (power * warm[0], power * warm[1], power * warm[2]), (wide, 0, 0), (0, 0, wide))


def _make(seed: int, index: int) -> tuple[Builder, dict[str, list[float]], Tensor]:
    d = Draw(seed, index, "rooms")
    room = _Room(d)
    room.build_shell()
    room.stand()
    away = max(
        range(4),
        key=lambda k: math.hypot(room.wall_frame(k)[0] - room.eye[0], room.wall_frame(k)[1] - room.eye[1]),
    )
    if d.chance(0.5):
        room.build_door(d.whole(0, 3))
    portal: list[float] | None = None
    for _ in range(d.choice([0, 1, 1, 2])):
        found = room.build_window(away if d.chance(0.45) else d.whole(0, 3))
        portal = portal or found
    along, middle = KINDS[d.choice(list(KINDS))]
    if room.corridor:
        along, middle = ["cabinet", "bookcase", "plant", "chair"], []
    order = sorted(range(len(along)), key=lambda k: k + 2.5 * d())
    budget = d.whole(5, 10)
    for n, k in enumerate(order[:budget] + [d.whole(0, len(along) - 1)] * 2):
        room.put(along[k], (away + (0, 1, 3, 0, 1, 3, 2)[n % 7]) % 4)
    if d.chance(0.35) and not room.corridor:
        rug = palette.cloth(d)
        room.b.place(d.bell(0, 0.2), d.bell(0, 0.2), d.bell(0, 0.05))
        if d.chance(0.25):
            room.b.cylinder((0, 0.004, 0), d.between(1.2, 2), 0.008, rug)
        else:
            room.b.box((0, 0.004, 0), (d.between(1.2, 2.4), 0.008, d.between(1.0, 1.8)), rug)
    for name in middle:
        if d.chance(0.8):
            room.put(name, None)
    for wall in range(4):
        room.hang(wall)
    room.light(portal is not None)
    pose = room.aim()
    tone = d.between(0.75, 1.0)
    bounce = d.between(0.45, 0.8) * tone
    level = d.between(0.35, 0.75)
    rest: dict[str, list[float]] = {
        "sun": [0.0, -1.0, 0.0, 0.0, 0.0, 0.0],
        "portal": [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0],
        "ambient": [level, level * 0.98, level * 0.95, level * bounce, level * bounce * 0.93, level * bounce * 0.85],
        "sky": [2.2, 3.0, 4.5, 4.5, 4.6, 4.6, 1e6],
        "look": [
            d.between(0.14, 0.55), d.bell(1.06, 0.09), d.bell(0.96, 0.1), d.between(0.0, 0.5),
            d.between(0.006, 0.025), d.between(0.3, 1.0), d(), d(),
        ],
    }  # fmt: skip
    if portal is not None and d.chance(0.35):
        # the sun stands outside that window
        normal = (portal[3 + 0], portal[5])
        length = math.hypot(*normal)
        right = (normal[0] / length, normal[1] / length)
        outward = (right[1], -right[0])
        inside = (-portal[0], -portal[2])
        if outward[0] * inside[0] + outward[1] * inside[1] > 0:
            outward = (-outward[0], -outward[1])
        side, rise = d.between(-0.9, 0.9), d.between(0.35, 1.1)
        sun = (outward[0] + side * right[0], -rise, outward[1] + side * right[1])
        size = math.sqrt(sum(s * s for s in sun))
        strength = d.between(2.0, 6.0)
        rest["sun"] = [*(s / size for s in sun), strength, strength * 0.93, strength * 0.78]
        rest["portal"] = portal
    return room.b, rest, pose


def make_rooms(seed: int, indices: Sequence[int] | Tensor) -> Scene:
    """Furnished rooms; each depends on (seed, its index) alone.

    >>> room = make_rooms(0, [3])
    >>> len(room), bool((room.kind > 0).sum() > 30)
    (1, True)
    """
    made = [_make(seed, int(i)) for i in (indices.tolist() if isinstance(indices, torch.Tensor) else indices)]
    return assemble([m[0] for m in made], [m[1] for m in made], [m[2] for m in made])
