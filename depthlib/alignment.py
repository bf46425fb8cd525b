"""Fitting a prediction to the truth before it is scored, for models that know depth only up to scale or shift.

Each function is fitted on one image's scored pixels, two [n] with n ≥ 1, where nothing is missing (0); what it returns is
applied to the whole map.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from depthlib.errors import DepthError
from depthlib.sample import valid


def median(values: Tensor) -> Tensor:
    """The median, with the mean of the two middle values when the count is even (as NumPy's; torch takes the lower).

    Raises:
        DepthError: no value.

    >>> median(torch.tensor([1.0, 2.0, 4.0, 9.0])).item()
    3.0
    """
    n = values.numel()
    if n == 0:
        raise DepthError(
            "alignment: the median of no value; expected one or more. Leave images without a scored pixel out."
        )
    low, high = values.kthvalue((n - 1) // 2 + 1).values, values.kthvalue(n // 2 + 1).values
    return (low + high) / 2


def _check(prediction: Tensor, truth: Tensor, usable: Callable[[Tensor], Tensor], expected: str) -> None:
    """Refuse what nothing can be fitted to: no pixel, a missing truth, or a prediction that is not ``usable``."""
    if prediction.shape != truth.shape or truth.numel() == 0:
        raise DepthError(
            f"alignment: {prediction.numel()} predictions for {truth.numel()} true depths; expected as many of both, and at "
            "least one. Leave images without a scored pixel out."
        )
    wrong = int((~(usable(prediction) & valid(truth))).sum())
    if wrong:
        raise DepthError(
            f"alignment: {wrong} of {truth.numel()} pixels cannot be fitted; expected {expected} and truths above 0 m. Take the "
            "others out of the mask: `depthlib.sample.valid`."
        )


def median_scale(prediction: Tensor, truth: Tensor) -> Tensor:
    """The factor median(truth) / median(prediction): Zhou et al. 2017, §4.1; monodepth2.

    Args:
        prediction, truth: above 0, [n]; a few predictions may be infinite, where a disparity was 0.

    Raises:
        DepthError: no pixel, or one with a zero, a negative number or NaN.

    >>> median_scale(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([3.0, 6.0, 7.0])).item()
    3.0
    """
    _check(prediction, truth, lambda p: p > 0, "predictions above 0")
    return median(truth) / median(prediction)


def log_scale(prediction: Tensor, truth: Tensor) -> Tensor:
    """The factor exp(mean(ln g − ln p)), which leaves the least log error (Eigen et al. 2014, §3.2).

    Args:
        prediction, truth: above 0 and finite, [n].

    Raises:
        DepthError: no pixel, or one with a zero, a negative number, infinity or NaN.

    >>> round(log_scale(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 6.0])).item(), 5)
    3.0
    """
    _check(prediction, truth, valid, "finite predictions above 0")
    return (truth.double().log() - prediction.double().log()).mean().exp().to(prediction.dtype)


def disparity_scale_shift(disparity: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """The scale s and shift t that minimise Σ (s·d + t − 1/g)²: Ranftl et al. 2020, eq. 3 and 4.

    A constant disparity gets s = 0 and the mean of 1/g.

    Args:
        disparity: of any scale and shift, finite, [n].
        truth: metres above 0, [n].

    Raises:
        DepthError: no pixel, a disparity that is not finite, or a missing truth.

    >>> s, t = disparity_scale_shift(torch.tensor([0.0, 1.0, 2.0]), 1 / torch.tensor([0.1, 0.3, 0.5]))
    >>> round(s.item(), 5), round(t.item(), 5)
    (0.2, 0.1)
    """
    _check(disparity, truth, torch.isfinite, "finite disparities")
    return _scale_shift(disparity.double(), 1 / truth.double())


def depth_scale_shift(prediction: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """The scale s and shift t that minimise Σ (s·p + t − g)², for networks that know depth up to both: Yin et al. 2021; Ke et al. 2024.

    A constant prediction gets s = 0 and the mean of g.

    Args:
        prediction: of any scale and shift, finite, [n].
        truth: metres above 0, [n].

    Raises:
        DepthError: no pixel, a prediction that is not finite, or a missing truth.

    >>> s, t = depth_scale_shift(torch.tensor([0.0, 1.0, 2.0]), torch.tensor([1.0, 3.0, 5.0]))
    >>> round(s.item(), 5), round(t.item(), 5)
    (2.0, 1.0)
    """
    _check(prediction, truth, torch.isfinite, "finite predictions")
    return _scale_shift(prediction.double(), truth.double())


def _scale_shift(values: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Least squares of s·values + t against the target, two [n]."""
    centred = values - values.mean()
    spread = centred.square().sum()
    s = (centred * target).sum() / spread if spread > 0 else torch.zeros((), dtype=values.dtype, device=values.device)
    return s, target.mean() - s * values.mean()


#: Factors that a protocol can name, besides "none", "depth" and "disparity".
SCALES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"median": median_scale, "log_mean": log_scale}


def align(prediction: Tensor, truth: Tensor, mask: Tensor, kind: str, farthest: float) -> Tensor:
    """One map [1, H, W] fitted to its truth over ``mask``; 0, where nothing is said, stays 0. An empty mask fits nothing.

    Args:
        kind: a key of :data:`SCALES`; ``"depth"``: scale and shift, after which a depth may be negative; or ``"disparity"``:
            scale and shift of the inverse, and nothing beyond ``farthest`` metres afterwards.

    Raises:
        DepthError: an unknown kind, with the known ones; or pixels in the mask that cannot be fitted.
    """
    if kind not in (*SCALES, "depth", "disparity"):
        raise DepthError(f"alignment: {kind!r} is unknown; expected one of {', '.join(SCALES)}, depth, disparity.")
    if not mask.any():
        return prediction
    if kind in SCALES:
        return prediction * SCALES[kind](prediction[mask], truth[mask])
    if kind == "depth":
        s, t = depth_scale_shift(prediction[mask], truth[mask])
        return torch.where(prediction == 0, 0.0, s * prediction.double() + t).to(prediction.dtype)
    s, t = disparity_scale_shift(1 / prediction[mask], truth[mask])
    fitted = 1 / (s / prediction.double() + t).clamp_min(1 / farthest)
    return torch.where(prediction == 0, 0.0, fitted).to(prediction.dtype)
