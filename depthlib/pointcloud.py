"""Point clouds and surfaces: a depth map and its colours in space, written as PLY.

Chapter: `book/your_own_photo.py`.
"""

from __future__ import annotations

import math
import os

import numpy as np
import torch
from torch import Tensor

from depthlib import camera
from depthlib.errors import DepthError
from depthlib.files import write_whole
from depthlib.sample import check_colours, valid


def colored_points(depth: Tensor, K: Tensor, rgb: Tensor) -> tuple[Tensor, Tensor]:
    """The valid pixels as points and colours.

    Args:
        depth: metres, [1, H, W], 0 = missing (those pixels give no point).
        K: intrinsics in pixels, [3, 3].
        rgb: [3, H, W] in [0, 1].

    Returns:
        Points [N, 3] metres in the camera's frame (x right, y down, z forward) and colours [N, 3].

    Raises:
        DepthError: other shapes, such as those of a batch.

    >>> points, colours = colored_points(torch.full((1, 2, 2), 2.0), torch.eye(3), torch.zeros(3, 2, 2))
    >>> points.shape
    torch.Size([4, 3])
    """
    _check_shapes(depth, K, rgb)
    known = valid(depth)[0].flatten()
    points = camera.unproject(depth, K).flatten(1).T[known]
    return points, rgb.flatten(1).T[known]


def _check_shapes(depth: Tensor, K: Tensor, rgb: Tensor) -> None:
    if depth.shape[:-2] != (1,) or K.shape != (3, 3) or rgb.shape != (3, *depth.shape[1:]):
        raise DepthError(
            f"point cloud: depth {tuple(depth.shape)}, K {tuple(K.shape)} and rgb {tuple(rgb.shape)}; expected [1, H, W], "
            "[3, 3] and [3, H, W] of one size. Take one of a batch: x[0]."
        )


def surface(
    depth: Tensor, K: Tensor, rgb: Tensor, tear: float = 0.1, most: int = 300_000
) -> tuple[Tensor, Tensor, Tensor]:
    """The valid pixels as a surface of triangles that is torn where depth jumps.

    Args:
        depth, K, rgb: as for :func:`colored_points`.
        tear: a triangle whose farthest corner is more than this share beyond its nearest is left out.
        most: of a map with more pixels than this, every second, third … row and column is taken.

    Returns:
        Points [N, 3] and colours [N, 3] as from :func:`colored_points`, and the corners of each triangle, int64 [M, 3],
        counted through the points, anticlockwise as seen from the camera.

    Raises:
        DepthError: shapes as for :func:`colored_points`, or a share or number that is not above 0.

    >>> points, colours, triangles = surface(torch.full((1, 3, 3), 2.0), torch.eye(3), torch.zeros(3, 3, 3))
    >>> triangles.shape
    torch.Size([8, 3])
    """
    if not tear > 0 or most < 1:
        raise DepthError(
            f"surface: tear is {tear:g}, most {most}; expected a share above 0, such as 0.1, and 1 or more."
        )
    _check_shapes(depth, K, rgb)
    step = math.ceil(math.sqrt(depth.numel() / most))
    if step > 1:
        K = torch.cat((K[:2] / step, K[2:]))  # pixel (v, u) of what is taken was (step·v, step·u)
        depth, rgb = depth[:, ::step, ::step], rgb[:, ::step, ::step]
    points, colours = colored_points(depth, K, rgb)
    known = valid(depth)[0]
    number = torch.where(known.flatten(), known.flatten().cumsum(0) - 1, -1).view_as(known)
    a, b, c, d = (
        torch.stack((number[rows, columns], torch.arange(number.numel()).view_as(number)[rows, columns]))
        for rows in (slice(None, -1), slice(1, None))
        for columns in (slice(None, -1), slice(1, None))
    )  # corners of each square: upper left, upper right, lower left, lower right; number and pixel
    corners = torch.cat([torch.stack(three, -1).flatten(1, 2) for three in ((a, c, b), (b, c, d))], 1)
    metres = depth.flatten()[corners[1]]
    whole = (corners[0] >= 0).all(1) & (metres.amax(1) <= (1 + tear) * metres.amin(1))
    return points, colours, corners[0][whole]


def write_ply(path: str | os.PathLike[str], points: Tensor, colours: Tensor, triangles: Tensor | None = None) -> None:
    """Write points and colours, and triangles of them if there are any, as a binary PLY file, atomically.

    Args:
        points: [N, 3] metres.
        colours: [N, 3], floats in [0, 1] or uint8.
        triangles: the corners of each, int64 [M, 3], counted through the points.

    Raises:
        DepthError: other shapes, colours outside their range, or a folder that cannot be written.
    """
    shapes = [tuple(given.shape) for given in (points, colours, triangles) if given is not None]
    if any(len(shape) != 2 or shape[1] != 3 for shape in shapes) or shapes[0] != shapes[1]:
        raise DepthError(
            f"{path}: points and colours of shapes {', '.join(map(str, shapes))}; expected [N, 3] twice, and [M, 3] of "
            "triangles. `colored_points` and `surface` make them."
        )
    if colours.dtype != torch.uint8:
        if colours.numel():
            check_colours(colours, str(path))
        colours = (colours * 255).round().to(torch.uint8)
    vertex = np.empty(len(points), dtype=[(a, "<f4") for a in "xyz"] + [(c, "u1") for c in ("red", "green", "blue")])
    for axis, values in zip("xyz", points.T.cpu().numpy(), strict=True):
        vertex[axis] = values
    for name, values in zip(("red", "green", "blue"), colours.T.cpu().numpy(), strict=True):
        vertex[name] = values
    header = f"ply\nformat binary_little_endian 1.0\nelement vertex {len(points)}\n"
    header += "".join(f"property float {a}\n" for a in "xyz")
    header += "".join(f"property uchar {c}\n" for c in ("red", "green", "blue"))
    content = vertex.tobytes()
    if triangles is not None:
        face = np.empty(len(triangles), dtype=[("count", "u1"), ("corners", "<i4", (3,))])
        face["count"], face["corners"] = 3, triangles.cpu().numpy()
        header += f"element face {len(triangles)}\nproperty list uchar int vertex_indices\n"
        content += face.tobytes()
    write_whole(path, lambda partial: partial.write_bytes((header + "end_header\n").encode() + content))
