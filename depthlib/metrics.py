"""Errors of a depth map: the figures of the field's tables, each defined once.

:func:`error_sums` gives each image's sums in float64; every figure is a pure function of them, [..., N, 14] →
[...], so that a bootstrap computes thousands at once. The classes are torchmetrics over the same sums.
They share one state, so a `MetricCollection` computes the sums once, they reduce across processes, and the
result does not depend on the batch size. ``pooling`` says what is averaged: ``"images"`` (each image counts
the same; what modern code does) or ``"pixels"`` (all pixels of all images in one pool; Eigen's table); another word is
a `DepthError`. NaN when no pixel was scored.
Figures of whole maps (SSIM, PSNR, edges) are in `depthlib.structure`.

Definitions, with p the prediction, g the truth and e = ln p − ln g over valid pixels: δ_k = share of
max(p/g, g/p) < 1.25^k; AbsRel = mean |p − g|/g; SqRel = mean (p − g)²/g; RMSE = √ mean (p − g)²;
RMSE log = √ mean e²; log10 = mean |log₁₀ p − log₁₀ g|; D = mean e² − (mean e)² (Eigen et al. 2014, eq. 1);
scale-invariant = √ D; SILog = 100 √ D; iRMSE = √ mean (1/p − 1/g)² in 1/km.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from depthlib.errors import DepthError
from depthlib.sample import a_tensor, valid

#: A map of float32 has rounded a ratio of 1.25, of two whole numbers of millimetres say, by up to this; it is not below 1.25.
TIE = 1 - 2.0**-22

Pooling = Literal["images", "pixels"]

#: Columns of the per-image sums.
SUMS = (
    "pixels", "delta1", "delta2", "delta3", "abs_rel", "sq_rel", "square", "log_square", "log", "log10",
    "absolute", "relative_square", "inverse_absolute", "inverse_square",
)  # fmt: skip


def error_sums(prediction: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
    """Sums over each image's masked pixels, float64 [N, 14], in the order of :data:`SUMS`.

    Args:
        prediction: metres, [..., H, W]; must be positive and finite where ``mask`` is true. Leading dimensions
            count images: [B, 1, H, W] gives B rows.
        truth: metres, [..., H, W], 0 = missing.
        mask: bool, [..., H, W]; the pixels to score; truth must be valid there.

    Raises:
        DepthError: no tensors, or of another type or of different shapes; or a scored prediction or its truth is NaN,
            infinite, zero or negative (with the count).

    >>> truth = torch.full((2, 1, 4, 4), 2.0)
    >>> error_sums(truth * 1.5, truth, truth > 0)[:, SUMS.index("abs_rel")]
    tensor([8., 8.], dtype=torch.float64)
    """
    for name, maps in (("prediction", prediction), ("truth", truth), ("mask", mask)):
        a_tensor(maps, f"metrics: the {name} is of type")
    if not prediction.shape == truth.shape == mask.shape:
        raise DepthError(
            f"metrics: prediction {tuple(prediction.shape)}, truth {tuple(truth.shape)} and mask {tuple(mask.shape)} "
            "must have one shape; resample the prediction to the truth first (a protocol does it)."
        )
    if not prediction.is_floating_point() or not truth.is_floating_point() or mask.dtype != torch.bool:
        raise DepthError(
            f"metrics: prediction is {prediction.dtype}, truth {truth.dtype} and mask {mask.dtype}; expected floating-point "
            "metres and bool."
        )
    unknown = mask & ~valid(truth)
    if unknown.any():
        raise DepthError(
            f"metrics: the truth is NaN, infinite, zero or negative at {int(unknown.sum())} of {int(mask.sum())} masked "
            "pixels; expected metres above 0. Take these pixels out of the mask: `depthlib.sample.valid`."
        )
    bad = mask & ~valid(prediction)
    if bad.any():
        raise DepthError(
            f"metrics: {int(bad.sum())} of {int(mask.sum())} scored predictions are NaN, infinite, zero or negative; "
            "expected metres above 0. Clamp the prediction, or mask these pixels and report how many."
        )
    images = zip(*(_images(t) for t in (prediction, truth, mask)), strict=True)
    rows = np.array([_image_sums(p[m], g[m]) for p, g, m in images]).reshape(-1, len(SUMS))
    return torch.from_numpy(rows).to(prediction.device)


def _images(maps: Tensor) -> NDArray[Any]:
    """[..., H, W] → [N, H, W] as NumPy, whose logarithm and masking are several times faster than torch's on a CPU."""
    maps = maps.float() if maps.dtype == torch.bfloat16 else maps  # NumPy has no such type
    return maps.detach().cpu().numpy().reshape(-1, *maps.shape[-2:])


def _image_sums(prediction: NDArray[np.floating], truth: NDArray[np.floating]) -> list[float]:
    """One row of sums from an image's scored pixels, two [n].

    Plain sums of products: NumPy's ``dot`` starts threads that wait for each other when the processor is busy.
    """
    p, g = prediction.astype(np.float64), truth.astype(np.float64)
    difference, quotient = p - g, p / g
    ratio = np.maximum(quotient, g / p)
    e = np.log(quotient)
    relative = difference / g
    inverse = relative / p  # (p − g)/(p g) = 1/g − 1/p

    def products(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
        return float((x * y).sum())

    return [
        p.size, *(np.count_nonzero(ratio < TIE * 1.25**k) for k in (1, 2, 3)),
        np.abs(relative).sum(), products(difference, relative), products(difference, difference), products(e, e), e.sum(),
        np.abs(e).sum() / math.log(10), np.abs(difference).sum(), products(relative, relative),
        np.abs(inverse).sum(), products(inverse, inverse),
    ]  # fmt: skip


def _check_pooling(pooling: str) -> None:
    if pooling not in get_args(Pooling):
        raise DepthError(f"metrics: pooling is {pooling!r}; expected 'images' or 'pixels'.")


def _mean(sums: Tensor, column: str, pooling: Pooling, root: bool = False) -> Tensor:
    """The mean of one column over pixels or over images; ``root`` takes the square root of what is averaged."""
    _check_pooling(pooling)
    total, pixels = sums[..., SUMS.index(column)], sums[..., 0]
    if pooling == "pixels":
        mean = total.sum(-1) / pixels.sum(-1)
        return mean.sqrt() if root else mean
    each = total / pixels.clamp_min(1)
    return _over_images(each.sqrt() if root else each, pixels)


def _over_images(values: Tensor, pixels: Tensor) -> Tensor:
    """The mean over images that have a scored pixel; NaN when none has."""
    seen = pixels > 0
    return torch.where(seen, values, 0.0).sum(-1) / seen.sum(-1)


def delta(sums: Tensor, k: int = 1, pooling: Pooling = "images") -> Tensor:
    """Share of pixels whose ratio max(p/g, g/p) is below 1.25^k. Higher is better.

    Raises:
        DepthError: a ``k`` other than 1, 2 and 3, for which there are no sums.
    """
    if k not in (1, 2, 3):
        raise DepthError(f"metrics: k is {k!r}; expected 1, 2 or 3, for δ < 1.25, 1.25² and 1.25³.")
    return _mean(sums, f"delta{k}", pooling)


def abs_rel(sums: Tensor, pooling: Pooling = "images") -> Tensor:
    """Mean |p − g|/g: divided by the truth, never by the prediction."""
    return _mean(sums, "abs_rel", pooling)


def sq_rel(sums: Tensor, pooling: Pooling = "images") -> Tensor:
    """Mean (p − g)²/g, metres: divided by g, not by g²."""
    return _mean(sums, "sq_rel", pooling)


def rmse(sums: Tensor, pooling: Pooling = "images") -> Tensor:
    """√ mean (p − g)², metres."""
    return _mean(sums, "square", pooling, root=True)


def rmse_log(sums: Tensor, pooling: Pooling = "images") -> Tensor:
    """√ mean (ln p − ln g)²."""
    return _mean(sums, "log_square", pooling, root=True)


def log10(sums: Tensor, pooling: Pooling = "images") -> Tensor:
    """Mean |log₁₀ p − log₁₀ g|."""
    return _mean(sums, "log10", pooling)


def scale_invariant_rmse(sums: Tensor, pooling: Pooling = "images") -> Tensor:
    """√ D of eq. 1: the log error that is left when each map may choose its own scale.

    D is a figure of one image. ``"pixels"`` is Eigen's table, √ of the mean of D over images; ``"images"``
    averages √ D.
    """
    _check_pooling(pooling)
    pixels = sums[..., 0]
    n = pixels.clamp_min(1)
    mean = sums[..., SUMS.index("log")] / n
    D = (sums[..., SUMS.index("log_square")] / n - mean.square()).clamp_min(0)  # rounding, not NaN
    return _over_images(D, pixels).sqrt() if pooling == "pixels" else _over_images(D.sqrt(), pixels)


def silog(sums: Tensor, pooling: Pooling = "images") -> Tensor:
    """SILog = 100 √ D: the KITTI benchmark's name and unit for :func:`scale_invariant_rmse`."""
    return 100 * scale_invariant_rmse(sums, pooling)


def mae(sums: Tensor, pooling: Pooling = "images") -> Tensor:
    """Mean |p − g|, metres."""
    return _mean(sums, "absolute", pooling)


def mape(sums: Tensor, pooling: Pooling = "images") -> Tensor:
    """Mean |p − g|/g in per cent; the KITTI benchmark's absErrorRel."""
    return 100 * _mean(sums, "abs_rel", pooling)


def sq_error_rel(sums: Tensor, pooling: Pooling = "images") -> Tensor:
    """Mean ((p − g)/g)² in per cent: the KITTI benchmark's sqErrorRel, which does divide by g²."""
    return 100 * _mean(sums, "relative_square", pooling)


def irmse(sums: Tensor, pooling: Pooling = "images") -> Tensor:
    """√ mean (1/p − 1/g)², in 1/km."""
    return 1000 * _mean(sums, "inverse_square", pooling, root=True)


def imae(sums: Tensor, pooling: Pooling = "images") -> Tensor:
    """Mean |1/p − 1/g|, in 1/km."""
    return 1000 * _mean(sums, "inverse_absolute", pooling)


class DepthMetric(Metric):
    """A figure of depth error over a data set; subclasses choose the figure.

    The state is one float64 row of sums an image.

    Args:
        pooling: what is averaged: ``"images"``, or ``"pixels"`` of all images in one pool.
        kwargs: options of torchmetrics' ``Metric``.

    Raises:
        DepthError: another ``pooling``.

    >>> metric = AbsRel()
    >>> truth = torch.full((1, 1, 2, 2), 2.0)
    >>> metric.update(truth * 1.5, truth, truth > 0)
    >>> metric.compute().item()
    0.5
    """

    full_state_update = False
    rows: list[Tensor]

    def __init__(self, pooling: Pooling = "images", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        _check_pooling(pooling)
        self.pooling: Pooling = pooling
        self.add_state("rows", default=[], dist_reduce_fx="cat")

    def update(self, prediction: Tensor, truth: Tensor, mask: Tensor) -> None:
        """Add a batch: metres, [B, 1, H, W], with 0 for a missing truth, and the bool mask of the pixels to score.

        Raises:
            DepthError: what :func:`error_sums` refuses.
        """
        self.rows.append(error_sums(prediction, truth, mask))

    def sums(self) -> Tensor:
        """The per-image sums seen so far, float64 [N, 14]; what a bootstrap resamples."""
        if isinstance(self.rows, Tensor):  # after a reduction across processes
            return self.rows
        return torch.cat(self.rows) if self.rows else torch.zeros(0, len(SUMS), dtype=torch.float64)

    def compute(self) -> Tensor:
        """The figure over all images so far, a scalar; NaN when no pixel was scored."""
        return self.figure(self.sums(), self.pooling)

    @staticmethod
    @abstractmethod
    def figure(sums: Tensor, pooling: Pooling) -> Tensor:
        """The figure as a function of per-image sums [..., N, 14]."""


class Delta1(DepthMetric):
    """Share of pixels whose ratio max(p/g, g/p) is below 1.25, from 0 to 1. Higher is better."""

    higher_is_better = True
    figure = staticmethod(lambda sums, pooling: delta(sums, 1, pooling))


class Delta2(DepthMetric):
    """Share of pixels whose ratio max(p/g, g/p) is below 1.25², from 0 to 1. Higher is better."""

    higher_is_better = True
    figure = staticmethod(lambda sums, pooling: delta(sums, 2, pooling))


class Delta3(DepthMetric):
    """Share of pixels whose ratio max(p/g, g/p) is below 1.25³, from 0 to 1. Higher is better."""

    higher_is_better = True
    figure = staticmethod(lambda sums, pooling: delta(sums, 3, pooling))


class AbsRel(DepthMetric):
    """Mean |p − g|/g, without unit. Lower is better."""

    higher_is_better = False
    figure = staticmethod(abs_rel)


class SqRel(DepthMetric):
    """Mean (p − g)²/g, metres. Lower is better."""

    higher_is_better = False
    figure = staticmethod(sq_rel)


class RMSE(DepthMetric):
    """√ mean (p − g)², metres. Lower is better."""

    higher_is_better = False
    figure = staticmethod(rmse)


class RMSELog(DepthMetric):
    """√ mean (ln p − ln g)², without unit. Lower is better."""

    higher_is_better = False
    figure = staticmethod(rmse_log)


class Log10(DepthMetric):
    """Mean |log₁₀ p − log₁₀ g|, without unit. Lower is better."""

    higher_is_better = False
    figure = staticmethod(log10)


class ScaleInvariantRMSE(DepthMetric):
    """√ D, the log error without each map's own scale (Eigen et al. 2014, eq. 1), without unit. Lower is better."""

    higher_is_better = False
    figure = staticmethod(scale_invariant_rmse)


class SILog(DepthMetric):
    """100 √ D, the KITTI benchmark's form of the scale-invariant error. Lower is better."""

    higher_is_better = False
    figure = staticmethod(silog)


class MAE(DepthMetric):
    """Mean |p − g|, metres. Lower is better."""

    higher_is_better = False
    figure = staticmethod(mae)


class MAPE(DepthMetric):
    """Mean |p − g|/g, per cent. Lower is better."""

    higher_is_better = False
    figure = staticmethod(mape)


class SqErrorRel(DepthMetric):
    """Mean ((p − g)/g)², per cent. Lower is better."""

    higher_is_better = False
    figure = staticmethod(sq_error_rel)


class IRMSE(DepthMetric):
    """√ mean (1/p − 1/g)², 1/km. Lower is better."""

    higher_is_better = False
    figure = staticmethod(irmse)


class IMAE(DepthMetric):
    """Mean |1/p − 1/g|, 1/km. Lower is better."""

    higher_is_better = False
    figure = staticmethod(imae)


#: Table 1 of Eigen et al. 2014, in the paper's order.
TABLE_1: dict[str, type[DepthMetric]] = {
    "delta1": Delta1,
    "delta2": Delta2,
    "delta3": Delta3,
    "abs_rel": AbsRel,
    "sq_rel": SqRel,
    "rmse": RMSE,
    "rmse_log": RMSELog,
    "scale_invariant_rmse": ScaleInvariantRMSE,
}

#: Every figure of this file by name.
PIXEL_METRICS: dict[str, type[DepthMetric]] = {
    **TABLE_1,
    "log10": Log10,
    "silog": SILog,
    "mae": MAE,
    "mape": MAPE,
    "sq_error_rel": SqErrorRel,
    "irmse": IRMSE,
    "imae": IMAE,
}


def collection(names: Sequence[str], pooling: Pooling = "images") -> MetricCollection:
    """Several figures as one collection; the sums are computed once for all of them.

    Raises:
        DepthError: an unknown name, with the known ones; no name at all; or another ``pooling``.

    >>> metrics = collection(["delta1", "silog"])
    >>> truth = torch.rand(2, 1, 8, 8) + 1
    >>> metrics.update(truth, truth, truth > 0)
    >>> metrics.compute()["delta1"].item()
    1.0
    """
    if not names:
        raise DepthError(f"metrics: no name; expected one or more of {', '.join(PIXEL_METRICS)}.")
    for name in names:
        if name not in PIXEL_METRICS:
            raise DepthError(f"metrics: {name!r} is unknown; expected one of {', '.join(PIXEL_METRICS)}.")
    return MetricCollection({name: PIXEL_METRICS[name](pooling) for name in names}, compute_groups=[list(names)])


def table_1(pooling: Pooling = "images") -> MetricCollection:
    """The eight figures of Table 1 of Eigen et al. 2014 as one collection.

    Raises:
        DepthError: another ``pooling``.

    >>> sorted(table_1()) == sorted(TABLE_1)
    True
    """
    return collection(list(TABLE_1), pooling)
