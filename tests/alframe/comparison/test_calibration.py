import dataclasses

import numpy as np
import pytest

from alframe.comparison.calibration import ReliabilityBin, calibration_curves, calibrations
from alframe.comparison.compare import compare


@pytest.fixture
def calibrated(trial):
    """A trial with sizes 100, 200 whose last round has these bins."""

    def make(bins, ece=0.1, brier=0.5):
        columns = {"ece": np.array([0.3, ece]), "brier": np.array([0.9, brier])}
        return dataclasses.replace(trial([0.5, 0.6]), **columns, reliability=(None, bins))

    return make


def test_seeds_weigh_by_their_samples(make_setting, calibrated):
    one = calibrated(((7, 1, 0.5, 1.0), (14, 3, 1.0, 1.0)), ece=0.1, brier=0.2)
    other = calibrated(((7, 3, 0.48, 0.0),), ece=0.3, brier=0.4)
    found = calibrations(make_setting(a={1: one, 2: other}), 200)["a"]
    assert found.bins == [ReliabilityBin(7, 4, pytest.approx(0.485), 0.25), ReliabilityBin(14, 3, 1.0, 1.0)]
    assert (found.samples, found.labelled) == (7, 200)
    assert (found.ece.mean, found.ece.seeds) == (pytest.approx(0.2), 2)
    assert found.ece.std == pytest.approx(np.std([0.1, 0.3], ddof=1))
    assert found.brier.mean == pytest.approx(0.3)


def test_what_earlier_runs_lack_is_left_out(make_setting, calibrated, trial):
    setting = make_setting(new={1: calibrated(((7, 1, 0.5, 1.0),))}, old={1: trial([0.5, 0.6])})
    assert list(calibrations(setting, 200)) == list(compare([setting]).settings[0].calibrations) == ["new"]
    assert calibrations(setting, 100) == calibrations(setting, 150) == {}
    curves = calibration_curves(setting, "brier")
    assert [(point.labelled, point.mean) for point in curves["new"]] == [(100, 0.9), (200, 0.5)]
    assert list(curves) == ["new"]
