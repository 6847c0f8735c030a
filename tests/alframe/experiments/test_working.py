import contextlib
import os
import re
import threading
import time
from pathlib import Path

import pytest

import alframe
from alframe import TrialError, UsageError
from alframe.contract.trial import RunSummary
from alframe.experiments.executors.in_turn import InTurn
from alframe.experiments.plan import trials
from alframe.experiments.settings import resolve
from alframe.experiments.tasks import read_task, tasks_in, write_tasks
from alframe.experiments.working import Worker
from alframe.records.folder import TrialFolder
from alframe.registry.registry import Registry, installed
from doubles import Watch, repeatable

PLUGIN = """
from alframe import hookimpl

@hookimpl
def alframe_run_started(run):
    pass
"""


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def plan(out="runs", seeds=(1, 2), **train):
        run = {"strategy": ["margin"], "seeds": list(seeds), "initial_size": 20, "query_size": 10}
        run |= {"rounds": 2, "device": "cpu", "out": out, "together": "off"}
        return trials(resolve(installed(), {"run": run, "train": {"epochs": 3} | train}))

    return plan


def work(folder, watch=None, registry=None):
    return list(Worker(registry or Registry(), watch or Watch()).work(tasks_in(folder)))


def test_what_a_worker_makes_is_what_a_run_makes(plan, tmp_path, monkeypatch):
    planned = plan("run")
    alone = Watch()
    wanted = {trial.seed: summary for trial, summary in InTurn(installed()).run(planned, alone)}
    folder = write_tasks(plan("tasks"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    watch = Watch()
    for outcome in work(folder, watch):
        assert outcome.state == "done"
        assert repeatable(outcome.end.records) == repeatable(wanted[outcome.task.task.seed].records)
        rounds = (outcome.task.folder / "rounds.jsonl").read_text().splitlines()
        assert len(rounds) == 3
    assert watch.rounds == alone.rounds
    assert watch.finished == alone.finished
    assert Path.cwd() == tmp_path / "elsewhere"
    again = Watch()
    assert [outcome.state for outcome in work(folder, again)] == ["done", "done"]
    assert again.rounds == []


def test_an_interrupted_trial_goes_on(plan):
    folder = write_tasks(plan(seeds=[1]))
    with pytest.raises(KeyboardInterrupt):
        work(folder, Watch(stop_after=1))
    watch = Watch()
    (outcome,) = work(folder, watch)
    assert watch.started == [("margin", 1, 2)]
    assert len(outcome.end.records) == 3
    (fresh,) = work(write_tasks(plan("fresh", seeds=[1])))
    assert repeatable(outcome.end.records) == repeatable(fresh.end.records)


def test_what_is_to_start_anew_does_so_once(plan):
    planned = plan(seeds=[1])
    work(write_tasks(planned))
    for path in planned[0].folder.iterdir():
        os.utime(path, (time.time() - 60, time.time() - 60))
    folder = write_tasks(planned, force=True)
    first, again = Watch(), Watch()
    work(folder, first)
    work(folder, again)
    assert len(first.rounds) == 3
    assert again.rounds == []


def test_a_trial_that_another_has_is_in_use_and_costs_no_other(plan):
    planned = plan()
    folder = write_tasks(planned)
    with TrialFolder(planned[0].folder).held():
        first, second = work(folder)
    assert (first.state, second.state) == ("in use", "done")
    assert f"in use by process {os.getpid()}" in str(first.end)


def test_a_failure_is_told_and_costs_no_other(plan):
    folder = write_tasks(plan(seeds=[1], learning_rate=1e30))
    watch = Watch()
    (outcome,) = work(folder, watch)
    assert isinstance(outcome.end, TrialError)
    assert "loss became NaN" in watch.failed[0][2]
    assert outcome.state == "failed"


def test_other_code_or_another_place_is_refused(plan, tmp_path):
    plugin = tmp_path / "mine.py"
    plugin.write_text(PLUGIN)
    registry = installed()
    registry.require_file(plugin)
    folder = write_tasks(plan(seeds=[1]))
    plugin.write_text(PLUGIN + "# changed")
    (outcome,) = work(folder)
    assert isinstance(outcome.end, UsageError)
    assert re.search(r"mine\.py is not what it was when the task of margin seed 1 was made", str(outcome.end))
    plugin.write_text(PLUGIN)
    path = folder / "0.json"
    path.write_text(path.read_text().replace('"query_size": 10', '"query_size": 11'))
    (outcome,) = work(folder)
    assert "and here it would be" in str(outcome.end)
    assert read_task(path).name == "margin seed 1"


def test_a_listener_that_fails_is_no_trials_failure(plan, monkeypatch):
    watch = Watch()

    def broken(*arguments):
        raise BrokenPipeError("nobody reads")

    monkeypatch.setattr(watch, "round_finished", broken)
    planned = plan(seeds=[1])
    with pytest.raises(BrokenPipeError, match="nobody reads"):
        work(write_tasks(planned), watch)
    with TrialFolder(planned[0].folder).held():  # it is let go
        pass
    (outcome,) = work(write_tasks(planned))
    assert isinstance(outcome.end, RunSummary)


def test_what_is_called_waits_for_a_process_that_has_the_trial(plan):
    (trial,) = plan(seeds=[1])
    (path,) = tasks_in(write_tasks([trial]))
    with contextlib.ExitStack() as other:
        other.enter_context(TrialFolder(trial.folder).held())
        with pytest.raises(TrialError, match="is in use by process"):
            alframe.work(path)
        threading.Timer(0.5, other.close).start()
        assert len(alframe.work(path, patience=60).records) == 3
