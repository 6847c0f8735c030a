import statistics

import pytest

from alframe.curves import learning_curve


def trial(*accuracies):
    return [{"labelled": 10 * (i + 1), "accuracy": a} for i, a in enumerate(accuracies)]


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
