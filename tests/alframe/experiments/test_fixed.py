"""Fixed features: whose they are, that rows stay matched, and that a trial knows when they have changed."""

import contextlib
import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from alframe import Classifier, DatasetInfo, ModelInfo, TrialError, UsageError
from alframe.experiments.data import LoadedData, load_data
from alframe.experiments.fixed import kept_rows
from alframe.experiments.origins import Materials
from alframe.experiments.plan import suited_plan, trials
from alframe.experiments.settings import resolve
from alframe.experiments.trial_loop import run_trial
from alframe.learning.loading import split
from alframe.registry.registry import Registry
from doubles import Watch, repeatable

CPU = torch.device("cpu")


class Lab:
    """Runs trials of data and of two networks that a test may change in between."""

    def __init__(self, dataset, tmp_path, make_plugin):
        self.dataset, self.out, self.file = dataset, tmp_path / "runs", tmp_path / "fixed.npy"
        self.shift, self.computed = 0.0, 0
        self.registry = Registry()
        data = {"toy": DatasetInfo(summary="toy", load=lambda request: self.dataset)}
        networks = {
            "small": ModelInfo(summary="small", build=self._small),
            "wide": ModelInfo(summary="wide", build=self._wide),
        }
        hooks = {"alframe_datasets": lambda: data, "alframe_models": lambda: networks}
        self.registry.register(make_plugin(**hooks), "toys")

    def _small(self, request):
        return Classifier(nn.Sequential(nn.Linear(6, 4), nn.ReLU()), nn.Linear(4, 3))

    def _wide(self, request):
        if self.shift is None:
            raise UsageError("the file of weights is not there")
        body = nn.Linear(6, 5)
        with torch.no_grad():
            body.bias.add_(self.shift)
        body.register_forward_hook(lambda *call: setattr(self, "computed", self.computed + 1))
        return Classifier(body, nn.Linear(5, 3))

    def write(self, rows):
        np.save(self.file, rows)
        return f"npy:{self.file}"

    def trial(self, name, strategy="maxherding", seed=1, data=None, **run):
        small = {"strategy": [strategy], "seeds": [seed], "initial_size": 10, "query_size": 10, "rounds": 2}
        sections = {
            "run": small | {"device": "cpu", "out": str(self.out)} | run,
            "data": {"name": "toy"} | (data or {}),
            "model": {"name": "small"},
            "features": {"name": name},
            "train": {"epochs": 3},
        }
        (trial,) = trials(resolve(self.registry, sections))
        return trial

    def run(self, name, strategy="maxherding", stop_after=None, force=False, **run):
        trial = self.trial(name, strategy, **run)
        return run_trial(trial, load_data(trial.settings), Watch(stop_after), force=force)

    def fixed(self, trial):
        loaded = load_data(trial.settings)
        materials = Materials(trial, loaded)
        return materials.fixed(CPU, self.out / ".features", lambda done, total: None), materials.dataset


@pytest.fixture
def lab(tmp_path, toy, make_plugin):
    return Lab(toy, tmp_path, make_plugin)


@pytest.fixture
def whole(lab, toy):
    """The lab with a data set that has no test part of its own."""
    lab.dataset = dataclasses.replace(toy, test_inputs=None, test_targets=None)
    return lab


def test_none_are_named(lab):
    trial = lab.trial("none")
    assert trial.settings.features is None
    assert lab.fixed(trial)[0] is None


def test_a_network_is_the_same_for_all_seeds_and_computed_once(lab):
    fixed, _ = lab.fixed(lab.trial("wide", seed=1))
    assert fixed.shape == (120, 5)
    once = lab.computed
    again, _ = lab.fixed(lab.trial("wide", seed=2))
    assert again is fixed
    assert lab.computed <= once + 1  # a few samples are part of the key
    lab.shift = 1.0
    other, _ = lab.fixed(lab.trial("wide", seed=1))
    torch.testing.assert_close(other, fixed + 1)


@pytest.mark.parametrize("options", [{}, {"imbalance": 0.1}, {"test_fraction": 0.4}])
def test_rows_of_a_file_stay_with_their_samples(whole, options):
    trial = whole.trial(whole.write(whole.dataset.inputs.numpy()), data=options)
    fixed, dataset = whole.fixed(trial)
    assert len(dataset) < 120
    torch.testing.assert_close(fixed, dataset.inputs, rtol=0, atol=0)


def test_rows_of_a_file_with_a_test_part_are_shared(lab):
    name = lab.write(lab.dataset.inputs.numpy().astype("float64"))
    one = lab.trial(name, seed=1)
    loaded = load_data(one.settings)
    first, second = (Materials(lab.trial(name, seed=seed), loaded).fixed(CPU, None, print) for seed in (1, 2))
    assert first is second
    torch.testing.assert_close(first, lab.dataset.inputs)


def test_which_rows_are_kept_whatever_the_inputs(whole):
    data = whole.dataset
    options = whole.trial("none", data={"imbalance": 0.2}).settings.data_options
    unfit = dataclasses.replace(
        data, inputs=data.inputs.double() * torch.nan, fit=lambda inputs: torch.nan_to_num
    )
    made = split(data, options, 3)
    for loaded in (data, unfit):
        assert torch.equal(data.inputs[kept_rows(loaded, options, 3)], made.inputs)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            np.zeros((119, 4)),
            r"shape \[119, 4\], and the data set has 120 training samples: expected one row",
        ),
        (np.zeros((120, 0)), r"shape \[120, 0\]"),
        (np.zeros(120), r"must be a matrix, one row a sample, got shape \[120\]"),
        (np.full((120, 2), np.nan), "contain NaN or infinite values"),
        (np.full((120, 2), 1e30), "squares of their distances are beyond float32's range"),
        (np.full((120, 2), "a"), "must be an array or tensor of numbers"),
    ],
)
def test_a_file_of_something_else(lab, content, message):
    settings = [lab.trial(lab.write(content)).settings]
    with pytest.raises(UsageError, match=message):
        suited_plan(settings, LoadedData())


def test_a_file_that_is_none(lab, tmp_path):
    settings = lab.trial(f"npy:{lab.file}").settings
    with pytest.raises(UsageError, match=r"fixed\.npy can't be read: No such file"):
        suited_plan([settings], LoadedData())
    with lab.file.open("wb") as file:
        np.savez(file, a=np.zeros(2))
    with pytest.raises(UsageError, match="holds several arrays; np.save writes a file of one"):
        suited_plan([settings], LoadedData())
    for content in (b"", b"text", b"\x93NUMPY\x01\x00"):
        lab.file.write_bytes(content)
        with pytest.raises(UsageError, match="can't be read"):
            suited_plan([settings], LoadedData())
    np.save(lab.file, np.array([{}] * 120))
    with pytest.raises(UsageError, match="can't be read"):
        suited_plan([settings], LoadedData())


def test_a_network_that_does_not_suit_is_known_before_anything_runs(lab):
    lab.shift = None
    with pytest.raises(UsageError, match="the file of weights is not there"):
        suited_plan([lab.trial("wide").settings], LoadedData())


@pytest.mark.parametrize("kind", ["network", "file"])
@pytest.mark.parametrize("stop_after", [0, None], ids=["half done", "finished"])
def test_what_has_changed_is_noticed(lab, kind, stop_after):
    rows = lab.dataset.inputs.numpy().copy()
    name = "wide" if kind == "network" else lab.write(rows)
    with contextlib.suppress(KeyboardInterrupt):
        lab.run(name, stop_after=stop_after)
    rows[-1, -1] += 0.01
    lab.shift = 0.5
    lab.write(rows)
    with pytest.raises(TrialError, match="the fixed features have changed since this trial began; --force"):
        lab.run(name)
    lab.run(name, force=True)
    lab.run(name)


def test_weights_that_differ_in_their_last_digits_are_noted(lab):
    lab.run("wide")
    lab.shift = 1e-7
    trial, watch = lab.trial("wide"), Watch()
    run_trial(trial, load_data(trial.settings), watch)
    assert "the weights of the fixed features differ in their last digits" in watch.notes[0]


def test_a_finished_trial_needs_neither_network_nor_file(lab):
    first = [lab.run("wide"), lab.run(lab.write(lab.dataset.inputs.numpy()))]
    lab.shift = None
    lab.file.unlink()
    assert [lab.run("wide"), lab.run(f"npy:{lab.file}")] == first
    with pytest.raises(UsageError, match="No such file"):
        lab.run(f"npy:{lab.file}", seed=2)


@pytest.mark.parametrize("strategy", ["maxherding", "probcover", "typiclust"])
def test_interrupted_and_continued_is_uninterrupted(whole, tmp_path, strategy):
    run = {"initial": "own", "data": {"imbalance": 0.5}}
    for stop_after in (0, 1):
        with pytest.raises(KeyboardInterrupt):
            whole.run("wide", strategy, stop_after=stop_after, **run)
    continued = whole.run("wide", strategy, **run)
    whole.out = tmp_path / "whole"
    assert repeatable(continued.records) == repeatable(whole.run("wide", strategy, **run).records)


def test_they_decide_what_is_picked(lab):
    own, fixed = (lab.run(name, initial="own").records for name in ("none", "wide"))
    assert own[0]["queried"] != fixed[0]["queried"]
    margin = [lab.run(name, "margin").records for name in ("none", "wide")]
    assert repeatable(margin[0]) == repeatable(margin[1])
