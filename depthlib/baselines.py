"""Predictors that are shown part of the truth: a few true depths, or a small true map. Rivals that are not networks, and networks.

The mean and median depth image, which are shown nothing, are in :mod:`depthlib.evaluation`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from depthlib.errors import DepthError
from depthlib.evaluation import Informed
from depthlib.filling import FILLS, fill_linear
from depthlib.models.base import DepthModel
from depthlib.observations import Observation, SmallDepth, SparseDepth
from depthlib.sample import Batch
from depthlib.typed import nearest

#: (rgb [3, H, W], sparse depth [1, H, W]) → depth [1, H, W].
COMPLETIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {**FILLS, "linear": lambda rgb, depth: fill_linear(depth)}
ENLARGEMENTS = ("nearest", "bilinear", "bicubic")


@dataclass(frozen=True)
class Completion(Informed):
    """A predictor that is shown a few true depths and fills the rest.

    Args:
        method: a name of :data:`COMPLETIONS`.
        observation: which pixels are shown; a network that is shown the same sees the same draw.

    Source: the baselines of Korinevskaya and Makarov 2018.

    >>> batch = {"rgb": torch.rand(1, 3, 6, 8), "depth": torch.full((1, 1, 6, 8), 2.0), "index": [0]}
    >>> Completion("nearest", SparseDepth(("uniform",), (0.1,))).of(batch).unique()
    tensor([2.])
    """

    method: str
    observation: SparseDepth = field(default_factory=SparseDepth)

    def __post_init__(self) -> None:
        if self.method not in COMPLETIONS:
            known = list(COMPLETIONS)
            raise DepthError(f"{self.method!r} is unknown{nearest(self.method, known)}; expected {', '.join(known)}.")

    def of(self, samples: Batch) -> Tensor:
        """Metres [B, 1, H, W] for a batch with its truth."""
        sparse = self.observation.of(samples)
        fill = COMPLETIONS[self.method]
        return torch.stack([fill(*pair) for pair in zip(samples["rgb"], sparse, strict=True)])


@dataclass(frozen=True)
class Enlargement(Informed):
    """A predictor that is shown the true map at a fraction of its size and enlarges it.

    Args:
        method: ``nearest``, ``bilinear`` or ``bicubic``.
        factor, how: how many times smaller each side is, and how it is made so: see
            :class:`~depthlib.observations.SmallDepth`.

    Holes of the truth take their nearest known value before it is made smaller, as in the convention for super-resolution in
    the book's chapter; they are not scored.

    >>> Enlargement("bicubic", 4).of({"rgb": torch.rand(1, 3, 8, 8), "depth": torch.full((1, 1, 8, 8), 2.0), "index": [0]}).shape
    torch.Size([1, 1, 8, 8])
    """

    method: str
    factor: int
    how: str = "average"

    def __post_init__(self) -> None:
        if self.method not in ENLARGEMENTS:
            known = list(ENLARGEMENTS)
            raise DepthError(f"{self.method!r} is unknown{nearest(self.method, known)}; expected {', '.join(known)}.")
        SmallDepth(self.factor, self.how)

    def of(self, samples: Batch) -> Tensor:
        """Metres [B, 1, H, W] for a batch with its truth."""
        height, width = samples["depth"].shape[-2:]
        small = SmallDepth(self.factor, self.how).of(samples)
        if self.method == "nearest":
            return F.interpolate(small, scale_factor=self.factor, mode="nearest-exact")[..., :height, :width]
        large = F.interpolate(small, scale_factor=self.factor, mode=self.method, align_corners=False)[
            ..., :height, :width
        ]
        low, high = small.amin((1, 2, 3), keepdim=True), small.amax((1, 2, 3), keepdim=True)
        return large.clamp(low, high)  # bicubic overshoots at steps, below 0 beside far ones


@dataclass(frozen=True)
class Shown(Informed):
    """A network that starts from part of the truth, as a predictor.

    Args:
        model: such as :class:`depthlib.models.sparse_to_dense.SparseToDense`.
        observation: what it is shown.

    Raises:
        DepthError: a network that is shown something else.
    """

    model: DepthModel
    observation: Observation

    def __post_init__(self) -> None:
        if self.model.shown != self.observation.key:
            raise DepthError(
                f"the network is shown {self.model.shown or 'a picture only'!r}, not {self.observation.key!r}."
            )

    @torch.no_grad()
    def of(self, samples: Batch) -> Tensor:
        """Metres [B, 1, H, W] for a batch with its truth."""
        self.model.eval()
        device = next(self.model.parameters()).device
        inputs = self.model.inputs(self.observation(samples))
        height, width = samples["depth"].shape[-2:]
        answer = self.model.to_depth(self.model(*(seen.to(device) for seen in inputs)))
        return answer[..., :height, :width].float().cpu()
