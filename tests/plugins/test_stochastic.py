import itertools

import numpy as np
import pytest
import torch
from scipy import stats

import alframe
from alframe import UsageError
from alframe.registry.registry import Registry
from alframe_stochastic._stochastic import draw_by_score

FORMS = ("power", "softmax", "softrank")
SCORES = torch.tensor([0.5, 0.05, 2.0, 1.0, 0.2])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def weights(scores, form, beta):
    """The law of the first draw, up to a factor, in float64."""
    s = np.asarray(scores, dtype=float)
    if form == "power":
        return s**beta
    if form == "softmax":
        return np.exp(beta * s)
    return stats.rankdata(-s, method="ordinal") ** -float(beta)


def draws(scores, n, form, beta=1.0, runs=1000):
    one = generator()
    return [tuple(draw_by_score(scores, n, form, beta, one).tolist()) for _ in range(runs)]


def assert_follows(seen, law):
    """Chi-squared; what is expected less than five times counts together."""
    expected = {outcome: len(seen) * chance for outcome, chance in law.items()}
    common = [outcome for outcome in expected if expected[outcome] >= 5]
    observed, wanted = [seen.count(outcome) for outcome in common], [expected[outcome] for outcome in common]
    if (rest := len(seen) - sum(wanted)) > 1e-6:
        observed.append(len(seen) - sum(observed))
        wanted.append(rest)
    assert sum(observed) == len(seen)
    assert stats.chisquare(observed, wanted).pvalue > 1e-3


@pytest.mark.parametrize(
    ("form", "beta"), [("power", 0.5), ("power", 1.0), ("power", 3.0), ("softmax", 2.0), ("softrank", 1.0)]
)
def test_the_first_draw_is_in_proportion_to_the_weights(form, beta):
    law = weights(SCORES, form, beta)
    seen = draws(SCORES, 1, form, beta)
    assert_follows(seen, {(i,): chance for i, chance in enumerate(law / law.sum())})


@pytest.mark.parametrize("form", FORMS)
def test_the_draws_are_one_after_the_other(form):
    """Pairs, by enumeration: the second in proportion to the weights of those that are left."""
    law = weights(SCORES, form, 1.0)
    law /= law.sum()
    pairs = {(i, j): law[i] * law[j] / (1 - law[i]) for i, j in itertools.permutations(range(5), 2)}
    assert sum(pairs.values()) == pytest.approx(1)
    assert_follows(draws(SCORES, 2, form), pairs)


@pytest.mark.parametrize("beta", [1e12, float("inf")])
@pytest.mark.parametrize("form", FORMS)
def test_a_large_beta_takes_the_highest(form, beta):
    scores = torch.rand(300, generator=generator(1))
    picks = draw_by_score(scores, 40, form, beta, generator(2))
    assert picks.tolist() == scores.argsort(descending=True)[:40].tolist()


@pytest.mark.parametrize("form", FORMS)
def test_a_constant_and_a_factor(form):
    """What each form does not see: softmax and softrank a constant, power and softrank a factor."""
    scores = torch.tensor(np.random.default_rng(0).integers(0, 1000, 200) / 256.0)
    scores = scores.unique()

    def picks(s):
        return draw_by_score(s, 30, form, 1.0, generator(3)).tolist()

    assert (picks(scores + 4) == picks(scores)) == (form != "power")
    assert (picks(scores * 4) == picks(scores)) == (form != "softmax")


@pytest.mark.parametrize("form", FORMS)
def test_equal_scores_come_first_equally_often(form):
    seen = draws(torch.tensor([0.1, 1.0, 1.0]), 1, form, runs=600)
    second, third = seen.count((1,)), seen.count((2,))
    assert stats.binomtest(second, second + third).pvalue > 1e-3


@pytest.mark.parametrize("form", FORMS)
def test_equal_scores_at_infinity_are_drawn_by_the_seed(form):
    assert_follows(draws(torch.ones(4), 1, form, float("inf"), runs=400), {(i,): 0.25 for i in range(4)})


def test_a_score_of_0_is_never_before_a_positive_one():
    scores = torch.tensor([0.0, 1e-30, 0.0, 5.0, 0.0, 1.0])
    last = np.zeros(6)
    for seed in range(300):
        picks = draw_by_score(scores, 4, "power", 1.0, generator(seed)).tolist()
        assert sorted(picks[:3]) == [1, 3, 5]
        last[picks[3]] += 1
    assert stats.chisquare(last[[0, 2, 4]]).pvalue > 1e-3


def test_rounding_below_0_is_0():
    """Trap: the logarithm of -1e-9 is NaN, and a sort puts NaN last, that is first."""
    scores = torch.full((50,), -1e-9)
    scores[[3, 7]] = torch.tensor([0.4, 0.1])
    for seed in range(20):
        picks = draw_by_score(scores, 5, "power", 1.0, generator(seed)).tolist()
        assert sorted(picks[:2]) == [3, 7]
        assert len(set(picks)) == 5
    assert len(draw_by_score(torch.full((9,), -1e-7), 4, "power", 1.0, generator())) == 4


@pytest.mark.parametrize("form", FORMS)
def test_nan_is_never_picked(form):
    """Trap: published code selects it. The engine refuses such scores before; so does the draw."""
    scores = torch.tensor([0.3, torch.nan, 0.1, -torch.inf, 0.0])
    for seed in range(20):
        assert sorted(draw_by_score(scores, 5, form, 1.0, generator(seed)).tolist()) == [0, 2, 4]


def test_scores_of_any_sign_are_refused_before_anything_runs(make):
    """Trap: alframe's margin is ``-(p_1 - p_2)``, of which there is no power."""
    query = make(seed=1, scale=3.0).query
    message = (
        "^stochastic with form=power needs scores of at least 0, and those of margin are of any sign: take a "
        "scorer of such scores, as bald, batchbald, cal, .*; or another stochastic.form$"
    )
    with pytest.raises(UsageError, match=message):
        alframe.query("margin", stages={"select": "stochastic"}, **query)
    for form in ("softmax", "softrank"):
        options = {"stochastic": {"form": form}}
        result = alframe.query("margin", stages={"select": "stochastic"}, options=options, **query)
        assert len(result.indices.unique()) == 20
        assert result.topped_up == 0


def test_negative_scores_of_a_scorer_that_declares_nothing_are_refused_when_asked(make, make_plugin):
    registry = Registry()
    registry.register(make_plugin(alframe_score=lambda pool: -pool.probs[:, 0]), "undeclared")
    message = (
        r"stochastic.form=power draws in proportion to score\*\*beta and needs scores of at least 0, got -"
        r"[01].*: take a scorer of such scores, as powermargin's, or stochastic.form=softmax or softrank"
    )
    query = make(seed=1, scale=3.0).query | {"stages": {"select": "stochastic"}, "registry": registry}
    with pytest.raises(UsageError, match=message) as caught:
        alframe.query("undeclared", **query)
    assert "\n" not in str(caught.value)
    softmax = {"stochastic": {"form": "softmax"}}
    assert len(alframe.query("undeclared", options=softmax, **query).indices.unique()) == 20


@pytest.mark.parametrize("form", FORMS)
def test_scores_of_minus_infinity_are_never_drawn(form, make_plugin, make):
    registry = Registry()
    tenth = make_plugin(
        alframe_score=lambda pool: torch.where(torch.arange(len(pool)) % 10 == 0, 1.0, -torch.inf)
    )
    registry.register(tenth, "tenth")
    registry.register(make_plugin(alframe_score=lambda pool: torch.full((len(pool),), -torch.inf)), "never")
    options = {"stochastic": {"form": form}}
    asked = {"stages": {"select": "stochastic"}, "registry": registry, "options": options, **make().query}
    result = alframe.query("tenth", **asked)
    assert (result.indices[:15] % 10 == 0).all()
    assert result.topped_up == 5
    assert alframe.query("never", **asked).topped_up == 20


def test_without_scores_every_sample_is_equally_likely():
    """As a strategy of its own it is random sampling."""
    picks = [
        alframe.query("stochastic", features=np.zeros((10, 2)), n=3, seed=s, device="cpu").indices
        for s in range(500)
    ]
    counts = torch.cat(picks).bincount(minlength=10)
    assert (counts - 150).abs().max() < 52  # five standard deviations


def test_logits_that_saturate(make):
    """Scores of exactly 0, and some that float32 has only just."""
    result = alframe.query("entropy", stages={"select": "stochastic"}, **make(scale=1e4).query)
    assert len(result.indices.unique()) == 20


def test_more_than_there_are_and_none():
    assert sorted(draw_by_score(SCORES, 9, "power", 1.0, generator()).tolist()) == [0, 1, 2, 3, 4]
    assert draw_by_score(SCORES, 0, "power", 1.0, generator()).tolist() == []
    assert draw_by_score(SCORES[:0], 3, "power", 1.0, generator()).tolist() == []


@pytest.mark.parametrize("options", [{"beta": 0}, {"beta": -1}, {"form": "rank"}])
def test_options_outside_their_range(options, make):
    with pytest.raises(UsageError, match="stochastic"):
        alframe.query("stochastic", options=options, **make().query)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("form", FORMS)
def test_on_a_gpu_the_draws_are_the_same(form):
    scores = torch.rand(5000, generator=generator())
    on_cpu, on_cuda = (draw_by_score(scores.to(d), 99, form, 1.0, generator(1)) for d in ("cpu", "cuda"))
    assert on_cpu.tolist() == on_cuda.tolist()
