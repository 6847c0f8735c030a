"""Views of small problems; settings with known numbers for the tests of comparisons."""

import numpy as np
import pytest
import torch

from alframe.contract.views import PoolView
from alframe.data.samples import Samples
from alframe.learning.rows import NetworkRows
from alframe.records.rounds import Curves
from alframe.records.tree import SettingRuns


@pytest.fixture
def inputs():
    """Thirty samples of three numbers."""
    return torch.randn(30, 3, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def view_of():
    """Makes a pool's view of samples by a network."""

    def view_of(model, inputs, positions=None, **kwargs):
        positions = torch.arange(len(inputs)) if positions is None else positions
        samples = Samples(inputs, torch.device("cpu"))
        return PoolView(NetworkRows(model.eval(), samples, positions, seed=0), **kwargs)

    return view_of


def make_curves(accuracy, sizes=None):
    sizes = [100 * (k + 1) for k in range(len(accuracy))] if sizes is None else sizes
    seconds = np.array([np.nan, *[1.0] * (len(accuracy) - 1)])
    return Curves(
        np.array(sizes), np.array(accuracy, dtype=float), seconds, 1000 * seconds, np.ones(len(sizes))
    )


@pytest.fixture
def make_setting():
    """Makes a setting of ``name={seed: accuracies}``; trials that are made already are taken as they are."""

    def make(dataset="data", name="setting", /, **strategies):
        trials = {
            strategy.replace("_", "-"): {
                seed: a if isinstance(a, Curves) else make_curves(a) for seed, a in by_seed.items()
            }
            for strategy, by_seed in strategies.items()
        }
        return SettingRuns(dataset, name, trials)

    return make


@pytest.fixture
def random_setting(make_setting):
    """Makes a setting with random accuracies of three decimals."""

    def make(seed, strategies="abc", seeds=5, rounds=6, **names):
        draw = np.random.default_rng(seed)
        table = {
            s: {k: draw.normal(0.8 + 0.02 * i, 0.02, rounds).round(3) for k in range(seeds)}
            for i, s in enumerate(strategies)
        }
        return make_setting(*names.values(), **table)

    return make


@pytest.fixture
def trial():
    """Makes a trial of accuracies, at 100, 200, ... labels by default."""
    return make_curves
