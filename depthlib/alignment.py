"""Fitting a prediction to the truth before it is scored, for models that know depth only up to scale or shift.

Each function is fitted on one image's scored pixels, two [n]; what it returns is applied to the whole map.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def median(values: Tensor) -> Tensor:
    """The median, with the mean of the two middle values when the count is even (as NumPy's; torch takes the lower).

    >>> median(torch.tensor([1.0, 2.0, 4.0, 9.0])).item()
    3.0
    """
    n = values.numel()
    low, high = values.kthvalue((n - 1) // 2 + 1).values, values.kthvalue(n // 2 + 1).values
    return (low + high) / 2


def median_scale(prediction: Tensor, truth: Tensor) -> Tensor:
    """The factor median(truth) / median(prediction): Zhou et al. 2017, §4.1; monodepth2."""
    return median(truth) / median(prediction)


def log_scale(prediction: Tensor, truth: Tensor) -> Tensor:
    """The factor exp(mean(ln g − ln p)), which leaves the least log error (Eigen et al. 2014, §3.2).

    >>> round(log_scale(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 6.0])).item(), 5)
    3.0
    """
    return (truth.double().log() - prediction.double().log()).mean().exp().to(prediction.dtype)


def disparity_scale_shift(disparity: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """The scale s and shift t that minimise Σ (s·d + t − 1/g)²: Ranftl et al. 2020, eq. 3 and 4.

    A constant disparity gets s = 0 and the mean of 1/g.

    >>> s, t = disparity_scale_shift(torch.tensor([0.0, 1.0, 2.0]), 1 / torch.tensor([0.1, 0.3, 0.5]))
    >>> round(s.item(), 5), round(t.item(), 5)
    (0.2, 0.1)
    """
    d, target = disparity.double(), 1 / truth.double()
    centred = d - d.mean()
    spread = centred.square().sum()
    s = (centred * target).sum() / spread if spread > 0 else torch.zeros((), dtype=torch.float64, device=d.device)
    return s, target.mean() - s * d.mean()


#: Factors that a protocol can name, besides "none" and "disparity".
SCALES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"median": median_scale, "log_mean": log_scale}


def align(prediction: Tensor, truth: Tensor, mask: Tensor, kind: str, farthest: float) -> Tensor:
    """One map [1, H, W] fitted to its truth over ``mask``; 0, where nothing is said, stays 0.

    Args:
        kind: a key of :data:`SCALES`, or ``"disparity"``: scale and shift of the inverse, and nothing beyond
            ``farthest`` metres afterwards.
    """
    if not mask.any():
        return prediction
    if kind != "disparity":
        return prediction * SCALES[kind](prediction[mask], truth[mask])
    s, t = disparity_scale_shift(1 / prediction[mask], truth[mask])
    fitted = 1 / (s / prediction.double() + t).clamp_min(1 / farthest)
    return torch.where(prediction == 0, 0.0, fitted).to(prediction.dtype)
