"""Other people's models as predictors: an ONNX file, or a depth-estimation model of Hugging Face.

A predictor is a callable from rgb [B, 3, H, W] in [0, 1] to [B, 1, H, W]: `depthlib.evaluation.evaluate` scores any.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from depthlib.errors import DepthError
from depthlib.evaluation import Predictor
from depthlib.export import METADATA, read_view


def from_onnx(path: str | os.PathLike[str]) -> Predictor:
    """An ONNX file as a predictor.

    A file of :func:`depthlib.export.export_onnx` is shown the view that its metadata name. Any other must take one
    float [B, 3, H, W] in [0, 1] and answer [B, 1, h, w] or [B, h, w]; where it fixes H and W, the picture is
    stretched to them and the answer back.

    Raises:
        DepthError: onnxruntime is not installed; not an ONNX file; inputs or answers of another shape.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise DepthError("onnxruntime is not installed; `pip install 'depthlib-course[onnx]'`.") from error
    if not Path(path).is_file():
        raise DepthError(f"{path}: no such file; `depthlib export CHECKPOINT --out {path}` makes one.")
    try:
        session = onnxruntime.InferenceSession(str(path), providers=onnxruntime.get_available_providers())
    except Exception as error:  # onnxruntime has a dozen kinds
        raise DepthError(f"{path}: cannot be read as ONNX ({str(error).splitlines()[0]}).") from error
    inputs = session.get_inputs()
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].shape[1] != 3 or inputs[0].type != "tensor(float)":
        found = ", ".join(f"{i.name} {i.type} {i.shape}" for i in inputs)
        raise DepthError(f"{path}: takes {found}; expected one float32 [B, 3, H, W] in [0, 1].")
    one_by_one = isinstance(inputs[0].shape[0], int)
    rows, columns = inputs[0].shape[2:]

    def answer(crop: Tensor) -> Tensor:
        parts = crop.split(1) if one_by_one else [crop]
        try:
            maps = [session.run(None, {inputs[0].name: part.cpu().numpy()})[0] for part in parts]
        except Exception as error:
            raise DepthError(f"{path}: fails on {tuple(crop.shape)} ({str(error).splitlines()[0]}).") from error
        depth = torch.cat([torch.from_numpy(m).float() for m in maps])
        depth = depth[:, None] if depth.ndim == 3 else depth
        if depth.ndim != 4 or depth.shape[:2] != (len(crop), 1):
            raise DepthError(f"{path}: answers {tuple(depth.shape)} to {tuple(crop.shape)}; expected [B, 1, h, w].")
        return depth

    metadata = session.get_modelmeta().custom_metadata_map.get(METADATA)
    if metadata is not None:
        view, upsampling = read_view(metadata, str(path))
        return lambda rgb: view.look(rgb, answer).full(upsampling)

    def stretched(rgb: Tensor) -> Tensor:
        size = (rgb.shape[-2], rgb.shape[-1])
        if isinstance(rows, int) and isinstance(columns, int):
            rgb = F.interpolate(rgb, (rows, columns), mode="bilinear", align_corners=False, antialias=True)
        return _enlarged(answer(rgb.clamp(0, 1)), size)

    return stretched


def from_huggingface(name: str) -> Predictor:
    """A depth-estimation model of Hugging Face as a predictor.

    Args:
        name: on the hub, such as ``depth-anything/Depth-Anything-V2-Small-hf``, or a local folder. Most such models
            answer with disparity of unknown scale: declare it (``kind="disparity"``). Metric ones answer in metres.

    Raises:
        DepthError: transformers is not installed, or the model is neither here nor reachable.
    """
    try:
        from transformers import pipeline
    except ImportError as error:
        raise DepthError("transformers is not installed; `pip install 'depthlib-course[huggingface]'`.") from error
    try:
        pipe: Any = pipeline("depth-estimation", model=name)
    except Exception as error:  # no network, no such name, another task's model: a kind for each
        reason = " ".join(str(error).split())[:200]
        raise DepthError(
            f"{name}: not a depth-estimation model on this disk, nor could one be had from the Hugging Face hub ({reason}). "
            "Give a local folder, or fetch it where there is a network: `hf download " + name + "`."
        ) from error

    def answer(rgb: Tensor) -> Tensor:
        from torchvision.transforms.functional import to_pil_image

        found = pipe([to_pil_image(picture) for picture in rgb.cpu()])
        size = (rgb.shape[-2], rgb.shape[-1])
        return torch.cat([_enlarged(one["predicted_depth"].float().reshape(1, 1, *one["predicted_depth"].shape[-2:]), size)
                          for one in found])  # fmt: skip

    return answer


def _enlarged(depth: Tensor, size: tuple[int, int]) -> Tensor:
    same = tuple(depth.shape[-2:]) == size
    return depth if same else F.interpolate(depth, size, mode="bilinear", align_corners=False)
