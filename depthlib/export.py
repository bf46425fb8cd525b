"""A trained network as one ONNX file: colours in, metres out, usable without this library and without torch."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import torch
from torch import Tensor, nn

from depthlib.errors import DepthError
from depthlib.files import write_whole
from depthlib.models.base import DepthModel
from depthlib.prediction import View, view_of

#: The key under which the file says what the network looks at.
METADATA = "depthlib"


class _Metres(nn.Module):
    def __init__(self, model: DepthModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, rgb: Tensor) -> Tensor:
        return self.model.to_depth(self.model(rgb))


def export_onnx(model: DepthModel, path: str | os.PathLike[str]) -> Path:
    """Write a model as one ONNX file: ``rgb`` float32 [B, 3, h, w] in [0, 1] → ``depth`` float32 [B, 1, ·, ·] metres.

    The batch is free. Rows and columns are free (from 32) where the network takes any size; the coarse network's
    fully connected layers fix them. **The metres hold at the size that the network was trained at**: resize a picture to
    it first, as :func:`depthlib.prediction.predict` does; at twice the size everything looks nearer. The file's metadata say which view of a picture the network was trained on:
    :func:`depthlib.adapters.from_onnx` reads it.

    Raises:
        DepthError: the ``onnx`` extra is not installed, or the place cannot be written.
    """
    for package in ("onnx", "onnxscript"):  # torch's exporter needs both, and fails late without the second
        if importlib.util.find_spec(package) is None:
            raise DepthError(f"{package} is not installed; `pip install 'depthlib-course[onnx]'`.")
    import onnx

    view = view_of(model)
    device = next(model.parameters()).device
    rows, columns = view.crop
    dynamic: dict[int, object] = {0: torch.export.Dim("batch")}
    if model.any_size:
        rows, columns = rows + 7, columns + 9  # no round size, so that the padding of odd ones is in the graph
        dynamic |= {2: torch.export.Dim("rows", min=32), 3: torch.export.Dim("columns", min=32)}
    example = torch.rand(2, 3, rows, columns, device=device)
    was_training = model.training
    try:
        with torch.no_grad():
            program = torch.onnx.export(
                _Metres(model).eval(), (example,), dynamo=True, dynamic_shapes={"rgb": dynamic}, input_names=["rgb"],
                output_names=["depth"], verbose=False,
            )  # fmt: skip
    finally:
        model.train(was_training)
    assert program is not None
    graph = program.model_proto
    about = {"frame": view.frame, "crop": view.crop, "region": view.region, "upsampling": model.upsampling}
    onnx.helper.set_model_props(graph, {METADATA: json.dumps(about)})
    graph.doc_string = (
        "rgb in [0, 1] to depth in metres. The metres hold for pictures resized to "
        "{}x{} (rows x columns), of which the middle {}x{} is shown.".format(*view.frame, *view.crop)
    )
    content = graph.SerializeToString()
    return write_whole(path, lambda partial: partial.write_bytes(content))


def read_view(metadata: str, source: str) -> tuple[View, str]:
    """What :func:`export_onnx` wrote about the network: its view and how its maps are enlarged."""
    try:
        about = json.loads(metadata)
        (height, width), (rows, columns) = ((int(n) for n in about[key]) for key in ("frame", "crop"))
        top, left, bottom, right = (int(n) for n in about["region"])
        upsampling = about["upsampling"]
        if not (
            1 <= rows <= height <= 10_000 and 1 <= columns <= width <= 10_000 and 0 <= top < bottom <= rows
            and 0 <= left < right <= columns and upsampling in ("nearest-exact", "bilinear")
        ):  # fmt: skip
            raise ValueError(f"{about} is no view")
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise DepthError(f"{source}: its metadata {METADATA!r} cannot be read ({error}). Export it again.") from error
    return View((height, width), (rows, columns), (top, left, bottom, right)), upsampling
