import numpy as np
import pytest

from alframe.comparison.curves import budget_curve


def test_curves_are_over_the_seeds_that_have_the_size(trial):
    first, second = budget_curve({1: trial([0.5, 0.7]), 2: trial([0.6])})
    assert (first.labelled, first.seeds, first.mean) == (100, 2, pytest.approx(0.55))
    assert first.std == pytest.approx(np.std([0.5, 0.6], ddof=1))
    assert (second.labelled, second.seeds, second.mean, second.std) == (200, 1, 0.7, None)
