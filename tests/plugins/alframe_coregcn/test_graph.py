import numpy as np
import pytest
import torch
from scipy import special

from alframe import AlframeWarning
from alframe_coregcn import GraphOptions, graph
from alframe_coregcn.graph import SMALLEST_SUM, Adjacency, GraphNetwork

CPU = torch.device("cpu")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def adjacency(X):
    """``(X X^T - I) D^-1 + I`` on unit rows, built."""
    X = X / np.linalg.norm(X, axis=1, keepdims=True).clip(1e-12)
    similarities = X @ X.T - np.eye(len(X))
    return similarities / similarities.sum(axis=0) + np.eye(len(X))


def relu_features(n=60, d=8, seed=0, dtype=torch.float64):
    return torch.randn(n, d, generator=generator(seed), dtype=dtype).abs()


def quiet(done, total):
    pass


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("n", "d"), [(60, 1), (60, 8), (60, 512), (2, 3)])
@pytest.mark.parametrize("width", [None, 1, 5])
def test_products_are_those_of_the_built_matrix(n, d, width, dtype):
    x = relu_features(n, d, dtype=dtype)
    s = torch.randn(*((n,) if width is None else (n, width)), generator=generator(1), dtype=dtype)
    wanted = adjacency(x.double().numpy()) @ s.double().numpy()
    np.testing.assert_allclose(Adjacency(x) @ s, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("n", "d"), [(60, 1), (60, 512), (2, 3)])
def test_products_with_the_transposed_matrix(n, d, dtype):
    """Trap: ``A`` is not symmetric, as its columns are scaled and its rows are not."""
    x, s = relu_features(n, d, dtype=dtype), torch.randn(n, generator=generator(1), dtype=dtype)
    wanted = adjacency(x.double().numpy()).T @ s.double().numpy()
    np.testing.assert_allclose(Adjacency(x).transposed(s), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("labelled", [0, 1, 7, 20])
@pytest.mark.parametrize(("scale", "dtype"), [(1, torch.float64), (1, torch.float32), (200, torch.float32)])
def test_the_slope_is_the_gradient_of_the_loss(labelled, scale, dtype):
    """Also at logits of hundreds. Trap: ``s(l) - 1`` loses its digits where the network is sure and right."""
    logits = scale * torch.randn(20, generator=generator(5), dtype=dtype)
    is_labelled = torch.arange(20) < labelled
    exact = logits.double().requires_grad_()
    parts = [-torch.nn.functional.logsigmoid(exact[:labelled]).mean()] if labelled else []
    parts += [-1.2 * torch.nn.functional.logsigmoid(-exact[labelled:]).mean()] if labelled < 20 else []
    (wanted,) = torch.autograd.grad(sum(parts), exact)
    found = graph._slope(logits, graph._shares(is_labelled, 1.2, dtype))
    rtol = 1e-12 if dtype == torch.float64 else 1e-4
    torch.testing.assert_close(found.double(), wanted, rtol=rtol, atol=1e-38)


def test_column_sums_near_zero_keep_their_sign_and_are_said():
    """Trap: features that are no ReLU outputs."""
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    assert (Adjacency(x).sums > 0).all()
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-0.5, -0.5]])
    with pytest.warns(AlframeWarning, match="their column sums in the graph are set to 0.01"):
        sums = Adjacency(torch.cat([x, -x])[:5]).sums
    assert (sums.abs() >= SMALLEST_SUM * 0.999).all()
    alone = torch.eye(3)  # orthogonal to all others: sums of exactly 0
    with pytest.warns(AlframeWarning, match="3 of 3 samples"):
        assert torch.isfinite(Adjacency(alone) @ torch.ones(3)).all()


def trained(x, is_labelled, options, dtype):
    network = GraphNetwork(x.shape[1], options, generator(3), CPU, dtype)
    start = [weight.detach().clone().double().numpy() for weight in network.weights]
    network.fit(x.to(dtype), is_labelled, quiet)
    return start, network


def transcription(X, is_labelled, start, options):
    """The network, loss and optimiser of the paper in float64, the matrix built, the gradient by autograd."""
    A, X = (torch.tensor(part) for part in (adjacency(X), X / np.linalg.norm(X, axis=1, keepdims=True)))
    W1, b1, W2, b2 = weights = [torch.tensor(weight, requires_grad=True) for weight in start]
    optimizer = torch.optim.Adam(weights, lr=options.learning_rate, weight_decay=options.weight_decay)

    def forward():
        hidden = torch.relu(A @ (X @ W1) + b1)
        return hidden, torch.sigmoid(A @ (hidden @ W2[:, None]) + b2)[:, 0]

    for _ in range(options.steps):
        _, s = forward()
        loss = torch.zeros((), dtype=torch.float64)
        if is_labelled.any():
            loss = loss - s[is_labelled].log().mean()
        if not is_labelled.all():
            loss = loss - options.unlabelled_weight * (1 - s[~is_labelled]).log().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [part.detach().numpy() for part in forward()]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-3), (torch.float64, 1e-9)])
@pytest.mark.parametrize("labelled", [1, 20, 0])
@pytest.mark.parametrize("d", [1, 8, 512])
def test_training_is_the_papers_in_float64(dtype, tolerance, labelled, d):
    """Without dropout; its masks are random."""
    x = relu_features(d=d)
    is_labelled = torch.arange(60) >= 60 - labelled
    options = GraphOptions(hidden=16, dropout=0.0, steps=50)
    start, network = trained(x, is_labelled, options, dtype)
    hidden, probabilities = transcription(x.numpy(), is_labelled, start, options)
    nodes = network.evaluate(x.to(dtype))
    np.testing.assert_allclose(nodes.hidden.double(), hidden, atol=tolerance)
    np.testing.assert_allclose(nodes.labelled.double(), probabilities, atol=tolerance)


def test_it_learns_who_is_labelled():
    x = torch.cat([relu_features(50), relu_features(10) + torch.tensor([5.0] + [0.0] * 7)])
    is_labelled = torch.arange(60) >= 50
    _, network = trained(x, is_labelled, GraphOptions(steps=400), torch.float64)
    probabilities = network.evaluate(x).labelled
    assert probabilities[50:].mean() > probabilities[:50].mean() + 0.05


def test_dropout_scales_and_drops(monkeypatch):
    """The mean over masks of the logits is the logit without dropout."""
    x, is_labelled = relu_features(), torch.arange(60) >= 50
    options = GraphOptions(hidden=400, dropout=0.3, steps=1, learning_rate=1e-12)
    seen = []
    original = graph._slope
    monkeypatch.setattr(
        graph, "_slope", lambda logits, *rest: seen.append(logits.detach()) or original(logits, *rest)
    )
    network = GraphNetwork(8, options, generator(), CPU, x.dtype)
    for _ in range(200):
        network.fit(x, is_labelled, quiet)
    dropped, plain = torch.stack(seen), network.evaluate(x).labelled.logit()
    assert dropped.std(dim=0).min() > 0
    np.testing.assert_allclose(
        dropped.mean(dim=0), plain, atol=4 * float(dropped.std(dim=0).max()) / 200**0.5
    )


def test_no_step_waits_for_the_device(monkeypatch):
    """What asks a tensor for its value, or how many of it are true, waits for a GPU."""
    asked = []
    for name in ("item", "nonzero", "tolist", "__bool__", "__int__", "__float__"):
        original = getattr(torch.Tensor, name)
        monkeypatch.setattr(
            torch.Tensor, name, lambda *a, _original=original, **k: asked.append(1) or _original(*a, **k)
        )
    counts = []
    for steps in (1, 20):
        del asked[:]
        network = GraphNetwork(8, GraphOptions(hidden=4, steps=steps), generator(), CPU, torch.float64)
        network.fit(relu_features(), torch.arange(60) >= 50, quiet)
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_logits_far_from_zero_give_no_nan():
    x, is_labelled = relu_features(), torch.arange(60) >= 50
    network = GraphNetwork(8, GraphOptions(hidden=4, steps=3), generator(), CPU, x.dtype)
    with torch.no_grad():
        network.weights[3].fill_(-1000.0)
    network.fit(x, is_labelled, quiet)
    assert all(weight.isfinite().all() for weight in network.weights)
    assert special.expit(-1000) == 0
