import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.special import softmax
from scipy.stats import entropy

import alframe
from alframe_uherding._uherding import UNCERTAINTIES, smallest_distance

PLAIN = {"calibrate": "none"}


def unit(rows):
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)


def uncertainty(logits, kind="margin"):
    probs = softmax(logits, axis=1)
    ordered = np.sort(probs, axis=1)[:, ::-1]
    if kind == "margin":
        return 1 - (ordered[:, 0] - ordered[:, 1])
    return 1 - ordered[:, 0] if kind == "confidence" else entropy(probs, axis=1) / np.log(probs.shape[1])


class Herding:
    """The published algorithm on the whole kernel matrix; labelled samples are among those to be covered."""

    def __init__(self, X, XL, u, width):
        everything = unit(np.concatenate([X, XL]))
        k = np.exp(-((cdist(everything, everything) / width) ** 2))
        self.kernel, self.covered = k[: len(X)], k[len(X) :].max(axis=0, initial=0.0)
        self.weights = np.concatenate([u, np.zeros(len(XL))])
        self.picks = []

    def gains(self):
        gains = np.maximum(self.kernel - self.covered, 0) @ self.weights
        gains[self.picks] = -np.inf
        return gains

    def pick(self, position):
        self.covered = np.maximum(self.covered, self.kernel[position])
        self.picks.append(position)


def adaptive_width(XL):
    distances = cdist(unit(XL), unit(XL))
    positive = distances[distances > 2e-3]
    return positive.min() if len(positive) else 1.0


@pytest.mark.parametrize("kind", UNCERTAINTIES)
def test_is_the_formula_in_float64(problem, kind):
    options = {"calibrate": 2.0, "uncertainty": kind}
    result = alframe.query("uherding", options=options, **problem.query)
    one_label = len(problem.XL) < 2
    u = uncertainty((problem.X @ problem.W.T + problem.b) / 2, kind)
    u = np.ones_like(u) if one_label else u
    width = adaptive_width(problem.XL)
    np.testing.assert_allclose(result.scores, u, atol=1e-4 if problem.W.max() > 100 else 1e-5)
    assert result.logged["uherding"]["width"] == pytest.approx(width, rel=1e-5)
    assert len(result.indices.unique()) == min(problem.n, len(problem.X))
    reference = Herding(problem.X, problem.XL, result.scores.double().numpy(), width)
    for position in result.indices[: len(result.indices) - result.topped_up].tolist():
        gains = reference.gains()
        assert gains[position] >= gains.max() - 1e-5 * max(gains.max(), 1e-3)
        reference.pick(position)
    if result.topped_up:
        assert reference.gains().max() < 1e-4


@pytest.mark.parametrize("kind", UNCERTAINTIES)
def test_uncertainties_lie_between_0_and_1(kind):
    logits = torch.randn(200, 5, generator=torch.Generator().manual_seed(0))
    for scale in (0.0, 1.0, 1e3):
        found = UNCERTAINTIES[kind]((logits * scale).softmax(dim=1))
        assert ((found >= 0) & (found <= 1)).all()
        np.testing.assert_allclose(found, uncertainty(logits.numpy() * scale, kind), atol=1e-6)
    assert UNCERTAINTIES[kind](torch.ones(3, 1)).tolist() == [0, 0, 0]  # one class


@pytest.mark.parametrize("labels", [0, 1, 20])
def test_equal_uncertainty_and_width_1_is_maxherding(labels, make):
    """Pick for pick; with fewer than two labels whatever the head says."""
    problem = make(N=200, L=20, n=30)
    W = problem.W * (labels < 2)
    labelled = {"labelled_features": problem.XL[:labels], "labelled_targets": problem.yL[:labels]}
    query = problem.query | labelled | {"head": (W, None)}
    options = {} if labels < 2 else {**PLAIN, "width": 1.0}
    result = alframe.query("uherding", options=options, **query)
    assert result.indices.tolist() == alframe.query("maxherding", **query).indices.tolist()
    assert result.scores.tolist() == [1.0] * 200


def test_a_start_needs_no_head(make):
    problem = make()
    result = alframe.query("uherding", features=problem.X, n=10, device="cpu")
    assert result.topped_up == 0
    assert result.logged["uherding"]["width"] == 1.0


def test_a_narrow_kernel_is_uncertainty_sampling(make):
    problem = make(N=300, n=40)
    result = alframe.query("uherding", options={**PLAIN, "width": 1e-6}, **problem.query)
    most = result.scores.sort(descending=True).values[:40]
    torch.testing.assert_close(
        result.scores[result.indices], most, rtol=1e-6, atol=0
    )  # those nearer are equal
    assert len(result.indices.unique()) == 40


def test_ten_at_once_are_five_and_five(make):
    """At one width and with the same uncertainties."""
    problem = make(N=200, n=10)
    options = {**PLAIN, "width": 0.5}
    at_once = alframe.query("uherding", options=options, **problem.query).indices
    left = np.setdiff1d(np.arange(200), at_once[:5])
    again = problem.query | {
        "features": problem.X[left],
        "labelled_features": np.concatenate([problem.XL, problem.X[at_once[:5]]]),
        "labelled_targets": np.zeros(25, int),
        "n": 5,
    }
    second = alframe.query("uherding", options=options, **again).indices
    assert left[second].tolist() == at_once[5:].tolist()


def test_labelled_copies_do_not_set_the_width(make):
    """Trap: the distance of two copies is 0, or some 1e-4 by rounding; of multiples, too, at unit length."""
    problem = make()
    wanted = adaptive_width(problem.XL)
    copies = np.concatenate([problem.XL, problem.XL[:3], 7 * problem.XL[3:6], problem.XL[6:7] * (1 + 1e-7)])
    problem.query |= {"labelled_features": copies, "labelled_targets": np.zeros(27, int)}
    result = alframe.query("uherding", options=PLAIN, **problem.query)
    assert result.logged["uherding"]["width"] == pytest.approx(wanted, rel=1e-5)


def test_the_smallest_distance():
    """Trap: one label, and the smallest of no distances."""
    x = torch.tensor([[3.0, 0.0], [0.0, 2.0], [1.0, 1.0], [5.0, 0.0]])
    assert smallest_distance(x) == pytest.approx(np.sqrt(2 - np.sqrt(2)), rel=1e-6)
    for rows in (x[:0], x[:1], x[:1].repeat(4, 1)):
        assert smallest_distance(rows) is None


def test_the_width_narrows_as_labels_come(make):
    problem, widths = make(L=40), []
    for labels in (2, 10, 40):
        problem.query |= {"labelled_features": problem.XL[:labels], "labelled_targets": problem.yL[:labels]}
        widths.append(alframe.query("uherding", options=PLAIN, **problem.query).logged["uherding"]["width"])
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > widths[-1]


def test_a_temperature_is_divided_by(make):
    problem = make()
    scores = {
        calibrate: alframe.query("uherding", options={"calibrate": calibrate}, **problem.query).scores
        for calibrate in ("none", 1.0, "5")
    }
    logits = problem.X @ problem.W.T + problem.b
    assert torch.equal(scores["none"], scores[1.0])
    np.testing.assert_allclose(scores["5"], uncertainty(logits / 5), atol=1e-5)


def test_the_temperature_of_another_round_is_not_kept(make):
    """Trap: it is that of other labels."""
    dataset = alframe.load_dataset("digits")
    learner = alframe.ActiveLearner(dataset.hide_labels(), "mlp", "uherding", device="cpu")
    for _ in range(3):
        picks = learner.ask(30)
        learner.tell(picks, dataset.targets[picks])
        learner.fit()
    logged = learner.query(5).logged["uherding"]
    assert set(logged) == {"temperature", "width", "coverage"}
    assert learner.state_dict().get("states", {}).get("uherding", {}) == {}


@pytest.mark.parametrize("labels", [2, 5])
def test_too_few_labels_to_hold_any_out(labels, make):
    problem = make(L=labels)
    for targets in (np.zeros(labels, int), np.arange(labels) % 5):
        problem.query["labelled_targets"] = targets
        assert alframe.query("uherding", **problem.query).logged["uherding"]["temperature"] == 1.0


def test_the_coldest_temperature_gives_scores(make):
    scores = alframe.query("uherding", options={"calibrate": 1e-6}, **make().query).scores
    assert torch.as_tensor(scores).isfinite().all()


@pytest.mark.parametrize("calibrate", ["holdin", 0, -1.0, 5e-324, float("nan"), float("inf"), None])
def test_calibrations_that_are_none(calibrate, make):
    with pytest.raises(alframe.UsageError, match="calibrate"):
        alframe.query("uherding", options={"calibrate": calibrate}, **make().query)


def test_negative_scores_are_one_line(make):
    with pytest.raises(alframe.UsageError, match="^uherding needs scores of at least 0, and those of margin"):
        alframe.query("margin", stages={"select": "uherding"}, **make().query)
