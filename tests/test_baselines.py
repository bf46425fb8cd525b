"""Rivals that are shown part of the truth: against SciPy and by hand, and through the evaluator."""

from typing import get_args, get_type_hints

import numpy as np
import pytest
import torch
from made import make_pairs, truth_maps
from scipy.interpolate import griddata

from depthlib.baselines import BASELINES, COMPLETIONS, Completion, Enlargement
from depthlib.cli import main
from depthlib.data import open_dataset
from depthlib.data.sampling import sparsify
from depthlib.errors import DepthError
from depthlib.evaluation import evaluate
from depthlib.filling import fill_linear, fill_nearest
from depthlib.observations import SparseDepth
from depthlib.recipe import EvaluateSpec
from depthlib.sample import collate


@pytest.fixture(scope="module")
def rooms():
    return open_dataset("rooms", "test", (60, 80), count=3, keep=True)


def test_linear_is_scipys_within_the_hull_and_nearest_outside(rooms):
    sparse = sparsify(rooms[0]["depth"][None], "uniform", 0.05)[0]
    filled = fill_linear(sparse)[0].numpy()
    known = sparse[0].numpy() > 0
    wanted = griddata(np.argwhere(known), sparse[0].numpy()[known], np.argwhere(~known), "linear")
    inside = np.isfinite(wanted)
    assert 0.5 < inside.mean() < 1
    np.testing.assert_allclose(filled[~known][inside], wanted[inside], rtol=1e-5)
    np.testing.assert_array_equal(filled[~known][~inside], fill_nearest(sparse)[0].numpy()[~known][~inside])
    np.testing.assert_array_equal(filled[known], sparse[0].numpy()[known])


@pytest.mark.parametrize("points", [[(3, 4)], [(3, 4), (5, 6)], [(2, 2), (3, 3), (5, 5)]])
def test_linear_without_a_triangle_is_nearest(points):
    depth = torch.zeros(1, 8, 10)
    for i, (row, column) in enumerate(points):
        depth[0, row, column] = 1.0 + i
    assert fill_linear(depth).equal(fill_nearest(depth))


def test_a_plane_is_completed_and_enlarged_without_error():
    rows, columns = np.mgrid[:48, :64]
    plane = truth_maps([2 + 0.01 * rows + 0.02 * columns])
    score = evaluate(Completion("linear", SparseDepth(("grid",), (0.1,))), plane, "full")
    assert score.metrics["rmse"] < 0.02 and score.metrics["delta1"] == 1.0  # the rim is outside the hull
    linear, cubic = (
        evaluate(Enlargement(method, 4), plane, "full").metrics["rmse"] for method in ("bilinear", "bicubic")
    )
    assert linear < 0.02 and cubic < 0.02  # only the rim, where neighbours are missing
    assert evaluate(Enlargement("nearest", 4), plane, "full").metrics["rmse"] > 1.1 * linear


def test_more_depths_are_better_and_linear_beats_nearest(rooms):
    def rmse(method, pattern, fraction):
        return evaluate(Completion(method, SparseDepth((pattern,), (fraction,))), rooms, "full").metrics["rmse"]

    assert rmse("linear", "uniform", 0.2) < rmse("linear", "uniform", 0.05) < rmse("nearest", "uniform", 0.05)
    assert all(0 < rmse(method, "uniform", 0.1) < 1 for method in COMPLETIONS)
    assert (
        evaluate(Enlargement("bicubic", 8), rooms, "full").metrics["rmse"]
        > evaluate(Enlargement("bicubic", 4), rooms, "full").metrics["rmse"]
    )


def test_what_is_shown_is_kept_and_does_not_depend_on_the_batch(rooms):
    batch = collate(rooms.__getitems__([0, 1, 2]))
    answer = Completion("linear", SparseDepth(("uniform",), (0.1,))).of(batch)
    shown = sparsify(batch["depth"], "uniform", 0.1, indices=batch["index"]) > 0
    assert shown.sum((1, 2, 3)).tolist() == [480] * 3 and answer[shown].equal(batch["depth"][shown])
    alone = Completion("linear", SparseDepth(("uniform",), (0.1,))).of(collate(rooms.__getitems__([2])))
    assert alone[0].equal(answer[2])


def test_bicubic_stays_within_the_small_map_and_holes_are_filled_first():
    depth = torch.full((1, 1, 32, 32), 1.0)
    depth[..., 16:] = 9
    depth[..., 3:9, 3:9] = 0
    answer = Enlargement("bicubic", 4).of({"rgb": torch.zeros(1, 3, 32, 32), "depth": depth, "index": [0]})
    assert answer.min() == 1 and answer.max() == 9 and answer[..., :12].max() < 1.01


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("fill:liner", "did you mean 'linear'"), ("fill:linear:uniform:none", "could not convert"),
        ("fill:linear:uniform:2", "fraction is 2"), ("fill:linear:unifrom", "did you mean 'uniform'"),
        ("fill:linear:uniform:0.1:x", "expected such as"), ("enlarge:bicubic", "expected such as"),
        ("enlarge:bicubic:x", "invalid literal"), ("enlarge:bicubic:1", "factor is 1"),
        ("enlarge:cubic:4", "did you mean 'bicubic'"), ("enlarge:bicubic:64", "too small for that"),
    ],
)  # fmt: skip
def test_what_cannot_be(given, words, tmp_path, capsys):
    pairs = make_pairs(tmp_path / "pairs")
    against = ["--against", "folder", "--option", f"root={pairs}", "--size", "60x80", "--protocol", "full"]
    assert main(["evaluate", given, *against]) == 2
    assert words in capsys.readouterr().err


def test_the_command(tmp_path, capsys):
    pairs = make_pairs(tmp_path / "pairs")
    against = ["--against", "folder", "--option", f"root={pairs}", "--size", "60x80", "--protocol", "full"]
    assert main(["evaluate", "enlarge:bicubic:4", *against]) == 0
    assert "8 images" in capsys.readouterr().out
    assert main(["evaluate", "fill:nearest:uniform:0.1", *against, "--scale", "1000"]) == 2


def test_samples_in_one_corner_only():
    with pytest.raises(DepthError, match="no pixel of the map is known"):
        fill_linear(torch.zeros(1, 8, 8))
    depth = torch.zeros(1, 20, 20)
    depth[0, :3, :3] = torch.arange(1, 10).view(3, 3)
    filled = fill_linear(depth)
    assert (filled > 0).all() and filled[0, -1, -1] == 9


def test_a_recipe_may_ask_for_every_baseline():
    names, _ = get_args(get_type_hints(EvaluateSpec)["baselines"])
    assert set(get_args(names)) == set(BASELINES)
