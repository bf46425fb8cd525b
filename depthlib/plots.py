"""Pictures of depth: the same colours, units and missing-value mark everywhere.

Depth is drawn near = bright with a perceptually uniform map, missing depth in hatched grey, errors in signed
red and blue. Static figures are matplotlib figures on a white card, readable on light and dark pages; interactive ones
are plotly figures that need no kernel. Both are imported only when a function is called (extra ``plots``).

Images are tensors or arrays: RGB [3, H, W] in [0, 1], depth [1, H, W] metres with 0 = missing.
"""

from __future__ import annotations

import hashlib
import html
import itertools
import os
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from depthlib.errors import DepthError

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor

    Image = Tensor | NDArray[Any]

#: Bright = near. The same map as a list of colours for plotly is called "Viridis_r".
DEPTH_COLOURS = "viridis_r"
ERROR_COLOURS = "RdBu_r"
#: Okabe and Ito's colours, which most colour-blind readers can tell apart, without the yellow that white hides.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
MISSING = "#d4d4d4"
STYLE: Any = {
    "figure.facecolor": "white", "axes.facecolor": "white", "savefig.facecolor": "white",
    "figure.dpi": 144, "savefig.dpi": 144,
    "font.size": 10, "axes.titlesize": 11, "axes.labelsize": 10, "xtick.labelsize": 9, "ytick.labelsize": 9,
    "legend.fontsize": 9, "legend.frameon": False,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "#e4e4e4",
    "axes.axisbelow": True, "image.interpolation": "nearest", "hatch.linewidth": 0.6,
}  # fmt: skip
WIDTH = 7.2  # inches: the text column
REMOVED = ["sendDataToCloud", "select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "tableRotation"]


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
    named = _named(panels, titles)
    images = [_image(image, title or f"panel {i}") for i, (title, image) in enumerate(named)]
    depths = [image[0] for image in images if len(image) == 1]
    scale = limits or _limits(depths)
    columns = columns or min(len(images), 4)
    figure, axes = _grid(images, columns, bar=bool(depths))
    drawn = None
    for place, (title, _), image in zip(axes, named, images, strict=True):
        _title(place, title, columns)
        if len(image) == 3:
            _draw_rgb(place, image)
        else:
            drawn = _draw_depth(place, image[0], scale)
    if drawn is not None:
        _bar(figure, drawn, axes, label)
    return figure


def colorize(depth: Image, limits: tuple[float, float] | None = None) -> NDArray[np.uint8]:
    """A depth map [1, H, W] as colours [H, W, 3] uint8: near = bright, missing = grey. For files, not for reading.

    >>> colorize(np.array([[[1.0, 2.0, 0.0]]]))[0].tolist()
    [[253, 231, 37], [68, 1, 84], [212, 212, 212]]
    """
    from matplotlib import colormaps, colors

    metres = _image(depth, "depth", 1)[0]
    known = np.isfinite(metres) & (metres > 0)
    low, high = limits or _limits([metres])
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
    photograph, true = _image(rgb, "rgb", 3), _image(truth, "truth", 1)
    made = {name: _image(depth, name, 1) for name, depth in predictions.items()}
    if not made:
        raise DepthError("compare: no predictions; give {name: depth}.")
    scale = limits or _limits([true[0]])
    columns = 1 + len(made) if errors else min(2 + len(made), 4)
    count = 2 * columns if errors else 2 + len(made)
    figure, axes = _grid([photograph] * count, columns, bar=True)
    top, bottom = axes[:columns], axes[columns:]
    if errors:
        _draw_rgb(top[0], photograph)
        top[0].set_title("picture")
        drawn = _draw_depth(bottom[0], true[0], scale)
        bottom[0].set_title("true depth")
        ratios = {name: log_ratio(depth, true) for name, depth in made.items()}
        reach = _reach(list(ratios.values()))
        signed = None
        for place, under, (name, depth) in zip(top[1:], bottom[1:], made.items(), strict=True):
            _draw_depth(place, depth[0], scale)
            _title(place, name, columns)
            signed = _draw_signed(under, ratios[name], reach)
            _title(under, f"error of {name}", columns)
        assert signed is not None
        _bar(figure, drawn, top, "depth (m)")
        _bar(figure, signed, bottom, "log(prediction / truth)")
        return figure
    _draw_rgb(axes[0], photograph)
    axes[0].set_title("picture")
    for place, (name, depth) in zip(axes[1:], {"true depth": true, **made}.items(), strict=False):
        drawn = _draw_depth(place, depth[0], scale)
        _title(place, name, columns)
    _bar(figure, drawn, axes, "depth (m)")
    return figure


def log_ratio(prediction: Image, truth: Image) -> NDArray[np.float64]:
    """log(prediction / truth) [H, W], NaN where either is missing; the prediction is resampled to the nearest pixel.

    >>> log_ratio(np.full((1, 1, 1), 2.0), np.array([[[1.0, 0.0]]])).round(3)
    array([[0.693,   nan]])
    """
    made, true = _image(prediction, "prediction", 1)[0], _image(truth, "truth", 1)[0]
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
    figure, axes = _grid([ratio[None]], 1, bar=True)
    axes[0].set_title(title)
    _bar(figure, _draw_signed(axes[0], ratio, reach or _reach([ratio])), axes, "log(prediction / truth)")
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


def curves(history: Sequence[Mapping[str, Any]], *, x: str = "samples", smooth: int | None = None) -> Figure:
    """Training and validation loss, from the history of :class:`depthlib.training.Run`.

    Args:
        history: one dict a step with ``loss``, and where measured ``validation``; ``phase`` splits the plot into panels.
        x: the horizontal key, ``samples`` or ``step``; steps are counted when it is missing.
        smooth: steps of the running mean drawn over the raw training loss; default: a fortieth of the phase.

    >>> curves([{"step": 0, "loss": 2.0}, {"step": 1, "loss": 1.0, "validation": 1.5}], x="step").axes[0].get_xlabel()
    'step'
    """
    if not history:
        raise DepthError("curves: the history is empty; train for at least one step.")
    import matplotlib.pyplot as plt

    phases: dict[str, list[Mapping[str, Any]]] = {}
    for entry in history:
        phases.setdefault(str(entry.get("phase", "")), []).append(entry)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(phases), figsize=(WIDTH, 2.9), squeeze=False, layout="constrained")
        for place, (phase, entries) in zip(axes[0], phases.items(), strict=True):
            at = np.array([entry.get(x, i) for i, entry in enumerate(entries)], dtype=float)
            loss = np.array([entry.get("loss", np.nan) for entry in entries], dtype=float)
            window = smooth or max(1, len(loss) // 40)
            many = window > 1
            place.plot(at, loss, color=PALETTE[0], alpha=0.3 if many else 1.0, linewidth=1.0 if many else 1.6,
                       label=None if many else "training")  # fmt: skip
            if many:
                mean = np.convolve(loss, np.ones(window) / window, mode="valid")
                place.plot(at[window - 1 :], mean, color=PALETTE[0], linewidth=1.8,
                           label=f"training (mean of {window} steps)")  # fmt: skip
            pairs = [(a, entry.get("validation")) for a, entry in zip(at, entries, strict=True)]
            held = np.array([pair for pair in pairs if pair[1] is not None], dtype=float)
            if len(held):
                place.plot(held[:, 0], held[:, 1], color=PALETTE[1], marker="o", markersize=4, linewidth=1.6,
                           label="validation")  # fmt: skip
            place.set_title(phase)
            place.set_xlabel("training samples seen" if x == "samples" else x)
            place.legend()
        axes[0][0].set_ylabel("loss")
        plt.close(figure)
    return figure


def sweep(lines: Sequence[Any], figures: Sequence[str] = ("abs_rel", "rmse", "scale_invariant_rmse")) -> Figure:
    """What a sweep found: a panel a figure, the first parameter along the axis, a curve for each value of the others.

    Args:
        lines: of :func:`depthlib.sweep.summary`; bars are the standard deviation over seeds.
        figures: names of metrics that the lines have.

    Raises:
        DepthError: no line, or a figure that was not scored.
    """
    if not lines:
        raise DepthError("sweep: no line to draw; run the sweep first.")
    missing = [name for name in figures if name not in lines[0].mean]
    if missing:
        raise DepthError(f"sweep: no figure {missing[0]!r}; there are {', '.join(lines[0].mean)}.")
    import matplotlib.pyplot as plt

    first = next(iter(lines[0].parameters), "")
    values = list(dict.fromkeys(str(line.parameters.get(first, "")) for line in lines))
    numbers = all(type(line.parameters.get(first)) in (int, float) for line in lines)
    curves: dict[str, list[Any]] = {}
    for line in lines:
        rest = ", ".join(f"{key} = {value}" for key, value in line.parameters.items() if key != first)
        curves.setdefault(rest, []).append(line)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(figures), figsize=(WIDTH, 2.7), squeeze=False, layout="constrained")
        for place, name in zip(axes[0], figures, strict=True):
            for colour, (rest, each) in zip(itertools.cycle(PALETTE), curves.items(), strict=False):
                at = [
                    line.parameters[first] if numbers else values.index(str(line.parameters.get(first, "")))
                    for line in each
                ]
                place.errorbar(at, [line.mean[name] for line in each], [line.spread[name] or 0.0 for line in each],
                               color=colour, marker="o", markersize=4, linewidth=1.4, capsize=3, label=rest or None)  # fmt: skip
            if not numbers:
                place.set_xticks(range(len(values)), values)
            place.set(title=name.replace("_", " "), xlabel=first.rpartition(".")[2])
        if len(curves) > 1:
            axes[0][0].legend()
        plt.close(figure)
    return figure


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
    array = _array(weights)
    if array.ndim == 2 and array.shape[0] == size[0] * size[1] != array.shape[1]:
        array = array.T
    if array.size % (size[0] * size[1]) or array.ndim not in (2, 3):
        raise DepthError(f"templates: weights are {array.shape}; expected [N, {size[0] * size[1]}] for size {size}.")
    array = array.reshape(-1, *size)
    array = array[np.argsort(-np.linalg.norm(array.reshape(len(array), -1), axis=1), kind="stable")[:count]]
    figure, axes = _grid([image[None] for image in array], min(columns, len(array)), bar=False, titles=False)
    for place, image in zip(axes, array, strict=False):
        reach = float(np.abs(image).max()) or 1.0
        place.imshow(image, cmap=ERROR_COLOURS, vmin=-reach, vmax=reach)
    return figure


def filters(weights: Image, columns: int = 12) -> Figure:
    """First-layer convolution kernels, [N, 3, h, w], as little colour images, each stretched to its own range.

    >>> len(filters(np.zeros((6, 3, 5, 5)), columns=3).axes)
    6
    """
    array = _array(weights)
    if array.ndim != 4 or array.shape[1] != 3:
        raise DepthError(f"filters: weights are {array.shape}; expected [N, 3, h, w], the first layer of a network.")
    figure, axes = _grid(list(array), min(columns, len(array)), bar=False, titles=False)
    for place, kernel in zip(axes, array, strict=False):
        low, high = kernel.min(), kernel.max()
        _draw_rgb(place, (kernel - low) / (high - low) if high > low else np.full_like(kernel, 0.5))
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
    colours = [_image(sample["rgb"], f"sample {i}", 3) for i, sample in enumerate(samples)]
    depths = [_image(sample["depth"], f"sample {i}", 1) for i, sample in enumerate(samples)]
    scale = limits or _limits([depth[0] for depth in depths])
    rows = -(-len(samples) // columns)
    figure, axes = _grid([colours[0]] * (2 * rows * columns), columns, bar=True, titles=columns <= 4)
    drawn = None
    for i, sample in enumerate(samples):
        upper = 2 * (i // columns) * columns + i % columns
        _draw_rgb(axes[upper], colours[i])
        drawn = _draw_depth(axes[upper + columns], depths[i][0], scale)
        if columns <= 4 and sample.get("name"):
            axes[upper].set_title(str(sample["name"]), fontsize=9)
    for i in range(len(samples), rows * columns):
        for place in (
            axes[2 * (i // columns) * columns + i % columns],
            axes[(2 * (i // columns) + 1) * columns + i % columns],
        ):
            place.remove()
    assert drawn is not None
    _bar(figure, drawn, [place for place in axes if place.figure is not None], "depth (m)")
    return figure


# --- interactive ----------------------------------------------------------------------------------------------------


def point_cloud(
    depth: Image, K: Image, rgb: Image, max_points: int = 20_000, title: str = "", alt: str = ""
) -> go.Figure:
    """A depth map as coloured points in space, to turn with the mouse; works in a page with no kernel.

    Args:
        depth: [1, H, W] metres, 0 = missing.
        K: [3, 3] pixels.
        rgb: [3, H, W] in [0, 1].
        max_points: at most so many points, evenly spaced over the image (20 000 weigh 0.7 MB in the page).
        title: above the figure, or nothing.
        alt: what it shows, for those who cannot see it.

    >>> figure = point_cloud(np.ones((1, 4, 4)), np.eye(3), np.zeros((3, 4, 4)), max_points=8)
    >>> len(figure.data[0].x) <= 8
    True
    """
    import plotly.graph_objects as go
    import torch

    from depthlib.pointcloud import colored_points

    metres, colours = _image(depth, "depth", 1), _image(rgb, "rgb", 3)
    as_tensor = [torch.as_tensor(np.ascontiguousarray(a), dtype=torch.float32) for a in (metres, _array(K), colours)]
    points, shades = (t.numpy() for t in colored_points(*as_tensor))
    if len(points) == 0:
        raise DepthError("point_cloud: every depth is 0 (missing); there is nothing to draw.")
    step = max(1, -(-len(points) // max_points))
    points, shades = points[::step], (shades[::step].clip(0, 1) * 255).round().astype(int)
    x, y, z = points.T.round(3)
    figure = go.Figure(
        go.Scatter3d(
            x=x, y=z, z=-y, mode="markers", hovertemplate="%{y:.2f} m deep<extra></extra>",
            marker={"size": 1.7, "color": [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in shades]},
        )
    )  # fmt: skip
    return _in_space(
        figure, alt or title or "Interactive point cloud: the photograph's pixels placed at their depth", title
    )


def surface(
    depth: Image, K: Image, rgb: Image, tear: float = 0.1, max_points: int = 12_000, title: str = "", alt: str = ""
) -> go.Figure:
    """A depth map as a coloured surface, torn where depth jumps, to turn with the mouse; works in a page with no kernel.

    Args:
        depth: [1, H, W] metres, 0 = missing.
        K: [3, 3] pixels.
        rgb: [3, H, W] in [0, 1].
        tear: see :func:`depthlib.pointcloud.surface`.
        max_points: the map is thinned to at most so many.
        title: above the figure, or nothing.
        alt: what it shows, for those who cannot see it.

    >>> figure = surface(np.ones((1, 4, 4)), np.eye(3), np.zeros((3, 4, 4)))
    >>> len(figure.data[0].i)
    18
    """
    import plotly.graph_objects as go
    import torch

    from depthlib import pointcloud

    arrays = (_image(depth, "depth", 1), _array(K), _image(rgb, "rgb", 3))
    metres, lens, colours = (torch.as_tensor(np.ascontiguousarray(a), dtype=torch.float32) for a in arrays)
    points, shades, triangles = (t.numpy() for t in pointcloud.surface(metres, lens, colours, tear, max_points))
    if len(triangles) == 0:
        raise DepthError("surface: no three neighbouring pixels with a depth; there is nothing to draw.")
    x, y, z = points.T.round(3)
    i, j, k = triangles.T
    shades = (shades.clip(0, 1) * 255).round().astype(int)
    figure = go.Figure(
        go.Mesh3d(
            x=x, y=z, z=-y, i=i, j=j, k=k, vertexcolor=[f"#{r:02x}{g:02x}{b:02x}" for r, g, b in shades],
            lighting={"ambient": 1, "diffuse": 0, "specular": 0}, hovertemplate="%{y:.2f} m deep<extra></extra>",
        )
    )  # fmt: skip
    return _in_space(
        figure, alt or title or "Interactive surface: the photograph's pixels joined at their depth", title
    )


def slider_figure(
    states: Mapping[str, Sequence[Any]],
    name: str = "",
    *,
    layout: Mapping[str, Any] | None = None,
    start: int = 0,
    alt: str = "",
) -> go.Figure:
    """A figure with a slider over states computed beforehand, so that it works in a page with no kernel.

    Args:
        states: the slider's stops → the plotly traces shown there.
        name: what the slider changes, such as "λ".
        layout: anything of plotly's layout.
        start: number of the first stop shown.
        alt: what the figure shows, in words.
    """
    import plotly.graph_objects as go

    if not states:
        raise DepthError("slider_figure: no states; give {stop: traces}.")
    figure = go.Figure()
    owner = []
    for stop, traces in states.items():
        for trace in traces:
            figure.add_trace(trace)
            owner.append(stop)
    stops = list(states)
    start = range(len(stops))[start]
    for trace, stop in zip(figure.data, owner, strict=True):
        trace.visible = stop == stops[start]
    steps = [
        {"method": "restyle", "label": str(stop), "args": [{"visible": [o == stop for o in owner]}]} for stop in stops
    ]
    figure.update_layout(
        sliders=[{"active": start, "currentvalue": {"prefix": f"{name} = " if name else ""}, "steps": steps, "pad": {"t": 36}}],
        margin={"l": 50, "r": 20, "t": 30, "b": 40}, meta={"alt": alt or f"Interactive figure with a slider over {name or 'its states'}"},
    )  # fmt: skip
    figure.update_layout(dict(layout or {}))
    return figure


def depth_slider(
    states: Mapping[str, Image],
    name: str = "",
    *,
    limits: tuple[float, float] | None = None,
    start: int = 0,
    alt: str = "",
) -> go.Figure:
    """Depth maps behind a slider, on one scale; hovering tells the metres.

    Args:
        states: the slider's stops → depth [1, H, W] metres. Maps are thinned so that all together stay under 2 MB.

    >>> figure = depth_slider({"0": np.ones((1, 4, 6)), "1": np.full((1, 4, 6), 2.0)}, "λ", start=-1)
    >>> [trace.visible for trace in figure.data]
    [False, True]
    """
    import plotly.graph_objects as go

    maps = {stop: _image(depth, stop, 1)[0] for stop, depth in states.items()}
    low, high = limits or _limits(list(maps.values()))
    total = sum(depth.size for depth in maps.values())
    step = max(1, int(np.ceil(np.sqrt(total / 350_000))))
    traces = {
        stop: [
            go.Heatmap(
                z=np.where(depth > 0, depth, np.nan)[::step, ::step].astype(np.float32), zmin=low, zmax=high,
                colorscale="Viridis_r", colorbar={"title": "m"}, hovertemplate="%{z:.2f} m<extra></extra>",
            )
        ]
        for stop, depth in maps.items()
    }  # fmt: skip
    axis = {"visible": False}
    return slider_figure(traces, name, start=start, alt=alt,
                  layout={"xaxis": axis | {"constrain": "domain"},
                          "yaxis": axis | {"scaleanchor": "x", "autorange": "reversed"}})  # fmt: skip


def _in_space(figure: go.Figure, alt: str, title: str) -> go.Figure:
    """Axes in metres, seen from behind the camera."""
    figure.update_layout(
        title=title or None, margin={"l": 0, "r": 0, "t": 40 if title else 0, "b": 0}, showlegend=False,
        meta={"alt": alt},
        scene={
            "aspectmode": "data", "camera": {"eye": {"x": 0.35, "y": -1.9, "z": 0.6}},
            "xaxis": {"title": "right (m)"}, "yaxis": {"title": "depth (m)"}, "zaxis": {"title": "up (m)"},
        },
    )  # fmt: skip
    return figure


def _use_book_renderer() -> None:
    """Plotly figures as JSON in a fragment with a content-made id; book/_static/plotly-figures.js draws it when it is near."""
    try:
        import plotly.io
        from plotly.io.base_renderers import MimetypeRenderer
        from plotly.io.json import to_json_plotly
    except ImportError:
        return

    class BookRenderer(MimetypeRenderer):
        def to_mimebundle(self, fig_dict: dict[str, Any]) -> dict[str, str]:
            layout = fig_dict.get("layout", {})
            config = {"responsive": True, "displaylogo": False, "modeBarButtonsToRemove": REMOVED}
            alt = (
                (layout.get("meta") or {}).get("alt") or (layout.get("title") or {}).get("text") or "Interactive figure"
            )
            drawing = to_json_plotly({"data": fig_dict.get("data", []), "layout": layout, "config": config})
            ident = "fig-" + hashlib.sha256(drawing.encode()).hexdigest()[:12]
            drawing = drawing.replace("</", "<\\/")  # or a text could end the script
            said = html.escape(alt)
            return {
                "text/html": f'<div class="depth-plotly" role="figure" aria-label="{said}">'
                f'<div id="{ident}" class="plotly-graph-div" style="height:{layout.get("height", 440)}px"></div>'
                f"<noscript><p>{said} (An interactive figure: it needs JavaScript.)</p></noscript>"
                f'<script type="application/json">{drawing}</script></div>'
            }

    plotly.io.renderers["book"] = BookRenderer()
    plotly.io.renderers.default = "book"


# --- drawing --------------------------------------------------------------------------------------------------------


def _array(values: Any) -> NDArray[np.float64]:
    if hasattr(values, "detach"):
        values = values.detach().float().cpu().numpy()
    return np.asarray(values, dtype=np.float64)


def _image(values: Any, name: str, channels: int | None = None) -> NDArray[np.float64]:
    """[3, H, W] or [1, H, W] as float64, or a DepthError that says what came instead."""
    array = _array(values)
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


def _named(panels: Any, titles: str | Sequence[str] | None) -> list[tuple[str, Any]]:
    """Panels with their titles, however they were given."""
    if isinstance(panels, Mapping):
        return _some([(str(title), image) for title, image in panels.items()])
    images = list(panels) if isinstance(panels, list | tuple) else [panels]
    names = [titles] if isinstance(titles, str) else list(titles or [""] * len(images))
    if len(names) != len(images):
        raise DepthError(f"show: {len(images)} panels but {len(names)} titles; give one title for each panel.")
    return _some(list(zip(names, images, strict=True)))


def _some(named: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    if not named:
        raise DepthError("show: no panels; give at least one image.")
    return named


def _limits(depths: Sequence[NDArray[np.float64]]) -> tuple[float, float]:
    known = [depth[np.isfinite(depth) & (depth > 0)] for depth in depths]
    values = np.concatenate(known) if known else np.array([])
    if values.size == 0:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low * 0.9, low * 1.1)


def _reach(ratios: Sequence[NDArray[np.float64]]) -> float:
    known = np.concatenate([np.abs(ratio[np.isfinite(ratio)]) for ratio in ratios])
    return max(float(np.percentile(known, 99)), 1e-3) if known.size else 1.0


def _grid(
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


def _title(place: Axes, title: str, columns: int) -> None:
    """A title that wraps where its panel ends."""
    place.set_title("\n".join(textwrap.wrap(title, max(8, 72 // columns))))


def _draw_rgb(place: Axes, image: NDArray[np.float64]) -> None:
    place.imshow(image.clip(0, 1).transpose(1, 2, 0))


def _hatch_missing(place: Axes, known: NDArray[np.bool_]) -> None:
    if known.all():
        return
    from matplotlib.patches import Rectangle

    height, width = known.shape
    place.add_patch(Rectangle((-0.5, -0.5), width, height, facecolor=MISSING, edgecolor="#8c8c8c", hatch="////",
                              linewidth=0, zorder=0))  # fmt: skip


def _draw_depth(place: Axes, depth: NDArray[np.float64], limits: tuple[float, float]) -> Any:
    known = np.isfinite(depth) & (depth > 0)
    _hatch_missing(place, known)
    return place.imshow(np.ma.masked_where(~known, depth), cmap=DEPTH_COLOURS, vmin=limits[0], vmax=limits[1], zorder=1)


def _draw_signed(place: Axes, values: NDArray[np.float64], reach: float) -> Any:
    known = np.isfinite(values)
    _hatch_missing(place, known)
    return place.imshow(np.ma.masked_where(~known, values), cmap=ERROR_COLOURS, vmin=-reach, vmax=reach, zorder=1)


def _bar(figure: Figure, drawn: Any, axes: Sequence[Axes], label: str) -> None:
    bar = figure.colorbar(drawn, ax=list(axes), fraction=0.05, pad=0.02, aspect=24, extend="neither")
    bar.set_label(label)
    bar.outline.set_visible(False)
    if label.startswith("depth"):
        bar.ax.invert_yaxis()  # near, which is bright, on top


if os.environ.get("DEPTHLIB_BOOK"):
    _use_book_renderer()
