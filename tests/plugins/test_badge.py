import numpy as np
import pytest
import torch
from scipy import special
from scipy.spatial.distance import cdist

import alframe
from alframe import OuterProduct
from alframe_badge._badge import log_residuals, residuals


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def gradient_embeddings(z, logits, log_scale=None):
    """The formula, ``(p - onehot(y)) (x) z``, built; ``1 - p_y`` as a sum, so that it can't vanish."""
    rows, y = np.arange(len(z)), logits.argmax(axis=1)
    log_p = special.log_softmax(logits, axis=1)
    log_p[rows, y] = -np.inf
    residual = np.exp(log_p - (log_p.max() if log_scale is None else log_scale))
    residual[rows, y] = -residual.sum(axis=1)
    return (residual[:, :, None] * z[:, None, :]).reshape(len(z), -1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("bias", [False, True])
def test_the_embedding_is_the_formula_up_to_a_factor(problem, bias, dtype):
    X, W, b = (torch.as_tensor(part, dtype=dtype) for part in (problem.X, problem.W, problem.b))
    z = torch.nn.functional.pad(X, (0, 1), value=1.0) if bias else X
    logits = X @ W.T + b
    log_scale = float(log_residuals(logits).max())
    points = OuterProduct(residuals(logits, log_residuals(logits) - log_scale), z)
    wanted = gradient_embeddings(z.double().numpy(), logits.double().numpy(), log_scale)
    scale = (wanted**2).sum(1).max()
    np.testing.assert_allclose(points.squared_norms(), (wanted**2).sum(1), rtol=1e-3, atol=1e-4 * scale)
    np.testing.assert_allclose(
        points.squared_distances(points), cdist(wanted, wanted, "sqeuclidean"), rtol=1e-3, atol=1e-4 * scale
    )


def test_logits_so_large_that_the_residual_vanishes(make):
    """``1 - p_y`` of e-300 keeps its digits: the embedding is that of logits shifted into range."""
    logits = torch.tensor([[700.0, 0.0, -1.0], [702.0, 0.0, 1.0]], dtype=torch.float64)
    log_factors = log_residuals(logits.float())
    a = residuals(logits.float(), log_factors - log_factors.max()).double()
    others = logits[:, 1:] - logits[:, :1]
    wanted = torch.cat([-others.exp().sum(1, keepdim=True), others.exp()], dim=1)
    torch.testing.assert_close(a / a[0, 0].abs(), wanted / wanted[0, 0].abs(), rtol=1e-4, atol=1e-6)
    result = alframe.query("badge", **make(scale=1e4).query)
    assert len(result.indices.unique()) == 20


def test_the_first_pick_is_the_row_of_largest_norm(problem, request):
    result = alframe.query("badge", **problem.query)
    assert len(result.indices.unique()) == min(problem.n, len(problem.X))
    assert result.topped_up == 0
    logits = (
        torch.as_tensor(problem.query["features"]).float() @ torch.as_tensor(problem.W.T).float()
    ).double()
    logits = logits.numpy() + problem.b
    norms = (gradient_embeddings(problem.X, logits) ** 2).sum(1)
    first = int(result.indices[0])
    if "identical" not in request.node.name:
        assert first == norms.argmax()


def test_classes_are_counted_by_the_head_and_not_by_labels(make):
    """Trap: published code took the number of classes from the pool's true labels."""
    problem = make(C=7, classes_labelled=2)
    assert len(alframe.query("badge", **problem.query).indices) == 20


def test_the_bias_is_an_appended_1(make):
    problem = make(seed=3, D=1)
    problem.query["features"] = np.zeros_like(problem.X)
    with_bias = alframe.query("badge", options={"bias": True}, **problem.query)
    assert len(with_bias.indices.unique()) == 20
