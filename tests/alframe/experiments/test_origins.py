"""A trial goes on, and is read back, with the data, the initial weights and the place that it began with."""

import contextlib
import dataclasses
import json
import re
import shutil

import pytest
import torch
from torch import nn

from alframe import Classifier, DatasetInfo, ModelInfo, Normalize, TrialError, UsageError
from alframe.experiments.data import load_data
from alframe.experiments.origins import fingerprint
from alframe.experiments.plan import trials
from alframe.experiments.settings import resolve
from alframe.experiments.trial_loop import run_trial
from alframe.learning.loading import split
from alframe.records import checkpoint
from alframe.records.folder import TrialFolder
from alframe.registry.registry import Registry
from doubles import Watch, repeatable


class Lab:
    """Runs one trial of data and a network that a test may change in between."""

    def __init__(self, dataset, out, make_plugin):
        self.dataset, self.out, self.shift = dataset, out, 0.0
        self.built = 0
        self.registry = Registry()
        data = {"toy": DatasetInfo(summary="toy", load=lambda request: self.dataset)}
        networks = {"small": ModelInfo(summary="small", build=self._build)}
        hooks = {"alframe_datasets": lambda: data, "alframe_models": lambda: networks}
        self.registry.register(make_plugin(**hooks), "toys")

    def _build(self, request):
        self.built += 1
        if self.shift is None:
            raise UsageError("the file of weights is not there")
        width = request.input_shape.numel()
        model = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(width, 8), nn.ReLU()), nn.Linear(8, 3))
        with torch.no_grad():
            model.head.bias.add_(self.shift)
        return model

    def trial(self, strategy="margin", seed=1, **run):
        options = {"strategy": [strategy], "seeds": [seed], "initial_size": 10, "query_size": 10, "rounds": 2}
        sections = {
            "run": options | {"device": "cpu", "out": str(self.out)} | run,
            "data": {"name": "toy"},
            "model": {"name": "small"},
            "train": {"epochs": 3},
        }
        (trial,) = trials(resolve(self.registry, sections))
        return trial

    def run(self, *which, listener=None, force=False, loaded=True, **run):
        trial = self.trial(*which, **run)
        dataset = load_data(trial.settings) if loaded else None
        return run_trial(trial, dataset, listener or Watch(), force=force)

    def begin(self, stop_after):
        """Runs the trial, to its end or to a round."""
        with contextlib.nullcontext() if stop_after is None else pytest.raises(KeyboardInterrupt):
            self.run(listener=Watch(stop_after))

    def content(self):
        """Every file of the runs but those that say who has them."""
        files = (path for path in self.out.rglob("*") if path.suffix != ".generation" and path.is_file())
        return {path: path.read_bytes() for path in files}


@pytest.fixture
def lab(tmp_path, toy, make_plugin):
    return Lab(toy, tmp_path / "runs", make_plugin)


def swapped(targets):
    other = targets.clone()
    other[[0, 1]] = targets[[1, 0]]
    return other


def turned(dataset):
    order = torch.arange(len(dataset)).flip(0)
    return dataclasses.replace(dataset, inputs=dataset.inputs[order], targets=dataset.targets[order])


def one_value(tensor):
    other = tensor.clone()
    other[-1, -1] += 0.01
    return other


CHANGES = {
    "rows permuted": (turned, "training inputs, training labels"),
    "two labels swapped": (
        lambda d: dataclasses.replace(d, targets=swapped(d.targets)),
        "training labels",
    ),
    "one value": (lambda d: dataclasses.replace(d, inputs=one_value(d.inputs)), "training inputs"),
    "the test part": (lambda d: dataclasses.replace(d, test_inputs=one_value(d.test_inputs)), "test inputs"),
    "labels corrected": (
        lambda d: dataclasses.replace(d, targets=(d.targets + 1) % 3, test_targets=(d.test_targets + 1) % 3),
        "training labels, test labels",
    ),
}


@pytest.mark.parametrize("stop_after", [0, None], ids=["half done", "finished"])
@pytest.mark.parametrize(("change", "parts"), CHANGES.values(), ids=CHANGES.keys())
def test_changed_data(lab, change, parts, stop_after):
    lab.begin(stop_after)
    before = lab.content()
    lab.dataset = change(lab.dataset)
    with pytest.raises(TrialError) as caught:
        lab.run()
    folder = lab.trial().folder
    assert str(caught.value) == (
        f"{folder}: the data have changed since this trial began ({parts}); --force starts it anew"
    )
    assert lab.content() == before
    lab.run(force=True)
    lab.run()


def test_a_changed_transform(lab):
    images = (lab.dataset.inputs[:, :4] * 40 + 100).clamp(0, 255).to(torch.uint8).reshape(-1, 1, 2, 2)
    tests = (lab.dataset.test_inputs[:, :4] * 40 + 100).clamp(0, 255).to(torch.uint8).reshape(-1, 1, 2, 2)
    lab.dataset = dataclasses.replace(
        lab.dataset, inputs=images, test_inputs=tests, transform=Normalize((0.5,), (0.2,))
    )
    lab.run()
    lab.dataset = dataclasses.replace(lab.dataset, transform=Normalize((0.5,), (0.21,)))
    with pytest.raises(TrialError, match=r"the data have changed since this trial began \(transform\)"):
        lab.run()


def test_the_same_data_under_another_name_are_the_same(lab):
    first = lab.run()
    lab.dataset = dataclasses.replace(lab.dataset, name="other", inputs=lab.dataset.inputs.clone())
    assert lab.run() == first


@pytest.mark.parametrize("stop_after", [0, None], ids=["half done", "finished"])
def test_changed_initial_weights(lab, stop_after):
    lab.begin(stop_after)
    before = lab.content()
    lab.shift = 0.5
    with pytest.raises(
        TrialError, match="seed-1: the initial weights have changed since this trial began; --f"
    ):
        lab.run()
    assert lab.content() == before
    lab.shift = 0.0
    lab.run()


@pytest.mark.parametrize("stop_after", [0, None], ids=["half done", "finished"])
def test_weights_that_differ_in_their_last_digits_are_noted(lab, stop_after):
    lab.begin(stop_after)
    lab.shift = 1e-7
    watch = Watch()
    lab.run(listener=watch)
    (note,) = watch.notes
    assert "the initial weights differ in their last digits" in note


def test_a_finished_trial_needs_no_network(lab):
    first = lab.run()
    lab.shift = None
    assert lab.run() == first
    with pytest.raises(UsageError, match="the file of weights is not there"):
        lab.run(seed=2)


def test_the_network_of_a_seed_is_built_once_for_all_finished_trials(lab):
    for strategy in ("margin", "random", "entropy"):
        lab.run(strategy)
    dataset = load_data(lab.trial().settings)
    lab.built = 0
    for strategy in ("margin", "random", "entropy"):
        run_trial(lab.trial(strategy), dataset, Watch())
    assert lab.built == 1


COPIES = {
    "another seed": (("margin", 1), ("margin", 2), "margin seed 1"),
    "another strategy": (("random", 1), ("margin", 1), "random seed 1"),
}


@pytest.mark.parametrize(("source", "target", "name"), COPIES.values(), ids=COPIES.keys())
def test_a_copied_trial(lab, source, target, name):
    lab.run(*source)
    shutil.copytree(lab.trial(*source).folder, lab.trial(*target).folder)
    before = lab.content()
    with pytest.raises(TrialError) as caught:
        lab.run(*target)
    assert str(caught.value) == (
        f"{lab.trial(*target).folder}: this is {name}, copied or renamed; --force starts it anew"
    )
    with pytest.raises(TrialError, match="copied or renamed"):
        lab.run(*target, loaded=False)
    assert {k: v for k, v in lab.content().items() if k in before} == before
    lab.run(*source)
    assert lab.run(*target, force=True).records


def test_a_trial_of_another_setting(lab):
    lab.run()
    other = lab.trial(query_size=20)
    shutil.copytree(lab.trial().settings.folder, other.settings.folder)
    name = re.escape(lab.trial().settings.setting_folder)
    with pytest.raises(TrialError, match=f"this is margin seed 1 of {name}, copied"):
        lab.run(query_size=20)


@pytest.mark.parametrize("stop_after", [0, None], ids=["half done", "finished"])
def test_a_folder_that_was_moved(lab, tmp_path, stop_after):
    lab.begin(stop_after)
    shutil.move(lab.out, tmp_path / "elsewhere")
    lab.out = tmp_path / "elsewhere"
    moved = lab.run()
    lab.out = tmp_path / "whole"
    assert repeatable(moved.records) == repeatable(lab.run().records)


def test_without_data_a_finished_trial_is_read(lab):
    assert lab.run() == lab.run(loaded=False)


def earlier(lab, dataset=None):
    """Makes the checkpoint one of format 2, whose fingerprint is that of a data set."""
    trial = lab.trial()
    folder = TrialFolder(trial.folder)
    saved = folder.load()
    dataset = split(dataset or lab.dataset, trial.settings.data_options, 1)
    learner = {**saved.learner, "data": fingerprint(dataset)}
    state = {"rounds": checkpoint.lines_of(saved.rounds), "learner": learner}
    state |= {"note": saved.note, "finished": saved.finished}
    file = trial.folder / "checkpoint.pt"
    file.write_bytes(checkpoint.sealed(2, state))
    environment = json.loads((trial.folder / "environment.json").read_text())
    for name in ("trial", "data", "network"):
        del environment[name]
    (trial.folder / "environment.json").write_text(json.dumps(environment))
    return folder


@pytest.mark.parametrize("stop_after", [0, None], ids=["half done", "finished"])
def test_a_trial_of_an_earlier_alframe_goes_on_and_is_known_from_then_on(lab, stop_after, tmp_path):
    lab.begin(stop_after)
    folder = earlier(lab)
    assert folder.saved().origin is None
    continued = lab.run()
    assert folder.saved().origin.name == "margin seed 1"
    assert json.loads((folder.path / "environment.json").read_text())["data"]["content"]
    assert lab.run() == continued
    lab.dataset = dataclasses.replace(lab.dataset, targets=swapped(lab.dataset.targets))
    with pytest.raises(TrialError, match="the data have changed"):
        lab.run()


def test_a_trial_of_an_earlier_alframe_on_other_data(lab):
    lab.run()
    earlier(
        lab,
        dataclasses.replace(
            lab.dataset, targets=(lab.dataset.targets + 1) % 3, inputs=lab.dataset.inputs * 2
        ),
    )
    with pytest.raises(TrialError, match="the data have changed since this trial began; --force"):
        lab.run()


FORGED = {
    "nothing": lambda learner: {},
    "another network": lambda learner: learner | {"model": {"w": torch.eye(2)}},
    "other shapes": lambda learner: learner | {"model": {k: v[:1] for k, v in learner["model"].items()}},
    "labels out of range": lambda learner: learner | {"targets": learner["targets"] + 1},
    "a label less": lambda learner: learner | {"targets": learner["targets"][1:]},
    "others are labelled": lambda learner: learner | {"labelled": learner["labelled"].flip(0)},
    "positions beyond the data": lambda learner: learner | {"labelled": learner["labelled"] + 1000},
    "a text for positions": lambda learner: learner | {"labelled": "text"},
    "another round": lambda learner: learner | {"round": 7},
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_a_checkpoint_whose_checksum_is_right_and_whose_content_is_not(lab, forge):
    lab.begin(0)
    folder = TrialFolder(lab.trial().folder)
    saved = folder.load()
    folder.save(dataclasses.replace(saved, learner=forge(dict(saved.learner))))
    with pytest.raises(TrialError, match="seed-1: the checkpoint does not fit the trial"):
        lab.run()
    lab.run(force=True)


def test_what_the_reader_remarked_is_recorded(lab):
    lab.dataset = dataclasses.replace(lab.dataset, notes=("a column was left out; data.keep=it keeps it",))
    lab.run()
    environment = json.loads((lab.trial().folder / "environment.json").read_text())
    assert environment["data"]["notes"] == ["a column was left out; data.keep=it keeps it"]
    assert environment["data"]["options"] == {"test_fraction": 0.2, "imbalance": None}
    assert environment["trial"]["seed"] == "1"
    assert environment["network"]["initial"]
