"""Losses: pure functions of (prediction, target, mask) that give one value and one weight a sample.

Every loss computes in float32 even under autocast (float64 stays float64), gives an all-invalid sample the
weight zero, and never NaN. One reducer turns values and weights into the number that is differentiated; its
normaliser is explicit, so that accumulation and many processes give the gradient of the whole batch.

Chapter: `book/scale_invariant_loss.py`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depthlib.errors import DepthError
from depthlib.registry import named
from depthlib.ssim import WINDOW, ssim_map

Weighting = Literal["samples", "pixels"]
FARTHEST_LOG = math.log(1000.0)  # log metres


def scale_invariant_log_loss(
    prediction: Tensor, target: Tensor, mask: Tensor, lam: float = 0.5, unit: float = 1.0
) -> Tensor:
    """The scale-invariant loss of each sample, float [B].

    With d = (prediction − target)/unit over the n valid pixels of one sample:
    ``L = 1/n Σ d² − λ/n² (Σ d)²``. λ = 0 is the mean squared log error, λ = 1 is blind to a factor on the
    whole map; the paper trains with λ = ½.

    Args:
        prediction: log metres, [B, 1, H, W].
        target: log metres, [B, 1, H, W]; anything where ``mask`` is false.
        mask: bool, [B, 1, H, W]; the valid pixels.
        lam: λ in [0, 1].
        unit: log depths are measured in this unit; the authors divide by 0.45723134.

    Returns:
        One value a sample, [B]; exactly 0 for a sample without a valid pixel.

    Raises:
        DepthError: shapes that differ.

    Source: Eigen, Puhrsch, Fergus 2014, eq. 4.

    >>> y = torch.tensor([1.0, 2.0, 4.0]).log().reshape(1, 1, 1, 3)
    >>> everywhere = torch.ones_like(y, dtype=torch.bool)
    >>> scale_invariant_log_loss(y + 0.3, y, everywhere, lam=1.0).round(decimals=6)  # blind to a factor
    tensor([0.])
    """
    one_shape(prediction, target, mask)
    if mask.dtype != torch.bool or not prediction.is_floating_point():
        raise DepthError(
            f"loss: prediction is {prediction.dtype} and mask {mask.dtype}; expected floating-point log metres and bool."
        )
    with torch.autocast(prediction.device.type, enabled=False):
        dtype = torch.promote_types(prediction.dtype, torch.float32)
        d = torch.where(mask, (prediction.to(dtype) - target.to(dtype)) / unit, 0.0).flatten(1)
        n = mask.flatten(1).sum(1).clamp_min(1)
        return d.square().sum(1) / n - lam * (d.sum(1) / n).square()  # Eigen et al. 2014, eq. 4


def sample_weights(mask: Tensor, weighting: Weighting = "samples") -> Tensor:
    """The weight of each sample in the batch's loss, float32 [B].

    ``"samples"`` is the paper's average over samples: 1, or 0 where nothing is valid. ``"pixels"`` is the
    authors' code, [Σ nᵢ Σd² − ½ Σ(Σd)²] / Σ nᵢ²: the same per-sample loss weighted by nᵢ², so that images with
    many valid pixels count for more. Both agree when all masks have equally many pixels.

    >>> sample_weights(torch.tensor([[[[True, True]]], [[[True, False]]], [[[False, False]]]]), "pixels")
    tensor([4., 1., 0.])
    """
    n = mask.flatten(1).sum(1).to(torch.float32)
    if weighting == "pixels":
        return n.square()
    if weighting == "samples":
        return (n > 0).to(torch.float32)
    raise DepthError(
        f"loss: weighting is {weighting!r}; expected 'samples' (the paper) or 'pixels' (the authors' code)."
    )


def reduce(values: Tensor, weights: Tensor, normaliser: Tensor | float | None = None) -> Tensor:
    """Σ wᵢ·Lᵢ / normaliser: a scalar, 0 when nothing is valid.

    Args:
        values: per-sample losses, [B].
        weights: per-sample weights, [B].
        normaliser: the sum of weights over the **whole** batch; by default over these samples.

    >>> reduce(torch.tensor([1.0, 3.0]), torch.tensor([1.0, 1.0]), normaliser=4.0)
    tensor(1.)
    """
    total = weights.sum() if normaliser is None else torch.as_tensor(normaliser, device=values.device)
    return (values * weights.to(values.dtype)).sum() / torch.where(total > 0, total, 1.0).to(values.dtype)


class Loss(nn.Module, ABC):
    """What training needs of any loss: its values and weights, and the weights alone."""

    #: The target that it is for, as a model's ``native`` says it; nothing for any.
    native: str = ""

    @abstractmethod
    def forward(self, prediction: Tensor, target: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Values and weights of the samples, [B] each, of maps [B, 1, H, W]; bool mask of the pixels that count.

        The prediction comes in float32 also under ``bf16``; autocast is on, so a convolution in here runs in 16 bits unless it is
        switched off, as the library's own losses do. The weights are those of :meth:`weigh`.
        """

    def weigh(self, mask: Tensor) -> Tensor:
        """The weight of each sample, [B], known before anything is predicted: 1, or 0 without a valid pixel."""
        return sample_weights(mask)


class ScaleInvariantLogLoss(Loss):
    """The module twin of :func:`scale_invariant_log_loss`: constants configured once.

    ``forward(prediction, target, mask)`` returns (values [B], weights [B]).

    Args:
        lam, unit: as there.
        weighting: see :func:`sample_weights`.
        metres: weight of the mean squared error in metres, added to each value (after the root); 0 in the paper. A logarithm counts 10 cm
            at 1 m like 50 cm at 5 m; a little of this term asks for the far wall as well, which is what RMSE scores.
        root: the square root of each value. With ``lam=0.85`` it is the loss of Lee et al. 2019 (BTS), AdaBins and NeWCRFs, but for their
            factor of 10, which Adam does not see, and for the pool: they take one root over all pixels of a batch, here each
            image has its own. A map that is nearly right pulls as hard as one that is all wrong.

    >>> loss = ScaleInvariantLogLoss(lam=0.5)
    >>> y = torch.zeros(2, 1, 4, 4)
    >>> reduce(*loss(y + 1, y, torch.ones_like(y, dtype=torch.bool)))
    tensor(0.5000)
    """

    native = "log metres"

    def __init__(
        self,
        lam: float = 0.5,
        unit: float = 1.0,
        weighting: Weighting = "samples",
        metres: float = 0.0,
        root: bool = False,
    ) -> None:
        super().__init__()
        for name, value in (("lam", lam), ("unit", unit), ("metres", metres)):
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise DepthError(f"loss: {name} is {value!r}; expected a number.")
        if not 0 <= lam <= 1:
            raise DepthError(f"loss: lam is {lam}; λ must lie in [0, 1] (0: squared log error, 1: scale-invariant).")
        if unit <= 0:
            raise DepthError(f"loss: unit is {unit}; expected a positive number, such as 1 or 0.45723134.")
        if metres < 0:
            raise DepthError(f"loss: metres is {metres}; expected a weight, 0 or more.")
        if not isinstance(root, bool):
            raise DepthError(f"loss: root is {root!r}; expected true or false.")
        sample_weights(torch.ones(1, 1, dtype=torch.bool), weighting)  # refuses an unknown one now, not in training
        self.lam, self.unit, self.weighting, self.metres, self.root = lam, unit, weighting, metres, root

    def weigh(self, mask: Tensor) -> Tensor:
        return sample_weights(mask, self.weighting)

    def forward(self, prediction: Tensor, target: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        values = scale_invariant_log_loss(prediction, target, mask, self.lam, self.unit)
        if self.root:
            values = _root(values.clamp_min(0))  # at λ = 1 rounding may leave less than 0
        if self.metres:
            with torch.autocast(prediction.device.type, enabled=False):
                dtype = torch.promote_types(prediction.dtype, torch.float32)
                # a first wild step must not overflow; the logarithm still pulls what is cut here
                p, t = (
                    torch.where(mask, log.to(dtype), 0.0).clamp(max=FARTHEST_LOG).exp() for log in (prediction, target)
                )
                values = values + self.metres * _mean((p - t).square(), mask)
        return values, self.weigh(mask)

    def extra_repr(self) -> str:
        more = (f", metres={self.metres}" if self.metres else "") + (", root=True" if self.root else "")
        return f"lam={self.lam}, unit={self.unit}, weighting={self.weighting!r}{more}"


class DenseDepthLoss(Loss):
    """The loss of DenseDepth: pixels, edges and structure, each of which can be switched off.

    ``pixel · mean |y − y*|  +  edge · mean (|∂x (y − y*)| + |∂y (y − y*)|)  +  structure · mean clip((1 − SSIM)/2, 0, 1)``
    on the native target, reciprocal depth from 1 to 100 in the paper, with SSIM over whole 11x11 windows and a range of
    100. A difference counts only where both of its pixels are valid, and a window only where all of its are: what is
    predicted in a hole has no gradient, and neither does its rim.

    ``forward(prediction, target, mask)`` takes [B, 1, H, W] and returns (values [B], weights [B]), in float32 even under
    autocast; 0 and weight 0 for a sample without a valid pixel.

    Source: Alhashim and Wonka 2018, eq. 1 to 4, λ = 0.1.

    >>> loss = DenseDepthLoss()
    >>> y = torch.full((1, 1, 16, 16), 5.0)
    >>> values, _ = loss(y + 1, y, y > 0)
    >>> round(values.item(), 3)  # 0.1 for the pixels, nothing for edges, a little for the mean within SSIM
    0.108
    """

    def __init__(
        self, pixel: float = 0.1, edge: float = 1.0, structure: float = 1.0, data_range: float = 100.0
    ) -> None:
        super().__init__()
        weights_given(pixel=pixel, edge=edge, structure=structure, data_range=data_range)
        if data_range == 0:
            raise DepthError("loss: data_range is 0; expected the span of the target, such as 100.")
        self.pixel, self.edge, self.structure, self.data_range = pixel, edge, structure, data_range

    def forward(self, prediction: Tensor, target: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        one_shape(prediction, target, mask)
        with torch.autocast(prediction.device.type, enabled=False):
            dtype = torch.promote_types(prediction.dtype, torch.float32)
            y, truth = (torch.where(mask, t.to(dtype), 0.0) for t in (prediction, target))
            error = y - truth
            total = self.pixel * _mean(error.abs(), mask)
            for axis in (-1, -2):
                step = error.diff(dim=axis).abs()
                size = mask.shape[axis] - 1
                both = mask.narrow(axis, 0, size) & mask.narrow(axis, 1, size)
                total = total + self.edge * _mean(step, both)
            if self.structure:
                similarity = ssim_map(y, truth, self.data_range)
                whole = F.max_pool2d((~mask).to(dtype), WINDOW, stride=1) == 0
                total = total + self.structure * _mean(((1 - similarity) / 2).clamp(0, 1), whole)
        return total, self.weigh(mask)

    def extra_repr(self) -> str:
        return f"pixel={self.pixel}, edge={self.edge}, structure={self.structure}, data_range={self.data_range}"


class MetresLoss(Loss):
    """Errors in metres, for networks that are shown some of the depth: ``absolute · mean |e|  +  root · √(mean e²)  +  square · mean e²``.

    The root makes a map that is hard count as much as one that is easy, and is what RMSE scores; the mean absolute error
    asks for the many pixels that are almost right. With ``square`` alone it is the MSE of Korinevskaya and Makarov 2018.

    ``forward(prediction, target, mask)`` takes [B, 1, H, W] and returns (values [B], weights [B]), in float32 even under
    autocast; 0 and weight 0 for a sample without a valid pixel.

    >>> y = torch.full((1, 1, 4, 4), 2.0)
    >>> round(MetresLoss()(y + 0.5, y, y > 0)[0].item(), 3)
    1.0
    """

    native = "metres"

    def __init__(self, absolute: float = 1.0, root: float = 1.0, square: float = 0.0) -> None:
        super().__init__()
        weights_given(absolute=absolute, root=root, square=square)
        self.absolute, self.root, self.square = absolute, root, square

    def forward(self, prediction: Tensor, target: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        one_shape(prediction, target, mask)
        with torch.autocast(prediction.device.type, enabled=False):
            dtype = torch.promote_types(prediction.dtype, torch.float32)
            error = torch.where(mask, prediction.to(dtype) - target.to(dtype), 0.0)
            squares = _mean(error.square(), mask)
            total = self.absolute * _mean(error.abs(), mask) + self.root * _root(squares) + self.square * squares
        return total, self.weigh(mask)

    def extra_repr(self) -> str:
        return f"absolute={self.absolute}, root={self.root}, square={self.square}"


def one_shape(prediction: Tensor, target: Tensor, mask: Tensor) -> None:
    """Refuse maps of several shapes."""
    if not prediction.shape == target.shape == mask.shape:
        raise DepthError(
            f"loss: prediction {tuple(prediction.shape)}, target {tuple(target.shape)} and mask "
            f"{tuple(mask.shape)} must have one shape; encode the target with the model's `target`."
        )


def weights_given(**given: float) -> None:
    """Refuse what is no weight."""
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
            raise DepthError(f"loss: {name} is {value!r}; expected a number, 0 or more.")


def _root(squares: Tensor) -> Tensor:
    """√, but for a slope that stays finite where a map is exact: a tenth of a millimetre, or of a per mille, is added and taken away."""
    return (squares + 1e-8).sqrt() - torch.full_like(squares, 1e-8).sqrt()


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    """The mean of each sample over its mask, 0 where it is empty: [B, 1, h, w] → [B]."""
    return torch.where(mask, values, 0.0).flatten(1).sum(1) / mask.flatten(1).sum(1).clamp_min(1)


#: Losses a recipe can name: module and class, each with ``weigh(mask)`` and ``forward(prediction, target, mask)``.
LOSSES = {
    "scale_invariant_log": ("depthlib.losses", "ScaleInvariantLogLoss"),
    "densedepth": ("depthlib.losses", "DenseDepthLoss"),
    "metres": ("depthlib.losses", "MetresLoss"),
    "reconstruction": ("depthlib.adversary", "ReconstructionLoss"),
}


def make_loss(name: str, **options: Any) -> Loss:
    """A loss by name, as recipes make it.

    Args:
        name: one of :data:`LOSSES`, or ``module:Class`` for a :class:`Loss` of your own.
        options: of its ``__init__``.

    Raises:
        DepthError: an unknown name or option, or a value out of range.

    >>> make_loss("scale_invariant_log", lam=0.25)
    ScaleInvariantLogLoss(lam=0.25, unit=1.0, weighting='samples')
    """
    cls = named("loss", name, LOSSES, Loss)
    try:
        loss: Loss = cls(**options)
    except TypeError as error:
        raise DepthError(f"loss {name!r}: options {sorted(options)} do not fit ({error}).") from error
    return loss
