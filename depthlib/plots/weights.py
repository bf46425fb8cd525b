"""What a layer has learned, as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from depthlib.errors import DepthError
from depthlib.plots.panels import (
    as_array,
    draw_rgb,
    grid,
)
from depthlib.plots.style import ERROR_COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from depthlib.plots.panels import Image


def templates(weights: Image, size: tuple[int, int] = (55, 74), count: int = 24, columns: int = 6) -> Figure:
    """Rows of a fully connected layer as pictures, red positive and blue negative, each on its own scale.

    With the last layer of the coarse network these are the templates of Eigen et al. 2014, Fig. 2.

    Args:
        weights: [N, H*W], one template a row, or [N, H, W]; a ``Linear``'s own weight, [H*W, N], is transposed.
        size: (H, W) of a template.
        count: how many to draw: those with the largest norm, largest first.

    >>> len(templates(np.random.default_rng(0).normal(size=(5, 12)), (3, 4), count=4).axes)
    4
    """
    array = as_array(weights)
    if array.ndim == 2 and array.shape[0] == size[0] * size[1] != array.shape[1]:
        array = array.T
    if array.size % (size[0] * size[1]) or array.ndim not in (2, 3):
        raise DepthError(f"templates: weights are {array.shape}; expected [N, {size[0] * size[1]}] for size {size}.")
    array = array.reshape(-1, *size)
    array = array[np.argsort(-np.linalg.norm(array.reshape(len(array), -1), axis=1), kind="stable")[:count]]
    figure, axes = grid([image[None] for image in array], min(columns, len(array)), bar=False, titles=False)
    for place, image in zip(axes, array, strict=False):
        reach = float(np.abs(image).max()) or 1.0
        place.imshow(image, cmap=ERROR_COLOURS, vmin=-reach, vmax=reach)
    return figure


def filters(weights: Image, columns: int = 12) -> Figure:
    """First-layer convolution kernels, [N, 3, h, w], as little colour images, each stretched to its own range.

    >>> len(filters(np.zeros((6, 3, 5, 5)), columns=3).axes)
    6
    """
    array = as_array(weights)
    if array.ndim != 4 or array.shape[1] != 3:
        raise DepthError(f"filters: weights are {array.shape}; expected [N, 3, h, w], the first layer of a network.")
    figure, axes = grid(list(array), min(columns, len(array)), bar=False, titles=False)
    for place, kernel in zip(axes, array, strict=False):
        low, high = kernel.min(), kernel.max()
        draw_rgb(place, (kernel - low) / (high - low) if high > low else np.full_like(kernel, 0.5))
    return figure
