"""Other people's models as predictors: an ONNX file, or a depth-estimation model of Hugging Face.

A predictor is a callable from rgb [B, 3, H, W] in [0, 1] to [B, 1, H, W]: `depthlib.evaluation.evaluate` scores any.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from depthlib.errors import DepthError, in_short
from depthlib.export import LEAST, METADATA, MULTIPLE, read_view
from depthlib.observations import Observation, SmallDepth
from depthlib.predictors import Informed, Predictor
from depthlib.sample import Batch


class OnnxPredictor:
    """An ONNX file as a predictor; see :func:`from_onnx`.

    Attributes:
        metres: whether it is a file of this library, which answers in metres.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._session = _session(self.path)
        metadata = self._session.get_modelmeta().custom_metadata_map.get(METADATA)
        self.metres = metadata is not None
        self._view = read_view(metadata, str(path)) if metadata is not None else None
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        batch, colours, rows, columns = [*inputs[0].shape, *(0,) * 4][:4] if inputs else [0] * 4
        sizes = [n for n in (rows, columns) if isinstance(n, int)]
        if (
            len(inputs) != 1
            or len(inputs[0].shape) != 4
            or colours != 3
            or inputs[0].type != "tensor(float)"
            or 0 in sizes
        ):
            found = ", ".join(f"{i.name} {i.type} {i.shape}" for i in inputs)
            raise DepthError(f"{path}: takes {found or 'nothing'}; expected one float32 [B, 3, H, W] in [0, 1].")
        if len(outputs) != 1:
            found = ", ".join(f"{o.name} {o.shape}" for o in outputs)
            raise DepthError(
                f"{path}: has {len(outputs)} outputs ({found}); expected the depth alone. Cut off the others."
            )
        self._input, self._one_by_one = inputs[0].name, isinstance(batch, int)
        self._size = (rows, columns) if len(sizes) == 2 else None

    def __call__(self, rgb: Tensor) -> Tensor:
        if self._view is not None:
            view, upsampling = self._view
            return view.look(rgb, self._run).full(upsampling)
        size = (rgb.shape[-2], rgb.shape[-1])
        if self._size is not None and self._size != size:
            rgb = F.interpolate(rgb, self._size, mode="bilinear", align_corners=False, antialias=True).clamp(0, 1)
        return _enlarged(self._run(rgb), size)

    def _run(self, rgb: Tensor) -> Tensor:
        maps = []
        for part in rgb.split(1) if self._one_by_one else [rgb]:
            try:
                answer = self._session.run(None, {self._input: part.cpu().numpy()})[0]
            except Exception as error:
                raise DepthError(
                    f"{self.path}: fails on {tuple(rgb.shape)} ({_first_line(error)}). Expected a network that takes pictures [B, 3, h, w] of this size."
                ) from error
            shape: tuple[int, ...] = getattr(answer, "shape", ())
            count = len(part)
            fits = len(shape) in (3, 4) and shape[0] == count and (len(shape) == 3 or shape[1] == 1) and 0 not in shape
            if not isinstance(answer, np.ndarray) or answer.dtype.kind not in "fiu" or not fits:
                said = f"{answer.dtype} {shape}" if isinstance(answer, np.ndarray) else type(answer).__name__
                raise DepthError(
                    f"{self.path}: answers {said} to {tuple(part.shape)}; expected [B, 1, h, w] or [B, h, w]."
                )
            depth = torch.from_numpy(answer).float()
            maps.append(depth[:, None] if depth.ndim == 3 else depth)
        return torch.cat(maps)


def from_onnx(path: str | os.PathLike[str]) -> OnnxPredictor:
    """An ONNX file as a predictor.

    A file of :func:`depthlib.export.export_onnx` is shown the view that its metadata name. Any other must take one
    float32 [B, 3, H, W] in [0, 1] and answer [B, 1, h, w] or [B, h, w]; where it fixes H and W, the picture is
    stretched to them and the answer back.

    Raises:
        DepthError: onnxruntime is not installed; not an ONNX file; inputs or answers of another shape.
    """
    return OnnxPredictor(path)


class OnnxReconstruction(Informed):
    """An ONNX file of a network that is shown some depth; see :func:`reconstruction_from_onnx`."""

    def __init__(self, path: str | os.PathLike[str], observation: Observation) -> None:
        self.path, self.observation = Path(path), observation
        self._session = _session(self.path)
        try:
            about = json.loads(self._session.get_modelmeta().custom_metadata_map.get(METADATA, "{}"))
            shown, self._guided, factor = about.get("shown", ""), bool(about.get("guided")), about.get("factor")
        except (ValueError, AttributeError, RecursionError) as error:
            raise DepthError(f"{path}: its metadata {METADATA!r} cannot be read ({error}). Export it again.") from error
        if shown != observation.key:
            raise DepthError(
                f"{path}: is shown {shown or 'a picture only'!r}, not {observation.key!r}. Score it by its own kind: alone, by fill: or by enlarge:."
            )
        if isinstance(observation, SmallDepth) and factor != observation.factor:
            raise DepthError(f"{path}: enlarges {factor} times, not {observation.factor}. Ask for {factor}.")

    def of(self, samples: Batch) -> Tensor:
        """Depth [B, 1, H, W], in the unit of the truth."""
        height, width = samples["depth"].shape[-2:]
        seen = self.observation(samples)[self.observation.key]  # type: ignore[literal-required]
        sides = [self.observation.factor * n for n in seen.shape[-2:]] if isinstance(self.observation, SmallDepth) else [
            max(LEAST, -(-n // MULTIPLE) * MULTIPLE) for n in (height, width)
        ]  # fmt: skip
        more = (0, sides[1] - width, 0, sides[0] - height)
        shown = {self.observation.key: seen if isinstance(self.observation, SmallDepth) else F.pad(seen, more)}
        if self._guided:
            shown["rgb"] = F.pad(samples["rgb"], more, mode="replicate")
        try:
            answer = self._session.run(None, {name: value.cpu().numpy() for name, value in shown.items()})[0]
        except Exception as error:
            raise DepthError(f"{self.path}: fails on {height}x{width} ({_first_line(error)}).") from error
        return torch.from_numpy(np.asarray(answer))[..., :height, :width]


def reconstruction_from_onnx(path: str | os.PathLike[str], observation: Observation) -> OnnxReconstruction:
    """A file of :func:`depthlib.export.export_onnx` that is shown some depth, as a predictor that is shown ``observation``.

    Raises:
        DepthError: onnxruntime is not installed; not such a file; or one that is shown something else.
    """
    return OnnxReconstruction(path, observation)


def _session(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise DepthError("onnxruntime is not installed; `pip install onnxruntime`.") from error
    if not path.is_file():
        raise DepthError(f"{path}: no such file; `depthlib export CHECKPOINT --out {path}` makes one.")
    try:
        return onnxruntime.InferenceSession(str(path), providers=onnxruntime.get_available_providers())
    except Exception as error:  # onnxruntime has a dozen kinds
        raise DepthError(f"{path}: cannot be read as ONNX ({_first_line(error)}). Export it again.") from error


def from_huggingface(name: str) -> Predictor:
    """A depth-estimation model of Hugging Face as a predictor.

    Args:
        name: on the hub, such as ``depth-anything/Depth-Anything-V2-Small-hf``, or a local folder. Most such models
            answer with disparity of unknown scale and shift: declare it (``kind="disparity"``). Metric ones answer in metres.

    Raises:
        DepthError: transformers is not installed, the model is neither here nor reachable, or it fails on a picture.
    """
    try:
        from transformers import pipeline
    except ImportError as error:
        raise DepthError("transformers is not installed; `pip install transformers`.") from error
    try:
        pipe: Any = pipeline("depth-estimation", model=name)
    except Exception as error:  # no network, no such name, another task's model: a kind for each
        raise DepthError(
            f"{name}: not a depth-estimation model on this disk, nor could one be had from the Hugging Face hub ({in_short(error)}). "
            f"Give a local folder, or fetch it where there is a network: `hf download {name}`."
        ) from error

    def answer(rgb: Tensor) -> Tensor:
        from torchvision.transforms.functional import to_pil_image

        size = (rgb.shape[-2], rgb.shape[-1])
        pictures = [to_pil_image(picture) for picture in (rgb.cpu() * 255).round().to(torch.uint8)]
        try:
            maps = [one["predicted_depth"].float() for one in pipe(pictures)]
        except Exception as error:
            raise DepthError(f"{name}: fails on a picture of {size[0]}x{size[1]} ({_first_line(error)}).") from error
        return torch.cat([_enlarged(m.reshape(1, 1, *m.shape[-2:]), size) for m in maps])

    return answer


def scaled(predictor: Predictor, units: float) -> Predictor:
    """A predictor that answers in other units, in metres.

    Args:
        units: its units in a metre, such as 1000.

    Raises:
        DepthError: units that are not above 0.

    >>> scaled(lambda rgb: 1000 * rgb[:, :1], 1000)(torch.ones(1, 3, 1, 1)).item()
    1.0
    """
    if not 0 < units < math.inf:
        raise DepthError(f"scale is {units}; expected units in a metre, above 0.")
    return lambda rgb: predictor(rgb) / units


def _enlarged(depth: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear; a 0, where nothing is said, is mixed with nothing."""
    if tuple(depth.shape[-2:]) == size:
        return depth
    silent = F.interpolate((depth == 0).to(depth), size, mode="bilinear", align_corners=False) > 0
    return torch.where(silent, 0.0, F.interpolate(depth, size, mode="bilinear", align_corners=False))


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
