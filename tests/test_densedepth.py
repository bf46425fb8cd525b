"""DenseDepth: the paper's network to the parameter, its loss to the pixel, and weights that say what is missing."""

import json
import math
import re

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from skimage.metrics import structural_similarity

from depthlib.averaging import Average
from depthlib.errors import DepthError
from depthlib.losses import DenseDepthLoss, make_loss, reduce
from depthlib.models import build_model, compiled
from depthlib.models.compiled import Doubled
from depthlib.models.densedepth import ENCODERS, DenseDepth
from depthlib.prediction import predict


def count(module):
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def test_densenet_169_and_121_have_the_published_numbers_of_parameters():
    with torch.device("meta"):
        big, small = DenseDepth("densenet169"), DenseDepth("densenet121")
        half = DenseDepth("densenet169", width=0.5)
    assert (count(big.encoder), count(big) - count(big.encoder), count(big)) == (12_484_480, 30_173_209, 42_657_689)
    assert count(small) == 18_991_425 and round(count(half) / 1e6, 2) == 21.37


@pytest.mark.parametrize("encoder", sorted(ENCODERS))
def test_every_encoder_answers_at_half_size(encoder):
    with torch.device("meta"):
        model = DenseDepth(encoder, width=0.1, size=(64, 96))
        assert model(torch.zeros(2, 3, 64, 96)).shape == (2, 1, 32, 48)
        assert model(torch.zeros(1, 3, 71, 100)).shape == (1, 1, 36, 50)


def test_padding_to_a_multiple_of_32_leaves_a_fitting_picture_alone():
    torch.manual_seed(0)
    model = DenseDepth("mobilenet_v2", width=0.05, size=(64, 96)).eval()
    rgb = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        whole, cut = model(rgb), model(rgb[..., :60, :90])
    assert cut.shape == (1, 1, 30, 45) and not cut.allclose(whole[..., :30, :45])
    padded = torch.nn.functional.pad(rgb[..., :60, :90], (0, 6, 0, 4), mode="replicate")
    with torch.no_grad():
        torch.testing.assert_close(model(padded)[..., :30, :45], cut)


def test_the_switches_change_what_they_say():
    def leaky(**options):
        torch.manual_seed(0)
        model = DenseDepth("resnet18", width=0.1, size=(64, 64), **options).eval()
        calls = []
        original = torch.nn.functional.leaky_relu
        with pytest.MonkeyPatch.context() as patch, torch.no_grad():
            patch.setattr("depthlib.models.densedepth.F.leaky_relu", lambda x, s: calls.append(s) or original(x, s))
            answer = model(torch.rand(1, 3, 64, 64))
        return calls, answer

    assert leaky()[0] == [0.2] * 8 and leaky(leaky="second")[0] == [0.2] * 4 and leaky(leaky="not_last")[0] == [0.2] * 3
    assert not leaky()[1].allclose(leaky(align_corners=True)[1])


def test_targets_and_metres_are_inverse_and_reciprocals_are_clipped():
    depth = torch.tensor([0.05, 0.5, 2.0, 20.0]).repeat_interleave(2).repeat(2, 1)[None, None]
    for output, wanted in (("reciprocal", [0.1, 0.5, 2.0, 10.0]), ("log", [0.05, 0.5, 2.0, 20.0])):
        model = DenseDepth("mobilenet_v3_small", width=0.1, output=output, size=(64, 64))
        target, mask = model.target(depth)
        assert target.shape == (1, 1, 1, 4) and mask.all()
        assert model.to_depth(target).flatten().tolist() == pytest.approx(wanted)
    target, mask = model.target(torch.zeros(1, 1, 4, 4))
    assert not mask.any() and torch.isfinite(target).all()


def test_a_target_stands_in_the_middle_of_its_four_pixels():
    """A perfect answer, enlarged, lies on the slope that it was made of; holes and an odd edge count for nothing."""
    slope = torch.linspace(0, 1, 31).exp().expand(1, 1, 8, 31).clone()
    model = DenseDepth("mobilenet_v3_small", width=0.1, output="log", size=(64, 64))
    target, mask = model.target(slope)
    assert target.shape == (1, 1, 4, 16) and mask.all()
    large = torch.nn.functional.interpolate(target, scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(large[..., 1:29], slope[..., 1:29].log())
    assert target[0, 0, 0, 15] == slope[0, 0, 0, 30].log()
    slope[0, 0, 0, :2] = 0
    assert model.target(slope)[0][0, 0, 0, 0] == slope[0, 0, 1, :2].log().mean()


def test_an_untrained_network_answers_about_two_and_a_half_metres():
    torch.manual_seed(0)
    for output in ("reciprocal", "log"):
        model = DenseDepth("mobilenet_v2", width=0.1, output=output, size=(64, 96))
        answer = predict(model, torch.rand(3, 64, 96))
        assert answer.full("bilinear").shape == (1, 1, 64, 96) and 1.5 < answer.depth.median() < 4


def test_a_phase_of_the_decoder_leaves_the_encoder_untouched_and_its_statistics_too():
    model = DenseDepth("mobilenet_v2", width=0.05, size=(64, 64))
    model.begin_phase("decoder")
    model.train()
    before = {k: v.clone() for k, v in model.encoder.state_dict().items()}
    model(torch.rand(2, 3, 64, 64)).sum().backward()
    assert all(p.grad is None for p in model.encoder.parameters()) and model.last.weight.grad is not None
    assert all(v.equal(before[k]) for k, v in model.encoder.state_dict().items())
    model.begin_phase("all")
    model(torch.rand(2, 3, 64, 64))
    assert not all(v.equal(before[k]) for k, v in model.encoder.state_dict().items())
    frozen = DenseDepth("mobilenet_v2", width=0.05, size=(64, 64), freeze_statistics=True).train()
    before = {k: v.clone() for k, v in frozen.encoder.state_dict().items()}
    frozen(torch.rand(2, 3, 64, 64))
    assert all(v.equal(before[k]) for k, v in frozen.encoder.state_dict().items())


# --- weights ------------------------------------------------------------------------------------------------------------


def test_shared_weights_are_found_by_torchvisions_name(mobilenet_weights):
    import torchvision
    from safetensors.torch import load_file

    file = load_file(mobilenet_weights)
    model = DenseDepth("mobilenet_v2", weights="IMAGENET1K_V1", width=0.05, size=(64, 64)).eval()
    network = torchvision.models.mobilenet_v2(weights=None).eval()
    network.load_state_dict(file, strict=False)
    rgb = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        normal = (rgb - model.mean) / model.std
        torch.testing.assert_close(list(model.encoder(normal).values())[-1], network.features(normal))
    same = DenseDepth("mobilenet_v2", weights=str(mobilenet_weights), width=0.05)
    assert all(a.equal(b) for a, b in zip(model.encoder.parameters(), same.encoder.parameters(), strict=True))


def test_vgg_sees_colours_as_its_weights_expect_them(vgg_weights):
    model = DenseDepth("vgg16", weights="IMAGENET1K_V1", width=0.1, size=(64, 64)).eval()
    assert model.std.unique().item() == pytest.approx(1 / 255)
    with torch.no_grad():
        first = next(iter(model.encoder((torch.rand(1, 3, 64, 64) - model.mean) / model.std).values()))
    assert 1 < first.std() < 1000  # ImageNet features of 0 … 255 colours, not of 0 … 1


def test_weights_of_another_network_are_named(mobilenet_weights, tmp_path):
    with pytest.raises(DepthError, match=r"not the weights of resnet18: \S+ is absent"):
        DenseDepth("resnet18", weights=str(mobilenet_weights))
    save_file({"features.0.0.weight": torch.zeros(3, 3)}, tmp_path / "x.safetensors")
    with pytest.raises(DepthError, match=r"features\.0\.0\.weight is \(3, 3\)"):
        DenseDepth("mobilenet_v2", weights=str(tmp_path / "x.safetensors"))
    (tmp_path / "y.safetensors").write_bytes(b"no tensors")
    for name in ("y", "none"):
        with pytest.raises(DepthError, match=f"{name}.safetensors: cannot be read"):
            DenseDepth("mobilenet_v2", weights=str(tmp_path / f"{name}.safetensors"))


def test_weights_that_cannot_be_downloaded_say_what_to_fetch_and_where_to_put_it(monkeypatch, tmp_path):
    import torchvision

    monkeypatch.delenv("DEPTHLIB_WEIGHTS", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    kind = torchvision.models.DenseNet121_Weights

    def refuse(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(kind, "get_state_dict", refuse)
    with pytest.raises(DepthError, match=r"densenet121.*no network.*Fetch http\S+densenet121\S+\.pth and put it at"):
        DenseDepth("densenet121", weights="IMAGENET1K_V1")


def test_torchvisions_own_files_fit_their_networks(monkeypatch):
    """DenseNet's still name layers as torchvision once did; VGG's colours are those of Oxford's training."""
    import torchvision

    monkeypatch.delenv("DEPTHLIB_WEIGHTS", raising=False)
    asked = []

    def file(name):
        tensors = torchvision.models.get_model(name, weights=None).state_dict()
        return {
            re.sub(r"(denselayer\d+\.(?:norm|conv))([12]\.)", r"\1.\2", key): value
            for key, value in tensors.items()
            if not key.endswith("num_batches_tracked")  # younger than the files
        }

    files = {"densenet121": file("densenet121"), "vgg16": file("vgg16")}
    first = {"densenet121": "features.denseblock1.denselayer1.norm.1.weight", "vgg16": "features.0.weight"}
    for name, kind in (
        ("densenet121", torchvision.models.DenseNet121_Weights), ("vgg16", torchvision.models.VGG16_Weights)
    ):  # fmt: skip
        monkeypatch.setattr(
            kind, "get_state_dict", lambda self, *_, name=name, **__: asked.append(self.name) or files[name]
        )
        files[name][first[name]].fill_(0.25)
        encoder = DenseDepth(name, weights="IMAGENET1K_V1", width=0.05).encoder
        assert encoder.state_dict()[first[name].replace("norm.1", "norm1")].unique().tolist() == [0.25]
    assert asked == ["IMAGENET1K_V1", "IMAGENET1K_FEATURES"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"encoder": "mobilenet_v2", "size": "480x640"}, "options .* do not fit"),
        ({"encoder": "densnet169"}, "did you mean 'densenet169'"),
        ({"encoder": "mobilenet_v2", "size": (100, 100)}, "multiples of 32"),
        ({"encoder": "mobilenet_v2", "leaky": "none"}, "leaky is 'none'"),
        ({"encoder": "mobilenet_v2", "output": "depth"}, "output is 'depth'"),
        ({"encoder": "mobilenet_v2", "width": 0}, "width is 0"),
        ({"encoder": "mobilenet_v2", "farthest": 0}, "farthest is 0"),
        ({"encoder": "mobilenet_v2", "farthest": -80}, "farthest is -80"),
        ({"encoder": "mobilenet_v2", "heads": 2}, "do not fit"),
    ],
)
def test_options_that_cannot_be_are_named(options, words):
    with pytest.raises(DepthError, match=words):
        build_model("densedepth", **options)


# --- the loss -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def maps():
    torch.manual_seed(0)
    target = torch.rand(2, 1, 20, 24, dtype=torch.float64) * 50 + 1
    return target + torch.randn_like(target) * 5, target, torch.ones_like(target, dtype=torch.bool)


def test_the_three_terms_are_the_papers(maps):
    """Against plain NumPy and scikit-image, one image at a time."""
    prediction, target, _ = maps
    values, weights = DenseDepthLoss()(*maps)
    for p, g, value in zip(prediction[:, 0].numpy(), target[:, 0].numpy(), values, strict=True):
        e = p - g
        edges = np.abs(np.diff(e, axis=0)).mean() + np.abs(np.diff(e, axis=1)).mean()
        _, full = structural_similarity(
            g, p, data_range=100, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
        )
        inner = full[5:-5, 5:-5]
        wanted = 0.1 * np.abs(e).mean() + edges + np.clip((1 - inner) / 2, 0, 1).mean()
        assert value.item() == pytest.approx(wanted, rel=1e-6)
    assert weights.tolist() == [1, 1]


def test_each_term_can_be_switched_off(maps):
    terms = [{"edge": 0, "structure": 0}, {"pixel": 0, "structure": 0}, {"pixel": 0, "edge": 0}]
    whole = DenseDepthLoss()(*maps)[0]
    torch.testing.assert_close(sum(make_loss("densedepth", **off)(*maps)[0] for off in terms), whole)
    with pytest.raises(DepthError, match="pixel is -1"):
        DenseDepthLoss(pixel=-1)
    with pytest.raises(DepthError, match="data_range is 0"):
        DenseDepthLoss(data_range=0)


def test_neither_a_hole_nor_its_rim_has_a_gradient_from_what_lies_in_it(maps):
    prediction, target, mask = maps
    mask = mask.clone()
    mask[..., 8:12, 9:14] = False

    def gradient(inside):
        p = prediction.clone()
        p[..., 8:12, 9:14] = inside
        g = target.clone()
        g[..., 8:12, 9:14] = -inside
        p.requires_grad_()
        values, weights = DenseDepthLoss()(p, g, mask)
        reduce(values, weights).backward()
        return p.grad

    a, b = gradient(3.0), gradient(1e9)
    assert a.equal(b) and (a[~mask] == 0).all() and (a[mask] != 0).any() and torch.isfinite(a).all()


def test_gradcheck_and_an_empty_mask(maps):
    prediction, target, mask = (m[..., :14, :15] for m in maps)
    mask = mask.clone()
    mask[0, 0, 3, 4] = False
    loss = DenseDepthLoss()
    assert torch.autograd.gradcheck(lambda p: loss(p, target, mask)[0], prediction.clone().requires_grad_())
    p = prediction.clone().requires_grad_()
    values, weights = loss(p, target, mask & False)
    reduce(values, weights).backward()
    assert values.tolist() == [0, 0] and weights.tolist() == [0, 0] and (p.grad == 0).all()


def test_float32_under_autocast():
    target = torch.rand(1, 1, 16, 16) * 90 + 5
    prediction = (target + 0.01).to(torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        values, _ = DenseDepthLoss()(prediction, target, target > 0)
    assert values.dtype == torch.float32 and math.isfinite(values.item())
    torch.testing.assert_close(values, DenseDepthLoss()(prediction.float(), target, target > 0)[0])


def test_averaged_weights_have_the_batch_norm_statistics_of_their_own_activations(pairs, tmp_path):
    """An average of statistics on the way would still be near its start, 0 and 1, after six steps."""
    from depthlib.data.folder import Folder
    from depthlib.recipe import load_recipe
    from depthlib.sample import collate
    from depthlib.training import train

    folder = {"name": "folder", "size": [96, 128], "options": {"root": str(pairs)}}
    recipe = load_recipe(
        "densedepth-mobilenet-random", "smoke",
        **{"data": folder, "evaluate": [], "phases.0.samples": 48, "phases.0.augment": "centre"},
    )  # fmt: skip
    assert recipe.phases[0].ema == 0.995
    model = train(recipe, tmp_path / "run", progress=False).model
    convolution, norm = (model.encoder.get_submodule(f"features.0.{i}") for i in range(2))
    rgb = collate(Folder(pairs, size=(96, 128)).__getitems__(range(8)))["rgb"]
    with torch.no_grad():
        seen = convolution((rgb - model.mean) / model.std)
    mean, variance = seen.mean((0, 2, 3)), seen.var((0, 2, 3))
    assert ((norm.running_mean - mean).abs() < 0.05 * variance.sqrt()).all()
    assert torch.allclose(norm.running_var, variance, rtol=0.1)


def test_what_learns_keeps_its_weights_and_statistics_when_the_average_gets_its_own():
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    average = Average(network, 0.9)
    shown = [(torch.rand(4, 3, 8, 8),) for _ in range(3)]
    for step in range(3):
        network(*shown[step])
        network[0].weight.data += 0.1
        average.add(step)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    average.settle(shown)
    assert all(value.equal(before[key]) for key, value in network.state_dict().items())
    assert network[1].momentum == 0.1 and not average.state["0.weight"].equal(before["0.weight"])


def test_the_smoke_recipe_trains_and_predicts_without_any_weights(pairs, tmp_path, monkeypatch, capsys):
    from depthlib.cli import main

    monkeypatch.delenv("DEPTHLIB_WEIGHTS", raising=False)
    folder = {"name": "folder", "options": {"root": str(pairs)}}
    scored = [{"data": folder, "protocol": "eigen14", "stages": ["all"], "baselines": ["mean"]}]
    small = {**folder, "size": [96, 128]}  # as the network's frame in this profile
    arguments = ["train", "densedepth-mobilenet-nyu", "--profile", "smoke", "-p", f"data={json.dumps(small)}",
                 "-p", f"evaluate={json.dumps(scored)}"]  # fmt: skip
    assert main([*arguments, "--out", str(tmp_path / "run")]) == 0
    photo = next((pairs / "rgb").iterdir())
    assert main(["predict", str(photo), "--checkpoint", str(tmp_path / "run"), "--out", str(tmp_path / "o")]) == 0
    assert "median" in capsys.readouterr().out and len(list((tmp_path / "o").iterdir())) == 4


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (2, 3), (7, 10)])
def test_enlarging_by_gathering_is_bilinear_and_so_is_its_gradient(size):
    x = torch.rand(2, 3, *size, requires_grad=True)
    wanted = torch.nn.functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    found = Doubled.apply(x)
    weights = torch.rand_like(wanted)
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(*(torch.autograd.grad((out * weights).sum(), x)[0] for out in (found, wanted)))


def test_what_is_compiled_for_a_gpu_is_the_same_network(monkeypatch):
    """The decoder that a GPU is given, here as it is and compiled, gives the answers and gradients of the plain one."""
    torch.manual_seed(0)
    model = DenseDepth("resnet18", width=0.25, size=(64, 96)).train().to(memory_format=torch.channels_last)
    rgb = torch.rand(2, 3, 64, 96).contiguous(memory_format=torch.channels_last)
    found = []
    for for_gpu, compiling in ((False, False), (True, False), (True, True)):
        monkeypatch.setattr(compiled, "_for_gpu", lambda x, said=for_gpu: said)
        model.zero_grad(set_to_none=True)
        answer = (torch.compile(model, dynamic=False) if compiling else model)(rgb)
        (answer**2).mean().backward()
        found.append((answer.detach(), {name: p.grad for name, p in model.named_parameters() if p.grad is not None}))
    for answer, gradients in found[1:]:
        torch.testing.assert_close(answer, found[0][0], rtol=1e-4, atol=1e-5)
        assert gradients.keys() == found[0][1].keys()
        for name, gradient in gradients.items():
            torch.testing.assert_close(gradient, found[0][1][name], rtol=2e-2, atol=2e-4, msg=name)
