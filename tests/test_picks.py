"""The formulas that picks are judged by, on numbers worked out by hand, and the programs that need a peer."""

import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(autouse=True)
def programs(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)


@pytest.fixture
def formulas():
    import formulas

    return formulas


def test_coverage_by_a_smooth_kernel(formulas):
    x = np.array([[0.0], [1.0], [3.0]])
    kernel = np.exp(-formulas.squared_distances(x))
    right, mean = formulas.coverage(kernel, 3, [1, 2, 0])
    assert (right, mean) == (1.0, 1.0)
    assert formulas.coverage(kernel, 3, [0])[0] == 0
    assert formulas.coverage(kernel, 3, [1])[1] == pytest.approx(1.3862 / 3, abs=1e-4)


def test_coverage_by_balls_where_labelled_samples_cover(formulas):
    x = np.array([[0.0], [0.1], [0.2], [0.3], [1.0], [1.1], [5.0]])
    balls = (formulas.squared_distances(x) < 0.15**2).astype(float)
    assert formulas.coverage(balls, 7, [1, 4, 6])[0] == 1
    assert formulas.coverage(balls, 7, [1, 6, 4])[0] == pytest.approx(2 / 3)
    assert formulas.coverage(balls, 6, [4, 1])[0] == 0.5  # 4 covers two, 1 would cover three


def test_a_radius_is_a_quantile_of_distances_to_other_clusters(formulas):
    x, labels = np.array([[0.0], [0.3], [0.5], [1.4]]), np.array([0, 0, 1, 1])  # distances .5, .2, .2, 1.1
    assert formulas.pure_radius(x, labels, 0.75) == pytest.approx(0.2)
    assert formulas.pure_radius(x, labels, 0.5) == pytest.approx(0.5)


def test_typicality_is_of_a_cluster_without_labels(formulas):
    x = np.array([[0.0], [1.0], [1.1], [1.3], [9.0], [20.0], [20.1]])
    labels, y = np.array([0, 0, 0, 0, 0, 1, 1]), np.array([np.nan] * 6 + [0.0])
    right, mean = formulas.typicality(x, labels, y, [2])
    assert (right, mean) == (1.0, pytest.approx(1 / 0.15))
    assert formulas.typicality(x, labels, y, [3])[0] == 0
    assert formulas.typicality(x, labels, y, [5])[0] == 1  # the other cluster is as small as those that wait
    grown = np.concatenate([x, [[1.2]]]), np.append(labels, 0), np.append(y, np.nan)
    assert formulas.typicality(*grown, [5])[0] == 0


def test_divergence_is_of_the_sample_from_its_neighbours(formulas):
    logs = np.log([[0.9, 0.1], [0.6, 0.4], [0.5, 0.5]])
    problem = {"features": logs[2:], "labelled_features": logs[:2], "head": (np.eye(2), np.zeros(2))}
    assert formulas.divergence_from_neighbours(problem, 10).item() == pytest.approx(0.1941, abs=1e-4)


def test_draws_scale_the_distances_of_what_is_left(formulas):
    probs = np.array([[0.5, 0.5], [0.52, 0.48], [0.9, 0.1], [0.1, 0.9]])
    right, chances = formulas.draws(probs, [0, 2], np.array([0.5, 0.5]), 10.0)
    assert right == 1
    np.testing.assert_allclose(chances[0, :2], [0.613, 0.387], atol=1e-3)
    np.testing.assert_allclose(chances[1], [0, 0.051, 0.4745, 0.4745], atol=1e-3)


def test_candidates_change_in_more_than_half_of_the_passes_or_in_fewer(formulas):
    X, head = np.array([[1.0, 0.5], [0.0, 1.0]]), (np.eye(2), np.array([0.0, 0.1]))
    masks = [np.array([[0, 1], [1, 1]])] * 2 + [np.ones((2, 2))]
    assert formulas.changed_enough(X, head, masks, 0.5, 0).tolist() == [0]
    assert formulas.changed_enough(X, head, masks[:2] + masks[2:] * 3, 0.5, 1).tolist() == [0]
    small, bias = np.array([[0.03, 1.0]]), (np.eye(2)[:, :2], np.array([0.1, 0.0]))
    kept_first = [np.array([[1, 0]])]
    assert formulas.changed_enough(small, bias, kept_first, 0.5, 0).tolist() == [0]


def test_scaled_masks_are_not_unscaled_ones_beside_a_bias(formulas):
    X, head = np.array([[0.3, 1.0]]), (np.eye(2), np.array([0.0, 0.4]))
    mask = [np.array([[1, 0]])]
    assert formulas.changed_enough(X, head, mask, 0.75, 0).tolist() == [0]  # 1.2 beats 0.4, 0.3 does not
    assert not len(formulas.changed_enough(X, head, mask, 0.0, 0))


def test_a_committee_disagrees(formulas):
    votes = np.eye(3)[[0, 0, 0, 1, 2]][:, None]
    assert formulas.variation_ratio(votes).item() == pytest.approx(0.4)
    p = np.array([[[0.9, 0.1]], [[0.3, 0.7]]])
    mean = p.mean(axis=0)
    expected = (p * np.log(p / mean)).sum(axis=2).mean(axis=0)
    np.testing.assert_allclose(formulas.consensus_divergence(p), expected)


def test_all_of_our_picks_are_right():
    pytest.importorskip("skactiveml")
    import picks

    ended = CliRunner().invoke(picks.main, ["-s", "N=300", "-s", "n=12", "-s", "L=20"])
    assert ended.exit_code == 0, ended.output
    cells = [row.split("│")[4].strip() for row in ended.output.splitlines() if row.startswith("│")]
    shares = [cell for cell in cells if cell]  # a row of several lines has empty ones
    assert len(shares) > 10
    assert all(cell.startswith("1.00 / ") for cell in shares), ended.output


def test_without_the_peer_one_line_says_what_to_install(monkeypatch):
    import picks

    monkeypatch.setitem(sys.modules, "skactiveml", None)
    monkeypatch.setitem(sys.modules, "skactiveml.pool", None)
    ended = CliRunner().invoke(picks.main, [])
    assert ended.exit_code == 2
    assert 'pip install -e ".[bench]"' in ended.output


def test_a_query_is_measured_by_committees_as_well():
    import query

    scale = query.SCALES["small"]._replace(N=600, n=5, D=8)
    for strategy in ("qbc", "margin"):
        measured = query.measure_ours(strategy, {}, scale, "dead", "cpu", repeats=2)
        assert len(measured["seconds"]) == len(measured["cpu_seconds"]) == 2
        assert min(measured["cpu_seconds"]) > 0
