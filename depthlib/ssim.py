"""Structural similarity of two maps, window by window: a figure in evaluation and a term of a loss."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from depthlib.errors import DepthError

WINDOW, SIGMA = 11, 1.5  # pixels, of the Gaussian over which two maps are compared


def gaussian_window() -> Tensor:
    """A normalised one-dimensional Gaussian, float64 [11].

    >>> gaussian_window().sum().item()
    1.0
    """
    x = torch.arange(WINDOW, dtype=torch.float64) - (WINDOW - 1) / 2
    window = torch.exp(-0.5 * (x / SIGMA) ** 2)
    return window / window.sum()


@functools.lru_cache(maxsize=32)
def _band(n: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """The matrix [n − 10, n] that takes n numbers to their means in every whole window.

    A product with it is a tenth of the time of a convolution of one channel, and exact where a GPU may round convolutions.
    """
    with torch.inference_mode(False):  # what is kept may be asked for by a training next
        places = torch.arange(n - WINDOW + 1, device=device)[:, None] + torch.arange(WINDOW, device=device)
        window = gaussian_window().to(device, dtype).expand(len(places), WINDOW)
        return torch.zeros(len(places), n, dtype=dtype, device=device).scatter_(1, places, window)


def ssim_map(first: Tensor, second: Tensor, data_range: Tensor | float) -> Tensor:
    """Structural similarity in every whole window of 11x11: [B, 1, H, W] twice → [B, 1, H − 10, W − 10].

    Args:
        data_range: the span of possible values: 255 for 8-bit images; or one for each image, [B].

    Raises:
        DepthError: maps smaller than the window.

    Source: Wang, Bovik, Sheikh, Simoncelli 2004, eq. 13, with their Gaussian window (11, 1.5), K₁ = .01, K₂ = .03.
    The same as scikit-image's ``structural_similarity`` with ``gaussian_weights=True``,
    ``use_sample_covariance=False``.
    """
    if min(first.shape[-2:]) < WINDOW:
        raise DepthError(f"SSIM: maps of {first.shape[-2]}x{first.shape[-1]}; expected at least {WINDOW}x{WINDOW}.")
    down, across = (_band(n, first.dtype, first.device) for n in first.shape[-2:])
    moments = torch.cat((first, second, first * first, second * second, first * second), 1)
    mean_1, mean_2, square_1, square_2, product = (down @ moments @ across.T).split(1, 1)
    span = data_range.to(first).reshape(-1, 1, 1, 1) if isinstance(data_range, Tensor) else float(data_range)
    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    variance_1, variance_2 = square_1 - mean_1**2, square_2 - mean_2**2
    covariance = product - mean_1 * mean_2
    luminance = (2 * mean_1 * mean_2 + c1) / (mean_1**2 + mean_2**2 + c1)
    return luminance * (2 * covariance + c2) / (variance_1 + variance_2 + c2)
