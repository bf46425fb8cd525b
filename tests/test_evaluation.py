"""Evaluation: literal loops over the paper's formulas, the published Mean column, and no silent pixel."""

import json
import math

import numpy as np
import pytest
import torch
from made import Samples, truth_maps

from depthlib import metrics
from depthlib.baselines import constant, mean_depth_image, median_depth_image
from depthlib.bootstrap import bootstrap_difference, bootstrap_interval, drawn_from, paired_interval
from depthlib.data.folder import Folder
from depthlib.data.nyu import open_nyu
from depthlib.errors import DepthError
from depthlib.evaluation import evaluate
from depthlib.metrics import TABLE_1, error_sums, table_1
from depthlib.models import build_model
from depthlib.prediction import UPSAMPLING, Prediction, predict, to_rgb
from depthlib.predictors import mirror_averaged
from depthlib.protocols import EIGEN14, Protocol, get_protocol
from depthlib.reporting import as_json, as_latex, as_markdown, as_text, comparison
from depthlib.structure import MapMetric, edge_share, psnr

#: Eigen et al. 2014, Table 1, column Mean.
PUBLISHED_MEAN = {
    "delta1": 0.418, "delta2": 0.711, "delta3": 0.874, "abs_rel": 0.408, "sq_rel": 0.581, "rmse": 1.244,
    "rmse_log": 0.430, "scale_invariant_rmse": 0.304,
}  # fmt: skip


@pytest.fixture
def maps():
    torch.manual_seed(1)
    truth = torch.rand(3, 1, 6, 7) * 4 + 0.5
    prediction = truth * torch.exp(0.4 * torch.randn(3, 1, 6, 7))
    mask = torch.rand(3, 1, 6, 7) > 0.4
    return prediction, truth, mask


def literal(prediction, truth, mask, pooling):
    """Table 1 as the paper's sums, one pixel at a time."""
    images = []
    for p, g, m in zip(prediction, truth, mask, strict=True):
        pixels = [(a.item(), b.item()) for a, b, k in zip(p.flatten(), g.flatten(), m.flatten(), strict=True) if k]
        images.append(pixels)

    def figures(pixels):
        n = len(pixels)
        logs = [math.log(a) - math.log(b) for a, b in pixels]
        return {
            **{f"delta{k}": sum(max(a / b, b / a) < 1.25**k for a, b in pixels) / n for k in (1, 2, 3)},
            "abs_rel": sum(abs(a - b) / b for a, b in pixels) / n,
            "sq_rel": sum((a - b) ** 2 / b for a, b in pixels) / n,
            "rmse": math.sqrt(sum((a - b) ** 2 for a, b in pixels) / n),
            "rmse_log": math.sqrt(sum(e * e for e in logs) / n),
            "D": sum(e * e for e in logs) / n - (sum(logs) / n) ** 2,
        }

    each = [figures(pixels) for pixels in images if pixels]
    if pooling == "pixels":
        pooled = figures([pixel for pixels in images for pixel in pixels])
        pooled["scale_invariant_rmse"] = math.sqrt(sum(f["D"] for f in each) / len(each))
        return pooled
    mean = {key: sum(f[key] for f in each) / len(each) for key in each[0]}
    mean["scale_invariant_rmse"] = sum(math.sqrt(f["D"]) for f in each) / len(each)
    return mean


@pytest.mark.parametrize("pooling", ["images", "pixels"])
def test_all_eight_agree_with_a_literal_loop(maps, pooling):
    collection = table_1(pooling)
    collection.update(*maps)
    found, wanted = collection.compute(), literal(*maps, pooling)
    for name in TABLE_1:
        assert found[name].item() == pytest.approx(wanted[name], rel=1e-6), name


def test_log10_agrees_with_a_literal_loop(maps):
    prediction, truth, mask = maps
    wanted = (prediction.double().log10() - truth.double().log10()).abs()[mask].mean().item()
    assert metrics.log10(error_sums(*maps), "pixels").item() == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("pooling", ["images", "pixels"])
def test_the_result_does_not_depend_on_the_batches(maps, pooling):
    whole, parts = table_1(pooling), table_1(pooling)
    whole.update(*maps)
    for i in range(3):
        parts.update(*(m[i : i + 1] for m in maps))
    for name, value in whole.compute().items():
        torch.testing.assert_close(parts.compute()[name], value, rtol=1e-12, atol=0)


def test_doubling_the_prediction_leaves_the_scale_invariant_error_and_shifts_rmse_log(maps):
    prediction, truth, mask = maps
    a, b = error_sums(prediction, truth, mask), error_sums(prediction * 2, truth, mask)
    torch.testing.assert_close(metrics.scale_invariant_rmse(a), metrics.scale_invariant_rmse(b), rtol=1e-6, atol=0)
    assert metrics.rmse_log(b) > metrics.rmse_log(a)


def test_relative_error_divides_by_the_truth():
    truth, prediction = torch.full((1, 1, 1, 1), 2.0), torch.full((1, 1, 1, 1), 4.0)
    sums = error_sums(prediction, truth, truth > 0)
    assert metrics.abs_rel(sums).item() == 1.0 and metrics.sq_rel(sums).item() == 2.0


def test_a_perfect_prediction_has_no_error_and_no_nan_from_rounding():
    truth = torch.full((1, 1, 200, 200), 3.3)
    sums = error_sums(truth * 1.1, truth, truth > 0)
    assert metrics.scale_invariant_rmse(sums).item() == pytest.approx(0, abs=1e-7)
    assert not metrics.scale_invariant_rmse(sums).isnan()


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_an_impossible_prediction_is_counted_and_refused(maps, value):
    prediction, truth, mask = maps
    prediction = prediction.clone()
    mask = torch.ones_like(mask)
    prediction[0, 0, 0, :2] = value
    with pytest.raises(DepthError, match="2 of 126"):
        error_sums(prediction, truth, mask)


def test_bfloat16_counts_as_the_same_numbers_in_float32(maps):
    prediction, truth, mask = maps
    coarse = prediction.bfloat16()
    assert error_sums(coarse, truth, mask).equal(error_sums(coarse.float(), truth, mask))
    data = truth_maps(np.random.default_rng(0).uniform(1, 9, (2, 48, 64)))
    half = (
        torch.rand(2, 1, 24, 32).bfloat16() * 4 + 0.5
    )  # enlarged between its values, which bfloat16 would round again
    found, wanted = (evaluate(lambda rgb, m=m: m[: len(rgb)], data, "bts").metrics for m in (half, half.float()))
    assert found == wanted


def test_an_array_is_told_how_to_become_a_tensor(maps):
    prediction, truth, mask = maps
    for metric in (metrics.AbsRel(), MapMetric(psnr)):
        with pytest.raises(DepthError, match="ndarray.*torch.from_numpy"):
            metric.update(prediction.numpy(), truth, mask)
    data = truth_maps([np.full((48, 64), 2.0)])
    with pytest.raises(DepthError, match="answered with ndarray.*torch.from_numpy"):
        evaluate(lambda rgb: np.full((len(rgb), 1, 48, 64), 2.0), data, "full")
    with pytest.raises(DepthError, match="answered with NoneType"):
        evaluate(lambda rgb: None, data, "full")


@pytest.mark.parametrize("given", ["preds", None])
def test_what_cannot_be_scored_is_told_what_can(given):
    with pytest.raises(DepthError, match=r"a DepthModel, a callable .* StoredPredictions\(folder, scale\)"):
        evaluate(given, truth_maps([np.full((48, 64), 2.0)]), "full")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"kind": "bogus"}, "kind is 'bogus'; expected one of depth, inverse_depth, disparity"),
        ({"batch": 0}, "batch is 0"),
        ({"batch": 2.5}, "batch is 2.5"),
    ],
)
def test_how_to_score_is_checked_before_the_pass(asked, words):
    with pytest.raises(DepthError, match=words):
        evaluate(lambda rgb: pytest.fail("asked"), truth_maps([np.full((48, 64), 2.0)]), "full", **asked)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (float("nan"), "m1: protocol full: the prediction is NaN or negative at 64 of 3072"),
        (0.0, r"m1: protocol full: no prediction \(0\) at 64 of 3072"),
        (float("inf"), "m1: metrics: 64 of 3072"),
    ],
)
def test_the_first_image_that_cannot_be_scored_is_named_with_its_own_count(value, words):
    answer = torch.full((3, 1, 48, 64), 2.0)
    answer[1:, :, 7] = value
    with pytest.raises(DepthError, match=f"^{words}"):
        evaluate(lambda rgb: answer, truth_maps(np.full((3, 48, 64), 2.0)), "full")


def test_an_answer_for_other_pictures_is_no_one_images_fault():
    with pytest.raises(DepthError, match=r"^protocol full: prediction \(9, 1, 48, 64\)"):
        evaluate(lambda rgb: torch.ones(9, 1, 48, 64), truth_maps(np.full((3, 48, 64), 2.0)), "full")
    with pytest.raises(DepthError, match=r"^protocol full: prediction \(\)"):
        evaluate(lambda rgb: torch.tensor(2.0), truth_maps(np.full((3, 48, 64), 2.0)), "full")


def test_an_answer_of_the_wrong_shape_is_told(sample):
    with pytest.raises(DepthError, match=r"prediction \(1, 3, 240, 320\) for truth \(1, 1, 240, 320\)"):
        evaluate(lambda rgb: rgb, Samples([sample]), "full")


def test_an_image_without_a_valid_pixel_is_left_out_and_named(sample):
    two = Samples([sample, {**sample, "depth": torch.zeros(1, 240, 320), "name": "empty"}])
    score = evaluate(constant(torch.full((1, 1, 1, 1), 2.0)), two)
    assert score.images == 1 and score.skipped == ["empty"] and math.isfinite(score.metrics["rmse"])


def test_the_published_mean_column_within_one_percent(nyu_root):
    """All eight figures of Table 1's Mean column, from the real 795 training and 654 test images."""
    mean = mean_depth_image(open_nyu(nyu_root, "train"))
    score = evaluate(constant(mean), open_nyu(nyu_root, "test"), EIGEN14, batch=32)
    assert score.images == 654 and score.pixels == 654 * 204 * 274
    for name, wanted in PUBLISHED_MEAN.items():
        assert score.metrics[name] == pytest.approx(wanted, rel=0.01), name


def test_the_mean_image_answers_where_no_depth_was_ever_seen(sample):
    mean, depth = mean_depth_image(Samples([sample]))[0], sample["depth"]
    assert mean[depth > 0].equal(depth[depth > 0])
    assert mean[depth == 0].unique().item() == pytest.approx(depth[depth > 0].double().mean().item(), rel=1e-6)


def test_the_median_image_is_numpys_within_half_a_bin():
    rng = np.random.default_rng(0)
    depths = rng.uniform(0.5, 9, (41, 6, 8)).astype(np.float32) * (rng.random((41, 6, 8)) > 0.3)
    depths[:, 2, 3] = 0  # never seen
    found = median_depth_image(truth_maps(depths), batch=7)[0, 0].numpy()
    for row, column in np.ndindex(6, 8):
        seen = depths[:, row, column]
        seen = seen[seen > 0] if seen.any() else depths[depths > 0]
        # of an even number ours is the lower of the middle two
        assert found[row, column] == pytest.approx(np.quantile(seen, 0.5, method="inverted_cdf"), rel=0.007)


def test_truth_brought_down_is_scored_at_the_networks_own_pixels():
    """Footnote 3: a network answers 55x74 for rows 10 to 230 and columns 12 to 308; each answer is scored once."""
    model = build_model("eigen", width=0.05).eval()
    model.begin_phase("coarse")
    torch.manual_seed(0)
    rgb, truth = torch.rand(2, 3, 240, 320), torch.rand(2, 1, 240, 320) + 1
    answer = predict(model, rgb)
    down = get_protocol("eigen14_down")
    prediction, scored, mask = down.prepare(answer.full(model.upsampling), truth)
    # window rows 18:222, columns 23:297; from its third row and column every fourth
    rows, columns = np.arange(20, 222, 4), np.arange(25, 297, 4)
    assert mask.all() and scored.shape[-2:] == (len(rows), len(columns))
    assert scored.equal(truth[:, :, rows][..., columns])
    own = answer.depth[:, :, (rows - 10) // 4][..., (columns - 12) // 4]
    assert torch.allclose(prediction, own)
    assert down.mask(truth).sum() == mask.sum()
    # at twice the size every eighth row and column, so that each answer still counts once
    large = torch.rand(1, 1, 480, 640) + 1
    assert down.mask(large).sum() == down.mask(truth[:1]).sum()


def test_what_is_odd_is_noticed_where_one_pixel_in_many_is_scored():
    truth = truth_maps([np.random.default_rng(i).uniform(1, 4, (240, 320)) for i in range(3)])
    assert (
        "996 times the truth"
        in evaluate(lambda rgb: 1000 * torch.ones(len(rgb), 1, 240, 320) * 2.5, truth, "eigen14_down").warnings[0]
    )


def test_eigen14_scores_the_centred_rectangle_at_any_size():
    for height, width in ((480, 640), (240, 320)):
        rows = EIGEN14.mask(torch.ones(1, 1, height, width))[0, 0].any(1).nonzero()
        columns = EIGEN14.mask(torch.ones(1, 1, height, width))[0, 0].any(0).nonzero()
        scale = height / 480
        assert (rows[0].item(), rows[-1].item() + 1) == (36 * scale, 444 * scale)
        assert (columns[0].item(), columns[-1].item() + 1) == (46 * scale, 594 * scale)


def test_caps_are_strict_and_missing_truth_is_never_scored():
    truth = torch.tensor([0.0, 0.5, 1.0, 9.9, 10.0, float("nan")]).reshape(1, 1, 1, 6)
    assert Protocol("x", caps=(0.5, 10.0)).mask(truth).flatten().tolist() == [False, False, True, True, False, False]


def test_median_alignment_is_per_image_and_forgives_scale_only():
    truth = torch.rand(2, 1, 8, 8) + 1
    factors = torch.tensor([3.0, 0.2]).reshape(2, 1, 1, 1)
    prediction, _, _ = Protocol("m", alignment="median").prepare(truth * factors, truth)
    torch.testing.assert_close(prediction, truth)


def test_a_model_that_covers_less_than_the_crop_is_refused_not_scored_partly(sample):
    model = build_model("eigen", width=0.05)
    answer = predict(model, sample["rgb"]).full()
    with pytest.raises(DepthError, match="no prediction"):
        Protocol("full").prepare(answer, sample["depth"][None])
    assert (EIGEN14.mask(sample["depth"][None]) & (answer == 0)).sum() == 0


def test_the_map_lies_where_the_network_looked():
    """Output pixel (i, j) covers the 4x4 block at rows 10 + 4i, columns 12 + 4j of the 240x320 image."""
    model = build_model("eigen", width=0.05)
    answer = predict(model, torch.rand(3, 240, 320))
    full = answer.full()
    assert full.shape == (1, 1, 240, 320) and answer.region == (10, 12, 230, 308)
    assert full[0, 0, 10 + 4 * 7, 12 + 4 * 9] == answer.depth[0, 0, 7, 9] == full[0, 0, 13 + 4 * 7, 15 + 4 * 9]
    assert full[0, 0, 9].eq(0).all() and full[0, 0, :, 308:].eq(0).all()


@pytest.mark.parametrize("size", [(480, 640), (1000, 750), (300, 1200), (120, 100)])
def test_any_photo_gets_a_map_of_its_own_size(size):
    rgb = torch.rand(3, *size)
    answer = predict(build_model("eigen", width=0.05), rgb).full()
    assert answer.shape == (1, 1, *size) and (answer > 0).float().mean() > 0.2


def test_every_kind_of_image_is_the_same_picture(tmp_path):
    from PIL import Image

    array = np.random.default_rng(0).integers(0, 255, (64, 48, 3), dtype=np.uint8)
    Image.fromarray(array).save(tmp_path / "photo.png")
    kinds = [tmp_path / "photo.png", str(tmp_path / "photo.png"), Image.fromarray(array), array,
             torch.from_numpy(array).permute(2, 0, 1) / 255]  # fmt: skip
    for kind in kinds:
        torch.testing.assert_close(to_rgb(kind), to_rgb(array))
    assert to_rgb(array[..., 0]).shape == (1, 3, 64, 48)


@pytest.mark.parametrize(
    "bad", [np.zeros((4, 4, 2)), np.zeros((2, 4, 4, 4)), torch.zeros(4), 3, torch.full((3, 40, 40), 200.0)]
)
def test_what_is_no_image_is_refused(bad):
    with pytest.raises(DepthError):
        to_rgb(bad)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (np.zeros((0, 4, 5, 3)), "a batch of 0, 4x5 pixels"), (np.zeros((0, 5, 3)), "a batch of 1, 0x5 pixels"),
        (torch.zeros(3, 4, 0), "a batch of 1, 4x0 pixels"), (np.full((4, 4, 3), "a"), "values of type str32; expected floats"),
        (np.ones((4, 4, 3)) * 1j, "values of type complex128"), (torch.ones(3, 4, 4) * 1j, "values of type complex64"),
        (np.full((4, 4, 3), 700, np.uint16), "type uint16; .* 16 bits by 65535"),
        (torch.full((3, 4, 4), 200), "type int64; .* Divide 8-bit colours by 255"),
        (np.full((4, 4, 3), np.nan), "NaN or infinite"), (torch.full((3, 4, 4), math.inf), "NaN or infinite"),
        (torch.full((3, 4, 4), 200, dtype=torch.uint8), "colours from 200 to 200; .* Divide 8-bit colours by 255"),
    ],
)  # fmt: skip
def test_the_message_says_what_is_wrong_with_an_image(bad, words):
    with pytest.raises(DepthError, match=words):
        to_rgb(bad)


def test_a_map_is_enlarged_by_interpolation_and_by_nothing_else():
    answer = Prediction(torch.full((1, 1, 3, 4), 2.0), (0, 0, 6, 8), (6, 8))
    for mode in UPSAMPLING:
        assert answer.full(mode).eq(2).all()
    for mode in ("area", "linear", "trilinear", "foo"):
        with pytest.raises(
            DepthError, match=f"mode is '{mode}'; expected one of nearest, nearest-exact, bilinear, bicubic"
        ):
            answer.full(mode)


def test_a_paired_bootstrap_sees_a_small_difference_and_no_difference(maps):
    torch.manual_seed(0)
    truth = torch.rand(60, 1, 8, 8) + 1
    noise = torch.exp(0.2 * torch.randn(60, 1, 8, 8))

    data = Samples(
        dict(rgb=g.expand(3, 8, 8) / 2, depth=g, K=torch.eye(3), name=str(i), dataset="made", index=i)
        for i, g in enumerate(truth)
    )
    good, worse = (
        evaluate(lambda rgb, f=f: rgb[:, :1] * 2 * noise[: len(rgb)] * f, data, "full", batch=60) for f in (1.0, 1.05)
    )
    difference = bootstrap_difference(good, worse, "abs_rel")
    assert difference.certain and difference.first_is_better and difference.low < difference.value < difference.high
    same = bootstrap_difference(good, good, "abs_rel")
    assert same.value == 0 and not same.certain
    with pytest.raises(DepthError, match="no figure 'accuracy'"):
        bootstrap_difference(good, worse, "accuracy")


def test_draws_without_an_image_that_can_be_scored_say_nothing():
    """SSIM has no whole window in three of four maps: a third of the draws hold none of the fourth."""
    torch.manual_seed(0)
    truth = torch.rand(4, 1, 16, 16) + 1
    truth[1:, :, 8, 8] = 0
    truth[1:, :, ::4] = 0
    data = Samples(
        dict(rgb=torch.rand(3, 16, 16), depth=g, K=torch.eye(3), name=str(i), dataset="made", index=i)
        for i, g in enumerate(truth)
    )
    first, second = (evaluate(lambda rgb, f=f: rgb[:, :1] * f + 1, data, "makarov18", batch=4) for f in (1.0, 0.5))
    difference = bootstrap_difference(first, second, "ssim")
    assert difference.low == pytest.approx(difference.value) == difference.high  # always of the one image


def test_unknown_protocol_names_the_known_ones():
    with pytest.raises(DepthError, match="eigen14"):
        get_protocol("eigen15")


TWO_PROCESSES = """
import os, sys, torch, torch.distributed as dist
rank = int(sys.argv[1])
os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=sys.argv[2])
dist.init_process_group("gloo", rank=rank, world_size=2)
from depthlib.metrics import PIXEL_METRICS, collection
from depthlib.structure import map_metrics
torch.manual_seed(0)
truth = torch.rand(7, 1, 24, 32) * 4 + 0.5
prediction = truth * torch.exp(0.4 * torch.randn(7, 1, 24, 32))
mask = torch.rand(7, 1, 24, 32) > 0.001
metrics, maps = collection(list(PIXEL_METRICS), "pixels"), map_metrics(["ssim", "psnr"], 5.0)
part = slice(0, 5) if rank == 0 else slice(5, 7)  # uneven
metrics.update(prediction[part], truth[part], mask[part])
[m.update(prediction[part], truth[part], mask[part]) for m in maps.values()]
values = {**metrics.compute(), **{n: m.compute() for n, m in maps.items()}}
dist.destroy_process_group()
metrics, maps = collection(list(PIXEL_METRICS), "pixels"), map_metrics(["ssim", "psnr"], 5.0)
metrics.update(prediction, truth, mask)
[m.update(prediction, truth, mask) for m in maps.values()]
alone = {**metrics.compute(), **{n: m.compute() for n, m in maps.items()}}
assert all(torch.isfinite(v) for v in alone.values())
worst = max(abs(values[n] - alone[n]) / abs(alone[n]) for n in alone)
assert worst < 1e-12, worst
"""


def test_two_processes_with_uneven_shards_agree_with_one():
    import socket
    import subprocess
    import sys

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    started = [subprocess.Popen([sys.executable, "-c", TWO_PROCESSES, str(rank), port]) for rank in (0, 1)]
    assert [process.wait(timeout=120) for process in started] == [0, 0]


def test_averaging_with_the_mirror_leaves_silence_silent_and_helps_a_lopsided_predictor():
    def lopsided(rgb):
        ramp = torch.linspace(0.8, 1.2, rgb.shape[-1]).expand(len(rgb), 1, *rgb.shape[-2:]).clone()
        ramp[..., :2] = 0  # says nothing at its left border
        return ramp

    answer = mirror_averaged(lopsided)(torch.rand(2, 3, 4, 12))
    assert answer.shape == (2, 1, 4, 12)
    assert (answer[..., 2:-2] == 1).all() and (answer[..., :2] == 0).all() and (answer[..., -2:] == 0).all()


def test_the_share_of_edges_drawn_is_one_for_the_truth_and_blind_to_holes_and_scale():
    torch.manual_seed(0)
    truth = torch.ones(2, 1, 6, 16)
    truth[0, ..., 8:] = 3  # the second map is a flat wall: no edge to draw
    mask = torch.ones_like(truth, dtype=torch.bool)
    assert edge_share(truth, truth, mask)[0].item() == pytest.approx(1) and edge_share(truth, truth, mask)[1].isnan()
    assert edge_share(5 * truth, truth, mask)[0].item() == pytest.approx(1)  # a factor is no edge
    assert edge_share(1 / truth, truth, mask)[0].item() == pytest.approx(-1)
    assert edge_share(torch.ones_like(truth), truth, mask)[0].item() == 0
    holed, known = truth.clone(), mask.clone()
    holed[0, ..., 7:9], known[0, ..., 7:9] = 0, False  # what is said in a hole does not count
    assert edge_share(holed, holed, known)[0].item() == pytest.approx(1)


def test_a_paired_interval_of_given_figures_is_that_of_the_scores():
    """Images of equally many pixels: the mean over images is the pool, and both bootstraps draw the same images."""
    truth = torch.rand(20, 1, 8, 8) + 1
    data = Samples(
        dict(rgb=g.expand(3, 8, 8) / 2, depth=g, K=torch.eye(3), name=str(i), dataset="made", index=i)
        for i, g in enumerate(truth)
    )
    factors = torch.linspace(0.9, 1.1, 20)[:, None, None, None]
    scores = [evaluate(lambda rgb, f=f: rgb[:, :1] * 2 * f, data, "full", batch=20) for f in (factors, 1.3)]
    each = [metrics.abs_rel(score.sums[:, None], "pixels") for score in scores]
    wanted = bootstrap_difference(*scores, "abs_rel")
    assert paired_interval(*each) == pytest.approx((wanted.low, wanted.high))


def test_intervals_over_scenes_hold_the_truth_as_often_as_they_say():
    """Two hundred experiments whose truth is known: 40 places of 1 to 15 pictures, half of the variance between places."""
    rng = np.random.default_rng(0)
    held = {"scenes": 0, "images": 0}
    for _ in range(200):
        sizes = rng.integers(1, 16, 40)
        scenes = [str(i) for i, size in enumerate(sizes) for _ in range(size)]
        figures = torch.from_numpy(np.repeat(rng.normal(0, 1, 40), sizes) + rng.normal(0, 1, len(scenes)))
        for what, given in (("scenes", scenes), ("images", None)):
            low, high = paired_interval(figures, torch.zeros_like(figures), draws=400, scenes=given)
            held[what] += low <= 0 <= high
    assert 182 <= held["scenes"] <= 196 and held["images"] < 150, held


def placed(scenes, factors, protocol="makarov18", side=12, holes=()):
    """The score of a predictor that is wrong by one factor an image, on images of these scenes (None: without the key)."""
    torch.manual_seed(0)
    truth = torch.rand(len(scenes), 1, side, side) + 1
    keep = truth.clone()
    for i in holes:
        truth[i] = 0
    data = Samples(
        dict(rgb=k.expand(3, side, side) / 2, depth=g, K=torch.eye(3), name=str(i), dataset="made", index=i)
        | ({} if scenes[i] is None else {"scene": scenes[i]})
        for i, (g, k) in enumerate(zip(truth, keep, strict=True))
    )
    return evaluate(lambda rgb: rgb[:, :1] * 2 * factors[:, None, None, None], data, protocol, batch=len(scenes))


@pytest.mark.parametrize("protocol", ["makarov18", "full"])
def test_a_place_is_drawn_with_all_its_images(protocol):
    """Literally: every draw of places with their images, pooled either way; one image has no pixel, one no known place."""
    scenes = ["a"] * 5 + ["b"] + ["c"] * 2 + ["a", "", "d", "e"]  # "a" comes back
    score = placed(scenes, torch.linspace(0.9, 1.3, 12), protocol, holes=[6])
    assert score.scenes == scenes and score.images == 11 and drawn_from(score.scored_scenes) == ("scenes", 6)
    members = [[0, 1, 2, 3, 4, 8], [5], [6, 7], [9], [10], [11]]
    draws = np.random.default_rng(0).integers(0, 6, (600, 6))  # three pieces
    for figure in ("rmse", "ssim" if protocol == "makarov18" else "delta1"):
        literal = [float(score.figure(figure, torch.tensor([i for k in draw for i in members[k]]))) for draw in draws]
        assert bootstrap_interval(score, figure, draws=600) == pytest.approx(np.quantile(literal, [0.025, 0.975]))


def test_a_paired_interval_over_scenes_is_that_of_the_scores():
    scenes = [f"{i // 3}" for i in range(24)]
    scores = [placed(scenes, f) for f in (torch.linspace(0.9, 1.1, 24), torch.linspace(1.3, 0.8, 24))]
    wanted = bootstrap_difference(*scores, "abs_rel")
    each = [metrics.abs_rel(score.sums[:, None], "pixels") for score in scores]
    assert paired_interval(*each, scenes=scenes) == pytest.approx((wanted.low, wanted.high))
    assert wanted.drawn == ("scenes", 8)
    other = placed([f"{i // 2}" for i in range(24)], torch.linspace(1.3, 0.8, 24))
    with pytest.raises(DepthError, match="other scenes"):
        bootstrap_difference(scores[0], other, "abs_rel")


def test_without_scenes_or_with_one_images_are_drawn():
    factors = torch.linspace(0.9, 1.3, 12)
    alone, own, kitchen = (placed(s, factors) for s in ([None] * 12, [str(i) for i in range(12)], ["kitchen"] * 12))
    assert {drawn_from(score.scored_scenes) for score in (alone, own, kitchen)} == {("images", 12)}
    assert bootstrap_interval(alone, "rmse") == bootstrap_interval(own, "rmse") == bootstrap_interval(kitchen, "rmse")
    assert "all of one scene: they say nothing of another" in as_text({"x": kitchen})
    assert "all of one scene" not in as_text({"x": own}) and "too few to trust the width" in as_text({"x": own})


@pytest.mark.parametrize(
    ("scenes", "words"),
    [
        ("abc", "scenes is 'abc'; expected a list"), (["a", "b"], "2 scenes for 3 images"),
        ([0, 0, 1], "the scene of image 0 is 0; expected a string"), (torch.tensor([0, 0, 1]), "the scene of image 0 is tensor"),
        (["a", None, "b"], "the scene of image 1 is None"),
    ],
)  # fmt: skip
def test_scenes_that_are_no_names_are_refused(scenes, words, pairs):
    names = Folder(pairs).names()[:3]
    with pytest.raises(DepthError, match=words):
        paired_interval(torch.zeros(3), torch.ones(3), scenes=scenes)
    with pytest.raises(DepthError, match=words):
        Folder(pairs, names=names, scenes=scenes)
    with pytest.raises(DepthError, match=f"pair {names[1]} has no scene; expected one for each"):
        Folder(pairs, names=names, scenes=["a", "", "b"])
    assert [s["scene"] for s in Folder(pairs, names=names, scenes=["a", "a", "b"]).__getitems__(range(3))] == [
        "a",
        "a",
        "b",
    ]


@pytest.mark.parametrize("scene", [0, torch.tensor(1), None])
def test_a_scene_of_ones_own_data_set_is_looked_at(scene):
    with pytest.raises(DepthError, match="the scene of image 0 is .*; expected a string"):
        placed([scene if scene is not None else 3, "a"], torch.ones(2), "full")


def test_figures_that_are_not_paired_are_refused():
    for first, second in (
        (torch.zeros(3), torch.ones(2)),
        (torch.zeros(3), torch.ones(1)),
        ([0.0], [1.0]),
        (torch.zeros(2, 2),) * 2,
    ):
        with pytest.raises(DepthError, match="expected two tensors"):
            paired_interval(first, second)
    gone = torch.tensor([1.0, torch.nan, 3.0])
    assert paired_interval(gone, torch.zeros(3)) == paired_interval(torch.tensor([1.0, 3.0]), torch.zeros(2))
    assert all(math.isnan(end) for end in paired_interval(gone * torch.nan, torch.zeros(3)))


def test_a_scene_without_a_scored_pixel_is_not_drawn():
    """Thirty images of one scene, and a second scene whose only image has no depth: nothing but images can be drawn."""
    factors = torch.linspace(0.8, 1.3, 31)
    score = placed(["a"] * 30 + ["b"], factors, "full", holes=[30])
    alone = placed(["a"] * 31, factors, "full", holes=[30])
    assert drawn_from(score.scored_scenes) == ("images", 30)
    low, high = bootstrap_interval(score, "rmse")
    assert (low, high) == bootstrap_interval(alone, "rmse") and high - low > 0.05


def test_nothing_is_certain_that_comes_from_few():
    better = torch.full((40,), 1.05)
    for count, certain in ((19, False), (20, True)):
        scenes = [str(i % count) for i in range(40)]
        difference = bootstrap_difference(placed(scenes, better), placed(scenes, better + 0.1), "abs_rel")
        assert difference.high < 0 and difference.certain is certain and difference.drawn == ("scenes", count)
    scenes = [str(i % 19) for i in range(40)]
    text = comparison(placed(scenes, better), placed(scenes, better + 0.1), "x", "y")
    assert "over 19 scenes (too few to trust the width):" in text and "drawn from too few" in text
    scenes = [str(i % 20) for i in range(40)]
    assert "the first is better" in comparison(placed(scenes, better), placed(scenes, better + 0.1), "x", "y")


def test_what_is_called_certain_without_a_difference_is_seldom():
    """Four hundred experiments in which nothing differs, of as few scenes as are allowed."""
    rng = np.random.default_rng(0)
    scenes = [str(i // 5) for i in range(100)]
    wrong = 0
    for _ in range(400):
        figures = torch.from_numpy(np.repeat(rng.normal(0, 1, 20), 5) + rng.normal(0, 1, 100))
        low, high = paired_interval(figures, torch.zeros(100), draws=400, scenes=scenes)
        wrong += low > 0 or high < 0
    assert wrong <= 44  # 5 % would be 20


def test_what_differs_between_two_scores_is_named():
    a = placed([str(i // 2) for i in range(8)], torch.ones(8) * 1.1)
    b = placed([str(i // 4) for i in range(8)], torch.ones(8) * 1.2)
    c = placed([str(i // 2) for i in range(8)], torch.ones(8) * 1.2, "full")
    with pytest.raises(DepthError, match="other scenes: '1' against '0' for image 2"):
        bootstrap_difference(a, b, "abs_rel")
    with pytest.raises(DepthError, match="other protocols: 'makarov18' against 'full'"):
        bootstrap_difference(a, c, "abs_rel")


def test_every_report_says_what_was_drawn():
    score = placed([str(i // 2) for i in range(60)], torch.linspace(0.9, 1.3, 60))
    assert "  intervals over 30 scenes\n" in as_text({"x": score})
    assert json.loads(as_json({"x": score}))["x"]["intervals_over"] == {"scenes": 30}
    assert "60 (30 scenes)" in as_markdown({"x": score}) and "60 (30 scenes)" in as_latex({"x": score})


def test_a_module_of_ones_own_is_asked_in_eval_mode_and_left_as_it_was():
    """Else batch normalisation would make a picture's answer hang on the others in its batch, and learn from the test set."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.BatchNorm2d(3), torch.nn.Conv2d(3, 1, 1), torch.nn.Softplus())
    dataset = truth_maps([torch.rand(40, 48) + 1 for _ in range(6)])
    before = {key: value.clone() for key, value in network.state_dict().items()}
    one, all_ = (evaluate(network, dataset, "full", batch=batch) for batch in (1, 6))
    assert one.metrics == pytest.approx(all_.metrics, rel=1e-5)
    assert network.training and all(value.equal(before[key]) for key, value in network.state_dict().items())


def test_a_ratio_of_exactly_the_threshold_is_not_within_it_however_the_maps_were_rounded():
    """Whole millimetres in float32: 1.25 comes out as 1.24999998 for half of them."""
    truth = torch.arange(400, 8000, 4, dtype=torch.float64)
    for factor, column in ((1.25, "delta1"), (1.25**2, "delta2")):
        p, g = ((mm / 1000).float().reshape(1, 1, 1, -1) for mm in (truth * factor, truth))
        for pair in ((p, g), (g, p)):
            assert error_sums(*pair, torch.ones_like(g, dtype=torch.bool))[0, metrics.SUMS.index(column)] == 0
        just = (p * (1 - 1e-6), g, torch.ones_like(g, dtype=torch.bool))
        assert error_sums(*just)[0, metrics.SUMS.index(column)] == len(truth)


def test_half_precision_answers_are_resampled_in_single():
    torch.manual_seed(0)
    dataset = truth_maps([torch.rand(60, 80) * 8 + 1 for _ in range(3)])
    small = torch.rand(1, 1, 30, 40) * 8 + 1
    answer = small.half()
    exact, half = (
        evaluate(lambda rgb, a=a: a.expand(len(rgb), 1, 30, 40), dataset, "full").metrics
        for a in (answer.float(), answer)
    )
    assert exact == half
