import numpy as np
import pytest

from alframe.curves import budget_curve, ranking
from alframe.records.rounds import trial_of


def of(*accuracies):
    return trial_of(
        [
            {"labelled": 10 * (i + 1), "accuracy": a, "query_seconds": 1.0, "train_seconds": 2.0}
            for i, a in enumerate(accuracies)
        ]
    )


def test_curves_are_over_the_seeds_that_have_the_size(trial):
    first, second = budget_curve({1: trial([0.5, 0.7]), 2: trial([0.6])})
    assert (first.labelled, first.seeds, first.mean) == (100, 2, pytest.approx(0.55))
    assert first.std == pytest.approx(np.std([0.5, 0.6], ddof=1))
    assert (second.labelled, second.seeds, second.mean, second.std) == (200, 1, 0.7, None)


def test_ranked_by_the_area_over_the_sizes_in_common():
    strategies = {"a": {1: of(0.2, 0.4, 0.9)}, "b": {1: of(0.3, 0.5)}, "c": {1: of(0.2, 0.4)}}
    rows = ranking(strategies)
    assert [row.strategy for row in rows] == ["b", "a", "c"]  # a tie goes by name
    assert [row.area for row in rows] == pytest.approx([0.4, 0.3, 0.3])
    assert [row.last for row in rows] == pytest.approx([0.5, 0.4, 0.4])
    assert [row.query_seconds for row in rows] == [1.0, 2.0, 1.0]  # none comes before the initial set
    assert [row.train_seconds for row in rows] == [4.0, 6.0, 4.0]


def test_only_seeds_in_common_count():
    """Seed 2 is easy, and the one without it must not come last for that."""
    easy, hard = of(0.9, 0.9), of(0.4, 0.4)
    rows = ranking({"lucky": {1: hard, 2: easy}, "better": {1: of(0.4, 0.5)}})
    assert [(row.strategy, row.seeds) for row in rows] == [("better", 1), ("lucky", 1)]
    assert rows[1].area == pytest.approx(0.4)
    assert ranking({"a": {1: hard}, "b": {2: hard}}) == []


def test_one_size_is_its_accuracy_and_none_is_no_ranking():
    rows = ranking({"a": {1: of(0.2)}, "b": {1: of(0.4, 0.5)}})
    assert [row.area for row in rows] == [0.4, 0.2]
    later = trial_of([{"labelled": 15, "accuracy": 0.4}])
    assert ranking({"a": {1: of(0.5)}, "b": {1: later}}) == []
