"""Errors of a depth map: the eight figures of Eigen et al. 2014, Table 1, and log10.

:func:`error_sums` gives each image's sums in float64; every figure is a pure function of them, [..., N, 10] →
[...], so that a bootstrap computes thousands at once. The classes are torchmetrics over the same sums.
They share one state, so a `MetricCollection` computes the sums once, they reduce across processes, and the
result does not depend on the batch size. ``pooling`` says what is averaged: ``"images"`` (each image counts
the same; what modern code does) or ``"pixels"`` (all pixels of all images in one pool; Eigen's table).

The paper's definitions, with p the prediction and g the truth over valid pixels: δ_k = share of
max(p/g, g/p) < 1.25^k; AbsRel = mean |p − g|/g; SqRel = mean (p − g)²/g; RMSE = √ mean (p − g)²;
RMSE log with natural logs; scale-invariant = √ D with D of eq. 1.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, Literal

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from depthlib.errors import DepthError

Pooling = Literal["images", "pixels"]

#: Columns of the per-image sums.
SUMS = ("pixels", "delta1", "delta2", "delta3", "abs_rel", "sq_rel", "square", "log_square", "log", "log10")


def error_sums(prediction: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
    """Sums over each image's masked pixels, float64 [B, 10], in the order of :data:`SUMS`.

    Args:
        prediction: metres, [B, 1, H, W]; must be positive and finite where ``mask`` is true.
        truth: metres, [B, 1, H, W], 0 = missing.
        mask: bool, [B, 1, H, W]; the pixels to score; truth must be valid there.

    Raises:
        DepthError: shapes differ, or a scored prediction is NaN, infinite, zero or negative (with the count).
    """
    if not prediction.shape == truth.shape == mask.shape:
        raise DepthError(
            f"metrics: prediction {tuple(prediction.shape)}, truth {tuple(truth.shape)} and mask {tuple(mask.shape)} "
            "must have one shape; resample the prediction to the truth first (a protocol does it)."
        )
    bad = mask & ~(torch.isfinite(prediction) & (prediction > 0))
    if bad.any():
        raise DepthError(
            f"metrics: {int(bad.sum())} of {int(mask.sum())} scored predictions are NaN, infinite, zero or negative; "
            "expected metres above 0. Clamp the prediction, or mask these pixels and report how many."
        )
    p = torch.where(mask, prediction.double(), 1.0).flatten(1)
    g = torch.where(mask, truth.double(), 1.0).flatten(1)  # masked pixels: no error, no threshold counted below
    keep = mask.flatten(1)
    difference, log_difference = p - g, p.log() - g.log()
    ratio = log_difference.abs()
    square = difference.square()
    return torch.stack(
        (
            keep.sum(1).double(),
            *((keep & (ratio < k * math.log(1.25))).sum(1).double() for k in (1, 2, 3)),
            (difference.abs() / g).sum(1),
            (square / g).sum(1),
            square.sum(1),
            log_difference.square().sum(1),
            log_difference.sum(1),
            ratio.sum(1) / math.log(10),
        ),
        dim=1,
    )


def _mean(sums: Tensor, column: str, pooling: Pooling, root: bool = False) -> Tensor:
    """The mean of one column over pixels or over images; ``root`` takes the square root of what is averaged."""
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
    """Share of pixels whose ratio max(p/g, g/p) is below 1.25^k. Higher is better."""
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
    pixels = sums[..., 0]
    n = pixels.clamp_min(1)
    mean = sums[..., SUMS.index("log")] / n
    D = (sums[..., SUMS.index("log_square")] / n - mean.square()).clamp_min(0)  # rounding, not NaN
    return _over_images(D, pixels).sqrt() if pooling == "pixels" else _over_images(D.sqrt(), pixels)


class DepthMetric(Metric):
    """A figure of depth error over a data set; subclasses choose the figure.

    ``update(prediction, truth, mask)`` takes metres [B, 1, H, W] and a bool mask; ``compute()`` gives a scalar,
    NaN when no pixel was scored. The state is one float64 row of sums an image.

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
        if pooling not in ("images", "pixels"):
            raise DepthError(f"metrics: pooling is {pooling!r}; expected 'images' or 'pixels'.")
        self.pooling: Pooling = pooling
        self.add_state("rows", default=[], dist_reduce_fx="cat")

    def update(self, prediction: Tensor, truth: Tensor, mask: Tensor) -> None:
        self.rows.append(error_sums(prediction, truth, mask))

    def sums(self) -> Tensor:
        """The per-image sums seen so far, float64 [N, 10]; what a bootstrap resamples."""
        if isinstance(self.rows, Tensor):  # after a reduction across processes
            return self.rows
        return torch.cat(self.rows) if self.rows else torch.zeros(0, len(SUMS), dtype=torch.float64)

    def compute(self) -> Tensor:
        return self.figure(self.sums(), self.pooling)

    @staticmethod
    @abstractmethod
    def figure(sums: Tensor, pooling: Pooling) -> Tensor:
        """The figure as a function of per-image sums [..., N, 10]."""


class Delta1(DepthMetric):
    higher_is_better = True
    figure = staticmethod(lambda sums, pooling: delta(sums, 1, pooling))


class Delta2(DepthMetric):
    higher_is_better = True
    figure = staticmethod(lambda sums, pooling: delta(sums, 2, pooling))


class Delta3(DepthMetric):
    higher_is_better = True
    figure = staticmethod(lambda sums, pooling: delta(sums, 3, pooling))


class AbsRel(DepthMetric):
    higher_is_better = False
    figure = staticmethod(abs_rel)


class SqRel(DepthMetric):
    higher_is_better = False
    figure = staticmethod(sq_rel)


class RMSE(DepthMetric):
    higher_is_better = False
    figure = staticmethod(rmse)


class RMSELog(DepthMetric):
    higher_is_better = False
    figure = staticmethod(rmse_log)


class Log10(DepthMetric):
    higher_is_better = False
    figure = staticmethod(log10)


class ScaleInvariantRMSE(DepthMetric):
    higher_is_better = False
    figure = staticmethod(scale_invariant_rmse)


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


def table_1(pooling: Pooling = "images") -> MetricCollection:
    """The eight metrics of Table 1 as one collection; the sums are computed once for all of them.

    >>> metrics = table_1()
    >>> truth = torch.rand(2, 1, 8, 8) + 1
    >>> metrics.update(truth, truth, truth > 0)
    >>> metrics.compute()["delta1"].item()
    1.0
    """
    return MetricCollection({name: metric(pooling) for name, metric in TABLE_1.items()}, compute_groups=[list(TABLE_1)])
