"""ImageNet weights: from a folder, or as torchvision fetches and caches them, with an error that says what to do where it cannot."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor, nn

from depthlib.errors import DepthError
from depthlib.files import read_tensors

#: Where the networks that torchvision trained expect colours to be, and where Oxford's VGG does.
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
VGG_MEAN, VGG_STD = (0.48235, 0.45882, 0.40784), (1 / 255, 1 / 255, 1 / 255)


def load_pretrained(network: nn.Module, name: str, weights: str = "IMAGENET1K_V1", part: str = "") -> None:
    """Put pretrained weights into a network of torchvision, or into the first layers of its ``features``; a head that names things stays.

    ``IMAGENET1K_V1`` is looked for as ``PART.safetensors`` and ``NAME_features*.safetensors`` in ``$DEPTHLIB_WEIGHTS``, then in torchvision's cache, then
    downloaded there. Of VGG-16 it is Oxford's training, which torchvision calls ``IMAGENET1K_FEATURES``: its colours are
    :data:`VGG_MEAN` and :data:`VGG_STD`.

    Args:
        name: as torchvision calls the network.
        weights: ``"IMAGENET1K_V1"``, or the path of a safetensors file with torchvision's names, whole or those below ``features``.
        part: the stem of a file that goes no further than this network needs; "" for none.

    Raises:
        DepthError: no such file, another network's, or nothing cached and no way to download: says what to fetch and
            where to put it.
    """
    path = _here(name, part) if weights == "IMAGENET1K_V1" else Path(weights)
    if path is None:
        source, tensors = f"torchvision's {name}", _fetched(name, "IMAGENET1K_FEATURES" if name == "vgg16" else weights)
    else:
        source, tensors = str(path), read_tensors(path, "Expected a file, or IMAGENET1K_V1.")
    tensors = {key.removeprefix("features."): value for key, value in tensors.items()}
    chosen = {}
    for key, value in network.state_dict().items():
        if key.startswith(("classifier.", "fc.", "heads.")) or key.endswith("num_batches_tracked"):
            continue
        found = tensors.get(key.removeprefix("features."))
        if found is None or found.shape != value.shape:
            have = "absent" if found is None else tuple(found.shape)
            raise DepthError(
                f"{source}: not the weights of {name}: {key} is {have}, expected {tuple(value.shape)}. "
                f"{'Use torchvision names, with or without the first features.' if path else 'Delete the cached file, and fetch it again.'}"
            )
        chosen[key] = found.to(value.dtype)
    if not next(network.parameters()).is_meta:  # shapes only: the weights were checked, there is nothing to fill
        network.load_state_dict(chosen, strict=False)


def _here(name: str, part: str) -> Path | None:
    folder = os.environ.get("DEPTHLIB_WEIGHTS")
    if not folder:
        return None
    stems = [part, f"{name}_features*"] if part else [f"{name}_features*"]
    return next((path for stem in stems for path in sorted(Path(folder).glob(f"{stem}.safetensors"))), None)


def _fetched(name: str, weights: str) -> dict[str, Tensor]:
    """torchvision's weights of a network, from its cache or downloaded there."""
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
