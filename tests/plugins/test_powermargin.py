import numpy as np
import pytest
import torch
from scipy import special

import alframe
from alframe_powermargin._powermargin import one_minus_margin
from alframe_stochastic._stochastic import draw_by_score


def logits_of(problem):
    return problem.X @ problem.W.T + problem.b


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_score_is_the_formula_in_float64(problem, dtype):
    probs = torch.tensor(logits_of(problem), dtype=dtype).softmax(1)
    two = np.sort(probs.double().numpy(), axis=1)[:, :-3:-1]
    scores = one_minus_margin(probs)
    np.testing.assert_allclose(
        scores, 1 - (two[:, 0] - two[:, 1]), atol=1e-5 if dtype == torch.float32 else 1e-12
    )
    assert (scores >= 0).all()


def test_it_is_one_plus_the_score_of_margin(make):
    query = make().query
    ours, margins = (alframe.query(name, **query).scores for name in ("powermargin", "margin"))
    torch.testing.assert_close(ours, 1 + margins)


def test_picks_are_drawn_in_proportion_to_the_score(make):
    query = make().query
    result = alframe.query("powermargin", seed=5, **query)
    draws = alframe.seeds.generator(5, 1, "select", "stochastic")
    assert result.indices.tolist() == draw_by_score(result.scores, 20, "power", 1.0, draws).tolist()


def test_a_large_beta_is_margin_sampling(make):
    query = make().query
    picks = alframe.query("powermargin", options={"stochastic": {"beta": 1e9}}, **query).indices
    assert picks.tolist() == alframe.query("margin", **query).indices.tolist()


def test_sure_predictions_keep_their_proportion():
    """One minus a float32 next to 1 is a multiple of 6e-8, or 0; the sum of the others is not."""
    logits = torch.tensor([[20.0, 0.0, 1.0], [24.0, 0.0, 1.0]])
    p = special.softmax(logits.double().numpy(), axis=1)
    wanted = p[:, 1:].sum(axis=1) + p[:, 2]
    np.testing.assert_allclose(one_minus_margin(logits.softmax(1)), wanted, rtol=1e-5)


def test_one_class():
    assert one_minus_margin(torch.ones(3, 1)).tolist() == [0, 0, 0]
