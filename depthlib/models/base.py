"""What training, prediction and evaluation need to know of any model, and nothing more."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from depthlib.sample import Batch


class DepthModel(nn.Module, ABC):
    """A network from RGB, or from some depth (``shown``), to a native target, and from there to metres.

    ``forward(rgb)`` takes [B, 3, h, w] of ``input_size`` in [0, 1] and returns the native target (log metres, reciprocal
    depth, …); :meth:`target` makes the same from true depth; :meth:`to_depth` turns it into metres.
    """

    #: Rows and columns of the data set's image, of the crop that the network sees, and (top, left, bottom,
    #: right) of the part of that crop that the output covers.
    frame_size: tuple[int, int]
    input_size: tuple[int, int]
    region: tuple[int, int, int, int]
    #: How its maps are enlarged to the picture when they are scored: Eigen et al. take the nearest value.
    upsampling: str = "nearest-exact"
    #: Whether ``forward`` takes pictures of any size, not only of ``input_size``.
    any_size: bool = False
    #: In what ``target`` says depth: "log metres", "reciprocal" or "metres"; nothing if it does not matter to any loss.
    native: str = ""
    #: The part of the truth that it is shown: a key that an observation adds to a batch, or nothing for depth from a picture.
    shown: str = ""

    def inputs(self, batch: Batch) -> tuple[Tensor, ...]:
        """What ``forward`` takes of a batch that was cut to ``input_size``: the picture."""
        return (batch["rgb"],)

    @abstractmethod
    def begin_phase(self, part: str) -> None:
        """Let ``part`` learn, freeze the rest, and answer with ``part``'s output from now on."""

    @abstractmethod
    def target(self, depth: Tensor) -> tuple[Tensor, Tensor]:
        """True depth of a crop, metres [B, 1, h, w] of ``input_size``, as native target and bool mask."""

    @abstractmethod
    def to_depth(self, output: Tensor) -> Tensor:
        """Native output to metres."""
