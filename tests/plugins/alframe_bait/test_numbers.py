"""What rounding, ties and the sizes of blocks do to the picks."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from alframe_bait import _bait, _binary, _classes, _rank_one

_spec = importlib.util.spec_from_file_location("reference", Path(__file__).with_name("reference.py"))
reference = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(reference)


def choose(rows, n, seed=0, regularization=1.0, oversampling=2.0, told=None):
    """Picks among rows, with none labelled."""
    return _bait.choose(
        rows,
        rows[torch.arange(0)],
        torch.arange(len(rows)),
        n,
        regularization=regularization,
        oversampling=oversampling,
        weigh_by_budget=True,
        generator=torch.Generator().manual_seed(seed),
        progress=lambda done, total: None if told is None else told.append((done, total)),
    ).tolist()


def numbers(N=400, D=16, offset=0.0, scale=1.0, seed=0):
    """Features in float32 and weights."""
    rng = np.random.default_rng(seed)
    z = (scale * (rng.normal(size=(N, D)) + offset)).astype(np.float32)
    return z, np.sqrt(rng.uniform(0, 0.25, size=N))


def binary(z, weights):
    return _binary.BinaryRows(torch.as_tensor(z), torch.as_tensor(weights))


def wanted(z, weights, n):
    V = (z.astype(np.float64) * weights[:, None])[:, None]
    return reference.picks(V, V[:0], n)


ILL_CONDITIONED = {
    "offset": {"offset": 1e3},
    "large": {"scale": 1e4},
    "small": {"scale": 1e-6},
    "large with offset": {"scale": 1e3, "offset": 1e2},
}


@pytest.mark.parametrize("case", ILL_CONDITIONED)
def test_ill_conditioned_features(case):
    """Trap: an inverse in 32 bits, with infinite entries patched. Features have 32 bits, the rest 64."""
    z, weights = numbers(**ILL_CONDITIONED[case])
    assert choose(binary(z, weights), 30) == wanted(z, weights, 30)


def test_numbers_that_fell_far_are_computed_again(monkeypatch):
    """What is subtracted from a large number leaves its rounding behind."""
    z, weights = numbers(scale=1e4, offset=1e2)
    right = wanted(z, weights, 30)
    assert choose(binary(z, weights), 30) == right
    monkeypatch.setattr(_rank_one, "FALLEN", 0.0)
    assert choose(binary(z, weights), 30) != right


@pytest.mark.parametrize("regularization", [1e-300, 1e-12, 1e12])
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_extreme_numbers_end_in_distinct_picks(regularization, scale):
    z, weights = numbers(N=40, D=8, scale=scale)
    blocks = _classes.ClassRows.likeliest(torch.as_tensor(z), torch.as_tensor(z[:, :3] / scale), 3)
    for rows in (binary(z, weights), blocks):
        for n in (3, 40):
            assert len(set(choose(rows, n, regularization=regularization))) == n


SIZES = [(1, 1, 1, 1 << 20), (2, 2, 8, 1 << 20), (1024, 64, 64, 512), (7, 1, 64, 100), (100, 64, 64, 1)]


@pytest.mark.parametrize("kind", ["distinct", "pairs", "three kinds"])
def test_block_sizes_change_no_pick(kind, monkeypatch):
    """One pick at a time among them; ties are drawn in the same order."""
    z, weights = numbers(N=100, D=6)
    if kind == "pairs":
        z[50:], weights[50:] = z[:50], weights[:50]
    if kind == "three kinds":
        z, weights = z[np.arange(100) % 3], weights[np.arange(100) % 3]
    answers = set()
    for candidates, smallest, largest, elements in SIZES:
        monkeypatch.setattr(_rank_one, "CANDIDATES", candidates)
        monkeypatch.setattr(_rank_one, "SMALLEST_BLOCK", smallest)
        monkeypatch.setattr(_rank_one, "LARGEST_BLOCK", largest)
        monkeypatch.setattr("alframe.ops.blocks.BLOCK_ELEMENTS", elements)
        answers.add(tuple(choose(binary(z, weights), 15)))
    assert len(answers) == 1


def test_certain_predictions_keep_their_order():
    """At logits of 100 the probability is 1 in 32 bits, and p (1 - p) is no number of its own."""
    logits = torch.tensor([[100.0, 0.0, -5.0], [90.0, 0.0, -5.0], [0.0, 0.0, 0.0]])
    weights = _binary.binary_weights(logits).numpy()
    np.testing.assert_allclose(weights[1:] ** 2, [np.exp(-90) * (1 + np.exp(-5)), 2 / 9], rtol=1e-12)
    assert 0 < weights[0] < weights[1]


def test_one_class_says_nothing():
    assert _binary.binary_weights(torch.ones(3, 1)).tolist() == [0, 0, 0]


def test_progress_is_told():
    told = []
    choose(binary(*numbers(N=50)), 10, told=told)
    assert told == sorted(told)
    assert told[-1] == (30, 30)
