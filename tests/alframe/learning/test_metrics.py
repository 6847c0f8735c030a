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
