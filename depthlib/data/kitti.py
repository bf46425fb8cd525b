"""KITTI's geometry: calibration files, and a laser scan as a sparse depth map.

Depth is z of the rectified camera, not x of the scanner: they differ by the camera's place and turn.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from depthlib.errors import DepthError


def read_calibration(path: str | os.PathLike[str]) -> dict[str, NDArray[np.float64]]:
    """A calibration file of KITTI, ``name: numbers`` a line; lines that hold no numbers are left out.

    Twelve numbers become [3, 4], nine [3, 3], others stay flat.

    Raises:
        DepthError: missing, not text, or without a single matrix.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DepthError(f"{path}: cannot be read ({error}).") from error
    found: dict[str, NDArray[np.float64]] = {}
    for line in lines:
        name, colon, rest = line.partition(":")
        try:
            numbers = np.array([float(word) for word in rest.split()])
        except ValueError:
            continue  # the date and the like
        if colon and numbers.size:
            shape = {12: (3, 4), 9: (3, 3)}.get(numbers.size, (numbers.size,))
            found[name.strip()] = numbers.reshape(shape)
    if not any(matrix.ndim == 2 for matrix in found.values()):
        raise DepthError(f"{path}: no matrix in it; expected lines such as 'P2: ' and twelve numbers.")
    return found


def camera_from_scanner(calibration: dict[str, NDArray[np.float64]], camera: int = 2) -> NDArray[np.float64]:
    """P · R₀ · T of an object-benchmark calibration: scanner coordinates to image pixels times depth, [3, 4].

    Raises:
        DepthError: a matrix is missing, by name.
    """
    for name, shape in ((f"P{camera}", (3, 4)), ("R0_rect", (3, 3)), ("Tr_velo_to_cam", (3, 4))):
        if name not in calibration or calibration[name].shape != shape:
            raise DepthError(f"calibration: {name} is missing or not {shape}; there are {', '.join(calibration)}.")
    rectify, move = np.eye(4), np.eye(4)
    rectify[:3, :3] = calibration["R0_rect"]
    move[:3] = calibration["Tr_velo_to_cam"]
    return calibration[f"P{camera}"] @ rectify @ move


def project_scan(
    points: NDArray[np.floating], matrix: NDArray[np.float64], size: tuple[int, int]
) -> NDArray[np.float32]:
    """A scan as sparse depth, float32 metres [H, W], 0 = no point; the nearest point of a pixel wins.

    Args:
        points: [N, 3] or [N, 4] in the scanner's frame.
        matrix: from :func:`camera_from_scanner`, [3, 4].
        size: rows and columns.

    Pixel coordinates are rounded minus 1, as KITTI's own development kit counts them. Points behind the scanner's
    front plane (x < 0) are left out first.

    >>> matrix = np.array([[0, -100.0, 0, 0], [0, 0, -100.0, 0], [1.0, 0, 0, 0]]) + np.array([[50.0], [40], [0]]) * [1, 0, 0, 0]
    >>> depth = project_scan(np.array([[10.0, 0, 0], [5.0, 0, 0]]), matrix, (80, 100))
    >>> depth[39, 49].item(), int((depth > 0).sum())
    (5.0, 1)
    """
    height, width = size
    ahead = points[points[:, 0] >= 0, :3]
    pixels = ahead @ matrix[:, :3].T + matrix[:, 3]
    depth = pixels[:, 2]
    front = depth > 0
    depth = depth[front]
    u = np.round(pixels[front, 0] / depth).astype(np.int64) - 1
    v = np.round(pixels[front, 1] / depth).astype(np.int64) - 1
    inside = (u >= 0) & (u < width) & (v >= 0) & (v < height)
    place, depth = v[inside] * width + u[inside], depth[inside]
    order = np.argsort(-depth, kind="stable")  # written last stays: the nearest
    out = np.zeros(height * width, dtype=np.float32)
    out[place[order]] = depth[order]
    return out.reshape(height, width)
