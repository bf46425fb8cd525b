"""Two steps of a decoder in the form that ``torch.compile`` makes fast on a GPU; elsewhere they are PyTorch's own."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def _for_gpu(x: Tensor) -> bool:
    """Whether ``torch.compile`` is translating for a GPU; what is exported runs elsewhere."""
    return torch.compiler.is_compiling() and not torch.compiler.is_exporting() and x.device.type == "cuda"


def enlarged(x: Tensor, like: Tensor, align_corners: bool) -> Tensor:
    """Bilinear enlargement to the size of another map, and laid out in memory as that one is."""
    if _for_gpu(x) and not align_corners:
        doubled: Tensor = Doubled.apply(x)
        return doubled.contiguous(memory_format=layout(like))  # else the convolution after it would copy both maps
    return F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=align_corners)


def layout(x: Tensor) -> torch.memory_format:
    """The order of a map's axes in memory."""
    return torch.channels_last if x.is_contiguous(memory_format=torch.channels_last) else torch.contiguous_format


class Doubled(torch.autograd.Function):
    """Bilinear enlargement to twice the size: what ``F.interpolate`` gives, [B, C, h, w] → [B, C, 2h, 2w].

    Compiled for a GPU, that one scatters its gradient by atomic additions, four of them a pixel. Here every pixel of the map
    and of the gradient is gathered from its neighbours.

    >>> Doubled.apply(torch.tensor([[[[0.0, 4.0]]]]))
    tensor([[[[0., 1., 3., 4.],
              [0., 1., 3., 4.]]]])
    """

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        """Each pixel's own cell at 9/16, the two beside it at 3/16, the one across at 1/16."""

        def places(n: int) -> tuple[Tensor, Tensor]:  # of the cell that a pixel lies in, and of the one next to it
            i = torch.arange(2 * n, device=x.device)
            return i // 2, (i // 2 + 2 * (i % 2) - 1).clamp(0, n - 1)

        (row, next_row), (column, next_column) = (places(n) for n in x.shape[-2:])

        def at(rows: Tensor, columns: Tensor) -> Tensor:
            return x[..., rows[:, None], columns].float()

        far = at(next_row, next_column) / 16
        near = (at(next_row, column) + at(row, next_column)) * (3 / 16)
        return (at(row, column) * (9 / 16) + near + far).to(x.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        """The gradient needs nothing of what was enlarged but how it lay in memory."""
        ctx.layout = layout(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Along each axis a cell gives to four pixels, ¾ to its own two and ¼ to one on either side."""
        for axis in (-2, -1):
            n = gradient.shape[axis]
            first = torch.arange(0, n, 2, device=gradient.device)
            before, own, other, after = (
                gradient.index_select(axis, (first + shift).clamp(0, n - 1)).float() for shift in (-1, 0, 1, 2)
            )  # at a border the clamped neighbour is the border's own pixel, which takes what it would have had
            gradient = (0.75 * (own + other) + 0.25 * (before + after)).to(gradient.dtype)
        return gradient.contiguous(memory_format=ctx.layout)


def to_one_channel(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """A convolution's single channel, [B, 1, H, W].

    Compiled for a GPU it has seven more, of zeros, and they are cut off: with one channel the order of axes in memory is
    ambiguous, and the largest map of all would be copied to another order and back.
    """
    if not _for_gpu(x):
        return layer(x)
    assert layer.bias is not None
    weight, bias = F.pad(layer.weight, (0, 0, 0, 0, 0, 0, 0, 7)), F.pad(layer.bias, (0, 7))
    return F.conv2d(x, weight, bias, padding=1)[:, :1]
