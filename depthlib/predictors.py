"""What can be scored: any callable from pictures to depth, and rivals that are shown part of the truth."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from depthlib.errors import DepthError
from depthlib.models.base import DepthModel
from depthlib.observations import Observation, SmallDepth
from depthlib.prediction import predict
from depthlib.sample import Batch

#: From rgb [B, 3, H, W] in [0, 1] to metres [B, 1, H, W] over the whole frame, 0 where nothing is said; or to
#: inverse depth or disparity, if it is declared as such.
Predictor = Callable[[Tensor], Tensor]
#: What it answers: metres; inverse depth up to a factor (a stereo pair's disparity, monodepth2's); or disparity of unknown scale
#: *and* shift (MiDaS's, Depth Anything's), of any sign.
Kind = Literal["depth", "inverse_depth", "disparity"]
#: Kind → the alignments (see :class:`depthlib.protocols.Protocol`) that take away what it leaves open.
ALIGNMENTS: dict[Kind, tuple[str, ...]] = {
    "depth": ("none", "median", "log_mean", "depth", "disparity"),
    "inverse_depth": ("median", "log_mean", "depth", "disparity"),
    "disparity": ("disparity",),
}


class Informed(ABC):
    """A predictor that is shown part of the truth, such as the fillings of :mod:`depthlib.baselines`."""

    @abstractmethod
    def of(self, samples: Batch) -> Tensor:
        """Metres [B, 1, H, W] for a batch with its truth."""


def from_model(model: DepthModel) -> Predictor:
    """A model as a predictor: full-frame metres, enlarged as the model's paper does it."""
    return lambda rgb: predict(model, rgb).full(model.upsampling)


@dataclass(frozen=True)
class Shown(Informed):
    """A network that starts from part of the truth, as a predictor.

    Args:
        model: such as :class:`depthlib.models.sparse_to_dense.SparseToDense`.
        observation: what it is shown.

    Raises:
        DepthError: a network that is shown something else, or enlarges another number of times.
    """

    model: DepthModel
    observation: Observation

    def __post_init__(self) -> None:
        same_shown(self.model, self.observation)

    @torch.no_grad()
    def of(self, samples: Batch) -> Tensor:
        """Metres [B, 1, H, W] for a batch with its truth."""
        self.model.eval()
        device = next(self.model.parameters()).device
        inputs = self.model.inputs(self.observation(samples))
        height, width = samples["depth"].shape[-2:]
        answer = self.model.to_depth(self.model(*(seen.to(device) for seen in inputs)))
        return answer[..., :height, :width].float().cpu()


def same_shown(model: DepthModel, observation: Observation | None) -> None:
    """A network must be shown the part of the truth that it was made for.

    Raises:
        DepthError: another part, none, one to a network that sees pictures only, or maps that were made smaller by another
            factor than the network enlarges.
    """
    gives = observation.key if observation else ""
    if gives != model.shown:
        wants = f"is shown {model.shown!r}" if model.shown else "is shown a picture only"
        raise DepthError(f"{'gives ' + repr(gives) if gives else 'is missing'}, but {type(model).__name__} {wants}.")
    if isinstance(observation, SmallDepth) and getattr(model, "factor", observation.factor) != observation.factor:
        raise DepthError(
            f"makes maps {observation.factor} times smaller, but {type(model).__name__} enlarges {model.factor} times."
        )


def mirror_averaged(predictor: Predictor) -> Predictor:
    """A predictor averaged with its answer to the mirrored picture; 0 where either says nothing.

    >>> ramp = mirror_averaged(lambda rgb: rgb[:, :1].cumsum(-1))
    >>> ramp(torch.ones(1, 3, 1, 3)).flatten()  # 1, 2, 3 and 3, 2, 1
    tensor([2., 2., 2.])
    """

    def answer(rgb: Tensor) -> Tensor:
        return mean_of_both(predictor(rgb), predictor(rgb.flip(-1)).flip(-1))

    return answer


def mean_of_both(plain: Tensor, mirrored: Tensor) -> Tensor:
    """The mean of two answers; 0 where either says nothing."""
    return torch.where((plain == 0) | (mirrored == 0), 0.0, (plain + mirrored) / 2)
