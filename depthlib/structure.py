"""Figures of whole maps: structural similarity, peak signal-to-noise ratio, and where the edges are.

Unlike the figures of `depthlib.metrics` these look at neighbourhoods, so they are one number an image, averaged
over images. A hole in the truth takes the windows that touch it out of SSIM, and never enters an average.

All figures take prediction and truth in one unit, floating point [B, 1, H, W], and the pixels to score, bool [B, 1, H, W], where
both must be finite and above 0. Maps of other types, shapes or values are refused with a `DepthError`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics import Metric

from depthlib.errors import DepthError
from depthlib.filling import fill_nearest
from depthlib.sample import a_tensor, valid
from depthlib.ssim import WINDOW, ssim_map


def _check(prediction: Tensor, truth: Tensor, mask: Tensor) -> None:
    """Refuse what would be broadcast, and a masked pixel whose NaN would drop its image from the mean."""
    for name, maps in (("prediction", prediction), ("truth", truth), ("mask", mask)):
        a_tensor(maps, f"structure: the {name} is of type")
    one_shape = prediction.shape == truth.shape == mask.shape and mask.ndim == 4 and mask.shape[1] == 1
    if not one_shape or not prediction.is_floating_point() or not truth.is_floating_point() or mask.dtype != torch.bool:
        given = ", ".join(f"{maps.dtype} {tuple(maps.shape)}" for maps in (prediction, truth, mask))
        raise DepthError(
            f"structure: prediction, truth and mask are {given}; expected floating-point metres twice and bool, all "
            "[B, 1, H, W]. Resample the prediction to the truth first (a protocol does it)."
        )
    for name, depth in (("prediction", prediction), ("truth", truth)):
        wrong = int((mask & ~valid(depth)).sum())
        if wrong:
            raise DepthError(
                f"structure: the {name} is NaN, infinite, zero or negative at {wrong} of {int(mask.sum())} masked pixels; "
                "expected metres above 0. Take these pixels out of the mask and report how many."
            )


def _span(truth: Tensor, mask: Tensor, data_range: float | None) -> Tensor:
    if data_range is not None:
        if not 0 < data_range < math.inf:
            raise DepthError(
                f"structure: data_range is {data_range!r}; expected the span of values, above 0, or None for each image's "
                "largest depth."
            )
        return torch.full((len(truth),), float(data_range), dtype=torch.float64, device=truth.device)
    return torch.where(mask, truth, 0.0).double().amax((1, 2, 3)).clamp_min(1e-12)


def ssim(prediction: Tensor, truth: Tensor, mask: Tensor, data_range: float | None = None) -> Tensor:
    """Mean SSIM of each image over the windows without a hole, float64 [B]; NaN where there is none.

    Args:
        prediction, truth: [B, 1, H, W].
        mask: bool [B, 1, H, W].
        data_range: span of values; by default each image's largest true depth.

    Raises:
        DepthError: maps that this module refuses, or smaller than the window of 11 pixels; a ``data_range`` not above 0.

    >>> truth = torch.rand(1, 1, 16, 16) + 1
    >>> ssim(truth, truth, truth > 0).item()
    1.0
    """
    _check(prediction, truth, mask)
    p, g = (torch.where(mask, t, 0.0).double() for t in (prediction, truth))
    similarity = ssim_map(p, g, _span(truth, mask, data_range))
    whole = F.max_pool2d((~mask).double(), WINDOW, stride=1) == 0
    total = torch.where(whole, similarity, 0.0).sum((1, 2, 3))
    return total / whole.sum((1, 2, 3))


def psnr(prediction: Tensor, truth: Tensor, mask: Tensor, data_range: float | None = None) -> Tensor:
    """Peak signal-to-noise ratio of each image, 10 log₁₀(range² / MSE), decibels, float64 [B]; NaN without pixels.

    Infinite for an exact map, and so is then every mean over images that it enters.

    Args: as for :func:`ssim`. (Korinevskaya and Makarov 2018 print 20 log₁₀(√MAX/RMSE); MAX is what is meant.)

    Raises:
        DepthError: maps that this module refuses; a ``data_range`` not above 0.

    >>> truth = torch.full((1, 1, 2, 2), 2.0)
    >>> round(psnr(truth * 1.1, truth, truth > 0).item(), 3)
    20.0
    """
    _check(prediction, truth, mask)
    square = torch.where(mask, prediction - truth, 0.0).double().square().sum((1, 2, 3)) / mask.sum((1, 2, 3))
    return 10 * torch.log10(_span(truth, mask, data_range) ** 2 / square)


def depth_edges(depth: Tensor) -> np.ndarray:
    """Canny edges of one map [H, W], scaled to 0 … 1 first, bool [H, W].

    σ = √2 and thresholds .15 and .3, as in the iBims-1 benchmark (Koch et al. 2018). A flat map has none.

    Raises:
        DepthError: NaN or infinity, which leave no scale; or scikit-image is not there.
    """
    try:
        from skimage.feature import canny  # late: only this figure needs it
    except ImportError as error:
        raise DepthError("Depth edges need scikit-image: `pip install scikit-image`.") from error

    array = depth.detach().cpu().double().numpy()
    low, high = array.min(), array.max()
    if not (math.isfinite(low) and math.isfinite(high)):
        raise DepthError(
            f"structure: {int((~np.isfinite(array)).sum())} of {array.size} depths are NaN or infinite; edges are found in whole "
            "maps. Fill them first: `depthlib.filling.fill_nearest`."
        )
    if not high > low:
        return np.zeros(array.shape, dtype=bool)
    return canny((array - low) / (high - low), sigma=math.sqrt(2), low_threshold=0.15, high_threshold=0.3)


def edge_share(prediction: Tensor, truth: Tensor, mask: Tensor, across: int = 4, least: float = 0.2) -> Tensor:
    """The share of each map's true depth edges that the prediction draws, float64 [B]; NaN where the truth has none.

    With t the true and q the predicted difference of log depth over ``across`` columns, Σ q·t / Σ t² where |t| > ``least``:
    1 for the truth, 0 for a map without edges, negative for one that draws them the wrong way round.

    Args:
        prediction, truth: metres, [B, 1, H, W].
        mask: bool [B, 1, H, W]; a difference counts where both of its pixels are valid.

    Raises:
        DepthError: maps that this module refuses.

    >>> truth = torch.ones(1, 1, 4, 8)
    >>> truth[..., 4:] = 2
    >>> round(edge_share(truth.sqrt(), truth, truth > 0).item(), 6)
    0.5
    """
    _check(prediction, truth, mask)
    both = mask[..., across:] & mask[..., :-across]
    p, g = (torch.where(mask, depth, 1.0).double().log() for depth in (prediction, truth))
    t, q = (logs[..., across:] - logs[..., :-across] for logs in (g, p))
    edge = both & (t.abs() > least)
    products, squares = (torch.where(edge, values, 0.0).sum((1, 2, 3)) for values in (q * t, t * t))
    return products / squares


def boundary_error(prediction: Tensor, truth: Tensor, mask: Tensor, reach: float = 10.0) -> Tensor:
    """Mean distance of the prediction's depth edges from the nearest true edge, pixels, float64 [B].

    Edges further than ``reach`` from any true one do not count; a prediction without any edge near a true one scores
    ``reach``. NaN where the truth has no edge. An edge that is missing costs nothing here, so look
    at :func:`boundary_completeness`, too.

    Holes are filled with the nearest value: in the truth outside ``mask``, in the prediction where it says nothing (0, negative,
    NaN or infinity). Edges outside ``mask`` are left out. What the prediction does say there stays as it is: it draws edges up
    to the border, and its nearest and farthest depths set Canny's scale. True edges are Canny's, too, where the paper's own set
    (iBims-1) comes with edges drawn by hand.

    Raises:
        DepthError: maps that this module refuses; scikit-image is not there.

    Source: Koch et al. 2018, "Evaluation of CNN-based single-image depth estimation methods", eq. 5 (DBE accuracy).

    >>> truth = torch.ones(1, 1, 20, 20)
    >>> truth[..., 10:] = 3
    >>> boundary_error(truth, truth, truth > 0).item()
    0.0
    """

    def of_one(drawn: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
        distance = _distance(true)
        near = drawn & (distance < reach)
        return float(distance[near].mean()) if near.any() else reach

    return _over_edges(prediction, truth, mask, of_one)


def boundary_completeness(prediction: Tensor, truth: Tensor, mask: Tensor, reach: float = 10.0) -> Tensor:
    """Mean distance between the prediction's depth edges and the true ones, from each to the nearest of the others, pixels, float64 [B].

    No distance counts for more than ``reach``, so an edge that is missing costs as much as one that is invented. A prediction
    without any edge near a true one scores ``reach``. NaN where the truth has no edge. Lower is better, in spite of its name.

    Raises:
        DepthError: as :func:`boundary_error`.

    Source: Koch et al. 2018 (DBE completeness), as their code has it: both directions, over the number of all edge pixels.

    >>> truth = torch.ones(1, 1, 20, 40)
    >>> truth[..., 10:], truth[..., 30:] = 3, 5
    >>> half = truth.clamp(max=3)  # without the second edge
    >>> boundary_error(half, truth, truth > 0).item(), boundary_completeness(half, truth, truth > 0).item() > 2
    (0.0, True)
    """

    def of_one(drawn: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
        invented, missing = _distance(true)[drawn], _distance(drawn)[true]
        if not (invented < reach).any():
            return reach
        return float(np.minimum(np.concatenate([invented, missing]), reach).mean())

    return _over_edges(prediction, truth, mask, of_one)


def _distance(edges: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Of each pixel from the nearest edge, pixels [H, W]; infinite where there is none."""
    from scipy.ndimage import distance_transform_edt

    return distance_transform_edt(~edges) if edges.any() else np.full(edges.shape, np.inf)


def _over_edges(
    prediction: Tensor,
    truth: Tensor,
    mask: Tensor,
    figure: Callable[[NDArray[np.bool_], NDArray[np.bool_]], float],
) -> Tensor:
    """A figure of each image's drawn and true edges, bool [H, W]: float64 [B]; NaN where the truth has no edge."""
    _check(prediction, truth, mask)
    scores = []
    for p, g, m in zip(prediction[:, 0], truth[:, 0], mask[:, 0], strict=True):
        known = m.cpu().numpy()
        if not known.any():
            scores.append(math.nan)
            continue
        true = depth_edges(fill_nearest(torch.where(m, g, 0.0)[None])[0]) & known
        if not true.any():
            scores.append(math.nan)
            continue
        scores.append(figure(depth_edges(fill_nearest(torch.where(valid(p), p, 0.0)[None])[0]) & known, true))
    return torch.tensor(scores, dtype=torch.float64)


class MapMetric(Metric):
    """A figure of whole maps over a data set: the mean of one number an image; NaN, where there is nothing to score, left out.

    Args:
        function: from prediction, truth and mask, [B, 1, H, W], to one number an image, [B], such as :func:`psnr`.
        options: further arguments of the function.
    """

    full_state_update = False
    values: list[Tensor]

    def __init__(self, function: Callable[..., Tensor], **options: Any) -> None:
        super().__init__()
        self.function, self.options = function, options
        self.add_state("values", default=[], dist_reduce_fx="cat")

    def update(self, prediction: Tensor, truth: Tensor, mask: Tensor) -> None:
        """Add a batch: metres, [B, 1, H, W], and the bool mask of the pixels to score.

        Raises:
            DepthError: what the function refuses.
        """
        self.values.append(self.function(prediction, truth, mask, **self.options))

    def each(self) -> Tensor:
        """One number an image seen so far, float64 [N]; what a bootstrap resamples."""
        if isinstance(self.values, Tensor):  # after a reduction across processes
            return self.values
        return torch.cat(self.values) if self.values else torch.zeros(0, dtype=torch.float64)

    def compute(self) -> Tensor:
        """The mean over all images so far, a scalar; NaN when none had anything to score."""
        return mean_of_images(self.each())


def mean_of_images(each: Tensor) -> Tensor:
    """The mean of [..., N] numbers, one an image, without those that are NaN."""
    return each.nanmean(-1)


#: name → function of (prediction, truth, mask), and whether higher is better.
MAP_METRICS: dict[str, tuple[Callable[..., Tensor], bool]] = {
    "ssim": (ssim, True),
    "psnr": (psnr, True),
    "boundary_error": (boundary_error, False),
    "boundary_completeness": (boundary_completeness, False),
}


def map_metrics(names: Sequence[str], data_range: float | None = None) -> dict[str, MapMetric]:
    """Fresh metrics of these names.

    Raises:
        DepthError: an unknown name, with the known ones.

    >>> list(map_metrics(["ssim", "psnr"], data_range=255))
    ['ssim', 'psnr']
    """
    metrics = {}
    for name in names:
        if name not in MAP_METRICS:
            raise DepthError(f"structure: {name!r} is unknown; expected one of {', '.join(MAP_METRICS)}.")
        function, _ = MAP_METRICS[name]
        options = {"data_range": data_range} if name in ("ssim", "psnr") else {}
        metrics[name] = MapMetric(function, **options)
    return metrics
