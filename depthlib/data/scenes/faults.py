"""What depth sensors do to the truth: a structured-light camera indoors, a spinning laser outdoors."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from depthlib import camera, randomness
from depthlib.errors import DepthError

#: Standard deviation of a Kinect's depth at 1 m, metres; grows with z² (Khoshelham, Elberink 2012).
NOISE_AT_1M = 1.425e-3
#: Metres between a Kinect's projector and its camera.
BASELINE = 0.075
RANGE = (0.7, 10.0)
#: Degrees above the horizon of a Velodyne HDL-64E's beams: 32 a third of a degree apart, 32 half a degree.
BEAMS = tuple(2.0 - k / 3 for k in range(32)) + tuple(-8.83 - k * 0.515 for k in range(32))
AZIMUTH_STEP = 0.18
REACH = 80.0


def kinect(depth: Tensor, K: Tensor, normals: Tensor, glass: Tensor, gloss: Tensor, keys: Tensor) -> Tensor:
    """Depth as a structured-light sensor measures it: holes (0) and noise that grows with z².

    Holes: what the projector beside the camera cannot light, depth edges, glass, mirror-like and grazing
    surfaces, and everything nearer than 0.7 m or farther than 10 m.

    Args:
        depth: truth, [B, 1, H, W] metres, 0 = missing.
        K: [B, 3, 3].
        normals: [B, 3, H, W], camera frame.
        glass: bool [B, 1, H, W].
        gloss: [B, 1, H, W], 0 … 1.
        keys: int64 [B] from :func:`depthlib.randomness.keys`.

    Raises:
        DepthError: not one key an image.

    >>> wall = torch.full((1, 1, 8, 8), 12.0)
    >>> n = torch.tensor([0.0, 0.0, -1.0])[None, :, None, None].expand(1, 3, 8, 8)
    >>> K = camera.from_field_of_view(8, 8, 60)[None]
    >>> kinect(wall, K, n, wall < 0, 0 * wall, randomness.keys(0, 0, [0], "doctest")).max().item()
    0.0
    """
    batch, _, height, width = depth.shape
    if keys.shape != (batch,):
        raise DepthError(f"keys are {tuple(keys.shape)} for {batch} images; expected one key an image.")
    u = randomness.uniform(keys, 3 * height * width, depth.device).reshape(batch, 3, 1, height, width)
    normal = (-2 * (1 - u[:, 0]).log()).sqrt() * (2 * math.pi * u[:, 1]).cos()
    measured = depth + normal * NOISE_AT_1M * depth * depth
    # a pixel's place in the projector's picture; what a nearer surface has passed lies in its shadow
    column = torch.arange(width, device=depth.device, dtype=torch.float32)
    place = column + K[:, 0, 0, None, None, None] * BASELINE / depth.clamp_min(0.1)
    hole = place < place.cummax(-1).values - 0.5
    hole |= _edges(depth) & (u[:, 2] < 0.8)
    rays = camera.rays(K, height, width)
    facing = (normals * rays).sum(1, keepdim=True).abs() / rays.norm(dim=1, keepdim=True)
    patches = torch.nn.functional.interpolate(u[:, 2, :, ::8, ::8], size=(height, width), mode="nearest")
    hole |= glass | (facing < 0.15) | ((gloss > 0.45) & (patches < gloss * 0.6))
    hole |= (depth < RANGE[0]) | (depth > RANGE[1])
    return torch.where(hole, 0.0, measured)


def _edges(depth: Tensor) -> Tensor:
    """Pixels beside a jump in depth of more than a twentieth."""
    padded = torch.nn.functional.pad(depth, (1, 1, 1, 1), mode="replicate")
    high = torch.nn.functional.max_pool2d(padded, 3, 1)
    low = -torch.nn.functional.max_pool2d(-padded, 3, 1)
    # a slanted plane changes evenly to both sides; a jump does not
    return (high + low - 2 * depth).abs() > 0.05 * depth


def velodyne(depth: Tensor, K: Tensor, keys: Tensor, drop: float = 0.08) -> Tensor:
    """A 64-beam scan from the camera's place: [B, 1, H, W] metres, 0 = no sample.

    Beams lie between +2 and −24.8 degrees, samples 0.18 degrees apart; a share ``drop`` does not return, nor
    does anything beyond 80 m. Each sample is the truth at the pixel it falls in.
    """
    batch, _, height, width = depth.shape
    device = depth.device
    slope = -torch.tensor([math.tan(math.radians(b)) for b in BEAMS], device=device)
    half = math.degrees(math.atan(float(((width + K[:, 0, 2].abs()) / K[:, 0, 0]).max())))
    angles = torch.arange(-half, half, AZIMUTH_STEP, dtype=torch.float64)
    x = torch.tan(angles * math.pi / 180).float().to(device)  # [A]
    y = slope[:, None] * (1 + x * x).sqrt()  # [64, A]
    column = (K[:, 0, 0, None, None] * x + K[:, 0, 2, None, None]).round().long().expand(-1, len(slope), -1)
    row = (K[:, 1, 1, None, None] * y + K[:, 1, 2, None, None]).round().long()
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    kept = randomness.uniform(keys, y.numel(), device).reshape(batch, *y.shape) >= drop
    place = (row.clamp(0, height - 1) * width + column.clamp(0, width - 1)).flatten(1)
    hits = torch.zeros(batch, height * width, device=device)
    hits.scatter_reduce_(1, place, (inside & kept).float().flatten(1), "amax")
    hits = hits.reshape(depth.shape) > 0
    return torch.where(hits & (depth <= REACH), depth, 0.0)
