import numpy as np
import pytest
from scipy import special

import alframe


@pytest.mark.parametrize("classes", [2, 100])
@pytest.mark.parametrize("seed", range(3))
def test_is_the_formula_in_float64(seed, classes):
    rng = np.random.default_rng(seed)
    X, W, b = rng.normal(size=(80, 5)), rng.normal(size=(classes, 5)), rng.normal(size=classes)
    largest = special.softmax(X @ W.T + b, axis=1).max(axis=1)
    result = alframe.query("least-confidence", features=X, head=(W, b), n=10, device="cpu")
    np.testing.assert_allclose(result.scores, 1 - largest, atol=1e-6)
    assert result.indices.tolist() == np.argsort(largest)[:10].tolist()


def test_certain_predictions_score_zero():
    X = np.diag([100.0, 100.0])
    result = alframe.query("least-confidence", features=X, head=(np.eye(2), None), n=1, device="cpu")
    assert result.scores.tolist() == [0, 0]
