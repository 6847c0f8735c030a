import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from alframe_dal import _logistic
from alframe_dal._logistic import TwoKinds, logistic


def problem(m=220, d=12, labelled=20, offset=0.0):
    rng = np.random.default_rng(0)
    X = np.abs(rng.normal(size=(m, d))) + offset
    X[:labelled] += 0.2
    return X, np.arange(m) >= labelled


def fitted(X, y, c):
    x = torch.tensor(X)
    samples = TwoKinds(int((~y).sum()), x[~y], x[y])
    return samples.own_log_odds(logistic(samples, c, x.new_zeros(x.shape[1] + 1)))


@pytest.mark.parametrize("few", [1024, 0], ids=["equations", "conjugate-gradients"])
@pytest.mark.parametrize(("shape", "c"), [((220, 12), 1.0), ((50, 64), 0.1), ((220, 3), 1e4)])
def test_the_log_odds_are_those_of_another_program(shape, c, few, monkeypatch):
    monkeypatch.setattr(_logistic, "FEW", few)
    X, y = problem(*shape)
    other = LogisticRegression(C=c, solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(X, y)
    np.testing.assert_allclose(fitted(X, y, c), other.decision_function(X), atol=1e-5)


def test_neither_blocks_nor_a_common_offset_change_them(monkeypatch):
    X, y = problem()
    wanted = fitted(X, y, 1.0)
    torch.testing.assert_close(fitted(*problem(offset=1e4), 1.0), wanted, atol=1e-8, rtol=0)
    monkeypatch.setattr("alframe.ops.blocks.BLOCK_ELEMENTS", 500)
    torch.testing.assert_close(fitted(X, y, 1.0), wanted, atol=1e-10, rtol=0)


def test_kinds_that_a_line_parts_are_finite_and_copies_have_the_odds_of_their_numbers():
    X, y = problem(d=2)
    X[y] += 1e3
    assert fitted(X, y, 1e6).isfinite().all()
    X[:] = X[0]
    np.testing.assert_allclose(fitted(X, y, 1.0), np.log(200 / 20), atol=1e-6)
