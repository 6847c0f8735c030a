import math

import numpy as np
import pytest
import torch

from alframe.learning.diagnostics import agreement, class_entropy, describe_picks


def problem(n, d, classes=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(n, d, generator=generator)
    logits = 3 * torch.randn(n, classes, generator=generator)
    return features, logits, torch.randint(classes, (n,), generator=generator)


@pytest.mark.parametrize(("n", "d"), [(5, 9), (30, 4), (1, 3)])
def test_numbers_are_their_definitions(n, d):
    features, logits, targets = problem(n, d)
    found = describe_picks(features, logits, targets)
    probs = np.exp(logits.double().numpy())
    probs /= probs.sum(1, keepdims=True)
    ordered = np.sort(probs, axis=1)
    predicted = probs.argmax(1)
    z = features.double().numpy()
    z /= np.linalg.norm(z, axis=1, keepdims=True)

    def entropy(labels):
        shares = [list(labels).count(c) / n for c in set(labels)]
        return -sum(share * math.log(share) for share in shares)

    wanted = {
        "misclassified": np.mean([predicted[i] != int(targets[i]) for i in range(n)]),
        "confidence": ordered[:, -1].mean(),
        "margin": (ordered[:, -1] - ordered[:, -2]).mean(),
        "predicted_entropy": entropy(predicted.tolist()),
        "true_entropy": entropy(targets.tolist()),
        "log_determinant": np.linalg.slogdet(np.eye(n) + z @ z.T)[1],
    }
    assert found == pytest.approx(wanted, abs=2e-6)


def test_equal_samples_vary_less_than_different_ones():
    _, logits, targets = problem(3, 8)
    same = describe_picks(torch.ones(3, 8), logits, targets)["log_determinant"]
    different = describe_picks(torch.eye(3, 8), logits, targets)["log_determinant"]
    assert same == pytest.approx(math.log(4))
    assert different == pytest.approx(3 * math.log(2))


def test_extreme_logits_and_dead_features_stay_finite():
    features, logits, targets = problem(6, 4)
    found = describe_picks(features * 0, logits * 1e30, targets)
    assert all(math.isfinite(value) for value in found.values())
    assert found["confidence"] == 1
    assert found["log_determinant"] == 0


def test_class_entropy():
    assert class_entropy(torch.arange(8) % 4, 4).item() == pytest.approx(math.log(4))
    assert class_entropy(torch.zeros(5, dtype=torch.int64), 4).item() == 0
    assert class_entropy(torch.empty(0, dtype=torch.int64), 4).item() == 0


def test_agreement_is_kappa():
    generator = torch.Generator().manual_seed(0)
    for classes in (2, 3, 10):
        a, b = torch.randint(classes, (2, 500), generator=generator)
        b = torch.where(torch.rand(500, generator=generator) < 0.7, a, b)
        observed = (a == b).double().mean()
        chance = (a.bincount(minlength=classes) * b.bincount(minlength=classes)).sum() / 500**2
        assert agreement(a, b) == pytest.approx(float((observed - chance) / (1 - chance)), abs=1e-6)


def test_agreement_of_one_class_is_whole():
    ones = torch.ones(5, dtype=torch.int64)
    assert agreement(ones, ones.clone()) == 1.0
    assert agreement(ones, torch.zeros_like(ones)) == 0.0
