"""Photographs, depth maps and their errors as static figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from depthlib.errors import DepthError
from depthlib.plots.panels import (
    add_bar,
    as_image,
    draw_depth,
    draw_rgb,
    draw_signed,
    grid,
    range_of,
    reach_of,
    set_title,
    titled,
)
from depthlib.plots.style import DEPTH_COLOURS, MISSING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from depthlib.plots.panels import Image


def show(
    panels: Image | Sequence[Image] | Mapping[str, Image],
    titles: str | Sequence[str] | None = None,
    *,
    limits: tuple[float, float] | None = None,
    columns: int | None = None,
    label: str = "depth (m)",
) -> Figure:
    """Images side by side under their titles: three channels as a photograph, one as depth.

    All depth panels share one scale and one colour bar, so that equal colours are equal metres.

    Args:
        panels: one image, several, or title → image; each RGB [3, H, W] in [0, 1] or depth [1, H, W] metres,
            0 = missing.
        titles: one for each panel, where ``panels`` does not name them.
        limits: nearest and farthest metres of the scale; default: the range of all valid depth shown.
        columns: panels a row; default: up to four.
        label: what the colour bar says.

    Raises:
        DepthError: no panel, one that is neither RGB nor depth (a batch, say), or not one title a panel.

    >>> figure = show([np.zeros((3, 4, 6)), np.full((1, 4, 6), 2.0)], ["photograph", "depth"])
    >>> [axes.get_title() for axes in figure.axes[:2]]
    ['photograph', 'depth']
    """
    pairs = titled(panels, titles)
    images = [as_image(image, title or f"panel {i}") for i, (title, image) in enumerate(pairs)]
    depths = [image[0] for image in images if len(image) == 1]
    scale = limits or range_of(depths)
    columns = columns or min(len(images), 4)
    figure, axes = grid(images, columns, bar=bool(depths))
    drawn = None
    for place, (title, _), image in zip(axes, pairs, images, strict=True):
        set_title(place, title, columns)
        if len(image) == 3:
            draw_rgb(place, image)
        else:
            drawn = draw_depth(place, image[0], scale)
    if drawn is not None:
        add_bar(figure, drawn, axes, label)
    return figure


def colorize(depth: Image, limits: tuple[float, float] | None = None) -> NDArray[np.uint8]:
    """A depth map [1, H, W] as colours [H, W, 3] uint8: near = bright, missing = grey. For files, not for reading.

    >>> colorize(np.array([[[1.0, 2.0, 0.0]]]))[0].tolist()
    [[253, 231, 37], [68, 1, 84], [212, 212, 212]]
    """
    from matplotlib import colormaps, colors

    metres = as_image(depth, "depth", 1)[0]
    known = np.isfinite(metres) & (metres > 0)
    low, high = limits or range_of([metres])
    shades = colormaps[DEPTH_COLOURS](np.where(known, (metres - low) / (high - low), 0.0))[..., :3]
    return (np.where(known[..., None], shades, colors.to_rgb(MISSING)) * 255).round().astype(np.uint8)


def compare(
    rgb: Image,
    predictions: Mapping[str, Image],
    truth: Image,
    *,
    limits: tuple[float, float] | None = None,
    errors: bool = True,
) -> Figure:
    """A photograph and its true depth, then every prediction above its own error.

    Args:
        rgb: [3, H, W] in [0, 1].
        predictions: name → depth [1, h, w] metres; its own size is kept, and it is resampled only for the error.
        truth: [1, H, W] metres, 0 = missing.
        limits: metres of the shared scale; default: the range of the truth.
        errors: also draw log(prediction / truth), blue = too near, red = too far.

    >>> rgb, truth = np.zeros((3, 4, 6)), np.full((1, 4, 6), 2.0)
    >>> len(compare(rgb, {"double": 2 * truth}, truth).axes)  # four images, two colour bars
    6
    """
    photograph, true = as_image(rgb, "rgb", 3), as_image(truth, "truth", 1)
    made = {name: as_image(depth, name, 1) for name, depth in predictions.items()}
    if not made:
        raise DepthError("compare: no predictions; give {name: depth}.")
    scale = limits or range_of([true[0]])
    columns = 1 + len(made) if errors else min(2 + len(made), 4)
    count = 2 * columns if errors else 2 + len(made)
    figure, axes = grid([photograph] * count, columns, bar=True)
    top, bottom = axes[:columns], axes[columns:]
    if errors:
        draw_rgb(top[0], photograph)
        top[0].set_title("picture")
        drawn = draw_depth(bottom[0], true[0], scale)
        bottom[0].set_title("true depth")
        ratios = {name: log_ratio(depth, true) for name, depth in made.items()}
        reach = reach_of(list(ratios.values()))
        signed = None
        for place, under, (name, depth) in zip(top[1:], bottom[1:], made.items(), strict=True):
            draw_depth(place, depth[0], scale)
            set_title(place, name, columns)
            signed = draw_signed(under, ratios[name], reach)
            set_title(under, f"error of {name}", columns)
        assert signed is not None
        add_bar(figure, drawn, top, "depth (m)")
        add_bar(figure, signed, bottom, "log(prediction / truth)")
        return figure
    draw_rgb(axes[0], photograph)
    axes[0].set_title("picture")
    for place, (name, depth) in zip(axes[1:], {"true depth": true, **made}.items(), strict=False):
        drawn = draw_depth(place, depth[0], scale)
        set_title(place, name, columns)
    add_bar(figure, drawn, axes, "depth (m)")
    return figure


def log_ratio(prediction: Image, truth: Image) -> NDArray[np.float64]:
    """log(prediction / truth) [H, W], NaN where either is missing; the prediction is resampled to the nearest pixel.

    >>> log_ratio(np.full((1, 1, 1), 2.0), np.array([[[1.0, 0.0]]])).round(3)
    array([[0.693,   nan]])
    """
    made, true = as_image(prediction, "prediction", 1)[0], as_image(truth, "truth", 1)[0]
    rows = ((np.arange(true.shape[0]) + 0.5) * made.shape[0] / true.shape[0]).astype(int)
    columns = ((np.arange(true.shape[1]) + 0.5) * made.shape[1] / true.shape[1]).astype(int)
    made = made[rows][:, columns]
    known = (made > 0) & (true > 0)
    return np.where(known, np.log(np.where(known, made, 1.0) / np.where(known, true, 1.0)), np.nan)


def error_map(prediction: Image, truth: Image, title: str = "", reach: float | None = None) -> Figure:
    """Where a prediction is too near (blue) or too far (red): log(prediction / truth).

    Args:
        prediction: [1, h, w] metres.
        truth: [1, H, W] metres, 0 = missing.
        reach: log ratio at the ends of the scale; default: the 99th percentile of what is shown.

    >>> error_map(np.full((1, 2, 2), 2.0), np.ones((1, 2, 2))).axes[0].get_title()
    ''
    """
    ratio = log_ratio(prediction, truth)
    figure, axes = grid([ratio[None]], 1, bar=True)
    axes[0].set_title(title)
    add_bar(figure, draw_signed(axes[0], ratio, reach or reach_of([ratio])), axes, "log(prediction / truth)")
    return figure


def contact_sheet(
    samples: Sequence[Mapping[str, Any]], columns: int = 6, limits: tuple[float, float] | None = None
) -> Figure:
    """Samples at a glance: each photograph above its depth, one scale for all.

    Args:
        samples: samples with ``rgb``, ``depth`` and optionally ``name`` (see :mod:`depthlib.sample`).

    >>> len(contact_sheet([{"rgb": np.zeros((3, 4, 6)), "depth": np.ones((1, 4, 6))}] * 2).axes)  # and the bar
    5
    """
    if not samples:
        raise DepthError("contact_sheet: no samples.")
    columns = min(columns, len(samples))
    colours = [as_image(sample["rgb"], f"sample {i}", 3) for i, sample in enumerate(samples)]
    depths = [as_image(sample["depth"], f"sample {i}", 1) for i, sample in enumerate(samples)]
    scale = limits or range_of([depth[0] for depth in depths])
    rows = -(-len(samples) // columns)
    figure, axes = grid([colours[0]] * (2 * rows * columns), columns, bar=True, titles=columns <= 4)
    drawn = None
    for i, sample in enumerate(samples):
        upper = 2 * (i // columns) * columns + i % columns
        draw_rgb(axes[upper], colours[i])
        drawn = draw_depth(axes[upper + columns], depths[i][0], scale)
        if columns <= 4 and sample.get("name"):
            axes[upper].set_title(str(sample["name"]), fontsize=9)
    for i in range(len(samples), rows * columns):
        for place in (
            axes[2 * (i // columns) * columns + i % columns],
            axes[(2 * (i // columns) + 1) * columns + i % columns],
        ):
            place.remove()
    assert drawn is not None
    add_bar(figure, drawn, [place for place in axes if place.figure is not None], "depth (m)")
    return figure


def frameless(axes: Any, titles: Sequence[str] = ()) -> None:
    """Pictures without ticks and frames, with a title over each of the first row.

    Args:
        axes: of a figure, in rows.
        titles: one for each column, or none.
    """
    rows = np.atleast_2d(axes)
    for place in rows.flat:
        place.axis("off")
    for place, title in zip(rows[0], titles, strict=True) if titles else ():
        place.set_title(title)


def badge(place: Axes, text: str) -> None:
    """A number in a picture's lower left corner, readable on any colours."""
    box = {"facecolor": "black", "alpha": 0.6, "pad": 2, "edgecolor": "none"}
    place.text(0.03, 0.05, text, transform=place.transAxes, color="white", fontsize=10, weight="bold", bbox=box)
