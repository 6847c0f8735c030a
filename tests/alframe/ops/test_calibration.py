import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar

from alframe.ops import best_temperature, calibration_error, reliability_bins
from doubles import error_by_bins


@pytest.mark.parametrize("bins", [2, 10, 15, 100])
def test_the_error_is_that_of_its_formula(bins):
    rng = np.random.default_rng(0)
    confidence, right = rng.uniform(size=500), rng.uniform(size=500) < 0.6
    found = calibration_error(torch.tensor(confidence), torch.tensor(right), bins)
    assert found == pytest.approx(error_by_bins(confidence, right, bins), rel=1e-9)
    assert calibration_error(torch.tensor([1.0, 0.0]), torch.tensor([True, False]), bins) == 0


def test_a_bin_holds_its_upper_edge_alone():
    counts, confidences, rights = reliability_bins(
        torch.tensor([0, 1 / 15, np.nextafter(1 / 15, 1), 14 / 15, 1], dtype=torch.float64),
        torch.tensor([True, False, True, True, True]),
    )
    assert counts.tolist() == [2, 1, *[0] * 11, 1, 1]
    assert rights.tolist() == [1, 1, *[0] * 11, 1, 1]
    assert confidences.sum().item() == pytest.approx(2 / 15 + 14 / 15 + 1)


@pytest.mark.parametrize("scale", [0.1, 1.0, 5.0, 12.0])
def test_the_temperature_is_the_minimum_of_the_log_loss(scale):
    generator = torch.Generator().manual_seed(0)
    truth = 2 * torch.randn(400, 5, generator=generator, dtype=torch.float64)
    targets = torch.multinomial(truth.softmax(1), 1, generator=generator)[:, 0]
    logits = scale * truth

    def loss(inverse):
        return float(torch.nn.functional.cross_entropy(logits * inverse, targets))

    found = minimize_scalar(loss, bounds=(0.05, 20), method="bounded", options={"xatol": 1e-10})
    temperature = best_temperature(logits, targets)
    assert temperature == pytest.approx(1 / found.x, rel=1e-6)
    assert loss(1 / temperature) <= found.fun + 1e-15
    assert 0.7 * scale < temperature < 1.4 * scale


def test_it_is_exact_where_it_is_known():
    logits = torch.tensor([[2.0, 0.0]] * 3)
    assert best_temperature(logits, torch.tensor([0, 0, 1])) == pytest.approx(2 / math.log(2), rel=1e-12)
    assert best_temperature(logits.half() + 5, torch.tensor([0, 0, 1])) == pytest.approx(2 / math.log(2))


@pytest.mark.parametrize(
    ("logits", "target", "temperature"),
    [
        ([[1.0, 0.0]], 0, 0.05),  # all right: as sure as may be
        ([[90.0, 0.0]], 0, 0.05),  # the loss is 0 to the last digit at most temperatures
        ([[1.0, 0.0]], 1, 20.0),
        ([[3.0, 3.0]], 1, 1.0),  # nothing changes
        ([[math.nan, 1.0]], 0, 1.0),
    ],
)
def test_the_ends(logits, target, temperature):
    assert best_temperature(torch.tensor(logits), torch.tensor([target])) == pytest.approx(temperature)
    assert best_temperature(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)) == 1.0
