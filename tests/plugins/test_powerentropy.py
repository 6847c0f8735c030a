import numpy as np
import torch
from scipy import special

import alframe
from alframe_stochastic._stochastic import draw_by_score


def test_the_score_is_the_entropy_in_float64(problem):
    scores = alframe.query("powerentropy", **problem.query).scores
    log_p = special.log_softmax(problem.X @ problem.W.T + problem.b, axis=1)
    entropies = -(np.exp(log_p) * np.maximum(log_p, -1e300)).sum(axis=1)
    np.testing.assert_allclose(scores, entropies, atol=1e-4)
    assert (scores >= 0).all()


def test_picks_are_drawn_in_proportion_to_the_score(problem):
    result = alframe.query("powerentropy", seed=5, **problem.query)
    n = min(problem.n, len(problem.X))
    draws = alframe.seeds.generator(5, 1, "select", "stochastic")
    assert result.indices.tolist() == draw_by_score(result.scores, n, "power", 1.0, draws).tolist()
    assert result.topped_up == 0


def test_a_large_beta_is_entropy_sampling(make):
    query = make().query
    picks = alframe.query("powerentropy", options={"stochastic": {"beta": 1e9}}, **query).indices
    assert torch.equal(picks, alframe.query("entropy", **query).indices)


def test_it_brings_no_code_of_its_own(registry):
    assert registry.plugin("powerentropy").stages == ()
