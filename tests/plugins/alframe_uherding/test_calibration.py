import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from alframe_uherding._calibration import (
    TEMPERATURES,
    best_temperature,
    held_out,
    holdout_temperature,
    refitted_logits,
)
from doubles import error_by_bins


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_temperatures_are_those_of_the_program():
    assert len(TEMPERATURES) == 190
    np.testing.assert_allclose(TEMPERATURES, np.arange(1.0, 20, 0.1))


@pytest.mark.parametrize("factor", [1.0, 3.0, 12.0])
def test_a_known_overconfidence_is_found(factor):
    logits = 2 * torch.randn(20_000, 5, generator=generator(), dtype=torch.float64)
    labels = torch.multinomial(logits.softmax(dim=1), 1, generator=generator(1))[:, 0]
    right = logits.argmax(dim=1) == labels
    assert best_temperature(factor * logits, right, 5) == pytest.approx(factor, rel=0.1)


def test_the_first_of_equal_errors_is_taken():
    assert best_temperature(torch.zeros(10, 3), torch.ones(10, dtype=torch.bool), 3) == 1.0


@pytest.mark.parametrize("counts", [[1, 1, 1], [2, 1], [10, 10], [100, 7, 3, 1], [0, 40, 0, 20]])
def test_30_of_100_are_held_out_and_no_class_is_missing(counts):
    """Trap: a class that the refitted head does not know."""
    targets = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    targets = targets[torch.randperm(len(targets), generator=generator())]
    held = held_out(targets, generator(1))
    of_class = torch.tensor(counts)
    assert (targets[~held].bincount(minlength=len(counts)) > 0).tolist() == (of_class > 0).tolist()
    found = targets[held].bincount(minlength=len(counts))
    assert (found - 0.3 * of_class).abs().max() <= 0.5
    assert not torch.equal(held, held_out(targets, generator(2))) or not held.any()


@pytest.mark.parametrize("classes", [2, 4])
def test_logits_are_those_of_a_logistic_regression(classes):
    x = torch.randn(60, 3, generator=generator(), dtype=torch.float64)
    targets = 2 * (torch.arange(60) % classes)  # labels with gaps
    logits, found = refitted_logits(x[:40], targets[:40], x[40:])
    assert found.tolist() == [2 * label for label in range(classes)]
    model = LogisticRegression(max_iter=1000).fit(x[:40].numpy(), targets[:40].numpy())
    np.testing.assert_allclose(logits.softmax(dim=1), model.predict_proba(x[40:].numpy()), atol=1e-12)


def test_the_whole():
    x = torch.randn(200, 6, generator=generator())
    targets = (x[:, :3] + torch.randn(200, 3, generator=generator(1))).argmax(dim=1)
    found = holdout_temperature(x, targets, 3, generator(2))
    held = held_out(targets, generator(2))
    logits, classes = refitted_logits(x[~held].double(), targets[~held], x[held].double())
    errors = [
        error_by_bins(
            (logits / temperature).softmax(dim=1).amax(dim=1).numpy(),
            (classes[logits.argmax(dim=1)] == targets[held]).numpy(),
            3,
        )
        for temperature in np.arange(1.0, 20, 0.1)
    ]
    assert found == pytest.approx(np.arange(1.0, 20, 0.1)[np.argmin(errors)])


@pytest.mark.parametrize("targets", [[], [0, 0, 0, 0], [0, 1, 2, 3], [1, 1, 1, 0][:0]])
def test_nothing_to_fit_or_to_hold_out(targets):
    targets = torch.tensor(targets, dtype=torch.int64)
    x = torch.randn(len(targets), 2, generator=generator())
    assert holdout_temperature(x, targets, 4, generator()) == 1.0


def test_features_that_no_regression_fits_are_left_alone():
    """Too large for its loss: no warning, no error, no temperature of NaN."""
    x = 1e18 * torch.randn(40, 3, generator=generator())
    assert holdout_temperature(x, torch.arange(40) % 2, 2, generator()) in TEMPERATURES
