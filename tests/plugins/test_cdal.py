import numpy as np
import pytest
import torch
from scipy import special

import alframe


def divergences(p, q):
    """``KL(p||q)/2 + KL(q||p)/2`` of each pair, literally."""
    return np.array([[(special.rel_entr(a, b) + special.rel_entr(b, a)).sum() / 2 for b in q] for a in p])


def probabilities(X, problem):
    return special.softmax(X @ problem.W.T + problem.b, axis=1).clip(1e-12)


def test_is_the_algorithm_in_float64(problem, request):
    n = min(problem.n, len(problem.X))
    p, q = probabilities(problem.X, problem), probabilities(problem.XL, problem)
    minima, between = divergences(p, q).min(axis=1), divergences(p, p)
    picks = alframe.query("cdal", **problem.query).indices.tolist()
    assert len(set(picks)) == n
    ties = any(word in request.node.name for word in ("identical", "exactly", "logits"))
    for step, pick in enumerate(picks):
        minima[picks[:step]] = -np.inf
        if ties:
            assert minima[pick] >= minima.max() - 2e-5 * between.max()
        else:
            assert pick == minima.argmax()
        minima = np.minimum(minima, between[pick])


@pytest.mark.parametrize("scale", [1e-1, 1e-2, 1e-3])
def test_predictions_that_are_all_but_alike(scale, make):
    """The reference is in float64, on the probabilities as float32 holds them."""
    problem = make(N=400, n=30, C=10)
    head = torch.nn.Linear(12, 10)
    with torch.no_grad():
        head.weight.copy_(scale * torch.from_numpy(problem.W))
        head.bias.copy_(torch.arange(10))
    problem.query["head"] = head
    picks = alframe.query("cdal", **problem.query).indices.tolist()
    with torch.no_grad():
        p, q = (
            head(torch.from_numpy(x).float()).softmax(1).double().numpy() for x in (problem.X, problem.XL)
        )
    apart = p[:, None] - p
    between = (apart * np.log1p(apart / p)).sum(2) / 2
    apart = p[:, None] - q
    minima = (apart * np.log1p(apart / q)).sum(2).min(axis=1) / 2
    for step, pick in enumerate(picks):
        minima[picks[:step]] = -np.inf
        assert minima[pick] >= (1 - 1e-3) * minima.max()
        minima = np.minimum(minima, between[pick])


def test_softmax_is_not_applied_to_probabilities(make):
    """Trap of published code: 22 of 50 picks agree with the right ones."""
    problem = make(n=50)
    right = alframe.query("cdal", **problem.query).indices.tolist()
    p, q = probabilities(problem.X, problem), probabilities(problem.XL, problem)
    p, q = special.softmax(p, axis=1), special.softmax(q, axis=1)
    minima, between, wrong = divergences(p, q).min(axis=1), divergences(p, p), []
    for _ in range(50):
        minima[wrong] = -np.inf
        wrong.append(int(minima.argmax()))
        minima = np.minimum(minima, between[wrong[-1]])
    assert len(set(right) & set(wrong)) < 45


def test_the_selector_is_coresets(registry):
    assert registry.plugin("cdal").info.uses == {"select": "coreset"}
