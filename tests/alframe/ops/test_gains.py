import pytest
import torch

from alframe import Euclidean
from alframe.ops import Kernel, kernels
from alframe.ops.gains import Gains


def make(n=200, shape="gaussian", weights=None, sums=None):
    x = torch.randn(n, 4, generator=torch.Generator().manual_seed(0))
    return Gains(Euclidean(x), Kernel(shape, 1.0), weights, torch.zeros(n), sums)


def covered(gains, *picks):
    for pick in picks:
        gains.cover(torch.tensor([pick]))
    return gains


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("shape", ["gaussian", "laplace", "top-hat"])
@pytest.mark.parametrize("stored", [0, 1 << 28])
def test_sums_do_not_depend_on_who_asks_in_between(shape, stored, monkeypatch):
    monkeypatch.setattr(kernels, "STORED_BYTES", stored)
    picks = [3, 50, 120, 121, 7, 199]
    quiet, asked = covered(make(shape=shape), *picks), make(shape=shape)
    asked._doubt = 1.0  # so that whatever is asked for is summed anew
    for pick in picks:
        asked.made_sure()
        covered(asked, pick)
    assert same(quiet.sums(), asked.sums())


def test_sums_are_taken_up_where_they_were():
    whole = covered(make(), 3, 50, 120)
    begun = covered(make(), 3)
    kept = begun.sums()
    covered(begun, 9)
    assert same(covered(make(sums=kept), 50, 120).sums(), whole.sums())
    assert torch.equal(make(sums=whole.sums()).values(), whole.values())


def test_what_is_summed_anew_is_what_picks_left():
    gains = covered(make(), *range(0, 100, 7))
    before = gains.values()
    gains._doubt = 1.0
    torch.testing.assert_close(gains.made_sure(), before, rtol=1e-4, atol=1e-4)


def test_one_that_may_be_the_largest_alone_is_not_looked_at_again(monkeypatch):
    gains = covered(make(), 3, 50)
    first, second = gains.values().topk(2).values
    assert first - second > 1e-3
    monkeypatch.setattr(gains, "_sums_of", None)
    monkeypatch.setattr(gains, "_all_sums", None)
    assert torch.equal(gains.made_sure(), gains.values())


def test_one_that_is_left_out_adds_nothing():
    gains = make()
    best = gains.values().argmax()
    gains.leave_out(best[None])
    assert gains.values()[best] == -torch.inf
    covered(gains, *range(5))
    assert gains.made_sure()[best] == -torch.inf


def test_covering_again_what_is_covered_changes_nothing():
    gains = covered(make(shape="top-hat"), 3)
    before = gains.sums()
    assert same(covered(gains, 3).sums(), before)
