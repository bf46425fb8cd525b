"""From a picture to metres: one function for a path, a PIL image, an array or a tensor, one image or many."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from depthlib import camera
from depthlib.augment import CENTRE, augment
from depthlib.errors import DepthError, enough_memory
from depthlib.models.base import DepthModel
from depthlib.sample import check_colours

#: How a smaller map may be enlarged to its image.
UPSAMPLING = ("nearest", "nearest-exact", "bilinear", "bicubic")


@dataclass(frozen=True)
class Prediction:
    """A model's answer for a batch of images.

    Attributes:
        depth: metres, [B, 1, h, w], at the model's own resolution.
        region: the rows and columns (top, left, bottom, right) of the image that ``depth`` covers.
        size: rows and columns of the image.
    """

    depth: Tensor
    region: tuple[int, int, int, int]
    size: tuple[int, int]

    def full(self, mode: str = "nearest-exact") -> Tensor:
        """Metres over the whole image, [B, 1, H, W]; 0 where the model says nothing.

        Args:
            mode: one of ``UPSAMPLING``, as :func:`torch.nn.functional.interpolate` names them; Eigen et al. score nearest
                neighbour.

        Raises:
            DepthError: another mode.
        """
        if mode not in UPSAMPLING:
            raise DepthError(f"prediction: mode is {mode!r}; expected one of {', '.join(UPSAMPLING)}.")
        top, left, bottom, right = self.region
        options = {} if mode.startswith("nearest") else {"align_corners": False}
        inside = F.interpolate(self.depth, (bottom - top, right - left), mode=mode, **options)
        return F.pad(inside, (left, self.size[1] - right, top, self.size[0] - bottom))


def to_rgb(image: str | os.PathLike[str] | Image.Image | np.ndarray | Tensor) -> Tensor:
    """Any image as float32 [B, 3, H, W] in [0, 1].

    Args:
        image: a path; a PIL image; an array [H, W], [H, W, 3] or [B, H, W, 3], uint8 or float in [0, 1]; or a
            tensor [3, H, W] or [B, 3, H, W] in [0, 1].

    Raises:
        DepthError: anything else: another shape or kind of number, no pixel at all, or colours outside [0, 1].
    """
    if isinstance(image, str | os.PathLike):
        from depthlib.data.formats import read_rgb

        image = read_rgb(Path(image))
    if isinstance(image, Image.Image):
        from depthlib.data.formats import upright_rgb

        image = upright_rgb(image, "image")
    if isinstance(image, np.ndarray | Tensor):
        kind = image.dtype.name if isinstance(image, np.ndarray) else str(image.dtype).removeprefix("torch.")
        if kind != "uint8" and "float" not in kind:
            remedy = " Divide 8-bit colours by 255, those of 16 bits by 65535." if "int" in kind else ""
            raise DepthError(f"image: values of type {kind}; expected floats in [0, 1], or an array of uint8.{remedy}")
    if isinstance(image, np.ndarray):
        array = image
        if array.ndim == 2:
            array = np.repeat(array[..., None], 3, axis=-1)
        if array.ndim == 3:
            array = array[None]
        if array.ndim != 4 or array.shape[-1] != 3:
            raise DepthError(f"image: array of shape {image.shape}; expected [H, W], [H, W, 3] or [B, H, W, 3].")
        factor = 255.0 if array.dtype == np.uint8 else 1.0
        image = torch.from_numpy(array.astype(np.float32, order="C")).permute(0, 3, 1, 2) / factor
    if not isinstance(image, Tensor):
        raise DepthError(f"image: {type(image).__name__}; expected a path, a PIL image, an array or a tensor.")
    if image.ndim == 3:
        image = image[None]
    if image.ndim != 4 or image.shape[1] != 3:
        raise DepthError(f"image: tensor of shape {tuple(image.shape)}; expected [3, H, W] or [B, 3, H, W].")
    if not image.numel():
        count, _, rows, columns = image.shape
        raise DepthError(
            f"image: a batch of {count}, {rows}x{columns} pixels (height x width); expected at least 1 and 1x1."
        )
    image = image.to(torch.float32)
    check_colours(image, "image")
    return image


@dataclass(frozen=True)
class View:
    """What a network looks at, and what its answer covers.

    Attributes:
        frame: rows and columns to which the picture is resized, keeping its shape (what sticks out is cut evenly).
        crop: rows and columns of the centre crop of the frame that the network sees.
        region: (top, left, bottom, right) of the crop that the answer covers.
    """

    frame: tuple[int, int]
    crop: tuple[int, int]
    region: tuple[int, int, int, int]

    def look(self, rgb: Tensor, answer: Callable[[Tensor], Tensor]) -> Prediction:
        """Show pictures [B, 3, H, W] to ``answer``: crops ``[B, 3, *crop]`` → metres [B, 1, h, w].

        Raises:
            DepthError: the shorter side is under 32 pixels.
        """
        height, width = rgb.shape[-2:]
        if min(height, width) < 32:
            raise DepthError(
                f"image: {height}x{width} pixels (height x width); expected at least 32 on the shorter side."
            )
        frame = self.frame
        scale = max(frame[0] / height, frame[1] / width)
        if (height, width) != frame:
            inner = (max(frame[0], round(height * scale)), max(frame[1], round(width * scale)))
            rgb = F.interpolate(rgb, inner, mode="bilinear", align_corners=False, antialias=True).clamp(0, 1)
        top, left = (rgb.shape[-2] - frame[0]) // 2, (rgb.shape[-1] - frame[1]) // 2
        rgb = rgb[..., top : top + frame[0], left : left + frame[1]]
        batch: Any = {
            "rgb": rgb,
            "depth": rgb.new_zeros(len(rgb), 1, *frame),
            "K": camera.from_field_of_view(*frame, 60.0).expand(len(rgb), 3, 3).to(rgb.device),
            "index": list(range(len(rgb))),
        }
        depth = answer(augment(batch, self.crop, CENTRE)["rgb"])
        offset = (top + (frame[0] - self.crop[0]) // 2, left + (frame[1] - self.crop[1]) // 2)
        edges = [edge + offset[i % 2] for i, edge in enumerate(self.region)]
        if scale != 1:
            edges = [min(round(edge / scale), (height, width)[i % 2]) for i, edge in enumerate(edges)]
        return Prediction(depth.float(), (edges[0], edges[1], edges[2], edges[3]), (height, width))


@torch.no_grad()
def predict(model: DepthModel, image: str | os.PathLike[str] | Image.Image | np.ndarray | Tensor) -> Prediction:
    """Depth of one image or a batch, by the model in eval mode.

    The image is resized to the model's frame, keeping its shape (what sticks out is cut evenly), and the model
    sees the centre crop, as at test time in the paper.

    Args:
        model: any model of this library, on any device: there it computes.
        image: see :func:`to_rgb`.

    Returns:
        A :class:`Prediction` in metres, on the model's device, whose region and size refer to the image as given.

    Raises:
        DepthError: not an image, one whose shorter side is under 32 pixels, a model that starts from some depth, or too
            little memory.

    >>> from depthlib.models import build_model
    >>> answer = predict(build_model("eigen", width=0.05), torch.rand(3, 240, 320))
    >>> answer.depth.shape, answer.full().shape, answer.region
    (torch.Size([1, 1, 55, 74]), torch.Size([1, 1, 240, 320]), (10, 12, 230, 308))
    """
    rgb = to_rgb(image).to(next(model.parameters()).device)
    was_training = model.training
    model.eval()
    try:
        rows, columns = rgb.shape[-2:]
        with enough_memory(f"{len(rgb)} pictures of {rows}x{columns}", "Give fewer at a time, or smaller ones."):
            return view_of(model).look(rgb, lambda crop: model.to_depth(model(crop)))
    finally:
        model.train(was_training)


def view_of(model: DepthModel) -> View:
    """What a model of this library looks at.

    Raises:
        DepthError: one that needs part of the true depth, and cannot start from a picture.
    """
    if model.shown:
        raise DepthError(
            f"{type(model).__name__} starts from some true depth ({model.shown}), not from a picture alone. Score it with "
            "`depthlib evaluate fill:RUN:uniform:0.1` or `enlarge:RUN:8`, or use it by `depthlib complete` or `depthlib enlarge`."
        )
    return View(model.frame_size, model.input_size, model.region)
