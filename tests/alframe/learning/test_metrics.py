import numpy as np
import pytest
import torch
from sklearn import metrics

from alframe.learning.metrics import evaluate


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_scikit_learn(seed):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(200, 4, generator=generator)
    targets = torch.randint(4, (200,), generator=generator)
    predicted = logits.argmax(1)
    result = evaluate(logits, targets)
    assert result.accuracy == pytest.approx(metrics.accuracy_score(targets, predicted))
    assert result.balanced_accuracy == pytest.approx(metrics.balanced_accuracy_score(targets, predicted))
    assert result.macro_f1 == pytest.approx(metrics.f1_score(targets, predicted, average="macro"))
    assert result.loss == pytest.approx(metrics.log_loss(targets, logits.double().softmax(1)), rel=1e-5)


def test_a_class_that_does_not_occur_counts_for_nothing():
    logits = torch.eye(3)[torch.tensor([0, 0, 1])]
    result = evaluate(logits, torch.tensor([0, 1, 1]))
    assert result.balanced_accuracy == pytest.approx(0.75)
    assert result.macro_f1 == pytest.approx(2 / 3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_calibration_is_that_of_plain_loops(dtype):
    generator = torch.Generator().manual_seed(0)
    logits = (3 * torch.randn(300, 4, generator=generator)).to(dtype)
    targets = torch.randint(4, (300,), generator=generator)
    result = evaluate(logits, targets)
    probs = np.exp(logits.double().numpy())
    probs /= probs.sum(1, keepdims=True)
    brier, bins = 0.0, {}
    for row, target in zip(probs, targets.tolist(), strict=True):
        brier += sum((p - (c == target)) ** 2 for c, p in enumerate(row)) / len(probs)
        number = next(b for b in range(15) if b / 15 < row.max() <= (b + 1) / 15)
        bins.setdefault(number, []).append((row.max(), row.argmax() == target))
    assert result.brier == pytest.approx(brier, rel=1e-12)
    means = {number: np.mean(bins[number], axis=0) for number in sorted(bins)}
    error = sum(len(bins[b]) / len(probs) * abs(right - sure) for b, (sure, right) in means.items())
    assert result.ece == pytest.approx(error, rel=1e-12)
    assert [row[:2] for row in result.reliability] == [(b, len(bins[b])) for b in sorted(bins)]
    np.testing.assert_allclose([row[2:] for row in result.reliability], list(means.values()), atol=6e-7)
    rounded = sum(n * abs(sure - right) for _, n, sure, right in result.reliability) / len(probs)
    assert rounded == pytest.approx(result.ece, abs=1e-6)


def test_the_brier_score_of_two_classes_is_twice_scikit_learns():
    logits = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    targets = torch.arange(50) % 2
    expected = metrics.brier_score_loss(targets, logits.double().softmax(1)[:, 1])
    assert evaluate(logits, targets).brier == pytest.approx(2 * expected)


def test_the_ends_of_calibration():
    sure = evaluate(torch.tensor([[99.0, 0], [99.0, 0]]), torch.tensor([0, 1]))
    assert (sure.ece, sure.brier, sure.reliability) == (0.5, 1.0, ((14, 2, 1.0, 0.5),))
    assert evaluate(torch.zeros(4, 4), torch.arange(4)).ece == 0
