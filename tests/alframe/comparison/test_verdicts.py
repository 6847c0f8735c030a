import numpy as np
import pytest
from scipy import stats

from alframe.comparison.areas import Area
from alframe.comparison.significance import holm
from alframe.comparison.verdicts import verdicts


def area(values, first=1):
    return Area(dict(enumerate(values, start=first)), float(np.mean(values)), None, None, None)


def one(strategy, reference, **options):
    [verdict] = verdicts({"badge": area(strategy), "random": area(reference)}, "random", **options)
    return verdict


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_scipy(seed):
    draw = np.random.default_rng(seed)
    a, b = draw.normal(0.83, 0.02, 7), draw.normal(0.8, 0.02, 7)
    result = stats.ttest_rel(a, b)
    verdict = one(a, b)
    interval = result.confidence_interval()
    assert (verdict.p, verdict.low, verdict.high) == pytest.approx(
        (result.pvalue, interval.low, interval.high)
    )
    assert verdict.difference == pytest.approx(np.mean(a - b))


def test_beats():
    verdict = one([0.62, 0.61, 0.63, 0.62, 0.625], [0.6] * 5)
    assert verdict.outcome == "beats"
    assert verdict.words == "badge beats random by 0.021 (95 % 0.012 to 0.030, p = 0.003, 5 seeds: few)"


def test_loses():
    verdict = one([0.6] * 5, [0.62, 0.61, 0.63, 0.62, 0.625])
    assert verdict.outcome == "loses to"
    assert verdict.words == "badge loses to random by 0.021 (95 % 0.012 to 0.030, p = 0.003, 5 seeds: few)"


def test_no_difference():
    verdict = one([0.5, 0.6, 0.7], [0.6, 0.5, 0.7])
    assert verdict.outcome == "no difference"
    assert verdict.words.startswith("badge and random: no difference that 3 seeds can show (+0.000, 95 % -0.")


def test_ten_seeds_are_not_few():
    draw = np.random.default_rng(0)
    verdict = one(draw.normal(0.9, 0.001, 10), draw.normal(0.8, 0.001, 10))
    assert verdict.words.endswith("p < 0.001, 10 seeds)")


def test_all_equal():
    assert one([0.5, 0.6, 0.7], [0.5, 0.6, 0.7]).outcome == "no difference"
    verdict = one([0.6, 0.7, 0.8], [0.5, 0.6, 0.7])  # the same lead at each seed
    assert (verdict.outcome, verdict.p) == ("beats", 0)
    assert (verdict.low, verdict.high) == pytest.approx((0.1, 0.1))


@pytest.mark.parametrize("seeds", [1, 2])
def test_too_few_seeds(seeds):
    verdict = one([0.9] * seeds, [0.1] * seeds)
    assert (verdict.outcome, verdict.p) == ("too few seeds", None)
    assert verdict.difference == pytest.approx(0.8)
    assert verdict.words == f"badge and random: too few seeds ({seeds} in common, 3 needed)"


def test_only_seeds_in_common_count():
    found = verdicts({"a": area([0.9, 0.5, 0.6, 0.7], first=1), "random": area([0.5, 0.6, 0.7], 2)}, "random")
    assert (found[0].difference, found[0].seeds) == (0, 3)
    [none] = verdicts({"a": area([0.9]), "random": area([0.5], first=2)}, "random")
    assert (none.outcome, none.difference, none.seeds) == ("too few seeds", None, 0)


def test_holm_over_the_strategies_that_could_be_tested():
    draw = np.random.default_rng(2)
    table = {name: area(draw.normal(0.8, 0.02, 5)) for name in ("a", "b", "random")} | {"short": area([0.9])}
    plain = verdicts(table, "random")
    corrected = verdicts(table, "random", correct=True)
    p = [v.p for v in plain if v.p is not None]
    assert [v.p for v in corrected] == [*holm(p).tolist(), None]
    assert [v.strategy for v in corrected] == ["a", "b", "short"]
    assert [v.low for v in corrected] == [v.low for v in plain]


def test_no_minus_before_zero():
    words = one([0.5, 0.6, 0.7 - 1e-5], [0.5, 0.6, 0.7]).words
    assert "(+0.000, 95 % +0.000 to +0.000" in words
