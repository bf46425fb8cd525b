"""Protocols against literal NumPy versions of the evaluators whose numbers they make comparable.

The literal versions are written from the papers and public code, one image and one pixel rule at a time; none of them
calls the library. The frozen maps are small enough to be checked with a pocket calculator where a value is typed in.
"""

import json
import math

import numpy as np
import pytest
import torch
from made import truth_maps
from PIL import Image
from scipy.ndimage import zoom
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from depthlib import alignment, metrics, structure
from depthlib.baselines import constant
from depthlib.bootstrap import bootstrap_difference, bootstrap_interval
from depthlib.cli import main
from depthlib.data import open_dataset
from depthlib.data.formats import read_pfm, write_depth_png, write_pfm
from depthlib.errors import DepthError
from depthlib.evaluation import evaluate, evaluate_many, higher_is_better
from depthlib.models import build_model
from depthlib.protocols import PROTOCOLS, Protocol, fitting, get_protocol
from depthlib.reporting import FORMATS
from depthlib.stored import StoredPredictions


def answers(maps):
    """A predictor that answers the i-th picture with the i-th map."""
    stacked = torch.stack([torch.as_tensor(m, dtype=torch.float32)[None] for m in maps])
    return lambda rgb: stacked[(rgb[:, 0, 0, 0] * 100).round().long()]


def made(size, count=3, seed=0, near=0.5, far=12.0, holes=0.1):
    """Truths with holes and beyond the caps, and predictions with errors of many sizes."""
    rng = np.random.default_rng(seed)
    truths, predictions = [], []
    for _ in range(count):
        g = np.exp(rng.uniform(np.log(near), np.log(far), size)).astype(np.float32)
        p = g * np.exp(rng.normal(0.1, 0.4, size)).astype(np.float32)
        g[rng.random(size) < holes] = 0
        truths.append(g)
        predictions.append(p)
    return truths, predictions


def modern_errors(g, p):
    """compute_errors of BTS: one image's pixels, [n]."""
    g, p = g.astype(np.float64), p.astype(np.float64)
    thresh = np.maximum(g / p, p / g)
    err = np.log(p) - np.log(g)
    return {
        "delta1": (thresh < 1.25).mean(), "delta2": (thresh < 1.25**2).mean(), "delta3": (thresh < 1.25**3).mean(),
        "abs_rel": np.mean(np.abs(g - p) / g), "sq_rel": np.mean((g - p) ** 2 / g),
        "rmse": np.sqrt(np.mean((g - p) ** 2)), "rmse_log": np.sqrt(np.mean((np.log(g) - np.log(p)) ** 2)),
        "log10": np.mean(np.abs(np.log10(p) - np.log10(g))),
        "silog": np.sqrt(np.mean(err**2) - np.mean(err) ** 2) * 100,
    }  # fmt: skip


def averaged(rows):
    return {name: np.mean([row[name] for row in rows]) for name in rows[0]}


def agrees(score, wanted):
    for name, value in score.metrics.items():
        assert value == pytest.approx(wanted[name], rel=2e-5), name


def test_bts_is_the_public_loop():
    truths, predictions = made((480, 640))
    rows = []
    for g, p in zip(truths, predictions, strict=True):
        p = np.clip(p, 1e-3, 10)
        valid = np.logical_and(g > 1e-3, g < 10)
        crop = np.zeros(g.shape, dtype=bool)
        crop[45:471, 41:601] = True
        rows.append(modern_errors(g[valid & crop], p[valid & crop]))
    agrees(evaluate(answers(predictions), truth_maps(truths), "bts", batch=2), averaged(rows))


def test_densedepth_is_the_public_loop():
    """Half-size predictions, twice, mirrored back; bilinear as skimage's resize does it; everything in one pool. (But for rel, which
    the public code divides by the prediction: it hands its function the two maps the other way round.)"""
    rng = np.random.default_rng(1)
    truths = [np.exp(rng.uniform(-1.0, 2.5, (480, 640))).astype(np.float32) for _ in range(2)]
    plain = [np.exp(rng.uniform(-3.0, 3.0, (240, 320))).astype(np.float32) for _ in range(2)]
    mirrored = [np.exp(rng.uniform(-3.0, 3.0, (240, 320))).astype(np.float32) for _ in range(2)]

    def up(p):
        return zoom(p, 2, order=1, mode="nearest", grid_mode=True)

    pool_g, pool_p = [], []
    for g, a, b in zip(truths, plain, mirrored, strict=True):
        a, b = (np.clip(1000 / (10 / m), 10, 1000) / 100 for m in (a, b))  # the network answers 10 / metres
        p = 0.5 * up(a) + 0.5 * np.fliplr(up(b))
        pool_g.append(g[20:460, 24:616])
        pool_p.append(p[20:460, 24:616])
    wanted = modern_errors(np.concatenate(pool_g).ravel(), np.concatenate(pool_p).ravel())
    asked = []

    def predictor(rgb):
        asked.append(rgb)
        return answers(plain if len(asked) % 2 else mirrored)(rgb)

    agrees(evaluate(predictor, truth_maps(truths), "densedepth", batch=2), wanted)
    assert len(asked) == 2 and asked[1].equal(asked[0].flip(-1))


def test_the_two_kitti_evaluators_are_the_public_loops():
    truths, predictions = made((375, 1242), count=2, far=120.0)
    garg, mono, scored = [], [], []
    for g, p in zip(truths, predictions, strict=True):
        h, w = g.shape
        valid = (g > 1e-3) & (g < 80)
        crop = np.zeros(g.shape, dtype=bool)
        crop[int(0.40810811 * h) : int(0.99189189 * h), int(0.03594771 * w) : int(0.96405229 * w)] = True
        valid &= crop
        scored.append(valid)
        garg.append(modern_errors(g[valid], np.clip(p, 1e-3, 80)[valid]))
        scaled = p[valid] * (np.median(g[valid]) / np.median(p[valid]))
        mono.append(modern_errors(g[valid], np.clip(scaled, 1e-3, 80)))
    data = truth_maps(truths)
    agrees(evaluate(answers(predictions), data, "garg"), averaged(garg))
    agrees(evaluate(answers(predictions), data, "monodepth2"), averaged(mono))
    asked, flipped = [], []

    def both(rgb):
        asked.append(rgb)
        return answers(predictions if len(asked) % 2 else predictions[::-1])(rgb)

    for g, p, other, valid in zip(truths, predictions, predictions[::-1], scored, strict=True):
        mean = 0.5 * (np.clip(p, 1e-3, 80) + np.clip(other, 1e-3, 80)[:, ::-1])
        flipped.append(modern_errors(g[valid], mean[valid]))
    agrees(evaluate(both, data, "garg_flip", batch=2), averaged(flipped))
    # without a scale it makes no difference what the unit was
    again = evaluate(lambda rgb: answers(predictions)(rgb) * 7, data, "monodepth2")
    agrees(again, averaged(mono))


@pytest.mark.parametrize("size", [(375, 1242), (370, 1224), (374, 1238), (376, 1241)])
def test_gargs_crop_is_a_share_of_each_drives_own_size(size):
    h, w = size
    wanted = (int(0.40810811 * h), int(0.99189189 * h), int(0.03594771 * w), int(0.96405229 * w))
    assert get_protocol("garg").window(size) == wanted


def test_a_prediction_of_the_benchmarks_crop_goes_where_it_was_cut_from():
    truth = torch.ones(1, 1, 375, 1242) * 20
    answer = torch.full((1, 1, 352, 1216), 20.0)
    answer[..., 0, 0] = 40
    placed = get_protocol("garg").resample(answer, (375, 1242))
    assert placed[0, 0, 23, 13] == 40 and (placed[..., :23, :] == 0).all() and (placed[..., -1, 13:1229] == 20).all()
    assert evaluate(lambda rgb: answer, truth_maps(truth[0]), "garg").metrics["abs_rel"] == 0


def test_depth_completion_is_scored_in_metres_and_per_kilometre():
    """Two pixels by hand: truth 10 and 20 m, prediction 11 and 16 m."""
    truth, prediction = np.zeros((375, 1242)), np.ones((375, 1242))
    truth[200, [300, 900]], prediction[200, [300, 900]] = (10, 20), (11, 16)
    found = evaluate(answers([prediction]), truth_maps([truth]), "kitti_completion").metrics
    inverse = np.array([1000 / 11 - 1000 / 10, 1000 / 16 - 1000 / 20])
    assert found == pytest.approx(
        {"rmse": (17 / 2) ** 0.5, "mae": 2.5, "irmse": np.sqrt((inverse**2).mean()), "imae": np.abs(inverse).mean()},
        rel=1e-5,
    )


def test_the_kitti_benchmark_has_its_own_relative_errors():
    """Two pixels by hand: truth 10 and 20 m, prediction 11 and 16 m."""
    truth, prediction = np.zeros((375, 1242)), np.ones((375, 1242))
    truth[200, [300, 900]], prediction[200, [300, 900]] = (10, 20), (11, 16)
    score = evaluate(answers([prediction]), truth_maps([truth]), "kitti_benchmark")
    e = np.array([math.log(1.1), math.log(0.8)])
    agrees(score, {
        "mape": 100 * (0.1 + 0.2) / 2, "sq_error_rel": 100 * (0.01 + 0.04) / 2,
        "silog": 100 * math.sqrt((e**2).mean() - e.mean() ** 2),
        "irmse": 1000 * math.sqrt(((1 / 11 - 1 / 10) ** 2 + (1 / 16 - 1 / 20) ** 2) / 2),
    })  # fmt: skip
    assert score.pixels == 2


def scored_by_bts(truth):
    """The pixels of a true map of 480x640 in the crop 45:471, 41:601, up to 10 m."""
    valid = (truth > 1e-3) & (truth < 10)
    valid[:45] = valid[471:] = False
    valid[:, :41] = valid[:, 601:] = False
    return valid


def test_midas_fits_scale_and_shift_of_disparity_and_stops_at_ten_metres():
    truths, _ = made((480, 640), count=2)
    rng = np.random.default_rng(3)
    disparities = [3 / np.maximum(g, 0.4) - 1 + rng.normal(0, 0.3, g.shape) for g in truths]  # also 0 and negative
    rows = []
    for g, d in zip(truths, disparities, strict=True):
        valid = scored_by_bts(g)
        d = d.astype(np.float32)[valid].astype(np.float64)
        A = np.stack([d, np.ones_like(d)], 1)
        s, t = np.linalg.lstsq(A, 1 / g[valid].astype(np.float64), rcond=None)[0]
        p = 1 / np.maximum(s * d + t, 1 / 10)
        rows.append(modern_errors(g[valid], p))
    score = evaluate(answers(disparities), truth_maps(truths), "midas_affine", kind="disparity")
    agrees(score, averaged(rows))
    with pytest.raises(DepthError, match="disparity has no scale"):
        evaluate(answers(disparities), truth_maps(truths), "bts", kind="disparity")


def test_marigold_fits_scale_and_shift_of_depth_and_clamps():
    truths, _ = made((480, 640), count=2)
    rng = np.random.default_rng(3)
    relative = [0.2 * g - 1 + rng.normal(0, 0.1, g.shape) for g in truths]  # also negative
    rows = []
    for g, p in zip(truths, relative, strict=True):
        valid = scored_by_bts(g)
        p = p.astype(np.float32)[valid].astype(np.float64)
        A = np.stack([p, np.ones_like(p)], 1)
        s, t = np.linalg.lstsq(A, g[valid].astype(np.float64), rcond=None)[0]
        rows.append(modern_errors(g[valid], np.clip(s * p + t, 1e-3, 10)))
    agrees(evaluate(answers(relative), truth_maps(truths), "marigold_affine"), averaged(rows))
    for said, words in (
        (0.0, "add a number that makes all maps positive"),
        (math.nan, "NaN or infinite at"),
        (math.inf, "NaN or infinite at"),
    ):
        with pytest.raises(DepthError, match=words):
            evaluate(answers([np.full_like(truths[0], said)] * 2), truth_maps(truths), "marigold_affine")
    with pytest.raises(DepthError, match="the inverse of a disparity of unknown shift is no such depth"):
        evaluate(answers(truths), truth_maps(truths), "marigold_affine", kind="disparity")
    # negative in places, and mirrored answers are not clamped before they are fitted
    twice = Protocol("x", alignment="depth", clamp=(1e-3, 10.0), flip=True)
    same = [np.maximum(g, g[:, ::-1]) for g in truths]
    assert evaluate(answers([0.3 * g - 1 for g in same]), truth_maps(same), twice).metrics["delta1"] == pytest.approx(1)
    with pytest.raises(DepthError, match="resampling is 'disparity'; expected nearest or bilinear"):
        Protocol("x", alignment="depth", clamp=(1e-3, 10.0), resampling="disparity")
    with pytest.raises(DepthError, match="clamp is None; expected two depths above 0"):
        Protocol("x", alignment="depth")


@pytest.mark.parametrize("name", ["bts", "garg", "monodepth2", "midas_affine", "eigen14"])
def test_half_size_maps_are_enlarged_as_each_code_does_it(name):
    """Bilinear in depth, bilinear in the inverse, or the nearest; written with SciPy."""
    rules = get_protocol(name)
    size = (376, 1242) if rules.frame == (375, 1242) else (480, 640)
    p = np.exp(np.random.default_rng(0).uniform(0, 2, (size[0] // 2, size[1] // 2)))
    if rules.resampling == "nearest":
        wanted = p.repeat(2, 0).repeat(2, 1)
    else:
        values = 1 / p if rules.resampling == "disparity" else p
        wanted = zoom(values, 2, order=1, mode="nearest", grid_mode=True)
        wanted = 1 / wanted if rules.resampling == "disparity" else wanted
    assert rules.resampling == {"bts": "bilinear", "garg": "bilinear", "eigen14": "nearest"}.get(name, "disparity")
    found = rules.resample(torch.from_numpy(p)[None, None], size)[0, 0].numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


@pytest.mark.parametrize("name", fitting((480, 640)))
def test_a_perfect_map_has_no_error_under_any_protocol(name):
    truths, _ = made((480, 640), count=2, holes=0, far=9)
    if get_protocol(name).flip:  # the mirrored picture is answered with the same map
        truths = [np.maximum(truth, truth[:, ::-1]) for truth in truths]
    score = evaluate(answers(truths), truth_maps(truths), name)
    for figure, value in score.metrics.items():
        best = {"psnr": math.inf}.get(figure, 1 if figure.startswith("delta") or figure == "ssim" else 0)
        assert value == pytest.approx(best, abs=2e-4), figure
    assert "inf" not in FORMATS["json"]({name: score}).lower()


def test_another_shape_is_refused_and_silence_is_not_mixed_in():
    truth = torch.ones(1, 1, 480, 640)
    for rules in (
        get_protocol("bts"),
        get_protocol("midas_affine"),
        get_protocol("marigold_affine"),
        get_protocol("eigen14"),
    ):
        with pytest.raises(DepthError, match="transposed"):
            rules.prepare(torch.ones(1, 1, 640, 480), truth)
        with pytest.raises(DepthError, match="another shape"):
            rules.prepare(torch.ones(1, 1, 480, 480), truth)
        holed = torch.ones(1, 1, 240, 320)
        holed[..., 100, 100] = 0
        with pytest.raises(DepthError, match="no prediction"):
            rules.prepare(holed, truth)


def test_a_protocol_of_whole_maps_only_still_counts_its_pixels():
    truths, predictions = made((48, 64), holes=0)
    score = evaluate(answers(predictions), truth_maps(truths), Protocol("s", figures=("ssim",)))
    assert list(score.metrics) == ["ssim"] and score.pixels == 3 * 48 * 64


def test_makarov18_scores_whole_maps_with_the_formulas_put_right():
    truths, predictions = made((60, 80), holes=0)
    rows = []
    for g, p in zip(truths, predictions, strict=True):
        g, p = g.astype(np.float64), p.astype(np.float64)
        same = {"data_range": g.max()}
        rows.append({
            "abs_rel": np.mean(np.abs(g - p) / g), "rmse": np.sqrt(np.mean((g - p) ** 2)), "mape": 100 * np.mean(np.abs(g - p) / g),
            "psnr": peak_signal_noise_ratio(g, p, **same),
            "ssim": structural_similarity(g, p, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, **same),
        })  # fmt: skip
    agrees(evaluate(answers(predictions), truth_maps(truths), "makarov18"), averaged(rows))


@pytest.mark.parametrize("seed", [0, 1])
def test_ssim_and_psnr_are_scikit_images(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.random((33, 47)) * 255, rng.random((33, 47)) * 255
    maps = [torch.from_numpy(x)[None, None] for x in (a, b)]
    mask = torch.ones(1, 1, 33, 47, dtype=torch.bool)
    wanted = structural_similarity(b, a, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
    assert structure.ssim(*maps, mask, 255).item() == pytest.approx(wanted, abs=1e-10)
    wanted = peak_signal_noise_ratio(b, a, data_range=255)
    assert structure.psnr(*maps, mask, 255).item() == pytest.approx(wanted, abs=1e-10)


def test_a_hole_never_enters_ssim():
    torch.manual_seed(0)
    truth, prediction = torch.rand(1, 1, 40, 40) + 1, torch.rand(1, 1, 40, 40) + 1
    mask = torch.ones_like(truth, dtype=torch.bool)
    mask[..., :15, :] = False
    rest = structure.ssim(prediction[..., 15:, :], truth[..., 15:, :], mask[..., 15:, :], 2.0)
    assert structure.ssim(prediction, truth, mask, 2.0).item() == pytest.approx(rest.item(), abs=1e-12)
    prediction[..., :15, :] = 1e6
    assert structure.ssim(prediction, truth, mask, 2.0).item() == pytest.approx(rest.item(), abs=1e-12)
    assert structure.ssim(prediction, truth, mask & False, 2.0).isnan()


def test_an_edge_that_is_off_by_more_pixels_costs_more_and_a_flat_map_costs_all():
    truth = torch.ones(1, 1, 40, 60)
    truth[..., 30:] = 3
    found = []
    for shift in (0, 2, 5):
        prediction = torch.ones(1, 1, 40, 60)
        prediction[..., 30 + shift :] = 3
        found.append(structure.boundary_error(prediction, truth, truth > 0).item())
    assert found[0] == 0 and found == sorted(found) and found[2] == pytest.approx(5, abs=1)
    assert structure.boundary_error(torch.ones_like(truth), truth, truth > 0).item() == 10
    assert structure.boundary_error(truth, torch.ones_like(truth), truth > 0).isnan()


def test_a_missing_edge_costs_as_much_as_an_invented_one():
    """By hand: of two straight edges 20 pixels apart one is missing, or one of three is too many."""
    one, two = torch.ones(1, 1, 40, 90), torch.ones(1, 1, 40, 90)
    one[..., 30:] = two[..., 30:] = 3
    two[..., 60:] = 5
    known = one > 0
    missing, invented = (
        structure.boundary_completeness(one, two, known),
        structure.boundary_completeness(two, one, known),
    )
    # three columns of edge pixels, a little shorter at the border; of one of them the distance is capped
    assert missing.item() == pytest.approx(10 / 3, rel=0.1)
    assert invented.item() == pytest.approx(missing.item()) and structure.boundary_error(one, two, known).item() == 0
    assert structure.boundary_completeness(two, two, known).item() == 0
    moved = torch.roll(one, 3, -1)
    moved[..., :3] = 1
    both, one_way = structure.boundary_completeness(moved, one, known), structure.boundary_error(moved, one, known)
    assert both.item() == pytest.approx(one_way.item()) == pytest.approx(3, abs=0.6)  # an edge is two columns wide
    assert structure.boundary_completeness(torch.ones_like(one), one, known).item() == 10
    assert structure.boundary_completeness(one, torch.ones_like(one), known).isnan()
    assert structure.boundary_completeness(one, one, known & False).isnan()
    score = evaluate(
        answers([one[0, 0].numpy()]), truth_maps([two[0, 0].numpy()]), Protocol("x", figures=("boundary_completeness",))
    )
    assert score.metrics["boundary_completeness"] == pytest.approx(missing.item())


@pytest.mark.parametrize("said", [0.0, -1.0, float("nan"), float("inf")])
def test_saying_nothing_where_nothing_is_known_draws_no_edge(said):
    rng = np.random.default_rng(0)
    truth = rng.uniform(1, 4, (3, 5)).repeat(16, 0).repeat(16, 1)
    holed, perfect = truth.copy(), truth.copy()
    holed[:8], perfect[:8] = 0, said
    score = evaluate(answers([perfect]), truth_maps([holed]), Protocol("x", figures=("boundary_error", "rmse")))
    assert score.metrics == {"boundary_error": 0, "rmse": 0}


def test_what_a_prediction_does_say_in_a_hole_is_looked_at_as_it_is():
    """Canny on the given map; only what the truth does not know is left out."""
    from scipy.ndimage import distance_transform_edt
    from skimage.feature import canny

    def edges(m):
        return canny((m - m.min()) / (m.max() - m.min()), sigma=math.sqrt(2), low_threshold=0.15, high_threshold=0.3)

    rng = np.random.default_rng(0)
    truth = rng.uniform(1, 4, (3, 5)).repeat(16, 0).repeat(16, 1)
    prediction = np.roll(truth, 2, 1) * rng.uniform(0.95, 1.05, truth.shape)
    prediction[:8] = 5
    known = np.ones(truth.shape, dtype=bool)
    known[:8] = False
    filled = truth.copy()
    filled[:8] = truth[8]
    distance = distance_transform_edt(~(edges(filled) & known))
    wanted = distance[edges(prediction) & known & (distance < 10)].mean()
    maps = (torch.from_numpy(m)[None, None] for m in (prediction, np.where(known, truth, 0), known))
    assert structure.boundary_error(*maps).item() == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize(
    "figure",
    [structure.ssim, structure.psnr, structure.boundary_error, structure.boundary_completeness, structure.edge_share],
)
def test_no_image_drops_out_of_the_mean_of_a_figure_of_whole_maps(figure):
    truth = torch.rand(2, 1, 12, 16) + 1
    metric = structure.MapMetric(figure)
    metric.update(truth * 1.1, truth, truth > 0)
    for value in (float("nan"), float("inf"), 0.0, -1.0):
        with pytest.raises(DepthError, match="the prediction is NaN, infinite, zero or negative at 384 of 384"):
            metric.update(torch.full_like(truth, value), truth, truth > 0)
        with pytest.raises(DepthError, match="the truth is NaN"):
            metric.update(truth, torch.full_like(truth, value), truth > 0)
    for wrong in (
        truth[..., :1, :1],
        truth[:1],
        truth[:, 0],
        truth[..., :15],
        truth.long(),
        truth.expand(2, 3, 12, 16),
    ):
        with pytest.raises(DepthError, match="structure: prediction, truth and mask are"):
            metric.update(wrong, truth, truth > 0)
    assert len(metric.each()) == 2


@pytest.mark.parametrize("span", [0.0, -1.0, float("nan"), float("inf")])
def test_a_range_of_values_that_holds_none_is_refused(span):
    truth = torch.rand(1, 1, 12, 16) + 1
    for figure in (structure.ssim, structure.psnr):
        with pytest.raises(DepthError, match="data_range is"):
            figure(truth, truth, truth > 0, span)


def test_edges_are_not_looked_for_in_a_map_without_a_scale():
    depth = torch.ones(20, 20)
    depth[3, 4] = float("nan")
    with pytest.raises(DepthError, match="1 of 400 depths are NaN or infinite"):
        structure.depth_edges(depth)


@pytest.mark.parametrize(
    "given",
    [
        {"clamp": (10, 0.1)}, {"clamp": (1.0, 1.0)}, {"caps": (5, 1)}, {"caps": (0.0, math.nan)}, {"crop": (444, 36, 46, 594)},
        {"crop": (0, 999, 0, 64)}, {"crop": (-10, 10, 0, 64)}, {"crop": (0, 10)}, {"resampling": "bicubic"}, {"alignment": "scale"},
        {"pooling": "bogus"}, {"figures": ("rmse", "foo")}, {"figures": "rmse"}, {"figures": ()}, {"frame": (0, 640)},
        {"data_range": 0.0}, {"stride": 0}, {"flip": "no"},
    ],
    ids=str,
)  # fmt: skip
def test_a_protocol_of_ones_own_is_checked_where_it_is_written(given):
    with pytest.raises(DepthError, match=f"^protocol mine: .*({next(iter(given))}|'foo')"):
        Protocol("mine", **given)


def test_a_protocol_of_lists_is_that_of_tuples():
    """As YAML and JSON hold them; a protocol is a key, so it must not change."""
    lists = Protocol("x", crop=[36, 444, 46, 594], clamp=[1, 10], figures=["rmse"])
    assert {lists} == {Protocol("x", crop=(36, 444, 46, 594), clamp=(1.0, 10.0), figures=("rmse",))}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda sums: metrics.collection([]), "no name; expected one or more of delta1"),
        (lambda sums: metrics.delta(sums, 4), "k is 4; expected 1, 2 or 3"),
        (lambda sums: metrics.rmse(sums, "bogus"), "pooling is 'bogus'"),
        (lambda sums: metrics.silog(sums, "bogus"), "pooling is 'bogus'"),
        (lambda sums: metrics.SILog("bogus"), "pooling is 'bogus'"),
        (lambda sums: structure.map_metrics(["foo"]), "'foo' is unknown; expected one of ssim"),
        (lambda sums: higher_is_better("foo"), "'foo' is unknown; expected one of delta1"),
    ],
)
def test_a_figure_that_does_not_exist_names_those_that_do(call, words):
    with pytest.raises(DepthError, match=words):
        call(one([2.0], [2.0]))


@pytest.mark.parametrize("name", metrics.PIXEL_METRICS)
def test_every_figure_says_which_way_is_better(name):
    figure = metrics.PIXEL_METRICS[name]
    assert figure.__doc__.endswith(f"{'Higher' if higher_is_better(name) else 'Lower'} is better.")


@pytest.mark.parametrize("fit", [alignment.median_scale, alignment.log_scale, alignment.disparity_scale_shift])
def test_nothing_is_fitted_to_what_is_missing(fit):
    depths = torch.tensor([1.0, 2.0, 4.0])
    for bad in (0.0, -1.0, float("nan")):
        with pytest.raises(DepthError, match="1 of 3 pixels cannot be fitted"):
            fit(depths, torch.tensor([1.0, 2.0, bad]))
        if bad != bad or fit is not alignment.disparity_scale_shift:  # a disparity of unknown shift may be anything
            with pytest.raises(DepthError, match="1 of 3 pixels cannot be fitted"):
                fit(torch.tensor([1.0, 2.0, bad]), depths)
    for other in (depths[:0], depths[:1]):
        with pytest.raises(DepthError, match="expected as many of both, and at least one"):
            fit(other, depths if len(other) else other)


def test_an_alignment_that_does_not_exist_names_those_that_do():
    truth = torch.ones(1, 4, 4)
    with pytest.raises(DepthError, match="'scale' is unknown; expected one of median, log_mean, depth, disparity"):
        alignment.align(truth, truth, truth > 0, "scale", 10.0)
    with pytest.raises(DepthError, match="median of no value"):
        alignment.median(torch.zeros(0))


def test_a_disparity_of_zero_is_as_far_as_the_clamp():
    truth, disparity = np.full((375, 1242), 20.0), np.full((375, 1242), 0.5)
    disparity[200, 600] = 0
    score = evaluate(answers([disparity]), truth_maps([truth]), "monodepth2", kind="inverse_depth")
    assert score.metrics["abs_rel"] == pytest.approx(3 / score.pixels)  # 80 m for 20 m, at one pixel


def test_what_a_kind_leaves_open_must_be_what_the_protocol_fits():
    """A perfect disparity of another zero, inverted and brought to the truth's median, is wrong by three quarters."""
    truth = np.full((48, 64), 2.0)
    truth[:16], truth[32:] = 1.0, 4.0
    median = Protocol("median", alignment="median")
    inverse = evaluate(answers([5 / truth]), truth_maps([truth]), median, kind="inverse_depth")
    assert inverse.metrics["abs_rel"] == pytest.approx(0, abs=1e-6)
    moved = answers([0.8 * (1 / truth - 0.2)])
    taken = evaluate(moved, truth_maps([truth]), median, kind="inverse_depth")
    assert taken.metrics["abs_rel"] == pytest.approx((0.25 + 0 + 2) / 3, rel=1e-4)
    with pytest.raises(DepthError, match=r"fits one factor.*unknown shift.*declare it as inverse_depth"):
        evaluate(moved, truth_maps([truth]), median, kind="disparity")
    with pytest.raises(DepthError, match="scores metres, and inverse_depth has no scale"):
        evaluate(moved, truth_maps([truth]), "full", kind="inverse_depth")


def test_the_oracle_scale_leaves_the_scale_invariant_error():
    """Eigen et al. 2014, §3.2: log RMSE with the oracle is the scale-invariant RMSE without it."""
    truths, predictions = made((48, 64))
    plain = Protocol("plain", pooling="images", figures=("rmse_log", "scale_invariant_rmse"))
    oracle = Protocol("oracle", pooling="images", alignment="log_mean", figures=("rmse_log", "scale_invariant_rmse"))
    a, b = (evaluate(answers(predictions), truth_maps(truths), rules).metrics for rules in (plain, oracle))
    assert b["rmse_log"] == pytest.approx(a["scale_invariant_rmse"], rel=1e-5) and b["rmse_log"] < a["rmse_log"]
    assert b["scale_invariant_rmse"] == pytest.approx(a["scale_invariant_rmse"], rel=1e-5)


@pytest.mark.parametrize("count", [1, 2, 5, 6])
def test_the_median_is_numpys(count):
    values = torch.rand(count)
    assert alignment.median(values).item() == pytest.approx(np.median(values.numpy()))


# --- the defects of public evaluators, each with a test that would catch it ----------------------------------------------


def one(prediction, truth):
    p, g = (torch.tensor(x).reshape(1, 1, 1, -1) for x in (prediction, truth))
    return metrics.error_sums(p, g, torch.ones_like(g, dtype=torch.bool))


def test_arguments_swapped():
    assert metrics.abs_rel(one([4.0], [2.0])) == 1 and metrics.sq_rel(one([4.0], [2.0])) == 2


def test_silog_with_a_factor_or_without_root_and_hundred():
    wanted = 100 * np.std(np.log([1.5, 0.5]))  # the variance of the population, not of a sample
    assert metrics.silog(one([1.5, 1.0], [1.0, 2.0])).item() == pytest.approx(wanted)


def test_silog_of_a_scaled_truth_is_zero_not_nan():
    truth = torch.rand(1, 1, 100, 100, dtype=torch.float64) + 1
    value = metrics.silog(metrics.error_sums(truth * 1.7, truth, truth > 0))
    assert value.item() == pytest.approx(0, abs=1e-5)


def test_rmse_log_is_no_mean_square():
    assert metrics.rmse_log(one([math.e**2], [1.0])).item() == pytest.approx(2)


def test_a_pixel_without_truth_is_never_scored_whatever_is_predicted_there():
    g = torch.tensor([[2.0, 0.0]]).reshape(1, 1, 1, 2)
    p = torch.tensor([[2.0, 99.0]]).reshape(1, 1, 1, 2)
    _, _, mask = Protocol("x").prepare(p, g)
    assert mask.flatten().tolist() == [True, False]


def test_the_last_batch_counts():
    truths, predictions = made((48, 64), count=5)
    scores = [evaluate(answers(predictions), truth_maps(truths), "full", batch=b) for b in (1, 2, 3, 5)]
    assert all(s.images == 5 for s in scores) and all(
        s.metrics == pytest.approx(scores[0].metrics, rel=1e-12) for s in scores
    )


def test_a_ratio_of_exactly_five_quarters_is_not_below_it():
    assert metrics.delta(one([1.25, 1.0], [1.0, 1.25])).item() == 0


def test_the_crop_of_half_a_map_is_half_the_crop():
    assert get_protocol("eigen14").window((240, 320)) == (18, 222, 23, 297)


@pytest.mark.parametrize("kind", [torch.int32, torch.bool])
def test_maps_that_are_no_metres_are_refused(kind):
    maps = torch.ones(1, 1, 2, 2)
    with pytest.raises(DepthError, match="floating-point"):
        metrics.error_sums(maps.to(kind), maps, maps > 0)
    with pytest.raises(DepthError, match="bool"):
        metrics.error_sums(maps, maps, maps)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_truth_that_cannot_be_is_refused(value):
    with pytest.raises(DepthError, match="the truth is NaN"):
        one([1.0, 1.0], [1.0, value])


# --- bad predictions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda p: p * float("nan"), "NaN or negative at"),
        (lambda p: -p, "NaN or negative at"),
        (lambda p: p * 0, "no prediction"),
        (lambda p: p[:, 0], "expected"),
        (lambda p: p[:1].repeat(9, 1, 1, 1), "expected"),
    ],
)
@pytest.mark.parametrize("protocol", ["eigen14", "eigen14_median", "bts"])
def test_a_prediction_that_cannot_be_depth_is_counted_and_refused(damage, words, protocol):
    truths, predictions = made((48, 64), far=5)
    with pytest.raises(DepthError, match=words):
        evaluate(lambda rgb: damage(answers(predictions)(rgb)), truth_maps(truths), protocol)


def test_constant_predictions_and_disparity_taken_for_depth_are_noticed():
    truths, predictions = made((48, 64), far=5)
    data = truth_maps(truths)
    assert evaluate(answers(predictions), data).warnings == []
    flat = evaluate(lambda rgb: torch.full((len(rgb), 1, 48, 64), 2.0), data)
    assert flat.warnings == ["3 of 3 predictions are constant."]
    upside_down = evaluate(lambda rgb: 3 / answers(predictions)(rgb), data)
    assert len(upside_down.warnings) == 1 and "are they disparity?" in upside_down.warnings[0]
    # an alignment would forgive both mistakes, so the warning must look before it
    taken_for_disparity = evaluate(answers(predictions), data, "midas_affine", kind="disparity")
    assert "are they depth?" in taken_for_disparity.warnings[0]
    assert (
        "are they disparity?" in evaluate(lambda rgb: 3 / answers(predictions)(rgb), data, "midas_affine").warnings[0]
    )
    assert evaluate(lambda rgb: 3 / answers(predictions)(rgb), data, "midas_affine", kind="disparity").warnings == []
    in_millimetres = evaluate(lambda rgb: 1000 * answers(predictions)(rgb), data)
    assert "times the truth: metres, or another unit?" in in_millimetres.warnings[0]


def test_every_protocol_says_what_it_does():
    for protocol in PROTOCOLS.values():
        text = protocol.describe()
        assert protocol.reproduces and protocol.name in text and protocol.figures[0] in text
    assert set(fitting((375, 1242))) >= {"garg", "monodepth2", "kitti_benchmark", "full"} and "bts" not in fitting(
        (375, 1242)
    )


def test_intervals_hold_the_value_and_whole_map_figures_are_compared_too():
    truths, predictions = made((48, 64), count=30, holes=0)
    worse = [p * 1.4 for p in predictions]
    a, b = (evaluate(answers(p), truth_maps(truths), "makarov18") for p in (predictions, worse))
    for name, value in a.metrics.items():
        low, high = bootstrap_interval(a, name, draws=300)
        assert low < value < high, name
        difference = bootstrap_difference(a, b, name, draws=300)
        assert difference.value == pytest.approx(value - b.metrics[name])
    assert bootstrap_difference(a, b, "rmse").first_is_better and bootstrap_difference(a, b, "rmse").certain
    with pytest.raises(DepthError, match="no figure 'silog'"):
        bootstrap_interval(a, "silog")
    other = evaluate(answers(predictions), truth_maps(truths[:-1]), "makarov18")
    with pytest.raises(DepthError, match="same images"):
        bootstrap_difference(a, other, "rmse")


# --- maps on disk ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def stored(pairs, tmp_path):
    """Predictions for the eight pairs, as three programs would leave them: npy, pfm and png."""
    from depthlib.data.folder import Folder

    folder = tmp_path / "maps"
    folder.mkdir()
    for i, sample in enumerate(Folder(pairs)):
        depth = sample["depth"][0].numpy() * 1.1
        if i % 3 == 0:
            np.save(folder / f"{sample['name']}.npy", depth)
        elif i % 3 == 1:
            write_pfm(folder / f"{sample['name']}.pfm", depth)
        else:
            np.save(folder / f"{sample['name']}.npy", depth[::2, ::2])  # another size
        if i == 7:
            break
    return folder


def run(*arguments):
    return main(["evaluate", *map(str, arguments)])


#: What the evaluation code of each paper has: scored rows and columns of its frame, depths that count, the range that answers are
#: brought into, what is averaged, and whether with the mirrored picture. `None`: no such thing.
RULES = {
    "eigen14": ((36, 444, 46, 594), None, None, "pixels", False),
    "eigen14_median": ((36, 444, 46, 594), None, None, "pixels", False),
    "eigen14_oracle": ((36, 444, 46, 594), None, None, "pixels", False),
    "eigen14_down": ((36, 444, 46, 594), None, None, "pixels", False),
    "eigen14_kitti": ((66, 174, 22, 590), (0, 80), None, "pixels", False),
    "bts": ((45, 471, 41, 601), (0.001, 10), (0.001, 10), "images", False),
    "bts_flip": ((45, 471, 41, 601), (0.001, 10), (0.001, 10), "images", True),
    "densedepth": ((20, 460, 24, 616), None, (0.1, 10), "pixels", True),
    "garg": ((153, 371, 44, 1197), (0.001, 80), (0.001, 80), "images", False),
    "garg_flip": ((153, 371, 44, 1197), (0.001, 80), (0.001, 80), "images", True),
    "kitti_eigen_crop": ((124, 342, 44, 1197), (0.001, 80), (0.001, 80), "images", False),
    "monodepth2": ((153, 371, 44, 1197), (0.001, 80), (0.001, 80), "images", False),
    "kitti_benchmark": (None, None, None, "images", False),
    "kitti_completion": (None, None, None, "images", False),
    "midas_affine": ((45, 471, 41, 601), (0.001, 10), None, "images", False),
    "marigold_affine": ((45, 471, 41, 601), (0.001, 10), (0.001, 10), "images", False),
    "makarov18": (None, None, None, "images", False),
    "full": (None, None, None, "pixels", False),
}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_nobody_has_to_ask_which_crop_which_cap_and_which_mean(name):
    crop, caps, clamp, pooling, flip = RULES[name]
    protocol = PROTOCOLS[name]
    assert protocol.window(protocol.frame) == (crop or (0, protocol.frame[0], 0, protocol.frame[1]))
    assert (protocol.caps, protocol.clamp) == (caps or (0, math.inf), clamp)
    assert (protocol.pooling, protocol.flip) == (pooling, flip)


def test_the_region_of_eigens_kitti_is_what_their_network_answers_for_here():
    model = build_model("eigen", variant="kitti", width=0.05)
    (rows, columns), (high, wide) = model.frame_size, model.input_size
    down, right = (rows - high) // 2, (columns - wide) // 2
    top, left, bottom, end = model.region
    protocol = get_protocol("eigen14_kitti")
    assert protocol.frame == model.frame_size
    assert protocol.crop == (top + down, bottom + down, left + right, end + right)


@pytest.mark.parametrize("unit", [1e-4, 1.0, 1e4])
@pytest.mark.parametrize("kind", ["depth", "disparity"])
def test_an_alignment_is_the_same_in_any_unit(kind, unit):
    drawn = torch.Generator().manual_seed(0)
    truth = 1 + 4 * torch.rand(1, 20, 20, generator=drawn)
    prediction = truth + 0.3 * torch.rand(1, 20, 20, generator=drawn)
    everywhere = torch.ones_like(truth, dtype=torch.bool)
    fitted = alignment.align(prediction, truth, everywhere, kind, 10.0)
    assert (fitted - truth).abs().mean() < 0.2 < truth.std()
    torch.testing.assert_close(
        alignment.align(unit * prediction, truth, everywhere, kind, 10.0), fitted, rtol=1e-3, atol=1e-3
    )


def test_maps_of_any_program_are_scored(stored, pairs, capsys):
    assert run(stored, "--against", "folder", "--option", f"root={pairs}", "--protocol", "all", "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == set(fitting((240, 320)))
    assert found["eigen14"]["images"] == 8 and found["midas_affine"]["metrics"]["delta1"]["value"] > 0.5
    for kind in FORMATS:
        assert run(stored, "--against", "folder", "--option", f"root={pairs}", "--format", kind) == 0
        text = capsys.readouterr().out
        assert kind == "json" or f"{found['eigen14']['metrics']['rmse']['value']:.3f}" in text


def test_two_programs_are_compared_on_the_same_images(stored, pairs, tmp_path, capsys):
    other = tmp_path / "other"
    other.mkdir()
    for path in stored.iterdir():
        depth = np.load(path) if path.suffix == ".npy" else read_pfm(path)
        np.save(other / f"{path.stem}.npy", depth * 1.3)
    scored = ["--against", "folder", "--split", "train", "--option", f"root={pairs}", "--protocol", "full"]
    assert main(["evaluate", str(stored), *scored, "--compare-with", str(other)]) == 0
    text = capsys.readouterr().out
    assert "a paired bootstrap over 8 images (too few to trust the width):" in text
    lines = text.split("a paired bootstrap over")[1].splitlines()
    rmse = next(line for line in lines if "RMSE " in line)
    assert rmse.endswith("zero is outside, but this was drawn from too few") and "-" in rmse
    assert next(line for line in lines if "scale-inv." in line).endswith(
        "no certain difference"
    )  # a factor is forgiven
    for form in ("json", "latex"):
        assert main(["evaluate", str(stored), *scored, "--compare-with", str(other), "--format", form]) == 2
    inverse = tmp_path / "inverse"  # in another unit and of another kind than the first
    inverse.mkdir()
    for path in other.iterdir():
        np.save(inverse / path.name, 7000 / np.load(path))
    aligned = ["--protocol", "midas_affine", "--compare-with", str(inverse), "--compare-kind", "disparity"]
    said = []
    for scale in ("1", "1000"):
        capsys.readouterr()
        assert main(["evaluate", str(stored), *scored[:-2], *aligned, "--compare-scale", scale]) == 0
        said.append(capsys.readouterr().out)
        assert "no certain difference" in said[-1]  # a factor of depth is one of disparity, and is fitted
    assert main(["evaluate", str(stored), *scored, "--compare-with", str(inverse), "--compare-scale", "1000"]) == 0
    assert "zero is outside" in capsys.readouterr().out
    assert main(["evaluate", str(stored), *scored, "--compare-scale", "1000"]) == 2
    assert "--compare-with names; it is not given" in capsys.readouterr().err
    assert main(["evaluate", str(stored), *scored, "--compare-with", "box/depth", "--compare-scale", "1000"]) == 2
    assert "box/depth: answers in metres" in capsys.readouterr().err
    np.save(other / "0000.npy", np.full((240, 320), np.nan))
    capsys.readouterr()
    assert main(["evaluate", str(stored), *scored, "--compare-with", str(other)]) == 2
    assert "cannot be compared" in capsys.readouterr().err


def test_every_form_prints_the_same_figures_and_intervals(pairs):
    score = evaluate(constant(torch.full((1, 1, 1, 1), 2.0)), open_dataset("folder", root=pairs), get_protocol("full"))
    low, high = bootstrap_interval(score, "abs_rel")
    assert low < score.metrics["abs_rel"] < high
    wanted = [f"{number:.3f}" for number in (score.metrics["abs_rel"], low, high)]
    for name in ("text", "markdown", "latex"):
        printed = FORMATS[name]({"a constant": score})
        assert all(number in printed for number in wanted), name
    stored = json.loads(FORMATS["json"]({"a constant": score}))["a constant"]
    assert tuple(stored["metrics"]["abs_rel"]["interval"]) == (low, high)


def test_millimetre_pngs_are_metres_with_their_scale(pairs, tmp_path, capsys):
    from depthlib.data.folder import Folder

    folder = tmp_path / "png"
    folder.mkdir()
    truths = Folder(pairs)
    for i in range(8):
        write_depth_png(folder / f"{i:04d}.png", truths[i]["depth"][0].numpy() * 1.25, 5000)
        with Image.open(folder / f"{i:04d}.png") as png:
            values = np.asarray(png)
        Image.fromarray(values).save(folder / f"{i:04d}.png")  # as another program writes it, without its unit
    against = ("--against", "folder", "--option", f"root={pairs}", "--format", "json")
    assert run(folder, *against) == 2
    assert "--scale" in capsys.readouterr().err
    assert run(folder, *against, "--scale", "5000") == 0
    assert json.loads(capsys.readouterr().out)["eigen14"]["metrics"]["abs_rel"]["value"] == pytest.approx(
        0.25, abs=1e-3
    )
    assert run(folder, *against, "--scale", "1") == 0
    assert "6.25e+03 times the truth" in capsys.readouterr().err
    assert run(folder, *against, "--scale", "0") == 2


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda f: (f / "0000.npy").rename(f / "zero.npy"), "no map for 1 of 8"),
        (lambda f: (f / "0000.npy").write_bytes(b"no array"), "0000.npy: cannot be read"),
        (lambda f: np.save(f / "0000.npy", np.zeros((2, 3, 4))), "expected one map"),
        (lambda f: np.save(f / "0000.npy", np.array([{}], dtype=object)), "0000.npy: cannot be read"),
        (lambda f: (f / "0001.pfm").write_bytes(b"PF\n1 1\n-1\n"), "not a grey PFM"),
        (lambda f: (f / "0001.pfm").write_bytes(b"Pf\n999999 999999\n-1\n1234"), "bytes of data"),
        (lambda f: (f / "0001.npy").write_bytes(b""), "same name"),
    ],
)
def test_a_damaged_map_is_named(stored, pairs, capsys, damage, words):
    damage(stored)
    assert run(stored, "--against", "folder", "--option", f"root={pairs}") == 2
    assert words in capsys.readouterr().err


def test_a_map_that_cannot_be_scored_is_named_by_its_path(tmp_path):
    for i, value in enumerate((2.0, np.nan, np.nan)):
        np.save(tmp_path / f"m{i}.npy", np.full((48, 64), value, dtype=np.float32))
    with pytest.raises(DepthError) as caught:
        evaluate(StoredPredictions(tmp_path), truth_maps(np.full((3, 48, 64), 2.0)), "full")
    assert str(caught.value).startswith(
        f"{tmp_path / 'm1.npy'}: protocol full: the prediction is NaN or negative at 3072 of"
    )


def test_an_empty_folder_and_a_missing_one(tmp_path):
    with pytest.raises(DepthError, match="expected one map an image"):
        StoredPredictions(tmp_path)
    with pytest.raises(DepthError, match="no such folder"):
        StoredPredictions(tmp_path / "nowhere")


def test_pfm_in_both_byte_orders(tmp_path):
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    write_pfm(tmp_path / "a.pfm", values)
    (tmp_path / "b.pfm").write_bytes(b"Pf\n3 2\n1.0\n" + values[::-1].astype(">f4").tobytes())
    assert np.array_equal(read_pfm(tmp_path / "a.pfm"), values) and np.array_equal(read_pfm(tmp_path / "b.pfm"), values)


def test_many_protocols_take_one_pass_and_give_what_each_gives_alone():
    torch.manual_seed(0)
    truths = [np.random.default_rng(i).uniform(1, 9, (48, 64)) for i in range(5)]
    predictions = [t * np.random.default_rng(9).uniform(0.7, 1.3, t.shape) for t in truths]
    asked = []

    def counted(rgb):
        asked.append(len(rgb))
        return answers(predictions)(rgb)

    chosen = [get_protocol(name) for name in ("eigen14", "bts", "bts_flip", "midas_affine", "densedepth")]
    scores, refused = evaluate_many(counted, truth_maps(truths), chosen, batch=2)
    assert asked == [2, 2, 2, 2, 1, 1] and not refused  # each batch once, and once mirrored for those that ask
    for rules in chosen:
        alone = evaluate(answers(predictions), truth_maps(truths), rules, batch=2)
        assert alone.metrics == scores[rules.name].metrics and alone.names == scores[rules.name].names


def test_a_protocol_that_cannot_score_does_not_stop_the_others():
    truths = [np.full((48, 64), 3.0)]
    silent = np.full((48, 64), 3.0)
    silent[:, :4] = 0  # outside of the two crops, inside of full's
    chosen = [get_protocol(name) for name in ("full", "eigen14", "bts")]
    scores, refused = evaluate_many(answers([silent]), truth_maps(truths), chosen)
    assert set(scores) == {"eigen14", "bts"} and "no prediction (0) at 192" in str(refused["full"])
