"""Losses of features and of a critic: what they measure, and that a critic's learning survives an interruption."""

import dataclasses
import json
import math

import pytest
import torch
from made import make_pairs
from safetensors.torch import load_file, save_file

from depthlib import training
from depthlib.adversary import Adversary, ReconstructionLoss
from depthlib.checkpoints import latest_checkpoint
from depthlib.errors import DepthError, Unfinished
from depthlib.losses import make_loss
from depthlib.models.superres import Critic, believed, caught
from depthlib.perceptual import VGGFeatures
from depthlib.preflight import preflight
from depthlib.recipe import load_recipe
from depthlib.runs import loss_curve
from depthlib.training import train


@pytest.fixture
def maps():
    torch.manual_seed(0)
    target = torch.rand(3, 1, 16, 24) * 4 + 1
    return target + 0.3 * torch.randn_like(target), target, torch.rand(3, 1, 16, 24) < 0.8


@pytest.fixture
def vgg(tmp_path, monkeypatch):
    """VGG's first layers with random weights, found as its real ones are."""
    torch.manual_seed(1)
    layers = VGGFeatures(weights=False).layers
    for name, parameter in layers.named_parameters():
        parameter.data *= 0.02 if name == "0.weight" else 1.0
    save_file(
        {f"features.{k}": v.contiguous() for k, v in layers.state_dict().items()},
        tmp_path / "vgg16_conv1_1-conv3_1.safetensors",
    )
    monkeypatch.setenv("DEPTHLIB_WEIGHTS", str(tmp_path))
    return tmp_path


def test_the_pixel_terms_are_those_of_a_map_that_spans_two(maps):
    prediction, target, mask = maps
    values, weights = ReconstructionLoss(square=2.0, absolute=0.5)(prediction, target, mask)
    for b in range(3):
        known = target[b][mask[b]]
        error = (prediction[b][mask[b]] - known) / (known.max() - known.min()) * 2
        assert values[b].item() == pytest.approx(
            (2 * error.square().mean() + 0.5 * error.abs().mean()).item(), rel=1e-4
        )
    assert weights.tolist() == [1, 1, 1]
    other = ReconstructionLoss(square=2.0, absolute=0.5)(40 * prediction + 7, 40 * target + 7, mask)[0]
    torch.testing.assert_close(other, values, rtol=1e-4, atol=1e-6)  # in any unit
    flat = torch.full((1, 1, 8, 8), 2.0)
    for noise in (0.0, 1e-7, 1e-5):  # nothing, rounding, and what a sensor cannot tell
        made = flat * (1 + noise * torch.randn(8, 8))
        near, far = (ReconstructionLoss()(1.01 * u * made, u * made, flat > 0)[0].item() for u in (1.0, 100.0))
        assert near == pytest.approx(far, rel=1e-3) and near == pytest.approx(100, rel=1e-2)


def test_variation_is_the_mean_step_of_the_prediction():
    ramp = torch.arange(8.0).expand(1, 1, 6, 8)
    value, _ = ReconstructionLoss(square=0.0, variation=1.0)(ramp.clone(), ramp.clone() + 1, ramp >= 0)
    assert value.item() == pytest.approx(2 / 7)  # steps of 1 where 7 span −1 … 1, none downwards


@pytest.mark.parametrize("options", [{}, {"variation": 0.1}, {"adversarial": 0.1}, {"perceptual": 1.0}])
def test_holes_have_no_gradient_and_a_map_of_holes_no_weight(maps, options, vgg):
    prediction, target, mask = maps
    mask[1] = False
    prediction.requires_grad_()
    loss = make_loss("reconstruction", **options)
    values, weights = loss(prediction, torch.where(mask, target, math.nan).nan_to_num(0), mask)
    assert weights.tolist() == [1, 0, 1] and values[1] == 0 and bool(values.isfinite().all())
    values.sum().backward()
    assert not prediction.grad[~mask].any() and bool(prediction.grad[mask].any())


def test_features_tell_maps_apart_and_have_no_weights_to_learn(maps, vgg):
    prediction, target, mask = maps
    loss = ReconstructionLoss(square=0.0, perceptual=1.0)
    assert not [p for p in loss.parameters() if p.requires_grad]
    assert loss(target, target, mask)[0].max() == 0 and loss(prediction, target, mask)[0].min() > 0


def test_weights_of_another_network_are_named(vgg, tmp_path, monkeypatch):
    path = tmp_path / "vgg16_conv1_1-conv3_1.safetensors"
    tensors = load_file(path)
    save_file({**tensors, "features.10.weight": torch.zeros(3, 3)}, path)
    with pytest.raises(DepthError, match=r"not the weights of vgg16: 10.weight is \(3, 3\)"):
        VGGFeatures()
    monkeypatch.delenv("DEPTHLIB_WEIGHTS")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "empty"))
    monkeypatch.setattr(
        "torch.hub.load_state_dict_from_url", lambda *a, **k: (_ for _ in ()).throw(OSError("no network"))
    )
    with pytest.raises(DepthError, match="Fetch http.* and put it at"):
        VGGFeatures()


def test_a_critic_learns_to_tell_and_the_network_pays_for_being_caught():
    torch.manual_seed(0)
    loss = ReconstructionLoss(square=0.0, adversarial=1.0, critic_width=4, critic_rate=0.01)
    adversary = Adversary(loss)
    mask = torch.ones(8, 1, 32, 32, dtype=torch.bool)
    smooth = torch.linspace(0, 1, 32).expand(8, 1, 32, 32) + 0.01 * torch.rand(8, 1, 1, 1)
    rough = smooth + 0.5 * torch.randn(8, 1, 32, 32)

    class Alone:
        device, num_processes = torch.device("cpu"), 1

        @staticmethod
        def reduce(value, how):
            return value

    before = loss(rough, smooth, mask)[0].mean()
    for _ in range(30):
        adversary.see(rough, smooth, mask)
        figures = adversary.learn(Alone, None).read()
    assert figures["critic_accuracy"] == 1.0 and figures["critic_loss"] < 0.5
    for _ in range(3):  # a batch in pieces
        adversary.see(rough, smooth, mask)
    in_pieces = adversary.learn(Alone, None).read()
    assert in_pieces["critic_accuracy"] == pytest.approx(1.0) and in_pieces["critic_loss"] <= figures["critic_loss"]
    assert loss(rough, smooth, mask)[0].mean() > before
    assert not any(p.requires_grad for p in loss.critic.parameters())


def test_the_signs_of_both_losses():
    sure = torch.tensor([5.0])
    assert believed(sure) < believed(-sure)  # the network wants to be taken for real
    assert caught(sure, -sure) < caught(-sure, sure)  # the critic wants to be right
    assert caught(torch.zeros(1), torch.zeros(1)).item() == pytest.approx(2 * math.log(2))


@pytest.mark.parametrize(
    "options", [{"perceptual": -1}, {"adversarial": math.nan}, {"critic_width": 0}, {"critic_width": 1.5}]
)
def test_what_is_no_weight_is_refused(options):
    with pytest.raises(DepthError, match=next(iter(options))):
        ReconstructionLoss(**options)


def test_an_adversary_needs_a_critic():
    with pytest.raises(DepthError, match="no critic"):
        Adversary(ReconstructionLoss())
    assert Critic(4)(torch.zeros(2, 1, 17, 23)).shape == (2,)


# training


@pytest.fixture
def recipe(tmp_path, vgg):
    spec = {"name": "folder", "size": [64, 80], "options": {"root": str(make_pairs(tmp_path / "pairs", 10))}}
    return load_recipe(
        "superres-gan", "smoke", data=spec, evaluate=[], **{
            "model.options": {"factor": 8, "width": 4, "blocks": 1, "size": [32, 48]}, "phases.0.samples": 48, "phases.0.batch": 4,
            "phases.0.ema": 0.9, "phases.0.warmup": 0, "phases.0.checkpoint_every": 3, "loss.options.critic_width": 4,
        },
    )  # fmt: skip


def test_cut_off_and_gone_on_with_a_critic_ends_bit_identical(recipe, tmp_path):
    preflight(recipe)
    whole = train(recipe, tmp_path / "whole", progress=False)
    assert {"critic_loss", "critic_accuracy"} <= whole.history[-1].keys()
    with pytest.raises(Unfinished):
        train(recipe, tmp_path / "cut", progress=False, minutes=1e-6)
    assert 0 < len((tmp_path / "cut" / "log.jsonl").read_text().splitlines()) < 12
    cut = train(recipe, tmp_path / "cut", progress=False)
    for name in ("model", "ema", "critic"):
        a, b = (load_file(latest_checkpoint(tmp_path / run) / f"{name}.safetensors") for run in ("whole", "cut"))
        assert a.keys() == b.keys() and all(a[key].equal(b[key]) for key in a), name
    said = [[(h["loss"], h["critic_accuracy"]) for h in run.history] for run in (whole, cut)]
    assert said[0] == said[1]
    curve = loss_curve(whole.history, 4)
    assert len(curve) == 4 and all(0 <= point["critic_accuracy"] <= 1 for point in curve)


def test_a_critic_begins_from_the_recipes_seed(recipe):
    begun = []
    for seed in (0, 0, 1):
        torch.manual_seed(len(begun))  # what was drawn before has no say
        begun.append(training._make_loss(dataclasses.replace(recipe, seed=seed)).critic.state_dict())
    first, again, other = begun
    assert all(first[key].equal(again[key]) for key in first)
    assert not any(first[key].equal(other[key]) for key in first if key.endswith("weight") and first[key].ndim > 1)


def test_a_critic_that_does_not_fit_is_refused(recipe, tmp_path):
    with pytest.raises(Unfinished):
        train(recipe, tmp_path / "run", progress=False, minutes=1e-6)
    folder = latest_checkpoint(tmp_path / "run")
    tensors = load_file(folder / "critic.safetensors")
    save_file({**tensors, "critic.head.weight": torch.zeros(1)}, folder / "critic.safetensors")
    with pytest.raises(DepthError, match="the critic does not fit"):
        train(recipe, tmp_path / "run", progress=False)


def test_pieces_have_the_weights_of_the_whole_batch(recipe, tmp_path):
    """Without batch norm's own statistics a batch in pieces is the batch."""
    plain = dataclasses.replace(
        recipe, model=dataclasses.replace(recipe.model, name="upsampler", options={"factor": 8, "width": 8, "blocks": 1, "size": [32, 48]}),
        loss=dataclasses.replace(recipe.loss, options={"perceptual": 0.1, "variation": 0.01}),
    )  # fmt: skip
    runs = []
    for pieces in (1, 4):
        phase = dataclasses.replace(plain.phases[0], accumulate=pieces, samples=8, optimiser="sgd", rates={"": 0.01})
        runs.append(train(dataclasses.replace(plain, phases=(phase,)), tmp_path / str(pieces), progress=False))
    for a, b in zip(*(run.model.state_dict().values() for run in runs), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
    assert json.loads((tmp_path / "1" / "log.jsonl").read_text().splitlines()[0])["loss"] > 0
