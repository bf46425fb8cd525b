"""Features of a picture network as a measure of how alike two maps look.

Source: Johnson, Alahi, Fei-Fei 2016; conv3_1 of VGG-16 as in Korinevskaya and Makarov 2018.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from depthlib.pretrained import VGG_MEAN, VGG_STD, load_pretrained

LAST = 10  # torchvision's number of conv3_1
PART = "vgg16_conv1_1-conv3_1"  # of a file that goes no further


class VGGFeatures(nn.Module):
    """conv3_1 of VGG-16, frozen: maps [B, 1, H, W] that span about −1 … 1 → features [B, 256, H/4, W/4].

    A map is shown as a grey picture. The weights are Oxford's, trained on ImageNet, from ``$DEPTHLIB_WEIGHTS`` or torchvision's download.

    Args:
        weights: False leaves random ones, for tests.

    Raises:
        DepthError: the weights are not here and cannot be downloaded: says what to fetch and where to put it.

    >>> VGGFeatures(weights=False)(torch.zeros(1, 1, 16, 24)).shape
    torch.Size([1, 256, 4, 6])
    """

    mean: Tensor
    std: Tensor

    def __init__(self, weights: bool = True) -> None:
        super().__init__()
        import torchvision

        self.layers = torchvision.models.vgg16(weights=None).features[: LAST + 1]
        if weights:
            load_pretrained(self.layers, "vgg16", part=PART)
        self.register_buffer("mean", torch.tensor(VGG_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(VGG_STD).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False)

    def forward(self, maps: Tensor) -> Tensor:
        grey = ((maps + 1) / 2).expand(-1, 3, -1, -1)
        features: Tensor = self.layers((grey - self.mean) / self.std)
        return features / 255  # Oxford's network counts colours from 0 to 255
