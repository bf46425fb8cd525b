"""Structural similarity of two maps, window by window: a figure in evaluation and a term of a loss."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from depthlib.errors import DepthError


def gaussian_window(size: int = 11, sigma: float = 1.5) -> Tensor:
    """A normalised one-dimensional Gaussian, float64 [size].

    >>> gaussian_window(3).sum().item()
    1.0
    """
    x = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    window = torch.exp(-0.5 * (x / sigma) ** 2)
    return window / window.sum()


def ssim_map(first: Tensor, second: Tensor, data_range: Tensor | float, size: int = 11, sigma: float = 1.5) -> Tensor:
    """Structural similarity in every whole window: [B, 1, H, W] twice → [B, 1, H − size + 1, W − size + 1].

    Args:
        data_range: the span of possible values: 255 for 8-bit images; or one for each image, [B].

    Raises:
        DepthError: maps smaller than the window.

    Source: Wang, Bovik, Sheikh, Simoncelli 2004, eq. 13, with their Gaussian window (11, 1.5), K₁ = .01, K₂ = .03.
    The same as scikit-image's ``structural_similarity`` with ``gaussian_weights=True``,
    ``use_sample_covariance=False``.
    """
    if min(first.shape[-2:]) < size:
        raise DepthError(f"SSIM: maps of {first.shape[-2]}x{first.shape[-1]}; expected at least {size}x{size}.")
    window = gaussian_window(size, sigma).to(first)

    def blur(maps: Tensor) -> Tensor:
        return F.conv2d(F.conv2d(maps, window.view(1, 1, -1, 1)), window.view(1, 1, 1, -1))

    span = torch.as_tensor(data_range, dtype=first.dtype, device=first.device).reshape(-1, 1, 1, 1)
    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    mean_1, mean_2 = blur(first), blur(second)
    variance_1 = blur(first * first) - mean_1**2
    variance_2 = blur(second * second) - mean_2**2
    covariance = blur(first * second) - mean_1 * mean_2
    luminance = (2 * mean_1 * mean_2 + c1) / (mean_1**2 + mean_2**2 + c1)
    return luminance * (2 * covariance + c2) / (variance_1 + variance_2 + c2)
