"""Filling: the toolbox's loops give the same map, a colour edge keeps two depths apart, known pixels are trusted."""

import importlib.util
from pathlib import Path

import pytest
import torch

from depthlib.data import open_dataset
from depthlib.errors import DepthError
from depthlib.filling import FILLS, fill_colorization, fill_cross_bilateral, fill_nearest


@pytest.fixture(scope="module")
def benchmark():
    """The benchmark with the toolbox's loops, as a module."""
    folder = Path(__file__).parent.parent / "benchmarks"
    spec = importlib.util.spec_from_file_location("filling_benchmark", folder / "filling.py")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("alpha", [1.0, 0.3])
def test_colourisation_is_the_toolboxs_to_a_millimetre(benchmark, alpha):
    room = open_dataset("rooms", "test", size=(60, 80), count=2, faults=True)[1]
    depth = room["depth"].clone()
    depth[:, 10:40, 20:60] = 0  # a large hole beside the camera's own
    assert 0.2 < (depth == 0).float().mean() < 0.9
    wanted = benchmark.toolbox(room["rgb"].permute(1, 2, 0).double().numpy(), depth[0].double().numpy(), alpha)
    assert fill_colorization(room["rgb"], depth, alpha)[0].sub(torch.from_numpy(wanted)).abs().max() < 1e-4


def test_colourisation_of_a_genuine_frame_with_holes_is_the_toolboxs(benchmark, genuine):
    """One raw pair of the Kinect: its colour is not aligned, which is no matter here."""
    from depthlib.data.formats import read_kinect_pgm, read_rgb

    depth = torch.from_numpy(read_kinect_pgm(next((genuine / "nyu_raw").glob("*.pgm"))))[None, ::8, ::8]
    rgb = (
        torch.from_numpy(read_rgb(next((genuine / "nyu_raw").glob("*.ppm"))).copy()).permute(2, 0, 1)[:, ::8, ::8] / 255
    )
    assert (depth == 0).float().mean() > 0.05
    wanted = benchmark.toolbox(rgb.permute(1, 2, 0).double().numpy(), depth[0].double().numpy())
    assert fill_colorization(rgb, depth)[0].sub(torch.from_numpy(wanted)).abs().max() < 1e-3


@pytest.mark.parametrize("name", sorted(set(FILLS) - {"nearest"}))
def test_a_hole_over_a_colour_edge_is_filled_from_its_own_side(name):
    rgb = torch.zeros(3, 20, 40)
    rgb[..., 20:] = 1
    depth = torch.full((1, 20, 40), 2.0)
    depth[..., 20:] = 5
    truth = depth.clone()
    depth[:, 6:14, 12:24] = 0  # more than half of it lies on the left side, where depth is 2
    assert FILLS[name](rgb, depth).sub(truth).abs().max() < 0.2


@pytest.mark.parametrize("name", sorted(FILLS))
def test_nothing_is_left_open_and_nothing_leaves_the_range_of_what_is_known(name):
    torch.manual_seed(0)
    rgb = torch.rand(3, 24, 32)
    depth = torch.zeros(1, 24, 32)
    depth[0, 3, 4], depth[0, 20, 30] = 1.5, 4.0  # almost nothing known, far from everything
    filled = FILLS[name](rgb, depth)
    assert filled.dtype == depth.dtype and filled.shape == depth.shape
    assert filled.min() >= 1.5 - 1e-5 and filled.max() <= 4.0 + 1e-5
    holed = torch.full((1, 24, 32), float("nan"))
    holed[0, 3, 4] = 2.0  # NaN is missing, like 0
    assert FILLS[name](rgb, holed).allclose(torch.full_like(holed, 2.0))


@pytest.mark.parametrize("fill", [lambda rgb, depth: fill_nearest(depth), fill_cross_bilateral])
def test_known_pixels_stay(fill, sample):
    known = sample["depth"] > 0
    assert fill(sample["rgb"], sample["depth"])[known].equal(sample["depth"][known])


def test_what_cannot_be_filled():
    rgb, depth = torch.rand(3, 8, 8), torch.ones(1, 8, 8)
    for name, fill in FILLS.items():
        with pytest.raises(DepthError, match="no pixel of the map is known"):
            fill(rgb, 0 * depth)
        with pytest.raises(DepthError, match=r"expected one map, \[1, H, W\]"):
            fill(rgb, depth[None])
        if name != "nearest":
            with pytest.raises(DepthError, match="of one size"):
                fill(rgb[..., 1:], depth)
            with pytest.raises(DepthError, match="NaN or infinity"):
                fill(rgb / 0, depth)
    with pytest.raises(DepthError, match="alpha is 0"):
        fill_colorization(rgb, depth, alpha=0)
    with pytest.raises(DepthError, match="reach is -1"):
        fill_cross_bilateral(rgb, depth, reach=-1)
    with pytest.raises(DepthError, match="reach is 0.02"):  # weights that underflow would never fill anything
        fill_cross_bilateral(rgb, depth, reach=0.02)
    with pytest.raises(DepthError, match=r"alpha is 1e\+308"):
        fill_colorization(rgb, depth, alpha=1e308)
    assert fill_colorization(rgb[:, :1, :1], 2 * depth[:, :1, :1]).item() == 2
