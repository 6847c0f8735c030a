import multiprocessing
import os

import pytest

from alframe import TrialError
from alframe.contract.trial import RunSummary
from alframe.experiments.data import LoadedData
from alframe.experiments.executors.in_turn import run_in_turn
from alframe.experiments.executors.processes import _device, run_side_by_side
from alframe.experiments.plan import plan as plan_of
from alframe.experiments.plan import trials
from alframe.experiments.settings import resolve
from alframe.experiments.sweep import resolve_sweep
from alframe.records.folder import TrialFolder
from alframe.registry.registry import installed

TIMES = {"query_seconds", "query_peak_memory", "train_seconds", "train_peak_memory"}


class Watch:
    """A listener that counts what each trial says."""

    def __init__(self, on_round=None):
        self.rounds, self.started, self.finished, self.stages, self.on_round = [], [], [], set(), on_round

    def trial_started(self, trial, rounds_done, finished):
        self.started.append((trial.strategy, trial.seed, rounds_done))

    def progress(self, trial, stage, done, total):
        self.stages.add((trial.seed, stage))

    def round_finished(self, trial, record):
        self.rounds.append((trial.strategy, trial.seed, record["round"]))
        if self.on_round is not None:
            self.on_round(trial)

    def trial_finished(self, trial, summary):
        self.finished.append((trial.strategy, trial.seed))

    def note(self, text):
        raise AssertionError(text)


@pytest.fixture
def plan(tmp_path):
    def plan(out="runs", seeds=(1, 2, 3), **train):
        run = {
            "strategy": ["margin"],
            "seeds": list(seeds),
            "initial_size": 20,
            "query_size": 10,
            "rounds": 2,
        }
        run |= {"device": "cpu", "out": str(tmp_path / out)}
        settings = resolve(installed(), {"run": run, "train": {"epochs": 5} | train})
        return settings, trials(settings)

    return plan


def stable(outcomes):
    return {
        trial.seed: [{k: v for k, v in record.items() if k not in TIMES} for record in summary.records]
        for trial, summary in outcomes
    }


def test_side_by_side_is_as_in_turn(plan):
    _, planned = plan("in-turn")
    alone = Watch()
    wanted = stable(run_in_turn(planned, LoadedData(), installed(), alone))
    watch = Watch()
    _, planned = plan("side-by-side")
    found = stable(run_side_by_side(planned, watch, 2))
    assert found == wanted
    assert sorted(watch.rounds) == sorted(alone.rounds)
    assert sorted(watch.started) == [("margin", seed, 0) for seed in (1, 2, 3)]
    assert sorted(watch.finished) == sorted(alone.finished)
    assert {(seed, "train") for seed in (1, 2, 3)} <= watch.stages
    assert not multiprocessing.active_children()
    again = Watch()
    assert stable(run_side_by_side(planned, again, 2)) == wanted
    assert again.rounds == []


@pytest.mark.slow  # processes that import torch
def test_a_worker_that_dies_costs_its_trial_alone(plan):
    _, planned = plan()
    victims = []

    def kill_the_first(trial):
        if not victims:
            victims.append(trial.seed)
            workers = multiprocessing.active_children()
            assert len(workers) == 1
            workers[0].kill()

    outcomes = {trial.seed: end for trial, end in run_side_by_side(planned, Watch(kill_the_first), 1)}
    (victim,) = victims
    assert isinstance(outcomes[victim], TrialError)
    assert "its process died (SIGKILL); the same command tries it again" in str(outcomes[victim])
    assert all(isinstance(end, RunSummary) for seed, end in outcomes.items() if seed != victim)
    again = {trial.seed: end for trial, end in run_side_by_side(planned, Watch(), 2)}
    assert all(len(end.records) == 3 for end in again.values())
    _, fresh = plan("fresh")
    assert stable(again_items(again, planned)) == stable(run_side_by_side(fresh, Watch(), 2))


def again_items(outcomes, planned):
    return [(trial, outcomes[trial.seed]) for trial in planned]


@pytest.mark.slow  # processes that import torch
def test_a_trial_that_fails_does_not_stop_the_others(plan):
    _, planned = plan()
    with TrialFolder(planned[1].folder).held():
        outcomes = {trial.seed: end for trial, end in run_side_by_side(planned, Watch(), 2)}
    assert f"in use by process {os.getpid()}" in str(outcomes[2])
    assert isinstance(outcomes[1], RunSummary)
    assert isinstance(outcomes[3], RunSummary)


@pytest.mark.slow  # processes that import torch
def test_a_training_that_diverges_comes_with_its_trace(plan):
    _, planned = plan(seeds=(1,), learning_rate=1e30)
    ((_, failure),) = run_side_by_side(planned, Watch(), 2)
    assert isinstance(failure, TrialError)
    assert "loss became NaN" in str(failure)
    assert "train_supervised" in failure.__notes__[0]


@pytest.mark.slow  # processes that import torch
def test_leaving_early_ends_the_workers(plan):
    _, planned = plan()
    outcomes = run_side_by_side(planned, Watch(), 2)
    next(outcomes)
    outcomes.close()
    assert not multiprocessing.active_children()


def test_gpus_take_turns(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 3)
    assert [_device("auto", number) for number in range(4)] == ["cuda:0", "cuda:1", "cuda:2", "cuda:0"]
    assert _device("cuda:2", 0) == "cuda:2"
    assert _device("cpu", 1) == "cpu"
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    assert _device("auto", 5) == "auto"


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_the_trials_of_all_settings_share_the_workers(tmp_path, jobs):
    run = {"strategy": ["margin", "random"], "seeds": [1], "initial_size": 20, "query_size": [5, 10]}
    run |= {"rounds": 1, "device": "cpu", "out": str(tmp_path)}
    planned = plan_of(resolve_sweep(installed(), {"run": run, "train": {"epochs": 2}}))
    if jobs > 1:
        outcomes = dict(run_side_by_side(planned, Watch(), jobs))
    else:
        outcomes = dict(run_in_turn(planned, LoadedData(), installed(), Watch()))
    assert set(outcomes) == set(planned)
    for trial, summary in outcomes.items():
        assert summary.records[-1]["labelled"] == 20 + trial.settings.run.query_size
        assert TrialFolder(trial.folder).progress() == (2, True)


@pytest.mark.slow  # processes that import torch
def test_an_event_plugin_that_fails_in_every_worker_is_told_of_once(tmp_path):
    run = {"strategy": ["random"], "seeds": [1, 2, 3, 4], "initial_size": 20, "rounds": 1, "log": ["csv"]}
    settings = resolve(
        installed(), {"run": run | {"device": "cpu", "out": str(tmp_path)}, "train": {"epochs": 1}}
    )
    planned = trials(settings)
    for trial in planned:  # a folder where the table should be
        (trial.folder / "rounds.csv" / "x").mkdir(parents=True)
    watch = Watch()
    watch.notes = []
    watch.note = watch.notes.append
    outcomes = list(run_side_by_side(planned, watch, 2))
    assert all(len(summary.records) == 2 for _, summary in outcomes)
    assert len(watch.notes) == 1
    assert "plugin 'csv' (alframe 0.1.0) failed in alframe_run_started and hears no more" in watch.notes[0]
