"""Randomness is a function of (seed, epoch, sample, purpose), and random."""

import torch

from depthlib.randomness import Dropout, keys, permutation, uniform


def test_numbers_do_not_depend_on_the_batch_they_are_drawn_in():
    whole = uniform(keys(3, 1, range(16), "augment"), 8)
    parts = torch.cat([uniform(keys(3, 1, [i], "augment"), 8) for i in range(16)])
    assert whole.equal(parts)


def test_one_epoch_each_equals_one_epoch_for_all():
    assert keys(0, [4, 4, 5], [1, 2, 3], "a").equal(
        torch.cat((keys(0, 4, [1, 2], "a"), keys(0, 5, [3], "a")))
    )  # fmt: skip


def test_seed_epoch_sample_and_purpose_each_change_the_numbers():
    base = keys(0, 0, [0], "a")
    others = [keys(1, 0, [0], "a"), keys(0, 1, [0], "a"), keys(0, 0, [1], "a"), keys(0, 0, [0], "b")]
    assert len({k.item() for k in [base, *others]}) == 5


def test_a_known_value_never_changes():
    # frozen: a change here would make every published run irreproducible
    assert uniform(keys(0, 0, [0, 1], "augment"), 2).mul(1e6).round().tolist() == [
        [835201.0, 52326.0],
        [891540.0, 285143.0],
    ]


def test_uniform_numbers_are_uniform_and_uncorrelated():
    u = uniform(keys(0, 0, range(2000), "test"), 50).double()
    counts = torch.histc(u.float(), 20, 0, 1)
    chi2 = ((counts - 5000) ** 2 / 5000).sum()
    assert chi2 < 45  # 19 degrees of freedom: 99.9 % below 43.8
    assert torch.corrcoef(u.T).fill_diagonal_(0).abs().max() < 0.11  # 1225 pairs, σ = 1/√2000 = .022: 5σ
    assert torch.corrcoef(u[:50]).fill_diagonal_(0).abs().max() < 0.75


def test_permutation_is_one_and_differs_between_epochs():
    assert sorted(permutation(0, 0, 100)) == list(range(100))
    assert permutation(0, 0, 100) != permutation(0, 1, 100)


def test_dropout_keeps_the_mean_and_depends_on_the_sample_only():
    layer = Dropout(0.5)
    x = torch.ones(4, 10000)
    layer.keys = keys(0, 0, range(4), "dropout")
    y = layer(x)
    assert abs(y.mean() - 1) < 0.02 and set(y.unique().tolist()) == {0.0, 2.0}
    layer.keys = keys(0, 0, [2], "dropout")
    assert layer(x[:1]).equal(y[2:3])
    assert layer.eval()(x).equal(x)
