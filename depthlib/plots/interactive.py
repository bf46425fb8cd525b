"""Figures to turn and to slide, made by plotly; they need no kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from depthlib.errors import DepthError
from depthlib.plots.panels import (
    as_array,
    as_image,
    range_of,
)

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from depthlib.plots.panels import Image


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

    metres, colours = as_image(depth, "depth", 1), as_image(rgb, "rgb", 3)
    as_tensor = [torch.as_tensor(np.ascontiguousarray(a), dtype=torch.float32) for a in (metres, as_array(K), colours)]
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

    arrays = (as_image(depth, "depth", 1), as_array(K), as_image(rgb, "rgb", 3))
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

    maps = {stop: as_image(depth, stop, 1)[0] for stop, depth in states.items()}
    low, high = limits or range_of(list(maps.values()))
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
