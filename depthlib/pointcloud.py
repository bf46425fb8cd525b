"""Point clouds: a depth map and its colours as points in space, written as PLY."""

from __future__ import annotations

import os

import numpy as np
import torch
from torch import Tensor

from depthlib import camera
from depthlib.errors import DepthError
from depthlib.files import write_whole
from depthlib.sample import valid


def colored_points(depth: Tensor, K: Tensor, rgb: Tensor) -> tuple[Tensor, Tensor]:
    """The valid pixels as points and colours.

    Args:
        depth: metres, [1, H, W], 0 = missing (those pixels give no point).
        K: intrinsics in pixels, [3, 3].
        rgb: [3, H, W] in [0, 1].

    Returns:
        Points [N, 3] metres in the camera's frame (x right, y down, z forward) and colours [N, 3].

    >>> points, colours = colored_points(torch.full((1, 2, 2), 2.0), torch.eye(3), torch.zeros(3, 2, 2))
    >>> points.shape
    torch.Size([4, 3])
    """
    if depth.shape[-2:] != rgb.shape[-2:]:
        raise DepthError(f"point cloud: depth {tuple(depth.shape)} and rgb {tuple(rgb.shape)} must agree in size.")
    known = valid(depth)[0].flatten()
    points = camera.unproject(depth, K).flatten(1).T[known]
    return points, rgb.flatten(1).T[known]


def write_ply(path: str | os.PathLike[str], points: Tensor, colours: Tensor) -> None:
    """Write points [N, 3] and colours [N, 3] in [0, 1] as a binary PLY file, atomically."""
    vertex = np.empty(len(points), dtype=[(a, "<f4") for a in "xyz"] + [(c, "u1") for c in ("red", "green", "blue")])
    for axis, values in zip("xyz", points.T.cpu().numpy(), strict=True):
        vertex[axis] = values
    for name, values in zip(("red", "green", "blue"), (colours.T * 255).round().clamp(0, 255), strict=True):
        vertex[name] = values.to(torch.uint8).cpu().numpy()
    header = f"ply\nformat binary_little_endian 1.0\nelement vertex {len(points)}\n"
    header += "".join(f"property float {a}\n" for a in "xyz")
    header += "".join(f"property uchar {c}\n" for c in ("red", "green", "blue")) + "end_header\n"
    write_whole(path, lambda partial: partial.write_bytes(header.encode() + vertex.tobytes()))
