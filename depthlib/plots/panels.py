"""What every picture of a map is made of: inputs checked, axes in a grid, one panel drawn, its colour bar."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from depthlib.errors import DepthError
from depthlib.plots.style import DEPTH_COLOURS, ERROR_COLOURS, MISSING, STYLE, WIDTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor

    Image = Tensor | NDArray[Any]


def as_array(values: Any) -> NDArray[np.float64]:
    """A tensor of any device, or an array, as float64."""
    if hasattr(values, "detach"):
        values = values.detach().float().cpu().numpy()
    return np.asarray(values, dtype=np.float64)


def as_image(values: Any, name: str, channels: int | None = None) -> NDArray[np.float64]:
    """[3, H, W] or [1, H, W] as float64, or a DepthError that says what came instead."""
    array = as_array(values)
    wanted = {
        3: "RGB [3, H, W] in [0, 1]",
        1: "depth [1, H, W] in metres",
        None: "RGB [3, H, W] or depth [1, H, W]",
    }
    if array.ndim == 4:
        raise DepthError(
            f"plot of {name!r}: got a batch of shape {array.shape}; expected {wanted[channels]}. Take one: x[0]."
        )
    if array.ndim != 3 or array.shape[0] not in ((1, 3) if channels is None else (channels,)):
        hint = (
            " Move the channels first: x.transpose(2, 0, 1)." if array.ndim == 3 and array.shape[-1] in (1, 3) else ""
        )
        hint = " Add the channel: x[None]." if array.ndim == 2 else hint
        raise DepthError(f"plot of {name!r}: got shape {array.shape}; expected {wanted[channels]}.{hint}")
    if len(array) == 3 and array.size and (array.max() > 1.5 or array.min() < -0.5):
        raise DepthError(f"plot of {name!r}: colours run from {array.min():.3g} to {array.max():.3g}; expected [0, 1].")
    return array


def titled(panels: Any, titles: str | Sequence[str] | None) -> list[tuple[str, Any]]:
    """Panels with their titles, however they were given."""
    if isinstance(panels, Mapping):
        pairs = [(str(title), image) for title, image in panels.items()]
    else:
        images = list(panels) if isinstance(panels, list | tuple) else [panels]
        names = [titles] if isinstance(titles, str) else list(titles or [""] * len(images))
        if len(names) != len(images):
            raise DepthError(f"show: {len(images)} panels but {len(names)} titles; give one title for each panel.")
        pairs = list(zip(names, images, strict=True))
    if not pairs:
        raise DepthError("show: no panels; give at least one image.")
    return pairs


def range_of(depths: Sequence[NDArray[np.float64]]) -> tuple[float, float]:
    """Nearest and farthest known metres of all, for one scale."""
    known = [depth[np.isfinite(depth) & (depth > 0)] for depth in depths]
    values = np.concatenate(known) if known else np.array([])
    if values.size == 0:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low * 0.9, low * 1.1)


def reach_of(ratios: Sequence[NDArray[np.float64]]) -> float:
    """The size that 99 % of the values stay under, for a scale with zero in its middle."""
    known = np.concatenate([np.abs(ratio[np.isfinite(ratio)]) for ratio in ratios])
    return max(float(np.percentile(known, 99)), 1e-3) if known.size else 1.0


def grid(
    images: Sequence[NDArray[np.float64]], columns: int, bar: bool, titles: bool = True
) -> tuple[Figure, list[Axes]]:
    """Axes for images of about the first one's shape, in rows; unused ones are removed."""
    import matplotlib.pyplot as plt

    rows = -(-len(images) // columns)
    ratio = images[0].shape[-2] / images[0].shape[-1]
    cell = (WIDTH - (0.8 if bar else 0.0)) / columns
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            rows,
            columns,
            figsize=(WIDTH, rows * (cell * ratio + (0.32 if titles else 0.06))),
            squeeze=False,
            layout="constrained",
        )
        plt.close(figure)
    flat = list(axes.flat)
    for place in flat:
        place.set_xticks([])
        place.set_yticks([])
        place.grid(False)
        for spine in place.spines.values():
            spine.set_visible(False)
    for place in flat[len(images) :]:
        place.remove()
    return figure, flat[: len(images)]


def set_title(place: Axes, title: str, columns: int) -> None:
    """A title that wraps where its panel ends."""
    place.set_title("\n".join(textwrap.wrap(title, max(8, 72 // columns))))


def draw_rgb(place: Axes, image: NDArray[np.float64]) -> None:
    """A photograph [3, H, W]."""
    place.imshow(image.clip(0, 1).transpose(1, 2, 0))


def _hatch_missing(place: Axes, known: NDArray[np.bool_]) -> None:
    if known.all():
        return
    from matplotlib.patches import Rectangle

    height, width = known.shape
    place.add_patch(Rectangle((-0.5, -0.5), width, height, facecolor=MISSING, edgecolor="#8c8c8c", hatch="////",
                              linewidth=0, zorder=0))  # fmt: skip


def draw_depth(place: Axes, depth: NDArray[np.float64], limits: tuple[float, float]) -> Any:
    """Metres [H, W], bright = near, missing ones hatched."""
    known = np.isfinite(depth) & (depth > 0)
    _hatch_missing(place, known)
    return place.imshow(np.ma.masked_where(~known, depth), cmap=DEPTH_COLOURS, vmin=limits[0], vmax=limits[1], zorder=1)


def draw_signed(place: Axes, values: NDArray[np.float64], reach: float) -> Any:
    """Signed values [H, W], red above zero, blue below, NaN hatched."""
    known = np.isfinite(values)
    _hatch_missing(place, known)
    return place.imshow(np.ma.masked_where(~known, values), cmap=ERROR_COLOURS, vmin=-reach, vmax=reach, zorder=1)


def add_bar(figure: Figure, drawn: Any, axes: Sequence[Axes], label: str) -> None:
    """One colour bar for all of them."""
    bar = figure.colorbar(drawn, ax=list(axes), fraction=0.05, pad=0.02, aspect=24, extend="neither")
    bar.set_label(label)
    bar.outline.set_visible(False)
    if label.startswith("depth"):
        bar.ax.invert_yaxis()  # near, which is bright, on top
