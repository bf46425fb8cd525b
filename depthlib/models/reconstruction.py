"""What networks that start from a part of the true depth have in common."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depthlib.errors import DepthError
from depthlib.models.base import DepthModel
from depthlib.sample import Batch, valid


class Reconstruction(DepthModel):
    """A network from sparse or small depth, with or without the picture, to metres everywhere.

    ``forward(shown)`` or, with ``guided``, ``forward(shown, rgb)``. The answer is in the unit of what is shown: shown
    depths twice as large, answered depths twice as large.

    Args:
        size: rows and columns of the maps in training; any other size runs too.
        guided: whether it sees the picture.
    """

    any_size = True

    def __init__(self, size: tuple[int, int] | list[int], guided: bool) -> None:
        super().__init__()
        rows, columns = (int(n) for n in size)
        if min(rows, columns) < 32:
            raise DepthError(f"model: size is {rows}x{columns}; expected at least 32 each way, such as [240, 320].")
        self.frame_size = self.input_size = (rows, columns)
        self.region = (0, 0, rows, columns)
        self.guided = guided

    def inputs(self, batch: Batch) -> tuple[Tensor, ...]:
        """What is shown, and the picture if it is seen."""
        seen = cast(dict[str, Tensor], batch)[self.shown]
        return (seen, batch["rgb"]) if self.guided else (seen,)

    def begin_phase(self, part: str) -> None:
        """All of it learns."""
        if part != "all":
            raise DepthError(f"{type(self).__name__}: part {part!r} is unknown; expected 'all'.")
        self.requires_grad_(True)

    native = "metres"

    def target(self, depth: Tensor) -> tuple[Tensor, Tensor]:
        """Metres, and where they are known."""
        return depth, valid(depth)

    def to_depth(self, output: Tensor) -> Tensor:
        """Metres already."""
        return output


def padded(x: Tensor, multiple: int, least: int, mode: str = "constant") -> Tensor:
    """Rows and columns added below and to the right, up to a multiple and at least ``least``."""
    rows, columns = (max(least, -(-n // multiple) * multiple) - n for n in x.shape[-2:])
    return F.pad(x, (0, columns, 0, rows), mode=mode) if rows or columns else x


def positive(answer: Tensor, small: Tensor, training: bool) -> Tensor:
    """A large map above 0 where the small one is, whatever the network says; in training errors keep their slope."""
    low = small.amin((1, 2, 3), keepdim=True)
    return answer if training else torch.where(low > 0, answer.clamp_min(low / 2), answer)


class Residual(nn.Module):
    """x + conv(relu(conv(relu(x)))), which starts as x."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = silent(nn.Conv2d(width, width, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        step: Tensor = self.second(F.relu(self.first(F.relu(x))))
        return x + step


def silent(layer: nn.Conv2d) -> nn.Conv2d:
    """The layer with weights of zero: what it is added to starts unchanged."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer
