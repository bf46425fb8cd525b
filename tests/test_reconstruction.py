"""Networks that are shown part of the true depth, and what they are shown."""

import dataclasses
import json
import math

import pytest
import torch
from made import Samples, make_pairs
from torch._dynamo.utils import counters

from depthlib.baselines import Completion, Enlargement
from depthlib.batches import Batches
from depthlib.checkpoints import load_model
from depthlib.cli import main
from depthlib.data import open_dataset
from depthlib.data.sampling import PATTERNS, sparsify
from depthlib.data.store import InMemory
from depthlib.errors import DepthError
from depthlib.evaluation import evaluate
from depthlib.losses import make_loss
from depthlib.models import build_model
from depthlib.models.sparse_to_dense import rough_map
from depthlib.observations import SmallDepth, SparseDepth, make_observation
from depthlib.prediction import predict
from depthlib.predictors import Shown
from depthlib.preflight import preflight
from depthlib.recipe import load_recipe
from depthlib.reconstruction import complete, enlarge, quick
from depthlib.reporting import table
from depthlib.results import write_results
from depthlib.runs import make_results
from depthlib.scoring import baseline, score_run
from depthlib.training import train


def plane(height: int = 60, width: int = 80, count: int = 1) -> torch.Tensor:
    """A slanted floor with a box on it: metres [count, 1, H, W]."""
    v, u = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    depth = 1 + 0.02 * v + 0.01 * u
    depth[height // 4 : height // 2, width // 4 : width // 2] = 1.2
    return depth.float().expand(count, 1, height, width).clone()


def batch_of(depth: torch.Tensor) -> dict:
    return {"depth": depth, "rgb": torch.rand(len(depth), 3, *depth.shape[-2:]), "index": list(range(len(depth)))}


def stirred(name: str, **options):
    """A network whose last layers are not zero any more, so that all of it matters."""
    torch.manual_seed(0)
    model = build_model(name, **options).eval()
    for parameter in model.parameters():
        parameter.data += 0.03 * torch.randn_like(parameter)
    return model


# what is shown


def test_a_mixed_batch_shows_each_sample_what_it_would_be_shown_alone():
    depth, observation = plane(count=12), SparseDepth(("uniform", "gradient", "mixed", "grid"), (0.1, 0.01))
    together = observation.of(batch_of(depth), 3, 5)
    for i in (0, 4, 11):
        alone = observation.of({**batch_of(depth[i : i + 1]), "index": [i]}, 3, [5])
        assert torch.equal(alone, together[i : i + 1])
    counts = set((together > 0).sum((1, 2, 3)).tolist())
    assert counts == {480, 48}  # both fractions, each exact
    assert not torch.equal(together, observation.of(batch_of(depth), 3, 6))  # another epoch, another draw


@pytest.mark.parametrize("pattern", ["uniform", "gradient", "mixed", "grid"])
def test_a_tenth_is_exactly_a_tenth(pattern):
    shown = SparseDepth((pattern,)).of(batch_of(plane(240, 320, 2)), 0, 0)
    assert (shown > 0).sum((1, 2, 3)).tolist() == [7680, 7680]


def test_the_fewest_are_found_as_by_sorting_even_among_ties():
    from depthlib.data.sampling import _first

    generator = torch.Generator().manual_seed(0)
    for values in (3, 50, 10**6):
        rank = torch.randint(0, values, (2, 1, 9, 11), generator=generator).float()
        allowed = torch.rand(2, 1, 9, 11, generator=generator) < 0.6
        flat = torch.where(allowed, rank, math.inf).flatten(1)
        for count in (0, 1, 7, 40, 99):
            kept = torch.zeros_like(flat, dtype=torch.bool).scatter_(1, flat.argsort(stable=True)[:, :count], True)
            assert torch.equal(_first(rank, allowed, count), kept.view_as(allowed) & allowed)


@pytest.mark.parametrize("options", [{"how": "mean"}, {"how": 3}])
def test_a_small_map_is_made_in_two_ways_only(options):
    with pytest.raises(DepthError, match="expected average or pick"):
        make_observation("small", **options)


def test_a_small_map_has_the_middle_of_each_cell_and_goes_on_where_it_does_not_fit():
    depth = torch.arange(10 * 11, dtype=torch.float32).reshape(1, 1, 10, 11) + 1
    assert SmallDepth(4).of(batch_of(depth))[0, 0, 1, 1] == depth[0, 0, 4:8, 4:8].mean()  # or its mean
    small = SmallDepth(4, "pick").of(batch_of(depth))
    assert small.shape == (1, 1, 3, 3)
    assert small[0, 0, :2, :2].tolist() == depth[0, 0, [2, 6]][:, [2, 6]].tolist()
    assert small[0, 0, 2, 2] == depth[0, 0, 9, 10]
    depth[0, 0, 2, 2] = 0  # a hole takes its nearest known value first
    assert SmallDepth(4, "pick").of(batch_of(depth))[0, 0, 0, 0] in (
        depth[0, 0, 1, 2],
        depth[0, 0, 2, 1],
        depth[0, 0, 2, 3],
        depth[0, 0, 3, 2],
    )


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("sparce", {}, "expected one of sparse, small"), ("sparse", {"patterns": ["unifrom"]}, "did you mean 'uniform'"),
        ("sparse", {"fractions": [0]}, "fraction is 0"), ("sparse", {"patterns": []}, "at least"), ("sparse", {"x": 1}, "do not fit"),
        ("small", {"factor": 1}, "factor is 1"), ("small", {"factor": "3"}, "do not fit"),
    ],
)  # fmt: skip
def test_what_cannot_be_shown_is_refused(name, options, says):
    with pytest.raises(DepthError, match=says):
        make_observation(name, **options)


# the networks


@pytest.mark.parametrize("guided", [False, True])
@pytest.mark.parametrize("size", [(60, 80), (33, 47), (5, 7), (240, 320)])
def test_measured_depths_stay_and_the_answer_has_their_scale(size, guided):
    model = stirred("sparse_to_dense", width=16, guided=guided)
    sparse = sparsify(plane(*size), "uniform", 0.1)
    rgb = torch.rand(1, 3, *size) if guided else None
    dense = complete(model, sparse, rgb)
    assert dense.shape == sparse.shape and bool((dense > 0).all())
    assert torch.equal(dense[sparse > 0], sparse[sparse > 0])
    for factor in (1e-3, 1000.0):
        torch.testing.assert_close(complete(model, sparse * factor, rgb) / factor, dense, rtol=1e-4, atol=0)


def test_the_published_network_has_the_scale_too_and_any_size():
    model = stirred("interpolation", width=8)
    sparse = sparsify(plane(50, 70), "uniform", 0.1)
    dense = complete(model, sparse)
    assert dense.shape == sparse.shape
    torch.testing.assert_close(complete(model, sparse * 100) / 100, dense, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["interpolation", "sparse_to_dense"])
def test_a_map_is_completed_as_it_would_be_alone_and_by_a_network_that_was_left_in_training(name):
    model = stirred(name, width=8)
    maps = torch.cat(
        [sparsify(plane(50, 70) * factor, "uniform", share) for factor, share in ((1, 0.1), (9, 0.02), (3, 0.5))]
    )
    alone = torch.cat([complete(model, each[None]) for each in maps])
    torch.testing.assert_close(complete(model, maps), alone, rtol=1e-4, atol=1e-5)
    model.train()
    torch.testing.assert_close(complete(model, maps), alone, rtol=1e-4, atol=1e-5)
    assert model.training


def test_the_published_interpolation_answers_no_depth_below_a_hundredth_of_the_mean():
    model = stirred("interpolation", width=8)
    model.enlarge[-2].bias.data -= 100
    sparse = sparsify(plane(50, 70), "uniform", 0.1)
    low = 0.01 * sparse[sparse > 0].mean().item()
    dense = complete(model, sparse)
    assert dense[sparse == 0].unique().tolist() == pytest.approx([low], rel=1e-5) and model.train()(sparse).min() < 0


def test_the_published_enlargement_follows_its_unit_and_its_zero():
    model = stirred("superres", factor=4, width=8, blocks=1)
    small = plane(12, 16)
    large = enlarge(model, small)
    assert (large - large.mean()).abs().max() > 0.03
    torch.testing.assert_close(enlarge(model, 40 * small + 7), 40 * large + 7, rtol=1e-4, atol=1e-3)


def test_one_sample_and_a_corner_of_samples_give_a_whole_map():
    model = stirred("sparse_to_dense", width=16)
    sparse = torch.zeros(2, 1, 100, 130)
    sparse[0, 0, 50, 60] = 3.0
    sparse[1, 0, :4, :4] = 2.0
    dense = complete(model, sparse)
    assert bool(dense.isfinite().all()) and bool((dense > 0).all())


def test_where_all_is_measured_nothing_changes():
    depth = plane()
    assert torch.equal(complete(stirred("sparse_to_dense", width=8), depth), depth)


def test_the_rough_map_of_one_depth_is_that_depth_and_of_a_block_its_mean():
    sparse = torch.zeros(1, 1, 32, 32)
    sparse[0, 0, 0, 0], sparse[0, 0, 1, 1] = 1.0, 3.0
    rough, share, middle = rough_map(sparse, (sparse > 0).float())
    assert rough.unique().tolist() == [2.0] and share[0, 0, 0, 0] == 2 / 16 and middle.item() == 2.0


@pytest.mark.parametrize("guided", [False, True])
@pytest.mark.parametrize("factor", [4, 8, 16])
def test_an_enlarged_map_follows_its_unit_and_its_zero(factor, guided):
    model = stirred("upsampler", factor=factor, width=8, blocks=1, guided=guided)
    small = plane(12, 16)
    rgb = torch.rand(1, 3, 12 * factor - 1, 16 * factor - 3) if guided else None
    large = enlarge(model, small, rgb)
    assert large.shape == (1, 1, 12 * factor, 16 * factor)
    torch.testing.assert_close(enlarge(model, 40 * small + 7, rgb), 40 * large + 7, rtol=1e-4, atol=1e-3)


def test_an_enlarged_disparity_is_never_below_what_was_shown():
    from depthlib.checkpoints import load_model

    small = torch.rand(1, 20, 20, generator=torch.Generator().manual_seed(0)) * 30 + 5
    small[0, :3] = 0
    large = enlarge(load_model("box/superres-x8"), small, zero_is_missing=False)
    assert large.min() == 0 and (large[:, :12] < 10).any()


@pytest.mark.parametrize("factor", [4, 8, 16])
def test_an_enlarged_map_is_what_was_shown_when_it_is_made_small_again(factor):
    small, model = plane(12, 16), stirred("upsampler", factor=factor, width=8, blocks=1)
    torch.testing.assert_close(
        torch.nn.functional.avg_pool2d(enlarge(model, small), factor), small, rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("metres", [0.002, 3.0, 200.0])
@pytest.mark.parametrize("name", ["upsampler", "superres"])
def test_a_flat_map_stays_flat(name, metres):
    """Whatever the network says, and with the rounding of float32 in it."""
    small = torch.full((1, 1, 12, 16), metres) * (1 + 1e-7 * torch.randn(12, 16))
    large = enlarge(stirred(name, factor=8, width=8, blocks=1), small)
    torch.testing.assert_close(large, torch.full_like(large, metres), rtol=1e-6, atol=0)


def test_what_a_network_cannot_be_shown_is_refused():
    fill, guided = build_model("sparse_to_dense", width=8), build_model("sparse_to_dense", width=8, guided=True)
    larger = build_model("upsampler", factor=4, width=8, blocks=1)
    sparse = sparsify(plane(), "uniform", 0.1)
    for call, says in (
        (lambda: complete(fill, torch.zeros(1, 1, 40, 40)), "nothing is measured in map 0"),
        (lambda: complete(fill, -sparse), "negative"),
        (lambda: complete(fill, torch.where(sparse > 0, math.nan, 0.0)), "NaN"),
        (lambda: complete(fill, sparse[0, 0]), r"\[60, 80\]|\(60, 80\)"),
        (lambda: complete(fill, sparse, torch.rand(1, 3, 60, 80)), "leave rgb out"),
        (lambda: complete(guided, sparse), "pass rgb"),
        (lambda: complete(guided, sparse, torch.rand(1, 3, 61, 80)), "one picture a map"),
        (lambda: complete(larger, sparse), "is shown depth_lr"),
        (lambda: enlarge(larger, torch.full((1, 1, 4, 4), math.inf)), "Fill them first"),
        (lambda: enlarge(larger, torch.ones(1, 1, 1, 9)), "at least 2x2"),
        (lambda: enlarge(larger, torch.ones(1, 1, 4, 4).numpy()), "ndarray; expected a tensor"),
        (lambda: enlarge(larger, torch.zeros(1, 1, 4, 4)), "16 values are 0 or negative.*fill_nearest"),
        (
            lambda: complete(guided, sparse, torch.full((1, 3, 60, 80), 255.0)),
            r"colours from 255 to 255; expected RGB in \[0, 1\]",
        ),
        (
            lambda: complete(guided, sparse, torch.zeros(1, 3, 60, 80, dtype=torch.uint8)),
            "rgb: torch.uint8; expected floats",
        ),
        (lambda: complete(guided, sparse, torch.full((1, 3, 60, 80), math.nan)), "NaN or infinite"),
        (lambda: Shown(larger, SmallDepth(8)), "8 times smaller, but DepthUpsampler enlarges 4 times"),
        (lambda: build_model("upsampler", factor=3), "factor is 3"),
        (lambda: build_model("upsampler", factor=1), "factor is 1"),
        (lambda: predict(fill, torch.rand(3, 64, 64)), "starts from some true depth"),
        (lambda: Shown(fill, SmallDepth(4)), "gives 'depth_lr', but SparseToDense is shown 'sparse'"),
        (lambda: fill.begin_phase("coarse"), "expected 'all'"),
    ):
        with pytest.raises(DepthError, match=says):
            call()


def test_a_disparity_of_nothing_is_a_value_where_it_is_said_to_be():
    larger = build_model("upsampler", factor=4, width=8, blocks=1)
    small = torch.ones(1, 1, 4, 4)
    small[..., 0, 0] = 0
    with pytest.raises(DepthError, match="1 values are 0"):
        enlarge(larger, small)
    assert enlarge(larger, small, zero_is_missing=False).shape == (1, 1, 16, 16)


@pytest.mark.parametrize("name", ["sparse_to_dense", "upsampler"])
def test_a_compiled_network_answers_as_the_plain_one(name):
    options = {"levels": 2} if name == "sparse_to_dense" else {"factor": 4, "blocks": 1}
    model, shown = (
        stirred(name, width=8, **options),
        plane(16, 24) if name == "upsampler" else sparsify(plane(64, 96), "uniform", 0.1),
    )
    door = enlarge if name == "upsampler" else complete
    expected = door(model, shown)
    counters["inductor"].clear()
    fast = quick(model, "fp32")
    torch.testing.assert_close(fast(shown), expected, rtol=1e-4, atol=1e-4)
    convolutions = sum(isinstance(module, torch.nn.Conv2d) for module in model.modules())
    if torch.backends.mkldnn.is_available():  # laid out once, not at every call
        assert counters["inductor"]["mkldnn_conv_weight_pack_matcher_count"] == convolutions
    other = shown[..., :-8, :-8]  # another size is compiled for itself
    torch.testing.assert_close(fast(other), door(model, other), rtol=1e-4, atol=1e-4)
    with pytest.raises(DepthError, match="is shown a picture only"):
        quick(build_model("eigen", width=0.05))


# loss


def test_metres_are_what_they_say():
    prediction = torch.tensor([1.0, 2.0, 9.0]).reshape(1, 1, 1, 3)
    target, mask = (
        torch.tensor([1.5, 1.0, 0.0]).reshape(1, 1, 1, 3),
        torch.tensor([True, True, False]).reshape(1, 1, 1, 3),
    )
    value, weight = make_loss("metres", absolute=1.0, root=1.0, square=2.0)(prediction, target, mask)
    assert value.item() == pytest.approx(0.75 + math.sqrt(0.625) + 2 * 0.625, rel=1e-3) and weight.item() == 1
    nothing, none = make_loss("metres")(prediction, target, torch.zeros_like(mask))
    assert nothing.item() == 0 and none.item() == 0
    exact = prediction.clone().requires_grad_()
    make_loss("metres")(exact, exact.detach(), mask)[0].sum().backward()
    assert bool(exact.grad.isfinite().all())
    with pytest.raises(DepthError, match="root is -1"):
        make_loss("metres", root=-1)


# training and scoring


@pytest.fixture
def pairs(tmp_path):
    return make_pairs(tmp_path / "pairs", 10)


@pytest.fixture
def recipe(pairs):
    spec = {"name": "folder", "size": [64, 80], "options": {"root": str(pairs)}}
    test = {"data": spec, "protocol": "makarov18", "stages": ["all"], "baselines": ["linear", "nearest"]}
    return load_recipe(
        "sparse-nyu", "smoke", data=spec, **{
            "model.options": {"width": 8, "levels": 2, "size": [64, 80]}, "phases.0.samples": 80, "phases.0.batch": 4,
            "phases.0.rates": {"": 0.003}, "phases.0.warmup": 2, "phases.0.ema": 0.0,
            "evaluate": [test, {**test, "observe": {"name": "sparse", "options": {"patterns": ["grid"], "fractions": [0.01]}}}],
        },
    )  # fmt: skip


def test_a_network_that_is_shown_depth_learns_and_is_scored_beside_rivals_that_are_shown_the_same(
    recipe, tmp_path, capsys
):
    preflight(recipe)
    run = train(recipe, tmp_path / "run", progress=False)
    first, last = (sum(h["loss"] for h in part) for part in (run.history[:5], run.history[-5:]))
    assert last < first
    scores = score_run(recipe, run)
    assert list(scores) == [
        "folder-train/uniform-gradient-mixed-grid-10pc/makarov18",
        "folder-train/grid-1pc/makarov18",
    ]
    assert list(scores["folder-train/grid-1pc/makarov18"]) == ["all", "linear", "nearest"]
    dataset = open_dataset("folder", size=(64, 80), root=recipe.data.options["root"])
    batch = batch_of(torch.stack([sample["depth"] for sample in dataset.__getitems__(range(10))]))
    assert torch.equal(
        Completion("nearest", SparseDepth(("grid",), (0.01,))).of(batch),
        torch.stack([Completion("nearest", SparseDepth(("grid",), (0.01,))).of({**batch, "depth": d[None], "rgb": c[None], "index": [i]})[0]
                     for i, (d, c) in enumerate(zip(batch["depth"], batch["rgb"], strict=True))]),
    )  # fmt: skip
    several = make_observation(recipe.observe.name, **recipe.observe.options)
    shown = several(batch)["sparse"]
    rival = baseline("nearest", recipe, recipe.evaluate[0])
    assert torch.equal(rival.of(batch)[shown > 0], shown[shown > 0])  # the same draw of the same patterns
    against = [
        "--against",
        "folder",
        "--option",
        f"root={recipe.data.options['root']}",
        "--size",
        "64x80",
        "--protocol",
        "makarov18",
    ]
    assert main(["evaluate", f"fill:{tmp_path / 'run'}:grid:0.01", *against]) == 0
    assert f"{scores['folder-train/grid-1pc/makarov18']['all'].metrics['rmse']:.3f}" in capsys.readouterr().out
    assert main(["evaluate", f"enlarge:{tmp_path / 'run'}:4", *against]) == 2
    assert main(["evaluate", str(tmp_path / "run"), *against]) == 2
    assert "fill:RUN" in capsys.readouterr().err
    assert load_model(tmp_path / "run").shown == "sparse"


def test_a_finished_run_that_is_scored_elsewhere_says_where_it_was_trained(recipe, tmp_path):
    import json

    train(recipe, tmp_path / "run", progress=False)
    state = next((tmp_path / "run").glob("checkpoint-*/state.json"))
    state.write_text(
        json.dumps({**json.loads(state.read_text()), "machine": {"device": "a card", "threads": 3, "torch": "2.x"}})
    )
    assert train(recipe, tmp_path / "run", progress=False).machine == {"device": "a card", "threads": 3, "torch": "2.x"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"observe": None}, "observe: is missing"), ({"observe": {"name": "small", "options": {}}}, "gives 'depth_lr'"),
        ({"evaluate.1.observe": {"name": "small", "options": {}}}, r"evaluate.1.observe: gives 'depth_lr'"),
    ],
)  # fmt: skip
def test_a_recipe_that_shows_the_wrong_thing_is_refused(recipe, changes, says):
    from depthlib.recipe import from_dict

    raw = recipe.to_dict()
    for key, value in changes.items():
        if key == "observe":
            raw["observe"] = value
        else:
            raw["evaluate"][1]["observe"] = value
    with pytest.raises(DepthError, match=says):
        preflight(from_dict(raw, "here"))


def test_an_entry_that_mirrors_or_takes_anothers_place_is_refused(recipe):
    first, second = recipe.evaluate
    with pytest.raises(DepthError, match="evaluate.0.flip: only pictures are mirrored"):
        preflight(dataclasses.replace(recipe, evaluate=(dataclasses.replace(first, flip=True), second)))
    other = dataclasses.replace(first, data=dataclasses.replace(first.data, size=(96, 80)))
    with pytest.raises(DepthError, match="evaluate.1: folder-train/.*another entry's scores"):
        preflight(dataclasses.replace(recipe, evaluate=(first, other)))


def test_a_figure_that_no_map_allows_is_left_out_of_results(recipe, tmp_path):
    """SSIM asks for windows without a hole; here every window has one."""
    run = train(recipe, tmp_path / "run", progress=False)
    holed = [
        {**sample, "depth": sample["depth"].clone()}
        for sample in open_dataset("folder", size=(64, 80), root=recipe.data.options["root"]).__getitems__(range(4))
    ]
    for sample in holed:
        sample["depth"][..., ::5, ::5] = 0
    dataset = Samples(holed)
    scores = {
        "made-train/makarov18": {
            name: evaluate(Completion(name), dataset, "makarov18") for name in ("nearest", "linear")
        }
    }
    assert math.isnan(scores["made-train/makarov18"]["nearest"].metrics["ssim"])
    results = make_results(recipe, "smoke", run, scores, 1.0, 0.0)
    found = json.loads(write_results(results, tmp_path / "results.json").read_text())
    assert "ssim" not in found["metrics"]["made-train/makarov18"]["nearest"] and "ssim" not in next(
        iter(found["differences"]["made-train/makarov18"].values())
    )
    assert "| nearest |" in table({**found["metrics"]["made-train/makarov18"], "other": {"ssim": 1.0}})


def test_a_picture_network_has_no_rivals_that_are_shown_depth():
    with pytest.raises(DepthError, match="shown nothing"):
        preflight(load_recipe("eigen-rooms", "smoke", **{"evaluate.0.baselines": ["linear"]}))


# samples that stay on the device


def test_samples_that_stay_on_the_device_are_the_same_batches(pairs):
    kept, found = InMemory(open_dataset("folder", root=pairs)), []
    for resident in (False, True):
        with Batches(kept, 4, 2, 0, 0, 0, 1, "cpu", 2, resident=resident) as feed:
            found.append([batch for step in range(8) for batch, _ in feed.take(step, 7)])
    for a, b in zip(*found, strict=True):
        assert a["name"] == b["name"] and a["index"] == b["index"]
        assert all(torch.equal(a[key], b[key]) for key in ("rgb", "depth", "K"))


def test_samples_of_several_kinds_or_too_many_travel_as_they_are_asked_for(pairs, monkeypatch):
    from depthlib import batches

    kept = InMemory(open_dataset("folder", root=pairs))
    resident = batches.Resident(kept, "cpu")
    resident.encoded([0, 1])
    rgb, depth, rest = kept._kept[1]
    kept._kept[2] = (rgb[:-1], depth[:-1], {**rest, "index": 2})  # KITTI's days differ in size
    assert resident.encoded([2])["rgb"].shape[1:] == rgb[:-1].shape
    assert torch.equal(resident.encoded([0, 1])["rgb"], kept.encoded([0, 1])["rgb"])
    assert not resident._fits
    crowded = batches.Resident(kept, "cpu")
    monkeypatch.setattr(batches.Resident, "__len__", lambda self: 10**9)
    assert torch.equal(crowded.encoded([0])["rgb"], kept.encoded([0])["rgb"]) and not crowded._fits


def test_all_patterns_can_be_shown():
    batch = batch_of(plane(count=2))
    for pattern in PATTERNS:
        assert (SparseDepth((pattern,)).of(batch, 0, 0) > 0).any()
    assert Enlargement("bicubic", 8).of(batch).shape == batch["depth"].shape
