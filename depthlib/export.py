"""A trained network as one ONNX file: colours or some depth in, depth out, usable without this library and without torch."""

from __future__ import annotations

import importlib.util
import json
import os
import warnings
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depthlib.errors import DepthError
from depthlib.files import write_whole
from depthlib.models.base import DepthModel
from depthlib.prediction import View, view_of

#: The key under which the file says what the network looks at.
METADATA = "depthlib"


#: Rows and columns of a sparse map must be whole blocks; pad it with zeros, which say that nothing was measured.
MULTIPLE, LEAST = 4, 32


class _Metres(nn.Module):
    def __init__(self, model: DepthModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, *shown: Tensor) -> Tensor:
        return self.model.to_depth(self.model(*shown))


def export_onnx(model: DepthModel, path: str | os.PathLike[str]) -> Path:
    """Write a model as one ONNX file: ``rgb`` float32 [B, 3, h, w] in [0, 1] → ``depth`` float32 [B, 1, ·, ·] metres.

    The batch is free. Rows and columns are free (from 32) where the network takes any size; the coarse network's
    fully connected layers fix them. **The metres hold at the size that the network was trained at**: resize a picture to
    it first, as :func:`depthlib.prediction.predict` does; at twice the size everything looks nearer. The file's metadata say which view of a picture the network was trained on:
    :func:`depthlib.adapters.from_onnx` reads it.

    A network that is shown some depth takes that first, in any unit, and ``rgb`` after it if it is guided: ``sparse`` [B, 1, h, w]
    with sides that are multiples of 4 from 32 (pad with 0, which says that nothing was measured), or ``depth_lr``
    [B, 1, h, w] without holes. :func:`depthlib.adapters.reconstruction_from_onnx` does that.

    Raises:
        DepthError: onnx or onnxscript is not installed, or the place cannot be written.
    """
    for package in ("onnx", "onnxscript"):  # torch's exporter needs both, and fails late without the second
        if importlib.util.find_spec(package) is None:
            raise DepthError(f"{package} is not installed; `pip install onnx onnxscript`.")
    import onnx

    inputs, about, words = _some_depth(model) if model.shown else _picture(model)
    device = next(model.parameters()).device
    was_training = model.training
    try:
        with torch.no_grad(), warnings.catch_warnings():
            # two inputs share their axes, which is what is wanted
            warnings.filterwarnings("ignore", r"# The axis name: (\S+) will not be used, .* another axis: \1\.")
            program = torch.onnx.export(
                _Metres(model).eval(), tuple(example.to(device) for example, _ in inputs.values()), dynamo=True,
                dynamic_shapes=(tuple(free for _, free in inputs.values()),), input_names=list(inputs),
                output_names=["depth"], verbose=False,
            )  # fmt: skip
    finally:
        model.train(was_training)
    assert program is not None
    graph = program.model_proto
    onnx.helper.set_model_props(graph, {METADATA: json.dumps(about)})
    graph.doc_string = words
    content = graph.SerializeToString()
    return write_whole(path, lambda partial: partial.write_bytes(content))


#: Input → an example of it, and which of its sides are free.
_Inputs = dict[str, tuple[Tensor, dict[int, Any]]]


def _picture(model: DepthModel) -> tuple[_Inputs, dict[str, Any], str]:
    view = view_of(model)
    rows, columns = view.crop
    free: dict[int, Any] = {0: torch.export.Dim("batch")}
    if model.any_size:
        rows, columns = rows + 7, columns + 9  # no round size, so that the padding of odd ones is in the graph
        free |= {2: torch.export.Dim("rows", min=32), 3: torch.export.Dim("columns", min=32)}
    about = {"frame": view.frame, "crop": view.crop, "region": view.region, "upsampling": model.upsampling}
    words = (
        "rgb in [0, 1] to depth in metres. The metres hold for pictures resized to "
        "{}x{} (rows x columns), of which the middle {}x{} is shown.".format(*view.frame, *view.crop)
    )
    return {"rgb": (torch.rand(2, 3, rows, columns), free)}, about, words


def _some_depth(model: DepthModel) -> tuple[_Inputs, dict[str, Any], str]:
    batch, rows, columns = (
        torch.export.Dim("batch"),
        torch.export.Dim("rows", min=8),
        torch.export.Dim("columns", min=8),
    )
    guided = bool(getattr(model, "guided", False))
    example = torch.rand(2, 1, 13, 17) + 1
    if model.shown == "sparse":
        factor, side, about = 1, MULTIPLE, {"shown": model.shown, "guided": guided}
        example = F.pad(example, (0, 96 - 17, 0, 64 - 13))
        words = "sparse depth in any unit, 0 where nothing was measured, to depth in that unit."
    else:
        factor, side = int(getattr(model, "factor", 0)), 1
        about = {"shown": model.shown, "guided": guided, "factor": factor}
        words = f"small depth without holes, in any unit, to depth in that unit, {factor} times larger each way."
    inputs: _Inputs = {model.shown: (example, {0: batch, 2: side * rows, 3: side * columns})}
    if guided:
        height, width = (n * factor for n in example.shape[-2:])
        inputs["rgb"] = (
            torch.rand(2, 3, height, width),
            {0: batch, 2: factor * side * rows, 3: factor * side * columns},
        )
    return inputs, about, words


def read_view(metadata: str, source: str) -> tuple[View, str]:
    """What :func:`export_onnx` wrote about the network: its view and how its maps are enlarged."""
    try:
        about = json.loads(metadata)
        if "shown" in about:
            raise DepthError(
                f"{source}: starts from some true depth ({about['shown']}), not from a picture alone. Score it with "
                f"`depthlib evaluate fill:{source}:uniform:0.1` or `enlarge:{source}:8`."
            )
        (height, width), (rows, columns) = ((int(n) for n in about[key]) for key in ("frame", "crop"))
        top, left, bottom, right = (int(n) for n in about["region"])
        upsampling = about["upsampling"]
        if not (
            1 <= rows <= height <= 10_000 and 1 <= columns <= width <= 10_000 and 0 <= top < bottom <= rows
            and 0 <= left < right <= columns and upsampling in ("nearest-exact", "bilinear")
        ):  # fmt: skip
            raise ValueError(f"{about} is no view")
    except DepthError:
        raise
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise DepthError(f"{source}: its metadata {METADATA!r} cannot be read ({error}). Export it again.") from error
    return View((height, width), (rows, columns), (top, left, bottom, right)), upsampling
