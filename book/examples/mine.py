"""A network and a loss of one's own, as small as they can be."""

import torch
from torch import nn

from depthlib.errors import DepthError
from depthlib.losses import Loss, sample_weights
from depthlib.models.base import DepthModel


class Small(DepthModel):
    frame_size = input_size = (
        96,
        128,
    )  # how large pictures are made, and what the network sees of them
    region = (0, 0, 96, 128)  # the part of that which it answers for
    upsampling, any_size, native = "bilinear", True, "log metres"

    def __init__(self, channels: int = 16) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, channels, 5, padding=2),
            nn.ReLU(),
            nn.Conv2d(channels, 1, 5, padding=2),
        )

    def begin_phase(self, part):
        if part != "all":
            raise DepthError(f"Small: no part {part!r}; expected all.")

    def forward(self, rgb):
        return self.layers(rgb)  # [B, 1, h, w], as large as the target below

    def target(self, depth):
        mask = depth > 0
        return torch.where(mask, depth, 1.0).log(), mask

    def to_depth(self, output):
        return output.exp()


class BerHu(Loss):
    """Absolute below a fifth of a picture's largest error, squared above it.

    After Laina et al. 2016, who take the largest error of the batch, in metres.
    """

    native = "log metres"

    def forward(self, prediction, target, mask):
        d = torch.where(mask, prediction - target, 0.0).abs().flatten(1)
        c = (d.amax(1, keepdim=True) / 5).clamp_min(1e-6).detach()
        values = torch.where(d <= c, d, (d.square() + c.square()) / (2 * c))
        return values.sum(1) / mask.flatten(1).sum(1).clamp_min(1), sample_weights(mask)
