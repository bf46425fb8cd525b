"""Eigen's networks: every row of the published table of sizes, and how the two are trained."""

import pytest
import torch

from depthlib.checkpoints import load_weights
from depthlib.errors import DepthError
from depthlib.models import build_model
from depthlib.models.eigen import Classifier, Coarse, Eigen, Fine

SIZES = {  # after each layer of the coarse network, and of fine 1
    "nyu": {"conv1": (56, 75), "pool1": (27, 37), "conv2": (27, 37), "pool2": (13, 18), "conv3": (13, 18),
            "conv4": (13, 18), "conv5": (13, 18), "pool5": (6, 8), "output": (55, 74)},
    "kitti": {"conv1": (42, 143), "pool1": (20, 71), "conv2": (20, 71), "pool2": (9, 35), "conv3": (9, 35),
              "conv4": (9, 35), "conv5": (9, 35), "pool5": (4, 17), "output": (27, 142)},
}  # fmt: skip


@pytest.mark.parametrize("variant", ["nyu", "kitti"])
def test_every_layer_has_the_published_size(variant):
    net = Eigen(variant, width=0.05).eval()
    seen: list[tuple[int, int]] = []
    conv = net.coarse.conv
    for layer in (conv.conv1, conv.conv2, conv.conv3, conv.conv4, conv.conv5, conv.pool):
        layer.register_forward_hook(lambda m, i, o: seen.append((type(m).__name__[0], tuple(o.shape[-2:]))))
    fine = []
    net.fine.pool.register_forward_hook(lambda m, i, o: fine.append(tuple(o.shape[-2:])))
    out = net(torch.rand(1, 3, *net.input_size))
    want = SIZES[variant]
    order = ["conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5"]
    assert [size for _, size in seen] == [want[name] for name in order]
    assert fine == [want["output"]] and tuple(out.shape[-2:]) == want["output"]


@pytest.mark.parametrize(("variant", "coarse"), [("nyu", 70_757_734), ("kitti", 90_762_362)])
def test_parameter_counts(variant, coarse):
    assert sum(p.numel() for p in Coarse(variant).parameters()) == coarse
    assert sum(p.numel() for p in Fine(variant).parameters()) == 119_437


def test_a_fine_output_sees_45_pixels_and_its_target_is_at_their_centre():
    net = Eigen("nyu", width=0.2, identity_start=False)
    rgb = torch.rand(1, 3, 228, 304, requires_grad=True)
    net.fine(rgb, torch.zeros(1, 1, 55, 74))[0, 0, 20, 30].backward()
    rows = rgb.grad.abs().sum((0, 1, 3)).nonzero().flatten()
    columns = rgb.grad.abs().sum((0, 1, 2)).nonzero().flatten()
    # 9 + 2·2 + 4·8 = 45; max-pooling chooses one of its inputs, so a single image may touch a little less
    assert 41 <= len(rows) <= 45 and 41 <= len(columns) <= 45
    first, last = 4 * 20 + 5 - 22, 4 * 20 + 5 + 22
    assert first <= rows.min() and rows.max() <= last
    depth = torch.zeros(1, 1, 228, 304)
    depth[..., 4 * 20 + 5, 4 * 30 + 5] = 2.0
    assert net.target(depth)[1].nonzero().tolist() == [[0, 0, 20, 30]]


@pytest.mark.parametrize("variant", ["nyu", "kitti"])
def test_the_target_is_the_inner_region_subsampled_not_averaged(variant):
    net = Eigen(variant, width=0.05)
    height, width = net.input_size
    depth = 1 + torch.arange(height * width, dtype=torch.float64).reshape(1, 1, height, width)
    log, mask = net.target(depth)
    top = 4 if variant == "nyu" else height - 112  # KITTI: bottom-aligned with the same margin of 4
    assert mask.all() and log.shape[-2:] == (SIZES[variant]["output"])
    assert log[0, 0, 0, 0].exp().item() == pytest.approx(depth[0, 0, top + 1, 5].item())
    assert log[0, 0, -1, -1].exp().item() == pytest.approx(depth[0, 0, height - 7, width - 7].item())


def test_missing_depth_is_masked_in_the_target():
    net = Eigen(width=0.05)
    depth = torch.ones(2, 1, 228, 304)
    depth[0] = 0
    log, mask = net.target(depth)
    assert not mask[0].any() and mask[1].all() and torch.isfinite(log).all()


def test_fine_phase_leaves_the_coarse_network_untouched_and_without_dropout():
    net = Eigen(width=0.05)
    net.train()
    net.begin_phase("fine")
    assert net.fine.training and not net.coarse.training
    net(torch.rand(2, 3, 228, 304)).sum().backward()
    assert all(p.grad is None for p in net.coarse.parameters())
    assert all(p.grad is not None for p in net.fine.parameters())
    net.begin_phase("coarse")
    assert net.coarse.training


def test_at_the_start_coarse_answers_the_mean_depth_and_fine_repeats_coarse():
    torch.manual_seed(0)
    net = Eigen().eval()
    rgb = torch.rand(1, 3, 228, 304)
    net.begin_phase("coarse")
    coarse = net(rgb)
    assert coarse.exp().median().item() == pytest.approx(2.5, rel=0.05)
    net.begin_phase("fine")
    inner = (slice(None), slice(None), slice(2, -2), slice(2, -2))
    assert (net(rgb) - coarse)[inner].abs().mean() < 0.1


def test_colours_reach_both_networks_as_in_the_authors_code():
    """The coarse network sees 0 … 255 less 128, the fine one less its mean and divided by its deviation."""
    net, seen = Eigen(width=0.05).eval(), {}
    for name, layer in (("coarse", net.coarse.conv.conv1), ("fine", net.fine.fine1)):
        layer.register_forward_pre_hook(lambda _, inputs, name=name: seen.update({name: inputs[0].unique().tolist()}))
    net.begin_phase("fine")
    for grey, coarse, fine in ((0.0, -128, -109.314 / 76.183), (1.0, 127, (255 - 109.314) / 76.183)):
        net(torch.full((1, 3, 228, 304), grey))
        assert seen["coarse"] == pytest.approx([coarse]) and seen["fine"] == pytest.approx([fine], rel=1e-5)


def test_half_of_the_coarse_networks_hidden_layer_is_dropped():
    assert Coarse(width=0.05).dropout.p == 0.5


def test_log_metres_become_metres():
    assert Eigen(width=0.05).to_depth(torch.tensor([0.0, 2.0])).tolist() == pytest.approx([1.0, 7.389], rel=1e-3)


def test_classifier_layers_fit_the_depth_network():
    classifier = Classifier(classes=7, width=0.1)
    assert classifier(torch.rand(2, 3, 224, 224)).shape == (2, 7)
    net = Eigen(width=0.1)
    net.coarse.conv.load_state_dict(classifier.conv.state_dict())
    assert net.coarse.conv.conv3.weight.equal(classifier.conv.conv3.weight)


def test_wrong_size_width_variant_and_option_are_refused():
    with pytest.raises(DepthError, match="228x304"):
        Eigen(width=0.05)(torch.rand(1, 3, 100, 100))
    for options in ({"width": 0.0}, {"width": 2.0}, {"variant": "mars"}, {"depth": 3}):
        with pytest.raises(DepthError):
            build_model("eigen", **options)
    with pytest.raises(DepthError, match="nearest|expected"):
        build_model("eigne")


def test_weights_of_another_width_are_refused_by_tensor_name(tmp_path):
    from depthlib.checkpoints import save_checkpoint

    save_checkpoint(tmp_path / "checkpoint-1", Eigen(width=0.05), {"recipe": {}})
    with pytest.raises(DepthError, match="holds another model: coarse.conv.conv1.bias"):
        load_weights(tmp_path / "checkpoint-1", Eigen(width=0.1))
