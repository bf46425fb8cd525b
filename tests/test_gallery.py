"""What comes with the library: the network in the box, and the excerpts that the book's figures are made of."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from depthlib import gallery
from depthlib.baselines import Completion, Enlargement, constant
from depthlib.bootstrap import bootstrap_difference
from depthlib.checkpoints import BOX, BOXES, load_model, read_state
from depthlib.data import open_dataset
from depthlib.data.nyu import open_nyu
from depthlib.errors import DepthError
from depthlib.evaluation import evaluate
from depthlib.observations import SmallDepth, SparseDepth
from depthlib.predictors import Shown
from depthlib.reporting import table
from depthlib.results import read_results
from depthlib.sample import collate

ROOT = Path(__file__).parent.parent
BOXED = ROOT / "results" / "densedepth-mobilenet-rooms" / "cpu-0.json"


def test_the_box_is_small_and_half_precision_and_its_card_has_the_runs_numbers():
    from safetensors.torch import load_file

    assert sum(file.stat().st_size for file in BOX.iterdir()) <= 10_000_000
    kinds = {t.dtype for t in load_file(BOX / "model.safetensors").values() if t.is_floating_point()}
    assert kinds == {torch.float16}
    results, card = read_results(BOXED), (BOX / "README.md").read_text()
    assert results["data"]["name"] == "rooms" and read_state(BOX, ("recipe",))["recipe"] == results["settings"]
    for entry in results["metrics"].values():
        assert table(entry) in card
    assert results["command"] in card


def test_the_box_knows_more_of_unseen_rooms_than_any_constant():
    rooms = open_dataset("rooms", "test", (240, 320), count=20, keep=True)
    ours = evaluate(load_model(), rooms, "eigen14")
    fixed = evaluate(constant(torch.full((1, 1, 1, 1), 2.5)), rooms, "eigen14")
    difference = bootstrap_difference(ours, fixed, "abs_rel")
    assert difference.certain and difference.first_is_better


def test_half_precision_costs_nothing_that_counts(nyu_root):
    """The card's numbers are of the fp32 run; on real images the box must give them again."""
    test = open_nyu(nyu_root, "test")
    score = evaluate(load_model(), test, "eigen14_median").metrics
    wanted = read_results(BOXED)["metrics"]["nyu-test/eigen14_median"]["all"]
    for name, value in wanted.items():
        assert score[name] == pytest.approx(value, abs=1e-3), name


def test_the_boxed_network_for_sparse_depth_is_small_and_as_good_as_its_card_says(nyu_root):
    box, run = BOXES["box/sparse"], read_results(ROOT / "results" / "sparse-nyu-tuned" / "cpu-0.json")
    assert sum(file.stat().st_size for file in box.iterdir()) <= 3_000_000
    assert read_state(box, ("recipe",))["recipe"] == run["settings"]
    card = (box / "README.md").read_text()
    rivals = read_results(ROOT / "results" / "sparse-nyu" / "cpu-0.json")["metrics"]  # of the same samples
    for where, entry in run["metrics"].items():
        assert table(entry | {name: rivals[where][name] for name in ("linear", "nearest")}) in card
    assert run["command"] in card
    test = open_nyu(nyu_root, "test")
    score = evaluate(Shown(load_model("box/sparse"), SparseDepth(("grid",), (0.1,))), test, "makarov18").metrics
    for name, value in run["metrics"]["nyu-test/grid-10pc/makarov18"]["all"].items():
        assert score[name] == pytest.approx(value, abs=1e-3 if name not in ("psnr", "mape") else 0.05), name


def test_the_boxed_network_for_sparse_depth_beats_interpolation_where_it_has_never_been():
    rooms = open_dataset("rooms", "test", (240, 320), count=6, keep=True)
    shown = SparseDepth(("uniform",), (0.1,))
    ours, linear = (
        evaluate(p, rooms, "makarov18") for p in (Shown(load_model("box/sparse"), shown), Completion("linear"))
    )
    assert ours.metrics["rmse"] < linear.metrics["rmse"]


@pytest.mark.parametrize("factor", [8, 4])
def test_the_boxed_networks_that_enlarge_are_small_and_better_than_bicubic(factor):
    name = f"superres-x{factor}"
    box, run = BOXES[f"box/{name}"], read_results(ROOT / "results" / name / "cpu-0.json")
    assert sum(file.stat().st_size for file in box.iterdir()) <= 3_000_000
    assert read_state(box, ("recipe",))["recipe"] == run["settings"]
    card = (box / "README.md").read_text()
    assert all(table(entry) in card for entry in run["metrics"].values()) and run["command"] in card
    model, seen = load_model(f"box/{name}"), SmallDepth(factor)
    rooms = open_dataset("rooms", "test", (240, 320), count=6, keep=True)
    ours, bicubic = (
        evaluate(p, rooms, "makarov18").metrics for p in (Shown(model, seen), Enlargement("bicubic", factor))
    )
    assert ours["rmse"] < 0.85 * bicubic["rmse"] and ours["ssim"] > bicubic["ssim"]
    # a real map that nobody has to download: what the halved weights say is what the card says
    real = open_dataset("disparities", "test", None, scenes=["motorcycle"])
    wanted = run["metrics"][f"motorcycle-test/x{factor}/makarov18"]["all"]
    assert evaluate(Shown(model, seen), real, "makarov18").metrics["rmse"] == pytest.approx(wanted["rmse"], rel=5e-3)


def test_what_networks_made_of_two_small_maps_belongs_to_these_maps():
    room = open_dataset("rooms", "validation", (240, 320), count=4)[3]
    kept = gallery.enlarged("room")
    (top, left), (height, width) = kept.corner, kept.truth.shape
    truth = room["depth"][0, top : top + height, left : left + width].numpy()
    np.testing.assert_allclose(kept.truth, truth, atol=6e-4)
    assert list(kept.answers) == [
        "bicubic",
        "squared error",
        "+ features",
        "+ critic",
        "+ variation",
        "critic × 10",
        "ours",
    ]
    bicubic = Enlargement("bicubic", 8).of(collate([room]))[0, 0, top : top + height, left : left + width].numpy()
    np.testing.assert_allclose(kept.answers["bicubic"], bicubic, atol=6e-4)
    for scene in ("room", "cones"):
        kept = gallery.enlarged(scene)
        known = kept.truth > 0
        error = {name: np.square(a - kept.truth)[known].mean() ** 0.5 for name, a in kept.answers.items()}
        assert min(error, key=error.get) == "ours", error
        assert all(len(run["commit"]) >= 7 for run in kept.source["runs"].values())
    with pytest.raises(DepthError, match="cones, room"):
        gallery.enlarged("teddy")


def test_reports_are_those_of_the_results():
    reports = json.loads(gallery.REPORTS.read_text())
    for name, kept in reports.items():
        whole = json.loads((ROOT / "results" / f"{name}.json").read_text())
        assert kept == (whole if name.startswith(("benchmarks/", "sweeps/")) else {"metrics": whole["metrics"]})
    with pytest.raises(DepthError, match="there are benchmarks/recipes"):
        gallery.report("nothing")


NETWORKS = [
    *(f"densedepth-mobilenet-{name}/all" for name in ("nyu", "random", "rooms", "nyu-from-rooms")),
    *(f"eigen-nyu/{stage}" for stage in ("coarse", "fine", "mean", "median")),
    "eigen-nyu-log-rmse/coarse", "eigen-nyu-log-rmse/fine", "eigen-nyu-from-rooms/fine", "eigen-nyu-report/fine",
    *(f"{recipe}/{stage}@2" for recipe in ("eigen-nyu", "eigen-nyu-log-rmse") for stage in ("coarse", "fine")),
]  # fmt: skip


@pytest.mark.parametrize("network", NETWORKS)
def test_curves_and_figures_are_those_of_the_results(network):
    name, _, seed = network.partition("@")
    recipe, stage = name.split("/")
    results = read_results(ROOT / "results" / recipe / f"cpu-{seed or 0}.json")
    assert seed or gallery.loss_curve(recipe) == results["curve"]
    assert gallery.loss_curve("superres-gan") == read_results(ROOT / "results" / "superres-gan" / "cpu-0.json")["curve"]
    # all images have equally many pixels here, so a mean of images is the pool
    each, wanted = gallery.per_image(network), results["metrics"]["nyu-test/eigen14"][stage]
    for figure in ("delta1", "abs_rel"):
        assert each[figure].mean() == pytest.approx(wanted[figure], abs=5e-4)
    for figure in ("rmse", "rmse_log", "scale_invariant_rmse"):
        assert np.mean(each[figure] ** 2) ** 0.5 == pytest.approx(wanted[figure], abs=2e-3)
    assert set(each) == set(gallery.KEPT) and all(len(values) == 654 for values in each.values())


def rough_error(p, answer):
    """AbsRel of a small map in the window of eigen14, rows 36 to 444 and columns 46 to 594 of 480x640."""
    height, width = p.truth.shape
    crop = np.s_[height * 36 // 480 : height * 444 // 480, width * 46 // 640 : width * 594 // 640]
    return np.mean(np.abs(answer - p.truth)[crop] / p.truth[crop])


def test_the_sorted_pictures_go_from_the_best_to_the_worst():
    each = gallery.per_image("eigen-nyu/fine")["scale_invariant_rmse"]
    pictures = gallery.sorted_pictures()
    ranks = [(each < each[p.index]).sum() for p in pictures]
    assert ranks[0] == 0 and ranks[-1] >= 653 - 3 and np.abs(np.diff(ranks) - 653 / 6).max() < 5
    for p in pictures:
        for network in ("eigen-nyu/coarse", "eigen-nyu/fine"):
            wanted = gallery.per_image(network)["abs_rel"][p.index]
            assert rough_error(p, p.answers[network]) == pytest.approx(wanted, abs=0.015), (p.name, network)


def test_the_pictures_of_lambda_go_from_one_side_to_the_other():
    half, none = (gallery.per_image(f"{name}/fine@2") for name in ("eigen-nyu", "eigen-nyu-log-rmse"))
    gain = none["scale_invariant_rmse"] - half["scale_invariant_rmse"]
    pictures = gallery.lam_pictures()
    ranks = [(gain > gain[p.index]).sum() for p in pictures]
    assert ranks[0] <= 3 and ranks[-1] >= 653 - 3 and np.abs(np.diff(ranks) - 653 / 4).max() < 5
    for p in pictures:
        for network, each in (("eigen-nyu/fine@2", half), ("eigen-nyu-log-rmse/fine@2", none)):
            wanted = each["abs_rel"][p.index]
            assert rough_error(p, p.answers[network]) == pytest.approx(wanted, abs=0.015), (p.name, network)


def test_the_places_are_those_of_the_official_test_part(nyu_root):
    test = open_nyu(nyu_root, "test")
    assert gallery.scenes() == [pair.scene for pair in test.pairs]


def test_the_nine_pictures_are_small_real_and_not_chosen(nyu_root):
    assert all(path.stat().st_size <= 110_000 for path in gallery.FOLDER.glob("*.[nj]*"))
    test = open_nyu(nyu_root, "test")
    chosen = np.random.default_rng(0).choice(len(test), 9, replace=False)
    pictures = gallery.nine_pictures()
    assert [p.name for p in pictures] == [test.names()[i] for i in chosen]
    for p, i in zip(pictures, chosen, strict=True):
        assert p.index == i
        truth = test[int(i)]["depth"][0].numpy()
        assert p.rgb.shape[:2] == p.truth.shape and np.median(p.truth) == pytest.approx(np.median(truth), rel=0.02)
        for network, answer in p.answers.items():
            wanted = gallery.per_image(network)["abs_rel"][p.index]
            assert rough_error(p, answer) == pytest.approx(wanted, abs=0.01), (p.name, network)


def test_unknown_excerpts_are_named():
    for function in (gallery.loss_curve, gallery.per_image):
        with pytest.raises(DepthError, match=re.escape("densedepth-mobilenet-nyu")):
            function("eigen")
    assert json.loads(gallery.CURVES.read_text())["densedepth-mobilenet-nyu"]["commit"]
