import numpy as np
import pytest
from scipy import special

import alframe


@pytest.mark.parametrize("classes", [2, 100])
@pytest.mark.parametrize("seed", range(3))
def test_is_the_formula_in_float64(seed, classes):
    rng = np.random.default_rng(seed)
    X, W, b = rng.normal(size=(80, 5)), rng.normal(size=(classes, 5)), rng.normal(size=classes)
    p = np.sort(special.softmax(X @ W.T + b, axis=1))
    result = alframe.query("margin", features=X, head=(W, b), n=10, device="cpu")
    np.testing.assert_allclose(result.scores, p[:, -2] - p[:, -1], atol=1e-6)
    assert result.indices.tolist() == np.argsort(p[:, -1] - p[:, -2])[:10].tolist()


def test_two_classes_equally_likely_have_no_margin():
    result = alframe.query("margin", features=np.eye(2), head=(np.zeros((2, 2)), None), n=1, device="cpu")
    assert result.scores.tolist() == [0, 0]


def test_logits_of_size_100():
    result = alframe.query(
        "margin", features=np.diag([100.0, 100.0]), head=(np.eye(2), None), n=1, device="cpu"
    )
    assert result.scores.tolist() == [-1, -1]
