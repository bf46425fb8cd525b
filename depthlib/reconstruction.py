"""Depth from some depth: the doors to the networks that fill a sparse map or enlarge a small one.

Chapters: `book/sparse_to_dense.py`, `book/super_resolution.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, cast

import torch
from torch import Tensor

from depthlib.errors import DepthError, enough_memory
from depthlib.models.base import DepthModel
from depthlib.models.reconstruction import Reconstruction
from depthlib.sample import a_tensor, check_colours, valid


def complete(model: DepthModel, sparse: Tensor, rgb: Tensor | None = None) -> Tensor:
    """Every pixel's depth from a few.

    Args:
        model: one that is shown ``sparse``, such as :class:`depthlib.models.sparse_to_dense.SparseToDense`.
        sparse: depth at the measured pixels, [B, 1, H, W] or [1, H, W], 0 elsewhere, in any unit.
        rgb: the pictures, [B, 3, H, W] or [3, H, W] in [0, 1], for a guided model.

    Returns:
        Depth in the same unit, of the shape of ``sparse``; the measured pixels are what they were.

    Raises:
        DepthError: no measured pixel in a map, NaN, infinite or negative ones, a model of another task, or a picture too
            few, too many, of another size or outside [0, 1].

    >>> from depthlib.models import build_model
    >>> sparse = torch.zeros(1, 48, 64)
    >>> sparse[0, 20, 30] = 1.5
    >>> complete(build_model("sparse_to_dense", width=8), sparse).unique()  # one depth is all that is known
    tensor([1.5000])
    """
    maps = _maps(sparse, "sparse")
    wrong = ~(maps.isfinite() & (maps >= 0))
    if wrong.any():
        raise DepthError(
            f"sparse depth: {int(wrong.sum())} values are negative, NaN or infinite; expected depths above 0, and 0 where "
            "nothing was measured."
        )
    if not valid(maps).flatten(1).any(1).all():
        empty = [i for i, one in enumerate(maps) if not valid(one).any()]
        raise DepthError(
            f"sparse depth: nothing is measured in map {empty[0]} of {len(maps)}; expected one pixel at least."
        )
    return _answer(model, "sparse", maps, rgb, sparse.ndim)


def enlarge(model: DepthModel, small: Tensor, rgb: Tensor | None = None, zero_is_missing: bool = True) -> Tensor:
    """A large map from a small one.

    Args:
        model: one that is shown ``depth_lr``, such as :class:`depthlib.models.upsampler.DepthUpsampler`.
        small: depth or disparity without holes, [B, 1, h, w] or [1, h, w], in any unit; each pixel the mean of its cell, as the
            networks in the box learned it.
        rgb: the pictures at the large size, in [0, 1], for a guided model.
        zero_is_missing: as everywhere in this library; False for disparities, of which 0 is what is infinitely far: then nothing
            in the answer is below the smallest value given.

    Returns:
        The map in the same unit, each side ``model.factor`` times larger.

    Raises:
        DepthError: holes, NaN or infinite values (fill them first: :func:`depthlib.filling.fill_nearest`), a map below 2x2, a
            model of another task, or a picture too few, too many, of another size or outside [0, 1].

    >>> from depthlib.models import build_model
    >>> enlarge(build_model("upsampler", factor=4, width=8, blocks=1), torch.full((1, 12, 16), 7.0)).unique()
    tensor([7.])
    """
    maps = _maps(small, "small")
    if not maps.isfinite().all():
        raise DepthError(
            f"small depth: {int((~maps.isfinite()).sum())} values are NaN or infinite. Fill them first: "
            "depthlib.filling.fill_nearest."
        )
    if zero_is_missing and (holes := int((~valid(maps)).sum())):
        raise DepthError(
            f"small depth: {holes} values are 0 or negative, which says that nothing is known there. Fill them first: "
            "depthlib.filling.fill_nearest; or, if 0 is a value, say zero_is_missing=False."
        )
    if min(maps.shape[-2:]) < 2:
        raise DepthError(f"small depth: {maps.shape[-2]}x{maps.shape[-1]}; expected at least 2x2.")
    answer = _answer(model, "depth_lr", maps, rgb, small.ndim)
    return answer if zero_is_missing else answer.clamp_min(maps.min().item())  # it may swing a little below a far edge


def quick(model: DepthModel, precision: Literal["fp32", "bf16"] = "bf16") -> Callable[..., Tensor]:
    """The network compiled for one map after another of the same size: several times as fast, after half a minute of waiting.

    Args:
        model: one that is shown some depth; its weights are frozen into the compiled code.
        precision: bf16 computes the convolutions with 8 bits after the point, on processors and GPUs that can.

    Returns:
        A function of what the model's ``forward`` takes, [B, 1, h, w] and for a guided model rgb, on the model's device, unchecked;
        its first call with maps of a size compiles.

    Raises:
        DepthError: a network of another task; on the first call, no C++ compiler.
    """
    if not model.shown:
        raise DepthError(
            f"{type(model).__name__}: is shown a picture only; expected a network that is shown some depth."
        )
    kind = next(model.parameters()).device.type
    network = torch.compile(model.eval().to(memory_format=torch.channels_last), dynamic=False)
    sizes: set[tuple[torch.Size, ...]] = set()

    def answer(*shown: Tensor) -> Tensor:
        size = tuple(one.shape for one in shown)
        try:
            with (
                _packing() if kind == "cpu" and size not in sizes else nullcontext(),
                torch.inference_mode(),
                torch.autocast(kind, torch.bfloat16, enabled=precision == "bf16"),
            ):
                dense = model.to_depth(network(*shown))
        except torch._dynamo.exc.BackendCompilerFailed as error:
            raise DepthError(
                f"{type(model).__name__}: could not be compiled ({str(error).splitlines()[0]}). torch.compile needs a C++ "
                "compiler, such as g++; without one, call depthlib.reconstruction.complete or enlarge."
            ) from error
        sizes.add(size)
        return dense

    return answer


def _packing() -> AbstractContextManager[None]:
    """While a network is compiled for a processor: convolutions with their weights laid out once and their ReLU and sum inside.

    As options of ``torch.compile`` these would come too late: by then the weights are inputs, laid out anew at every call.
    Starting each layer from C++ and not from Python is another tenth of a map's few milliseconds.
    """
    from torch._inductor import config  # not with torch itself

    return cast(AbstractContextManager[None], config.patch(freezing=True, cpp_wrapper=True))


def _maps(depth: Tensor, what: str) -> Tensor:
    a_tensor(depth, f"{what} depth:")
    maps = depth[None] if depth.ndim == 3 else depth
    if maps.ndim != 4 or maps.shape[1] != 1 or not maps.is_floating_point() or maps.numel() == 0:
        raise DepthError(
            f"{what} depth: {depth.dtype} of shape {tuple(depth.shape)}; expected floats [B, 1, H, W] or [1, H, W]."
        )
    return maps.float()


@torch.no_grad()
def _answer(model: DepthModel, shown: str, maps: Tensor, rgb: Tensor | None, dimensions: int) -> Tensor:
    if model.shown != shown:
        raise DepthError(
            f"{type(model).__name__}: is shown {model.shown or 'a picture only'}, not {shown}. For sparse maps there is complete, for small ones enlarge, for pictures predict."
        )
    guided = cast(Reconstruction, model).guided
    if guided != (rgb is not None):
        raise DepthError(
            f"{type(model).__name__}: {'sees the picture as well: pass rgb' if guided else 'sees no picture: leave rgb out'}."
        )
    inputs = [maps]
    if rgb is not None:
        pictures = rgb[None] if rgb.ndim == 3 else rgb
        if pictures.ndim != 4 or pictures.shape[:2] != (len(maps), 3) or (
            shown == "sparse" and pictures.shape[-2:] != maps.shape[-2:]
        ):  # fmt: skip
            raise DepthError(
                f"rgb: shape {tuple(rgb.shape)} beside depth {tuple(maps.shape)}; expected one picture a map."
            )
        if not pictures.is_floating_point():
            raise DepthError(f"rgb: {pictures.dtype}; expected floats in [0, 1]. Divide 8-bit colours by 255.")
        check_colours(pictures, "rgb")
        inputs.append(pictures.float())
    was_training, device = model.training, next(model.parameters()).device
    model.eval()
    try:
        with enough_memory(
            f"{len(maps)} maps of {maps.shape[-2]}x{maps.shape[-1]}", "Give fewer at a time, or smaller ones."
        ):
            answer = model.to_depth(model(*(seen.to(device) for seen in inputs))).to(maps.device)
    finally:
        model.train(was_training)
    return answer[0] if dimensions == 3 else answer
