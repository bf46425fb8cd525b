"""Augmentation, exactly as the paper says: one resampling, depth divided by the scale, keyed draws."""

import math

import pytest
import torch

from depthlib import camera
from depthlib.augment import (
    ANY_UNIT,
    CENTRE,
    FEWEST,
    KITTI,
    MOST,
    NYU,
    Augmentation,
    Transform,
    apply,
    augment,
    draw,
    get_augmentation,
    source_matrix,
)
from depthlib.data import open_dataset
from depthlib.errors import DepthError
from depthlib.sample import collate


def transform(**changes) -> Transform:
    base = dict(
        scale=1.0, angle=0.0, top=0.0, left=0.0, flip=False, colour=[1.0, 1.0, 1.0], order=[0, 1, 2], inverse=False,
        overlay=[0.0, 1.0, 0.0], levels=0.0,
    )  # fmt: skip
    return Transform(**{key: torch.tensor([value]) for key, value in {**base, **changes}.items()})


def test_the_ranges_are_the_papers():
    t = draw(NYU, (240, 320), (228, 304), 0, 0, range(4000))
    assert t.scale.min() >= 1 and t.scale.max() <= 1.5 and t.scale.mean().item() == pytest.approx(1.25, abs=0.01)
    assert t.angle.abs().max() <= math.radians(5) and t.angle.abs().max() > math.radians(4.9)
    assert t.colour.min() >= 0.8 and t.colour.max() <= 1.2 and t.colour.shape == (4000, 3)
    assert t.flip.float().mean().item() == pytest.approx(0.5, abs=0.03)
    assert (t.top >= 0).all() and (t.top <= 240 * t.scale - 228).all() and (t.left <= 320 * t.scale - 304).all()
    k = draw(KITTI, (184, 612), (172, 576), 0, 0, range(1000))
    assert k.scale.max() <= 1.2 and (k.angle == 0).all()


def test_parameters_belong_to_the_sample_not_to_the_batch(sample):
    batch = collate([{**sample, "index": i} for i in (5, 6, 7)])
    alone = collate([{**sample, "index": 6}])
    whole = augment(batch, (228, 304), NYU, seed=1, epoch=2)
    single = augment(alone, (228, 304), NYU, seed=1, epoch=2)
    torch.testing.assert_close(whole["depth"][1], single["depth"][0])
    torch.testing.assert_close(whole["rgb"][1], single["rgb"][0])
    assert not whole["depth"][0].equal(whole["depth"][1])
    assert not augment(alone, (228, 304), NYU, 1, 3)["depth"].equal(single["depth"])


def test_a_part_that_is_put_before_a_map_is_nearer_and_brings_its_colours(sample):
    batch = collate([sample])
    plain = apply(batch, transform(), (240, 320))
    out = apply(batch, transform(overlay=[0.3, 0.6, 0.0]), (240, 320))
    changed = out["depth"] != plain["depth"]
    assert 0.02 < changed.float().mean() < 0.35
    before = plain["depth"] > 0
    assert (out["depth"][changed & before] < plain["depth"][changed & before]).all()
    mirrored = plain["depth"].flip(-1)
    torch.testing.assert_close(out["depth"][changed], 0.6 * mirrored[changed])
    torch.testing.assert_close(out["rgb"][0][:, changed[0, 0]], plain["rgb"].flip(-1)[0][:, changed[0, 0]])
    assert out["rgb"][0][:, ~changed[0, 0]].equal(plain["rgb"][0][:, ~changed[0, 0]])
    upside = apply(batch, transform(overlay=[0.3, 0.6, 0.9]), (240, 320))["depth"]
    moved = upside != plain["depth"]
    torch.testing.assert_close(upside[moved], 0.6 * plain["depth"].flip(-1, -2)[moved])


def test_depth_in_levels_is_a_staircase_that_keeps_holes(sample):
    plain = apply(collate([sample]), transform(), (240, 320))["depth"]
    out = apply(collate([sample]), transform(levels=10.0), (240, 320))["depth"]
    assert 2 < len(out[out > 0].unique()) <= 10 and (out > 0).equal(plain > 0)
    assert (out - plain)[plain > 0].abs().max() <= plain.max() / 10 * 1.001


def test_maps_of_any_unit_belong_to_the_sample_too(sample):
    batch = collate([{**sample, "index": i} for i in range(12)])
    t = draw(ANY_UNIT, (240, 320), (128, 160), 0, 0, range(2000))
    assert (t.overlay[:, 0] > 0).float().mean().item() == pytest.approx(0.5, abs=0.04)
    assert ((t.levels == 0) | ((t.levels >= FEWEST) & (t.levels <= MOST))).all() and (t.levels > 0).any()
    whole = augment(batch, (128, 160), ANY_UNIT, 3, 1)
    for i in range(12):
        alone = augment(collate([{**sample, "index": i}]), (128, 160), ANY_UNIT, 3, 1)
        torch.testing.assert_close(whole["depth"][i], alone["depth"][0])
        torch.testing.assert_close(whole["rgb"][i], alone["rgb"][0])
    empty = {**sample, "depth": torch.zeros(1, 240, 320), "index": 1}
    assert (augment(collate([empty] * 8), (128, 160), ANY_UNIT)["depth"] == 0).all()


def test_depth_is_divided_by_the_scale_and_never_mixed(sample):
    out = apply(collate([sample]), transform(scale=1.25, top=10.0, left=20.0), (228, 304))
    values = out["depth"].unique()
    allowed = torch.cat((torch.zeros(1), (sample["depth"] / 1.25).unique()))
    assert torch.isin(values, allowed).all()


def test_holes_stay_holes_and_the_outside_is_missing(sample):
    turned = apply(collate([sample]), transform(angle=math.radians(5), top=6.0, left=8.0), (228, 304))
    assert (turned["depth"] == 0).sum() > 50
    empty = {**sample, "depth": torch.zeros(1, 240, 320)}
    assert (augment(collate([empty]), (228, 304))["depth"] == 0).all()


@pytest.mark.parametrize("wide", [1.0, 1.4])
@pytest.mark.parametrize(
    "change",
    [
        {"flip": True}, {"angle": math.radians(4)}, {"top": 7.0, "left": 11.0}, {"scale": 1.5, "top": 30.0, "left": 40.0},
        {"scale": 1.2, "angle": -0.05, "top": 20.0, "left": 9.0, "flip": True},
    ],
)  # fmt: skip
def test_new_intrinsics_send_a_point_to_the_pixel_it_moved_to(sample, change, wide):
    """Follow points of the original through the transform: pixel by the matrix, ray by K and the rotation; also where pixels are
    not square."""
    sample = {**sample, "K": sample["K"] * torch.tensor([[wide, 1, 1], [1, 1, 1], [1, 1, 1]])}
    batch, t = collate([sample]), transform(**change)
    matrix = source_matrix(t, batch["K"], 304)[0]
    K = apply(batch, t, (228, 304))["K"][0]
    crop_pixel = torch.tensor([[100.0, 57.0], [200.0, 150.0], [30.0, 200.0]]).T
    source = matrix[:, :2] @ crop_pixel + matrix[:, 2:]
    before = torch.stack(
        ((source[0] - sample["K"][0, 2]) / sample["K"][0, 0], (source[1] - sample["K"][1, 2]) / sample["K"][1, 1])
    )
    after = torch.stack(((crop_pixel[0] - K[0, 2]) / K[0, 0], (crop_pixel[1] - K[1, 2]) / K[1, 1]))
    if change.get("flip"):
        after[0] = -after[0]
    c, s = math.cos(change.get("angle", 0.0)), math.sin(change.get("angle", 0.0))
    turned = torch.stack((c * after[0] + s * after[1], -s * after[0] + c * after[1]))
    torch.testing.assert_close(turned, before, atol=1e-3, rtol=0)


def test_flip_mirrors_exactly_and_twice_is_nothing(sample):
    batch = collate([sample])
    t = transform(flip=True)
    once = apply(batch, t, (240, 320))
    torch.testing.assert_close(once["depth"], batch["depth"].flip(-1))
    twice = apply(once, t, (240, 320))
    torch.testing.assert_close(twice["rgb"], batch["rgb"], atol=1e-4, rtol=0)
    torch.testing.assert_close(twice["K"], batch["K"], atol=1e-3, rtol=0)


def test_no_augmentation_is_the_centre_crop(sample):
    out = augment(collate([sample]), (228, 304), CENTRE)
    assert out["depth"][0].equal(sample["depth"][:, 6:234, 8:312])
    assert out["K"][0].allclose(camera.crop(sample["K"], 6, 8))


def test_scaling_a_fronto_parallel_plane_is_moving_the_camera_closer():
    """A wall 3 m away, s = 1.5: the picture of the same wall 2 m away through the same lens."""
    K = camera.from_field_of_view(240, 320, 60)
    u = camera.pixel_grid(240, 320)[1]

    def wall(z: float) -> torch.Tensor:  # vertical stripes painted on the wall, 40 cm a period
        x = (u - K[0, 2]) / K[0, 0] * z
        return (torch.sin(2 * math.pi * x / 0.4) / 2 + 0.5).expand(3, -1, -1)

    sample = dict(rgb=wall(3.0), depth=torch.full((1, 240, 320), 3.0), K=K, name="wall", dataset="made", index=0)
    top, left = (240 * 1.5 - 228) / 2, (320 * 1.5 - 304) / 2
    near = apply(collate([sample]), transform(scale=1.5, top=top, left=left), (228, 304))
    torch.testing.assert_close(near["depth"], torch.full((1, 1, 228, 304), 2.0))
    assert (near["rgb"][0] - wall(2.0)[:, 6:234, 8:312]).abs().max() < 0.05


def test_an_image_smaller_than_the_input_is_refused(sample):
    small = {**sample, "rgb": torch.zeros(3, 100, 320), "depth": torch.ones(1, 100, 320)}
    with pytest.raises(DepthError, match="100x320.*228x304"):
        augment(collate([small]), (228, 304), Augmentation())


def test_swapped_channels_are_the_same_numbers_in_another_order_and_as_often_as_asked():
    from depthlib.augment import DENSEDEPTH

    t = draw(DENSEDEPTH, (8, 8), (8, 8), 0, 0, range(4000))
    swapped = (t.order != torch.arange(3)).any(1).float().mean().item()
    assert swapped == pytest.approx(0.25 * 5 / 6, abs=0.02)  # one of six orders changes nothing
    assert t.scale.eq(1).all() and t.angle.eq(0).all() and t.colour.eq(1).all()
    rgb = torch.rand(64, 3, 8, 8)
    batch = dict(rgb=rgb, depth=torch.ones(64, 1, 8, 8), K=torch.eye(3).expand(64, 3, 3), index=list(range(64)))
    out = augment(batch, (8, 8), DENSEDEPTH, seed=1)
    assert torch.allclose(out["rgb"].sum((1, 2, 3)), rgb.sum((1, 2, 3)), rtol=1e-5) and out["depth"].eq(1).all()


def test_maps_that_are_not_moved_are_left_out():
    batch = collate(open_dataset("roads", "test", (96, 320), count=2).__getitems__([0, 1]))
    changed = augment(batch, (80, 256), KITTI)
    assert "sparse" in batch and "sparse" not in changed and changed["depth"].shape == (2, 1, 80, 256)


@pytest.mark.parametrize("name", ["centre", "densedepth", "mirror"])
def test_what_has_no_geometry_keeps_every_depth(name):
    """Whole pictures through it: the map itself, or its mirror."""
    depth = 1 + torch.rand(16, 1, 12, 16)
    batch = dict(rgb=torch.rand(16, 3, 12, 16), depth=depth, K=torch.eye(3).expand(16, 3, 3), index=list(range(16)))
    for epoch in range(4):
        out = augment(batch, (12, 16), get_augmentation(name), seed=3, epoch=epoch)["depth"]
        for before, after in zip(depth, out, strict=True):
            assert after.equal(before) or after.equal(before.flip(-1)), name
