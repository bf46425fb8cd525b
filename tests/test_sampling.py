"""Sparse samples: exact counts, the same draw wherever it is made, and patterns that are what they are called."""

import pytest
import torch

from depthlib.data.sampling import PATTERNS, edge_strength, sample_count, sparsify
from depthlib.errors import DepthError


@pytest.fixture(scope="module")
def room():
    """Two rendered rooms: depth and picture, every pixel valid."""
    from depthlib.data import open_dataset
    from depthlib.sample import collate

    batch = collate(open_dataset("rooms", "test", (96, 128), count=2, faults=False).__getitems__([0, 1]))
    assert (batch["depth"] > 0).all()
    return batch


@pytest.mark.parametrize("pattern", sorted(PATTERNS))
@pytest.mark.parametrize("fraction", [0.001, 0.01, 0.1, 0.37, 1.0])
def test_the_count_is_exact_and_kept_depths_are_untouched(room, pattern, fraction):
    depth = room["depth"]
    sparse = sparsify(depth, pattern, fraction, rgb=room["rgb"])
    wanted = sample_count(96, 128, fraction)
    assert (sparse > 0).sum((1, 2, 3)).tolist() == [wanted, wanted]
    assert sparse[sparse > 0].equal(depth[sparse > 0])


@pytest.mark.parametrize("pattern", sorted(PATTERNS))
def test_a_sample_is_thinned_alike_in_any_batch_and_anew_in_each_epoch(room, pattern):
    depth, rgb = room["depth"], room["rgb"]
    both = sparsify(depth, pattern, 0.05, seed=3, epoch=2, indices=[7, 8], rgb=rgb)
    alone = sparsify(depth[1:], pattern, 0.05, seed=3, epoch=2, indices=[8], rgb=rgb[1:])
    assert both[1:].equal(alone)
    later = sparsify(depth, pattern, 0.05, seed=3, epoch=3, indices=[7, 8], rgb=rgb)
    assert later.equal(both) == (pattern in ("grid", "scan_lines", "corners"))


@pytest.mark.parametrize("pattern", ["uniform", "gradient", "mixed", "corners"])
def test_holes_are_never_sampled_and_only_they_limit_the_count(room, pattern):
    depth = room["depth"].clone()
    depth[..., :60, :] = 0
    depth[0, 0, 70, 5] = float("nan")
    sparse = sparsify(depth, pattern, 0.1, rgb=room["rgb"])
    assert (sparse[..., :60, :] == 0).all() and torch.isfinite(sparse).all()
    assert (sparse > 0).sum((1, 2, 3)).tolist() == [sample_count(96, 128, 0.1)] * 2
    nothing = sparsify(depth * 0, pattern, 0.1, rgb=room["rgb"])
    assert not nothing.any()
    few = torch.zeros_like(depth)
    few[..., 90, 100] = 2.0
    assert (sparsify(few, pattern, 0.1, rgb=room["rgb"]) > 0).sum().item() == 2


def test_uniform_samples_fall_everywhere_alike():
    depth = torch.ones(40, 1, 32, 32)
    share = (sparsify(depth, "uniform", 0.25, indices=range(40)) > 0).float().mean(0)[0]
    quarters = share.view(2, 16, 2, 16).mean((1, 3))
    assert quarters.sub(0.25).abs().max() < 0.02


def test_gradient_samples_stand_where_depth_is_steep_and_mixed_ones_half_so(room):
    depth = room["depth"]
    steep = edge_strength(depth)
    mean = {p: steep[sparsify(depth, p, 0.05) > 0].mean().item() for p in ("uniform", "mixed", "gradient")}
    assert mean["gradient"] > 3 * mean["uniform"] and mean["uniform"] < mean["mixed"] < mean["gradient"]


def test_a_step_is_steep_on_both_sides_and_a_holes_rim_is_not():
    depth = torch.full((1, 1, 6, 8), 2.0)
    depth[..., 4:] = 4.0
    depth[..., 2, 1] = 0
    strength = edge_strength(depth)[0, 0]
    assert strength[0].tolist() == pytest.approx([0, 0, 0, 0.6931, 0.6931, 0, 0, 0], abs=1e-4)
    assert strength[2, :3].eq(0).all() and strength[1, 1] == 0


def test_a_grid_is_regular_and_scan_lines_are_lines():
    depth = torch.ones(1, 1, 60, 80)
    v, u = sparsify(depth, "grid", 48 / 4800)[0, 0].nonzero().T
    assert v.unique().tolist() == [5, 15, 25, 35, 45, 55] and u.unique().tolist() == [5, 15, 25, 35, 45, 55, 65, 75]
    lines = sparsify(torch.ones(1, 1, 200, 300), "scan_lines", 0.05)[0, 0]
    assert lines.any(1).sum().item() == 64 and (lines > 0).sum(1).max() - (lines > 0).sum(1)[lines.any(1)].min() <= 1


def test_corners_are_found_at_corners():
    rgb = torch.zeros(1, 3, 40, 40)
    rgb[..., 10:30, 10:30] = 1.0
    sparse = sparsify(torch.ones(1, 1, 40, 40), "corners", 4 / 1600, rgb=rgb)
    found = sparse[0, 0].nonzero().tolist()
    wanted = [(v, u) for v in (9.5, 29.5) for u in (9.5, 29.5)]
    assert len(found) == 4 and all(min(max(abs(a - v), abs(b - u)) for a, b in found) <= 2.5 for v, u in wanted)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"pattern": "stars"}, "expected one of uniform"),
        ({"fraction": 0}, "fraction is 0"),
        ({"fraction": 1.5}, "fraction is 1.5"),
        ({"pattern": "corners"}, "needs the picture"),
    ],
)
def test_what_cannot_be_is_refused(arguments, words):
    with pytest.raises(DepthError, match=words):
        sparsify(torch.ones(1, 1, 8, 8), **arguments)
    with pytest.raises(DepthError, match="expected \\[B, 1, H, W\\]"):
        sparsify(torch.ones(8, 8))
