import numpy as np
import pytest
from scipy import stats

from alframe.comparison.areas import (
    area_under_curve,
    areas,
    bootstrap_interval,
    by_area,
    common_grid,
    labels_saved,
)
from alframe.records.rounds import curves_of


def test_area_by_hand():
    assert area_under_curve([10, 20, 40], [0.5, 0.7, 0.9]) == pytest.approx((6 + 16) / 30)
    assert area_under_curve([10], [0.4]) == 0.4


@pytest.mark.parametrize("seed", range(3))
def test_area_agrees_with_a_plain_transcription(seed):
    draw = np.random.default_rng(seed)
    n, a = np.cumsum(draw.integers(1, 50, 8)), draw.random(8)
    plain = sum((n[k + 1] - n[k]) * (a[k] + a[k + 1]) / 2 for k in range(7)) / (n[-1] - n[0])
    assert area_under_curve(n, a) == pytest.approx(plain)


def test_the_interval_agrees_with_scipys():
    values = np.random.default_rng(3).normal(0.9, 0.02, 8)
    low, high = bootstrap_interval(values, np.random.default_rng(0))
    wider = 2 * stats.norm.cdf(stats.t.ppf(0.975, 7) * (8 / 7) ** 0.5) - 1  # Hesterberg, 2015
    other = stats.bootstrap(
        (values,), np.mean, n_resamples=50_000, confidence_level=wider, method="percentile", batch=1000
    )
    assert (low, high) == pytest.approx(tuple(other.confidence_interval), abs=1e-3)
    assert bootstrap_interval(values, np.random.default_rng(0)) == (low, high)


def test_areas_over_seeds(make_setting):
    setting = make_setting(a={1: [0.5, 0.7], 2: [0.6, 0.9]}, b={1: [0.5, 0.5]})
    found = areas(common_grid(setting))
    assert found["a"].by_seed == {1: pytest.approx(0.6), 2: pytest.approx(0.75)}
    assert found["a"].mean == pytest.approx(0.675)
    assert found["a"].std == pytest.approx(np.std([0.6, 0.75], ddof=1))
    assert (found["a"].low, found["a"].high) == pytest.approx((0.6, 0.75))
    assert (found["b"].mean, found["b"].std, found["b"].low, found["b"].high) == (0.5, None, None, None)


def test_unequal_rounds_leave_the_sizes_in_common(make_setting):
    grid = common_grid(make_setting(a={1: [0.1, 0.2, 0.3]}, b={1: [0.5, 0.6]}))
    assert grid.sizes.tolist() == [100, 200]
    assert grid.accuracies["a"][1].tolist() == [0.1, 0.2]
    assert grid.notes == [
        "areas are over the 2 sizes that all strategies have, up to 200 labels; first to end, at 200: b"
    ]


def test_an_unfinished_trial_is_left_out_and_named(make_setting):
    grid = common_grid(make_setting(a={1: [0.1, 0.2], 2: [0.3]}, b={1: [0.5, 0.6]}))
    assert {name: list(trials) for name, trials in grid.accuracies.items()} == {"a": [1], "b": [1]}
    [note] = grid.notes
    assert note.startswith("a, seed 2, lacks sizes that others have (it ends at 100): left out of areas")


def test_no_size_in_common(make_setting, trial):
    grid = common_grid(make_setting(a={1: trial([0.1], [5])}, b={1: trial([0.2], [6])}))
    assert grid.notes == [
        "the strategies have no labelled-set size in common: no areas, labels saved or verdicts"
    ]
    assert areas(grid) == {}


def test_the_initial_set_alone_says_nothing(make_setting):
    """All strategies share it: an area would be the same for all, and a verdict "no difference"."""
    grid = common_grid(make_setting(a={1: [0.1, 0.2], 2: [0.1, 0.3]}, b={1: [0.1], 2: [0.1]}))
    assert areas(grid) == {}
    assert grid.notes == [
        "the strategies have one labelled-set size in common (100; first to end, at 100: b): "
        "no areas, labels saved or verdicts; of fewer strategies there may be"
    ]


def test_sizes_that_differ_though_all_end_together(make_setting, trial):
    grid = common_grid(make_setting(a={1: trial([0.1] * 3, [5, 6, 9])}, b={1: trial([0.1] * 3, [5, 7, 9])}))
    assert grid.notes == ["areas are over the 2 sizes that all strategies have, up to 9 labels"]


@pytest.mark.parametrize(("seeds", "least", "most"), [(2, 0.4, 0.6), (5, 0.88, 0.95), (30, 0.92, 0.98)])
def test_how_often_the_interval_holds_the_mean(seeds, least, most):
    """Of two or three seeds no resampling knows the spread; the guide says so."""
    draw = np.random.default_rng(0)
    samples = draw.normal(0.8, 0.02, (200, seeds))
    intervals = [bootstrap_interval(sample, np.random.default_rng(k)) for k, sample in enumerate(samples)]
    assert least < np.mean([low <= 0.8 <= high for low, high in intervals]) < most


@pytest.mark.parametrize(
    ("curve", "labels"),
    [
        ([0.5, 0.6, 0.8, 0.9], 250),  # halfway from 0.6 to 0.8
        ([0.5, 0.7, 0.6, 0.9], 200),  # the first time, though it falls again
        ([0.8, 0.6, 0.6, 0.6], 100),  # from the start
        ([0.5, 0.6, 0.6, 0.7], 400),
        ([0.5, 0.6, 0.6, 0.69], None),
    ],
)
def test_labels_saved(make_setting, curve, labels):
    reference = {1: [0.5, 0.5, 0.6, 0.6], 2: [0.5, 0.5, 0.6, 0.8], 3: [0.5, 0.5, 0.5, 0.1]}
    setting = make_setting(a={1: curve, 2: curve}, random=reference)
    saving = labels_saved(common_grid(setting), "a", "random")
    assert saving.accuracy == pytest.approx(0.7)  # over the two seeds in common
    assert saving.seeds == 2
    assert saving.labels == (labels and pytest.approx(labels))
    assert saving.saved == (labels and pytest.approx(400 - labels))


def test_equal_means_that_are_rounded_differently_are_reached(make_setting):
    a, random = [0.3, 0.2, 0.1], [0.1, 0.2, 0.3]
    assert np.mean(a) < np.mean(random)
    setting = make_setting(
        a={k: [0.0, x, x] for k, x in enumerate(a)}, random={k: [0.0, 0.0, x] for k, x in enumerate(random)}
    )
    saving = labels_saved(common_grid(setting), "a", "random")
    assert saving.labels == pytest.approx(200)


def test_no_seed_in_common_saves_nothing_that_is_known(make_setting):
    grid = common_grid(make_setting(a={1: [0.5, 0.6]}, random={2: [0.5, 0.6]}))
    assert labels_saved(grid, "a", "random") is None


def of(*accuracies):
    return curves_of(
        [
            {"labelled": 10 * (i + 1), "accuracy": a, "query_seconds": 1.0, "train_seconds": 2.0}
            for i, a in enumerate(accuracies)
        ]
    )


def test_ranked_by_the_area_over_the_sizes_in_common():
    strategies = {"a": {1: of(0.2, 0.4, 0.9)}, "b": {1: of(0.3, 0.5)}, "c": {1: of(0.2, 0.4)}}
    rows = by_area(strategies)
    assert [row.strategy for row in rows] == ["b", "a", "c"]  # a tie goes by name
    assert [row.area for row in rows] == pytest.approx([0.4, 0.3, 0.3])
    assert [row.last for row in rows] == pytest.approx([0.5, 0.4, 0.4])
    assert [row.query_seconds for row in rows] == [1.0, 2.0, 1.0]  # none comes before the initial set
    assert [row.train_seconds for row in rows] == [4.0, 6.0, 4.0]


def test_only_seeds_in_common_count():
    """Seed 2 is easy, and the one without it must not come last for that."""
    easy, hard = of(0.9, 0.9), of(0.4, 0.4)
    rows = by_area({"lucky": {1: hard, 2: easy}, "better": {1: of(0.4, 0.5)}})
    assert [(row.strategy, row.seeds) for row in rows] == [("better", 1), ("lucky", 1)]
    assert rows[1].area == pytest.approx(0.4)
    assert by_area({"a": {1: hard}, "b": {2: hard}}) == []


def test_one_size_is_its_accuracy_and_none_is_no_ranking():
    rows = by_area({"a": {1: of(0.2)}, "b": {1: of(0.4, 0.5)}})
    assert [row.area for row in rows] == [0.4, 0.2]
    later = curves_of([{"labelled": 15, "accuracy": 0.4}])
    assert by_area({"a": {1: of(0.5)}, "b": {1: later}}) == []
