import numpy as np
import pytest
import torch
from scipy import special

import alframe
from alframe_cal._cal import divergence_from_neighbours

HEAD = (np.eye(2), None)


def unit(rows):
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norms > 0, norms, 1)


def literally(X, logits, XL, logits_labelled, k=10):
    """Each row on its own: its neighbours, sorted; then the mean of the divergences."""
    q = special.softmax(logits_labelled, axis=1)
    log_p, log_q = special.log_softmax(logits, axis=1), special.log_softmax(logits_labelled, axis=1)
    scores = []
    for x, row in zip(unit(X), log_p, strict=True):
        nearest = np.argsort(((unit(XL) - x) ** 2).sum(axis=1), kind="stable")[:k]
        scores.append(np.mean([(q[j] * (log_q[j] - row)).sum() for j in nearest]))
    return np.array(scores)


def of(problem):
    logits = [X @ problem.W.T + problem.b for X in (problem.X, problem.XL)]
    return problem.X, logits[0], problem.XL, logits[1]


def scores_of(*arrays, k=10):
    return divergence_from_neighbours(*(torch.as_tensor(a, dtype=torch.float64) for a in arrays), k).numpy()


def test_is_the_formula_in_float64(problem):
    if problem.X.shape[1] == 1:  # all are as near at unit length
        problem.query["options"] = {"neighbours": 20}
    result = alframe.query("cal", **problem.query)
    wanted = literally(*of(problem), k=20 if problem.X.shape[1] == 1 else 10)
    np.testing.assert_allclose(result.scores, wanted, rtol=1e-4, atol=1e-4 * wanted.max())
    least = np.sort(wanted)[-min(problem.n, len(problem.X))]
    assert (wanted[result.indices.numpy()] >= least - 2e-4 * wanted.max()).all()


@pytest.mark.parametrize("k", [1, 3, 20, 50])
def test_the_number_of_neighbours_is_an_option(k, make):
    problem = make()
    result = alframe.query("cal", options={"neighbours": k}, **problem.query)
    np.testing.assert_allclose(result.scores, literally(*of(problem), k=k), rtol=1e-4, atol=1e-6)


def test_two_neighbours_by_hand():
    neighbours = np.log([[0.9, 0.1], [0.6, 0.4]])
    score = scores_of(np.ones((1, 2)), np.zeros((1, 2)), np.ones((2, 2)), neighbours)
    assert score == pytest.approx([0.1941], abs=5e-5)


def test_the_neighbours_prediction_comes_first():
    """Trap: KL the other way round gives another number."""
    neighbours = np.log([[0.9, 0.1], [0.6, 0.4]])
    arrays = np.ones((1, 2)), np.zeros((1, 2)), np.ones((2, 2)), neighbours
    other_way = np.mean([special.rel_entr([0.5, 0.5], q).sum() for q in np.exp(neighbours)])
    assert other_way == pytest.approx(0.2656, abs=5e-4)
    assert abs(scores_of(*arrays)[0] - other_way) > 0.05


def test_the_nearest_are_neighbours_whatever_the_order_of_the_labelled(make):
    """Trap: the first k of a partition that is not sorted."""
    X, logits, XL, logits_labelled = of(make(L=200))
    first = scores_of(X, logits, XL, logits_labelled, k=3)
    np.testing.assert_allclose(first, literally(X, logits, XL, logits_labelled, k=3), rtol=1e-9)
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(200)
        np.testing.assert_allclose(scores_of(X, logits, XL[order], logits_labelled[order], k=3), first)


def test_alike_predictions_score_nothing(make):
    problem = make()
    problem.query["head"] = (np.zeros((5, 12)), problem.b)
    scores = alframe.query("cal", **problem.query).scores
    assert scores.max() < 1e-12
    assert len(scores.unique()) == 1  # so that which are taken is drawn


@pytest.mark.parametrize("scale", [1e-8, 1e-4, 1.0, 1e3])
def test_is_never_negative(scale, make):
    X, logits, XL, logits_labelled = of(make())
    assert (scores_of(X, scale * logits, XL, scale * logits_labelled) >= 0).all()


def test_certain_predictions_are_finite():
    """Trap: the logarithm of a probability that is 0; it is that of the softmax."""
    logits, labelled = np.array([[2000.0, 0.0], [0.0, 2000.0]]), np.array([[0.0, 2000.0]])
    assert scores_of(np.ones((2, 2)), logits, np.ones((1, 2)), labelled).tolist() == [2000.0, 0.0]


def test_the_length_of_features_does_not_matter(make):
    X, logits, XL, logits_labelled = of(make())
    lengths = np.random.default_rng(0).uniform(0.1, 10, size=(len(X), 1))
    first = scores_of(X, logits, XL, logits_labelled, k=2)
    np.testing.assert_allclose(scores_of(lengths * X, logits, 5 * XL, logits_labelled, k=2), first)


def test_rows_of_zeros_are_neighbours_of_each_other():
    X = np.array([[0.0, 0.0], [1.0, 0.0], [-1.0, 0.1]])
    labelled = np.array([[0.0, 0.0], [2.0, 0.1], [0.0, 3.0]])
    logits_labelled = np.log([[0.5, 0.5], [0.9, 0.1], [0.1, 0.9]])
    arrays = X, np.zeros((3, 2)), labelled, logits_labelled
    np.testing.assert_allclose(scores_of(*arrays, k=1), literally(*arrays, k=1), atol=1e-12)
    assert scores_of(*arrays, k=1)[[0, 2]].tolist() == [0, 0]  # zeros are nearer than what is opposite


def test_features_with_a_common_offset(make):
    """Angles between rows with an offset are small; the reference has the numbers that float32 holds."""
    problem = make(L=50)
    X, XL = ((part + 1e3).astype(np.float32) for part in (problem.X, problem.XL))
    _, logits, _, logits_labelled = of(problem)
    arrays = X.astype(float), logits, XL.astype(float), logits_labelled
    np.testing.assert_allclose(scores_of(*arrays, k=3), literally(*arrays, k=3), rtol=1e-9)


@pytest.mark.parametrize("elements", [1, 1000])
def test_blocks_change_nothing(elements, make, monkeypatch):
    arrays = of(make(L=50))
    whole = scores_of(*arrays)
    monkeypatch.setattr("alframe.ops.blocks.BLOCK_ELEMENTS", elements)
    np.testing.assert_allclose(scores_of(*arrays), whole, rtol=1e-12)


def test_equally_near_neighbours_are_drawn_by_the_seed():
    """At unit length the two labelled rows are one, and their predictions are not."""
    query = {"features": [[1.0, 0.0]], "head": HEAD, "n": 1, "options": {"neighbours": 1}, "device": "cpu"}
    labelled = {"labelled_features": [[1.0, 0.0], [3.0, 0.0]], "labelled_targets": [0, 0]}
    scores = [float(alframe.query("cal", seed=seed, **query, **labelled).scores[0]) for seed in range(20)]
    assert len(set(scores)) == 2


def test_without_labelled_samples_it_says_what_it_needs():
    with pytest.raises(alframe.UsageError, match="cal needs labelled samples to compare with"):
        alframe.query("cal", features=np.eye(2), head=HEAD, n=1)


def test_logits_that_are_not_kept_give_the_same(make, monkeypatch):
    problem = make(N=3000)
    whole = alframe.query("cal", **problem.query)
    monkeypatch.setattr("alframe.ops.lazy.KEPT_ELEMENTS", 500)
    parts = alframe.query("cal", **problem.query)
    torch.testing.assert_close(parts.scores, whole.scores, rtol=1e-5, atol=1e-6)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_scores_as_the_cpu_does(make):
    problem = make(N=2000, L=300)
    on_cpu = alframe.query("cal", **problem.query).scores
    problem.query["device"] = "cuda"
    np.testing.assert_allclose(alframe.query("cal", **problem.query).scores, on_cpu, rtol=1e-5)
