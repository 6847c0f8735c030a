import pytest
import torch
from torch import nn

import alframe
from alframe import Classifier, UsageError
from alframe_stochastic._stochastic import draw_by_score


def test_the_score_is_that_of_bald(problem):
    options = {"bald": {"passes": 4, "dropout": 0.3}}
    scores = alframe.query("powerbald", options=options, **problem.query).scores
    assert torch.equal(scores, alframe.query("bald", options=options["bald"], **problem.query).scores)


def test_picks_are_drawn_in_proportion_to_the_score(problem):
    result = alframe.query("powerbald", seed=5, **problem.query)
    n = min(problem.n, len(problem.X))
    draws = alframe.seeds.generator(5, 1, "select", "stochastic")
    assert result.indices.tolist() == draw_by_score(result.scores, n, "power", 1.0, draws).tolist()
    assert result.topped_up == 0


def test_samples_without_disagreement_are_the_last(make):
    """Trap: their score is 0 or, by rounding, below it, and its logarithm no number."""
    problem = make(N=60, D=8)
    problem.X[10:] = 0  # nothing to drop: all passes agree
    problem.query["features"] = problem.X
    result = alframe.query("powerbald", **(problem.query | {"n": 10}))
    assert (result.scores[10:] <= 1e-6).all()
    assert (result.scores[:10] > 1e-6).sum() >= 8
    first = result.indices[: int((result.scores > 1e-6).sum())]
    assert (first < 10).all()


def test_a_network_without_dropout_is_told_how_to_get_some():
    digits = alframe.load_dataset("digits")
    body = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU())
    with pytest.raises(UsageError, match=r"-o model.dropout=0.5"):
        alframe.ActiveLearner(
            digits.hide_labels(), Classifier(body, nn.Linear(32, 10)), "powerbald", device="cpu"
        )


def test_it_brings_no_code_of_its_own(registry):
    assert registry.plugin("powerbald").stages == ()
