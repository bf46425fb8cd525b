"""A network and a loss of anyone's own: what breaks the contracts is said on the first sample, and nothing is changed by asking."""

import copy
import dataclasses

import pytest
import torch
from torch import nn

from depthlib.errors import DepthError
from depthlib.losses import LOSSES, Loss, make_loss, sample_weights
from depthlib.models import MODELS, build_model
from depthlib.models.base import DepthModel
from depthlib.training import train
from depthlib.trial import trial


class Mine(DepthModel):
    """The smallest network that keeps to the contract, and options that break it."""

    frame_size, input_size, region = (48, 64), (48, 64), (0, 0, 48, 64)
    upsampling, any_size, native = "bilinear", True, "log metres"

    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 1, 3, padding=1)
        )
        self.fault = fault
        if fault == "upsampling":
            self.upsampling = "area"
        if fault == "region":
            self.region = (0, 0, 999, 64)
        if fault == "size":
            self.input_size = 48
        if fault == "tied":
            self.again = self.layers[0]

    def begin_phase(self, part: str) -> None:
        if part not in ("all", "coarse", "fine"):
            raise DepthError(f"no part {part!r}")

    def forward(self, rgb):
        out = self.layers(rgb)
        return {"dict": {"depth": out}, "channel": out[:, 0]}.get(self.fault, out)

    def target(self, depth):
        mask = depth > 0
        target = torch.where(mask, depth, 1.0).log()
        return (target, mask.float()) if self.fault == "mask" else target if self.fault == "alone" else (target, mask)

    def to_depth(self, output):
        return {"list": [output], "flat": output.exp()[:, 0], "nan": output.log() if self.fault == "nan" else None}.get(
            self.fault, output.exp()
        )


class Own(Loss):
    """Squared differences, and options that break the contract."""

    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.fault = fault
        if fault == "learns":
            self.width = nn.Parameter(torch.zeros(1))

    def forward(self, prediction, target, mask):
        d = torch.where(mask, prediction - target, 0.0).flatten(1).square()
        values, weights = d.mean(1), sample_weights(mask)
        return {
            "scalar": d.mean(), "map": (d, weights), "detached": (values.detach(), weights), "weights": (values, 10 * weights),
        }.get(self.fault, (values, weights))  # fmt: skip


@pytest.fixture
def crop():
    depth = torch.rand(1, 1, 48, 64) + 1
    depth[..., :8] = 0
    return {"rgb": torch.rand(1, 3, 48, 64), "depth": depth, "index": [0], "name": ["a"]}


def test_what_keeps_to_the_contract_is_left_as_it_was(crop):
    model, loss = Mine(), Own()
    before = copy.deepcopy(model.state_dict())
    state = torch.get_rng_state()
    trial(model, loss, crop)
    assert model.training and loss.training and torch.equal(torch.get_rng_state(), state)
    assert all(value.equal(before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("dict", "Mine: forward returns dict; expected a tensor"),
        ("channel", r"prediction \(1, 48, 64\), target \(1, 1, 48, 64\)"),
        ("mask", "target's mask is torch.float32; expected bool"),
        ("alone", "target returns Tensor; expected two tensors"),
        ("list", "to_depth returns list"),
        ("flat", r"to_depth makes \[1, 48, 64\] of \[1, 1, 48, 64\]"),
        ("nan", "to_depth gives NaN where forward gives numbers"),
        ("upsampling", "mode is 'area'"),
    ],
)
def test_a_network_that_does_not(crop, fault, words):
    torch.manual_seed(1)
    with pytest.raises(DepthError, match=words):
        trial(Mine(fault), Own(), crop)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("scalar", "Own: forward returns Tensor; expected two tensors"),
        ("map", r"losses of shape \[1, 3072\] for 1 samples"),
        ("detached", "do not depend on the prediction"),
        ("weights", r"weighs the sample \[10.0\], weigh\(mask\) \[1.0\]"),
        ("learns", r"numbers of its own to learn \(width\)"),
    ],
)
def test_a_loss_that_does_not(crop, fault, words):
    with pytest.raises(DepthError, match=words):
        trial(Mine(), Own(fault), crop)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_every_loss_of_the_library_keeps_to_it(crop, name):
    trial(Mine(), make_loss(name), crop)


@pytest.mark.parametrize(
    ("fault", "words"),
    [("region", "within its input of 48x64"), ("size", "input_size is 48; expected 2 whole numbers")],
)
def test_sizes_that_cannot_be_are_refused_where_a_model_is_made(monkeypatch, fault, words):
    monkeypatch.setitem(MODELS, "mine", (__name__, "Mine"))
    with pytest.raises(DepthError, match=words):
        build_model("mine", fault=fault)


def test_weights_that_two_layers_share_are_written_and_read(tiny_recipe, tmp_path, monkeypatch):
    monkeypatch.setitem(MODELS, "mine", (__name__, "Mine"))
    phase = dataclasses.replace(tiny_recipe.phases[0], train="all", samples=16, rates={"": 1e-3})
    data = dataclasses.replace(tiny_recipe.data, size=(48, 64))
    model = dataclasses.replace(tiny_recipe.model, name="mine", options={"fault": "tied"})
    recipe = dataclasses.replace(tiny_recipe, model=model, data=data, phases=(phase,), evaluate=())
    run = train(recipe, tmp_path, progress=False)
    again = train(recipe, tmp_path, progress=False)
    assert again.model.again is again.model.layers[0]
    assert again.model.again.weight.equal(run.model.layers[0].weight)


def test_the_loss_is_given_float32_under_bf16(tiny_recipe, tmp_path, monkeypatch):
    seen = []

    class Looks(Own):
        def forward(self, prediction, target, mask):
            seen.append(prediction.dtype)
            return super().forward(prediction, target, mask)

    monkeypatch.setattr("depthlib.losses.Looks", Looks, raising=False)
    monkeypatch.setitem(LOSSES, "looks", ("depthlib.losses", "Looks"))
    phase = dataclasses.replace(tiny_recipe.phases[0], samples=8, precision="bf16")
    loss = dataclasses.replace(tiny_recipe.loss, name="looks", options={})
    train(dataclasses.replace(tiny_recipe, loss=loss, phases=(phase,), evaluate=()), tmp_path, progress=False)
    assert len(seen) > 1 and set(seen) == {torch.float32}
