"""Facts about the scale-invariant loss (Eigen et al. 2014, eqs. 1–4)."""

import itertools

import pytest
import torch

from depthlib.errors import DepthError
from depthlib.losses import ScaleInvariantLogLoss, reduce, sample_weights, scale_invariant_log_loss
from depthlib.ssim import ssim_map


@pytest.fixture
def maps():
    torch.manual_seed(0)
    y, truth = torch.randn(3, 1, 5, 6, dtype=torch.float64), torch.randn(3, 1, 5, 6, dtype=torch.float64)
    mask = torch.rand(3, 1, 5, 6) > 0.3
    return y, truth, mask


def test_three_forms_of_the_error_agree(maps):
    """Eq. 1 (best shift), eq. 2 (all pairs) and eq. 3 (linear time), by literal loops over the paper's sums."""
    y, truth, mask = maps
    found = scale_invariant_log_loss(y, truth, mask, lam=1.0)
    for b in range(3):
        p, t = y[b][mask[b]], truth[b][mask[b]]
        n = len(p)
        alpha = sum(t[i] - p[i] for i in range(n)) / n
        eq1 = sum((p[i] - t[i] + alpha) ** 2 for i in range(n)) / n
        pairs = itertools.product(range(n), repeat=2)
        eq2 = sum(((p[i] - p[j]) - (t[i] - t[j])) ** 2 for i, j in pairs) / (2 * n**2)
        # eq. 2 as the paper prints it carries 1/n², twice too much: the pairs (i, j) and (j, i) are both in the sum
        d = p - t
        eq3 = (d**2).sum() / n - d.sum() ** 2 / n**2
        for form in (eq1, eq2, eq3):
            assert found[b].item() == pytest.approx(form.item(), rel=1e-12)


def test_lambda_one_ignores_a_factor_and_lambda_zero_is_the_squared_log_error(maps):
    y, truth, mask = maps
    shifted = scale_invariant_log_loss(y + 0.7, truth, mask, 1.0)
    torch.testing.assert_close(shifted, scale_invariant_log_loss(y, truth, mask, 1.0))
    plain = torch.stack([((y - truth)[b][mask[b]] ** 2).mean() for b in range(3)])
    torch.testing.assert_close(scale_invariant_log_loss(y, truth, mask, 0.0), plain)
    half = scale_invariant_log_loss(y + 0.7, truth, mask, 0.5)
    assert (half > scale_invariant_log_loss(y + 0.7, truth, mask, 1.0)).all()


def test_gradient_is_right_and_vanishes_off_the_mask(maps):
    y, truth, mask = maps
    y.requires_grad_()
    assert torch.autograd.gradcheck(lambda p: scale_invariant_log_loss(p, truth, mask, 0.5, 0.457), (y,))
    scale_invariant_log_loss(y, truth, mask).sum().backward()
    assert (y.grad[~mask] == 0).all() and (y.grad[mask] != 0).any()


def test_the_term_in_metres_is_the_squared_error_in_metres(maps):
    y, truth, mask = maps
    plain, both = (ScaleInvariantLogLoss(lam=0.5, metres=m) for m in (0.0, 0.3))
    extra = both(y, truth, mask)[0] - plain(y, truth, mask)[0]
    wanted = torch.stack([((y.exp() - truth.exp())[b][mask[b]] ** 2).mean() for b in range(3)])
    torch.testing.assert_close(extra, 0.3 * wanted)
    y.requires_grad_()
    assert torch.autograd.gradcheck(lambda p: both(p, truth, mask)[0], (y,))
    values, _ = both(torch.where(mask, y, torch.nan), truth, mask)
    values.sum().backward()
    assert torch.isfinite(values).all() and (y.grad[~mask] == 0).all() and torch.isfinite(y.grad).all()
    wild, _ = both(torch.full_like(y, 500.0).float(), truth.float(), mask)
    assert torch.isfinite(wild).all()  # exp(500) would not be
    with pytest.raises(DepthError, match="metres is -1"):
        ScaleInvariantLogLoss(metres=-1)


def test_empty_mask_gives_zero_loss_weight_and_gradient_not_nan():
    y = torch.full((2, 1, 3, 3), float("nan"))
    y[1] = 1.0
    y.requires_grad_()
    mask = torch.zeros(2, 1, 3, 3, dtype=torch.bool)
    values = scale_invariant_log_loss(y, torch.full_like(y, float("nan")), mask)
    total = reduce(values, sample_weights(mask))
    total.backward()
    assert values.tolist() == [0, 0] and total.item() == 0 and not y.grad[1].isnan().any()


def test_float32_under_autocast():
    y = torch.randn(2, 1, 8, 8)
    mask = torch.ones_like(y, dtype=torch.bool)
    with torch.autocast("cpu", torch.bfloat16):
        low = scale_invariant_log_loss(y.bfloat16(), y.bfloat16() + 0.001, mask, 1.0)
        high = scale_invariant_log_loss(y, y + 0.5, mask, 0.0)
    assert low.dtype == high.dtype == torch.float32
    torch.testing.assert_close(high, torch.full((2,), 0.25), rtol=1e-5, atol=0)


def test_one_valid_pixel_is_an_image():
    mask = torch.zeros(3, 1, 2, 2, dtype=torch.bool)
    mask[1, 0, 0, 0] = mask[2] = True
    assert sample_weights(mask).tolist() == [0, 1, 1] and sample_weights(mask, "pixels").tolist() == [0, 1, 16]


def test_authors_weighting_is_their_formula(maps):
    """[Σ nᵢ Σd² − ½ Σ(Σd)²] / Σ nᵢ², written as a literal loop."""
    y, truth, mask = maps
    mask[2] = False
    top = bottom = 0.0
    for b in range(3):
        d = (y - truth)[b][mask[b]]
        n = len(d)
        top += n * (d**2).sum() - 0.5 * d.sum() ** 2
        bottom += n**2
    values, weights = ScaleInvariantLogLoss(0.5, weighting="pixels")(y, truth, mask)
    assert reduce(values, weights).item() == pytest.approx((top / bottom).item(), rel=1e-6)
    same = torch.ones_like(mask)
    values, weights = ScaleInvariantLogLoss(0.5, weighting="pixels")(y, truth, same)
    assert reduce(values, weights).item() == pytest.approx(values.mean().item(), rel=1e-6)


def test_a_global_normaliser_makes_pieces_add_up_to_the_batch(maps):
    y, truth, mask = maps
    values, weights = ScaleInvariantLogLoss(0.5)(y, truth, mask)
    whole = reduce(values, weights)
    pieces = sum(reduce(values[i : i + 1], weights[i : i + 1], weights.sum()) for i in range(3))
    torch.testing.assert_close(pieces, whole)


def test_under_a_root_it_is_the_loss_of_bts_for_each_image_and_an_exact_map_keeps_a_finite_slope(maps):
    y, truth, mask = maps
    values, _ = ScaleInvariantLogLoss(0.85, root=True)(y, truth, mask)
    for b in range(len(y)):
        d = (y[b] - truth[b])[mask[b]].double()
        theirs = (d.square().mean() - 0.85 * d.mean() ** 2).sqrt() if len(d) else torch.zeros(())
        assert values[b].item() == pytest.approx(theirs.item(), abs=2e-4)
    exact = truth.clone().requires_grad_()
    for lam in (0.85, 1.0):
        reduce(*ScaleInvariantLogLoss(lam, root=True)(exact + 0.3 * (lam == 1), truth, mask)).backward()
    assert torch.isfinite(exact.grad).all()
    with pytest.raises(DepthError, match="root is 2"):
        ScaleInvariantLogLoss(root=2)


@pytest.mark.parametrize("options", [{"lam": 1.5}, {"lam": -0.1}, {"unit": 0.0}])
def test_constants_out_of_range_are_refused(options):
    with pytest.raises(DepthError):
        ScaleInvariantLogLoss(**options)


def test_shapes_that_differ_are_refused():
    with pytest.raises(DepthError, match="one shape"):
        scale_invariant_log_loss(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 3), torch.ones(1, 1, 2, 2) > 0)


def test_structure_that_was_asked_for_without_gradients_first_can_be_learnt_from():
    first, second = torch.rand(1, 1, 37, 41), torch.rand(1, 1, 37, 41, requires_grad=True)
    with torch.inference_mode():
        ssim_map(first, first, 1.0)
    ssim_map(first, second, 1.0).sum().backward()
    assert second.grad.abs().sum() > 0
