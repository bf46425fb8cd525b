"""Features of a picture network as a measure of how alike two maps look.

Source: Johnson, Alahi, Fei-Fei 2016; conv3_1 of VGG-16 as in Korinevskaya and Makarov 2018.
"""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor, nn

from depthlib.errors import DepthError
from depthlib.files import read_tensors
from depthlib.pretrained import VGG_MEAN, VGG_STD, pretrained

LAST = 10  # torchvision's number of conv3_1
STEM = "vgg16_conv1_1-conv3_1"


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
            self.layers.load_state_dict(_weights({key: value.shape for key, value in self.layers.state_dict().items()}))
        self.register_buffer("mean", torch.tensor(VGG_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(VGG_STD).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False)

    def forward(self, maps: Tensor) -> Tensor:
        grey = ((maps + 1) / 2).expand(-1, 3, -1, -1)
        features: Tensor = self.layers((grey - self.mean) / self.std)
        return features / 255  # Oxford's network counts colours from 0 to 255


def _weights(shapes: dict[str, torch.Size]) -> dict[str, Tensor]:
    folder = os.environ.get("DEPTHLIB_WEIGHTS")
    here = [path for name in (STEM, "vgg16_features*") for path in sorted(Path(folder).glob(f"{name}.safetensors"))] if folder else []  # fmt: skip
    if here:
        source, tensors = str(here[0]), read_tensors(here[0], "Copy the weights again.")
    else:
        source, tensors = "torchvision's vgg16", pretrained("vgg16", "IMAGENET1K_FEATURES")
    found = {key.removeprefix("features."): value for key, value in tensors.items()}
    for key, shape in shapes.items():
        if key not in found or found[key].shape != shape:
            have = tuple(found[key].shape) if key in found else "absent"
            raise DepthError(f"{source}: not the weights of VGG-16: {key} is {have}, expected {tuple(shape)}.")
    return {key: found[key].float() for key in shapes}
