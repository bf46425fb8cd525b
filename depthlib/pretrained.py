"""ImageNet weights as torchvision fetches and caches them, with an error that says what to do where it cannot."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from depthlib.errors import DepthError

#: Where the networks that torchvision trained expect colours to be, and where Oxford's VGG does.
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
VGG_MEAN, VGG_STD = (0.48235, 0.45882, 0.40784), (1 / 255, 1 / 255, 1 / 255)


def pretrained(name: str, weights: str) -> dict[str, Tensor]:
    """torchvision's weights of a network, from its cache or downloaded there.

    Raises:
        DepthError: neither: says what to fetch and where to put it.
    """
    import torchvision

    kind = torchvision.models.get_model_weights(name)[weights]
    target = Path(torch.hub.get_dir()) / "checkpoints" / kind.url.rpartition("/")[2]
    try:
        # through the network, since the names in DenseNet's files are older than those in its layers
        return dict(torchvision.models.get_model(name, weights=kind).state_dict())
    except (OSError, RuntimeError) as error:  # no network, or a download that was cut: a wrong hash
        raise DepthError(
            f"{name}: ImageNet weights are neither cached nor can they be downloaded ({error}). "
            f"Fetch {kind.url} and put it at {target}."
        ) from error
