"""Pictures of depth: what a reader may conclude from one must be true of the numbers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
import torch

matplotlib.use("agg")
from matplotlib.collections import QuadMesh
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from depthlib import camera, plots
from depthlib.errors import DepthError

RGB = torch.rand(3, 12, 16, generator=torch.Generator().manual_seed(0))
DEPTH = 1 + torch.arange(12 * 16, dtype=torch.float32).reshape(1, 12, 16) / 50


def pictures(figure) -> list[AxesImage]:
    return [image for axes in figure.axes for image in axes.get_images()]


def test_equal_colours_are_equal_metres_in_every_panel():
    near, far = pictures(plots.show({"near": DEPTH, "far": DEPTH * 3}))[:2]
    assert near.get_clim() == far.get_clim() == pytest.approx((1.0, float(DEPTH.max()) * 3))
    assert np.allclose(near.to_rgba(np.array([2.0])), far.to_rgba(np.array([2.0])))


def test_near_is_brighter_than_far():
    image = pictures(plots.show(DEPTH))[0]
    near, far = image.to_rgba(np.array(image.get_clim()))[:, :3].mean(axis=1)
    assert near > far


def test_missing_depth_is_hatched_grey_and_never_a_distance():
    depth = DEPTH.clone()
    depth[0, 2:4, 2:4] = 0
    figure = plots.show({"whole": DEPTH, "holes": depth})
    whole, holes = figure.axes[:2]
    hatched = [[p for p in axes.patches if isinstance(p, Rectangle) and p.get_hatch()] for axes in (whole, holes)]
    assert [len(patches) for patches in hatched] == [0, 1]
    image = holes.get_images()[0]
    assert int(np.ma.getmaskarray(image.get_array()).sum()) == 4
    assert image.get_clim()[0] == pytest.approx(1.0)  # zero is no metres


def test_the_scale_is_given_once_in_metres():
    figure = plots.show({"a": DEPTH, "b": DEPTH, "photograph": RGB})
    bars = [axes for axes in figure.axes if any(isinstance(c, QuadMesh) for c in axes.collections)]
    assert [axes.get_ylabel() for axes in bars] == ["depth (m)"]


def test_an_error_is_red_where_too_far_and_blue_where_too_near():
    truth = torch.full((1, 4, 4), 2.0)
    guess = truth.clone()
    guess[0, :, :2], guess[0, :, 2:] = 3.0, 1.0
    image = pictures(plots.error_map(guess, truth))[0]
    low, high = image.get_clim()
    assert low == -high
    red, _, blue, _ = image.to_rgba(np.array([np.log(1.5)]))[0]
    assert red > blue
    red, _, blue, _ = image.to_rgba(np.array([np.log(0.5)]))[0]
    assert blue > red


def test_the_error_of_a_smaller_prediction_is_measured_at_the_truths_size():
    truth = torch.full((1, 8, 8), 2.0)
    assert np.allclose(plots.log_ratio(torch.full((1, 4, 4), 2.0), truth), np.zeros((8, 8)))


def test_doubling_a_prediction_shifts_the_log_ratio_by_log_two():
    once, twice = plots.log_ratio(DEPTH * 0.9, DEPTH), plots.log_ratio(DEPTH * 1.8, DEPTH)
    assert np.allclose(twice - once, np.log(2))


def test_training_curves_show_every_validation_and_a_panel_a_phase():
    history = [{"phase": phase, "samples": 8 * i, "loss": 1 / (i + 1), **({"validation": 1.0} if i % 10 == 9 else {})}
               for phase in ("coarse", "fine") for i in range(30)]  # fmt: skip
    figure = plots.curves(history)
    assert [axes.get_title() for axes in figure.axes] == ["coarse", "fine"]
    held = next(line for line in figure.axes[0].get_lines() if line.get_label() == "validation")
    assert list(held.get_xdata()) == [72, 152, 232]


def test_templates_are_drawn_on_signed_scales():
    weights = torch.randn(30, 12, generator=torch.Generator().manual_seed(0))
    for image in pictures(plots.templates(weights, (3, 4), count=6)):
        low, high = image.get_clim()
        assert low == -high


def test_pictures_stand_without_frames_under_one_row_of_titles():
    import matplotlib.pyplot as plt

    axes = plt.subplots(2, 3)[1]
    plots.frameless(axes, ("a", "b", "c"))
    plots.badge(axes[1, 0], "0.12")
    assert not any(place.axison for place in axes.flat)
    assert [place.get_title() for place in axes.flat] == ["a", "b", "c", "", "", ""]
    assert [text.get_text() for text in axes[1, 0].texts] == ["0.12"]
    with pytest.raises(ValueError, match="shorter"):
        plots.frameless(axes, ("a",))
    row = plt.subplots(1, 2)[1]
    plots.frameless(row)
    assert not any(place.axison for place in row)
    plt.close("all")


def test_text_is_at_least_nine_points():
    figure = plots.compare(RGB, {"coarse": DEPTH, "fine": DEPTH * 1.1}, DEPTH)
    sizes = [
        label.get_fontsize()
        for axes in figure.axes
        for label in (axes.title, axes.yaxis.label, *axes.get_yticklabels())
    ]
    assert min(sizes) >= 9


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (torch.zeros(2, 3, 4, 5), "got a batch of shape (2, 3, 4, 5)"),
        (torch.zeros(4, 5, 3), "Move the channels first"),
        (torch.zeros(4, 5), "Add the channel"),
        (torch.full((3, 4, 5), 255.0), "expected [0, 1]"),
    ],
)
def test_what_is_not_an_image_is_refused_in_words(values: torch.Tensor, said: str):
    with pytest.raises(DepthError) as error:
        plots.show({"x": values})
    assert said in str(error.value)


def test_nothing_to_draw_is_refused():
    for call in (lambda: plots.show({}), lambda: plots.curves([]), lambda: plots.contact_sheet([]),
                 lambda: plots.compare(RGB, {}, DEPTH)):  # fmt: skip
        with pytest.raises(DepthError):
            call()


def test_tensors_and_arrays_give_the_same_picture():
    first, second = (pictures(plots.show({"d": d}))[0].get_array() for d in (DEPTH, DEPTH.numpy()))
    assert np.array_equal(first, second)


def test_a_point_cloud_keeps_metres_and_is_thinned():
    K = camera.from_field_of_view(12, 16, 60)
    figure = plots.point_cloud(DEPTH, K, RGB, max_points=50)
    cloud = figure.data[0]
    assert 25 <= len(cloud.x) <= 50
    assert min(cloud.y) >= 1.0 and max(cloud.y) <= float(DEPTH.max()) + 1e-3
    with pytest.raises(DepthError, match="missing"):
        plots.point_cloud(DEPTH * 0, K, RGB)


def test_a_slider_shows_one_state_at_a_time_on_one_scale():
    figure = plots.depth_slider({"0": DEPTH, "1": DEPTH * 2}, "λ")
    assert [trace.visible for trace in figure.data] == [True, False]
    assert len({(trace.zmin, trace.zmax) for trace in figure.data}) == 1
    assert [step.args[0]["visible"] for step in figure.layout.sliders[0].steps] == [(True, False), (False, True)] or [
        list(step.args[0]["visible"]) for step in figure.layout.sliders[0].steps
    ] == [[True, False], [False, True]]


def test_drawing_libraries_are_imported_only_when_something_is_drawn():
    code = "import sys, depthlib.plots; sys.exit(bool({'matplotlib', 'plotly'} & set(sys.modules)))"
    environment = {key: value for key, value in os.environ.items() if key != "DEPTHLIB_BOOK"}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0


def test_in_the_book_a_figure_is_a_bare_fragment_with_a_name_made_from_its_content():
    code = (
        "import plotly.io, numpy as np\nfrom depthlib import plots\n"
        "f = plots.depth_slider({'0': np.ones((1, 4, 6))}, 'scale', alt='A \"flat\" wall')\n"
        "print(plotly.io.renderers['book'].to_mimebundle(f.to_dict())['text/html'], plotly.io.renderers.default)\n"
    )
    environment = {**os.environ, "DEPTHLIB_BOOK": "1"}
    first, second = (
        subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True).stdout
        for _ in range(2)
    )
    assert first == second and 'id="fig-' in first
    assert 'aria-label="A &quot;flat&quot; wall"' in first
    assert "<script src" not in first and "cdn" not in first and len(first) < 60_000
    drawing = json.loads(re.search(r'<script type="application/json">(.*?)</script>', first)[1])
    assert drawing["data"][0]["type"] == "heatmap" and drawing["config"]["responsive"]
    assert "<noscript><p>A &quot;flat&quot; wall" in first
