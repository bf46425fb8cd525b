"""Matterport3D: houses captured from tripods, undistorted frames with sensor depth.

``v1/scans/HOUSE/undistorted_color_images/*.jpg`` (or ``HOUSE/…``, or with the house's name twice, as its zips unpack), the
depth beside in ``undistorted_depth_images`` (16-bit PNG, a quarter of a millimetre a unit, 0 = none), and
``undistorted_camera_parameters/HOUSE.conf``, which says which picture has which depth and camera.

Source: Chang et al. 2017. Its terms are signed by each user, and it is never redistributed.
"""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor

from depthlib import camera
from depthlib.data.formats import read_depth_png
from depthlib.data.pairs import Pair, Pairs, below, two_files, whole
from depthlib.errors import DepthError

UNITS = 4000.0  # in a metre


def open_matterport(root: str | os.PathLike[str], size: tuple[int, int] | None = None) -> Pairs:
    """Every house below ``root``.

    Args:
        root: holds houses at any depth, each with its ``.conf``.
        size: rows and columns; by default as on disk, 1024x1280.

    Raises:
        DepthError: no ``.conf`` found, one that cannot be read, a frame without its files.
    """
    root = Path(root)
    pairs, cameras = [], {}
    for conf in (path for path in below(root, ".conf") if path.parent.name == "undistorted_camera_parameters"):
        for pair, K in _frames(conf):
            if pair.name in cameras:
                raise DepthError(f"{conf}: frame {pair.name} is listed twice below {root}. Keep one copy of the house.")
            pairs.append(pair)
            cameras[pair.name] = K
    if not pairs:
        raise DepthError(
            f"{root}: no undistorted_camera_parameters/HOUSE.conf below it. Fetch Matterport3D's undistorted images with the "
            "script that comes with its signed terms, types undistorted_color_images, undistorted_depth_images and "
            "undistorted_camera_parameters."
        )

    def upright(pair: Pair, height: int, width: int) -> Tensor:
        fx, fy, cx, from_below = cameras[pair.name]
        return camera.intrinsics(fx, fy, cx, height - 1 - from_below)  # the set counts rows from the bottom

    return Pairs(
        "matterport", root, whole(pairs, root), two_files(lambda path: read_depth_png(path, UNITS)), size, upright
    )


def _frames(conf: Path) -> list[tuple[Pair, tuple[float, float, float, float]]]:
    """Frames of a house with fx, fy, cx and cy (from the bottom); an ``intrinsics_matrix`` holds for the scans after it."""
    try:
        lines = conf.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DepthError(f"{conf}: cannot be read ({error}). Unpack it again.") from error
    house = conf.parent.parent
    folders = {"depth_directory": "undistorted_depth_images", "color_directory": "undistorted_color_images"}
    K, frames, told = None, [], None
    for count, line in enumerate(lines, 1):
        words = line.split()
        if not words:
            continue
        try:
            if words[0] in folders:
                folders[words[0]] = _inside(words[1])
            elif words[0] == "intrinsics_matrix":
                if len(words) != 10:
                    raise ValueError("nine numbers must follow")
                fx, _, cx, _, fy, cy = (float(word) for word in words[1:7])
                if not (torch.isfinite(torch.tensor([fx, fy, cx, cy])).all() and fx > 0 and fy > 0):
                    raise ValueError("focal lengths must be above 0")
                K = fx, fy, cx, cy
            elif words[0] == "n_images":
                told = int(words[1])
            elif words[0] == "scan":
                if K is None:
                    raise ValueError("a scan before any intrinsics_matrix")
                depth, colour = _inside(words[1]), _inside(words[2])
                pair = Pair(
                    f"{conf.stem}-{Path(colour).stem}", house / folders["color_directory"] / colour,
                    house / folders["depth_directory"] / depth, conf.stem, conf,
                )  # fmt: skip
                frames.append((pair, K))
        except (ValueError, IndexError) as error:
            raise DepthError(f"{conf}, line {count}: {line.strip()[:80]!r} cannot be understood ({error}).") from error
    if told not in (None, len(frames)):
        raise DepthError(f"{conf}: lists {len(frames)} scans, and says n_images {told}: cut short? Unpack it again.")
    return frames


def _inside(name: str) -> str:
    if "/" in name or name in ("", ".", ".."):
        raise ValueError(f"{name!r} leads out of its folder")
    return name
