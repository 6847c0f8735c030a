import statistics

import pytest

from alframe.curves import learning_curve, ranking


def trial(*accuracies):
    return [
        {"labelled": 10 * (i + 1), "accuracy": a, "query_seconds": 1.0, "train_seconds": 2.0}
        for i, a in enumerate(accuracies)
    ]


def test_mean_and_deviation_over_seeds():
    first, second = learning_curve([trial(0.5, 0.7), trial(0.6, 0.9)])
    assert (first.labelled, first.mean, first.seeds) == (10, pytest.approx(0.55), 2)
    assert second.std == pytest.approx(statistics.stdev([0.7, 0.9]))


def test_one_seed_has_no_deviation():
    assert learning_curve([trial(0.5)])[0].std is None


def test_a_shorter_trial_counts_where_it_has_a_value():
    curve = learning_curve([trial(0.5, 0.7), trial(0.6)])
    assert [point.seeds for point in curve] == [2, 1]


def test_nothing():
    assert learning_curve([]) == []


def test_ranked_by_the_area_over_the_sizes_in_common():
    trials = {"a": [trial(0.2, 0.4, 0.9)], "b": [trial(0.3, 0.5), trial(0.3, 0.3)], "c": [trial(0.2, 0.4)]}
    rows = ranking(trials)
    assert [row.strategy for row in rows] == ["b", "a", "c"]  # a tie goes by name
    assert [row.area for row in rows] == pytest.approx([0.35, 0.3, 0.3])
    assert [row.last for row in rows] == pytest.approx([0.4, 0.4, 0.4])
    assert [row.query_seconds for row in rows] == [2.0, 3.0, 2.0]
    assert [row.train_seconds for row in rows] == [4.0, 6.0, 4.0]


def test_one_size_is_its_accuracy_and_none_is_no_ranking():
    assert [row.area for row in ranking({"a": [trial(0.2)], "b": [trial(0.4, 0.5)]})] == [0.4, 0.2]
    assert ranking({"a": [trial(0.5)], "b": [[]]}) == []
    assert ranking({}) == []
