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
    X = np.diag([1000.0, 1000.0])
    result = alframe.query("least-confidence", features=X, head=(np.eye(2), None), n=1, device="cpu")
    assert result.scores.tolist() == [0, 0]


def test_sure_predictions_keep_their_order():
    X = np.array([[30.0, 0.0], [20.0, 0.0], [40.0, 0.0], [25.0, 0.0]])
    result = alframe.query("least-confidence", features=X, head=(np.eye(2), None), n=4, device="cpu")
    assert result.indices.tolist() == [1, 3, 0, 2]
    np.testing.assert_allclose(result.scores, special.expit(-X[:, 0]), rtol=1e-5)
