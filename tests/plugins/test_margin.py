import numpy as np
import pytest
import torch
from scipy import special

import alframe
from alframe_margin._margin import minus_margin


@pytest.mark.parametrize("classes", [2, 100])
@pytest.mark.parametrize("seed", range(3))
def test_is_the_formula_in_float64(seed, classes):
    rng = np.random.default_rng(seed)
    X, W, b = rng.normal(size=(80, 5)), rng.normal(size=(classes, 5)), rng.normal(size=classes)
    p = np.sort(special.softmax(X @ W.T + b, axis=1))
    result = alframe.query("margin", features=X, head=(W, b), n=10, device="cpu")
    np.testing.assert_allclose(result.scores, p[:, -2] - p[:, -1], atol=1e-6)
    assert result.indices.tolist() == np.argsort(p[:, -1] - p[:, -2])[:10].tolist()


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("classes", [2, 3, 50])
def test_is_the_difference_of_the_two_largest_bit_for_bit(classes, dtype):
    """Rounded to 16ths, so that many rows have two or more classes equally likely."""
    probs = torch.randn(400, classes, generator=torch.Generator().manual_seed(0)).softmax(1)
    probs = torch.cat([probs, (16 * probs).round() / 16, torch.eye(classes)]).to(dtype)
    first, second = probs.topk(2, dim=1).values.unbind(1)
    assert (first == second).any()
    assert torch.equal(minus_margin(probs), second - first)


def test_one_class_has_no_second():
    assert minus_margin(torch.ones(3, 1)).tolist() == [-1, -1, -1]
    assert minus_margin(torch.ones(0, 3)).tolist() == []


def test_two_classes_equally_likely_have_no_margin():
    result = alframe.query("margin", features=np.eye(2), head=(np.zeros((2, 2)), None), n=1, device="cpu")
    assert result.scores.tolist() == [0, 0]


def test_logits_of_size_100():
    result = alframe.query(
        "margin", features=np.diag([100.0, 100.0]), head=(np.eye(2), None), n=1, device="cpu"
    )
    assert result.scores.tolist() == [-1, -1]


@pytest.mark.parametrize("lowest", [-torch.inf, -1e30])
def test_certain_predictions_are_those_of_the_two_largest_bit_for_bit(lowest):
    logits = torch.randn(400, 13, generator=torch.Generator().manual_seed(1)).round()
    logits[logits < logits.amax(dim=1, keepdim=True)] = lowest  # of one class, or of several alike
    probs = logits.softmax(dim=1)
    first, second = probs.topk(2, dim=1).values.unbind(dim=1)
    assert {0.5, 1.0} <= set(first.tolist())
    assert torch.equal(minus_margin(probs), second - first)
