"""From light to a photograph: exposure, white balance, tone curve, and a camera's faults."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from depthlib import camera, randomness
from depthlib.data.scenes.kept import kept

_GRAIN = 512


@kept
def grain(device: str) -> Tensor:
    """A tile of Gaussian noise, [3, 512, 512], of which every picture takes its own part."""
    u = randomness.uniform(randomness.keys(0, 0, range(6), "grain"), _GRAIN * _GRAIN).reshape(2, 3, _GRAIN, _GRAIN)
    return ((-2 * (1 - u[0]).log()).sqrt() * (2 * math.pi * u[1]).cos()).to(device)


def photograph(radiance: Tensor, look: Tensor, sensor: bool) -> Tensor:
    """What a camera makes of light: [B, 3, H, W] in [0, 1].

    Args:
        radiance: [B, 3, H, W], linear, any unit.
        look: [B, 8], see :class:`depthlib.data.scenes.scene.Scene`.
        sensor: vignetting, blur and noise.
    """
    height, width = radiance.shape[-2:]
    rows = radiance.clamp_max(4.0).mean(-1)  # first rows, then the whole: the same on any number of threads
    grey = rows.mean((1, 2))[:, None, None, None].clamp_min(1e-6)
    tone = look[:, :, None, None, None]
    balance = torch.stack((tone[:, 1], torch.ones_like(tone[:, 1]), tone[:, 2]), 1)[:, :, 0]
    image = radiance * (tone[:, 0] / grey) * balance
    if sensor:
        image = _blur(image, tone[:, 5])
        v, u = camera.pixel_grid(height, width, radiance.device)
        r2 = ((u / (width - 1) - 0.5) ** 2 + (v / (height - 1) - 0.5) ** 2) * 2
        image = image * (1 - tone[:, 3] * r2)
    image = image * (1 + image * 0.11) / (1 + image)  # white at about 3 times
    image = image.clamp(0, 1).sqrt()
    if sensor:
        image = image + tone[:, 4] * _noise(look, height, width) * (1.25 - image)
    return image.clamp(0, 1)


def _noise(look: Tensor, height: int, width: int) -> Tensor:
    """Each picture's part of the grain: [B, 3, H, W]."""
    tile = grain(str(look.device))
    offset = (look[:, 6:8] * _GRAIN).long()
    rows = (torch.arange(height, device=look.device) + offset[:, :1]) % _GRAIN
    columns = (torch.arange(width, device=look.device) + offset[:, 1:]) % _GRAIN
    place = rows[:, :, None] * _GRAIN + columns[:, None, :]
    return tile.flatten(1).index_select(1, place.flatten()).reshape(3, -1, height, width).transpose(0, 1)


def _blur(image: Tensor, amount: Tensor) -> Tensor:
    """A lens: a 3x3 binomial, of which ``amount`` is mixed in."""
    p = torch.nn.functional.pad(image, (1, 1, 1, 1), mode="replicate")
    rows = 0.25 * (p[:, :, :-2] + p[:, :, 2:]) + 0.5 * p[:, :, 1:-1]
    soft = 0.25 * (rows[..., :-2] + rows[..., 2:]) + 0.5 * rows[..., 1:-1]
    return image + (soft - image) * amount
