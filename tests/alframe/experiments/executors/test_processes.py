import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from alframe import AlframeError, PluginError, TrialError
from alframe.contract.trial import RunSummary
from alframe.experiments.executors import processes
from alframe.experiments.executors.in_turn import InTurn
from alframe.experiments.executors.processes import Processes
from alframe.experiments.plan import plan as plan_of
from alframe.experiments.plan import trials
from alframe.experiments.settings import resolve
from alframe.experiments.sweep import resolve_sweep
from alframe.records.folder import TrialFolder
from alframe.registry.registry import Registry, installed
from doubles import Watch, odd_settings, repeatable


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
    return {trial.seed: repeatable(summary.records) for trial, summary in outcomes}


@pytest.mark.slow
def test_side_by_side_is_as_in_turn(plan):
    _, planned = plan("in-turn")
    alone = Watch()
    wanted = stable(InTurn(installed()).run(planned, alone))
    watch = Watch()
    _, planned = plan("side-by-side")
    found = stable(Processes(2).run(planned, watch))
    assert found == wanted
    assert sorted(watch.rounds) == sorted(alone.rounds)
    assert sorted(watch.started) == [("margin", seed, 0) for seed in (1, 2, 3)]
    assert sorted(watch.finished) == sorted(alone.finished)
    assert {(seed, "train") for seed in (1, 2, 3)} <= watch.stages
    assert not multiprocessing.active_children()
    again = Watch()
    assert stable(Processes(2).run(planned, again)) == wanted
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

    outcomes = {trial.seed: end for trial, end in Processes(1).run(planned, Watch(on_round=kill_the_first))}
    (victim,) = victims
    assert isinstance(outcomes[victim], TrialError)
    assert "its process died (SIGKILL); the same command tries it again" in str(outcomes[victim])
    assert all(isinstance(end, RunSummary) for seed, end in outcomes.items() if seed != victim)
    again = {trial.seed: end for trial, end in Processes(2).run(planned, Watch())}
    assert all(len(end.records) == 3 for end in again.values())
    _, fresh = plan("fresh")
    assert stable(again_items(again, planned)) == stable(InTurn(installed()).run(fresh, Watch()))


def again_items(outcomes, planned):
    return [(trial, outcomes[trial.seed]) for trial in planned]


@pytest.mark.slow  # processes that import torch
def test_a_trial_that_fails_does_not_stop_the_others(plan):
    _, planned = plan()
    with TrialFolder(planned[1].folder).held():
        outcomes = {trial.seed: end for trial, end in Processes(2).run(planned, Watch())}
    assert f"in use by process {os.getpid()}" in str(outcomes[2])
    assert isinstance(outcomes[1], RunSummary)
    assert isinstance(outcomes[3], RunSummary)


@pytest.mark.slow  # processes that import torch
def test_a_training_that_diverges_comes_with_its_trace(plan):
    _, planned = plan(seeds=(1,), learning_rate=1e30)
    ((_, failure),) = Processes(2).run(planned, Watch())
    assert isinstance(failure, TrialError)
    assert "loss became NaN" in str(failure)
    assert "train_supervised" in failure.__notes__[0]


@pytest.mark.slow  # processes that import torch
def test_leaving_early_ends_the_workers(plan):
    _, planned = plan()
    outcomes = Processes(2).run(planned, Watch())
    next(outcomes)
    outcomes.close()
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_the_trials_of_all_settings_share_the_workers(tmp_path, jobs):
    run = {"strategy": ["margin", "random"], "seeds": [1], "initial_size": 20, "query_size": [5, 10]}
    run |= {"rounds": 1, "device": "cpu", "out": str(tmp_path)}
    planned = plan_of(resolve_sweep(installed(), {"run": run, "train": {"epochs": 2}}))
    if jobs > 1:
        outcomes = dict(Processes(jobs).run(planned, Watch()))
    else:
        outcomes = dict(InTurn(installed()).run(planned, Watch()))
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
    outcomes = list(Processes(2).run(planned, watch))
    assert all(len(summary.records) == 2 for _, summary in outcomes)
    assert len(watch.notes) == 1
    assert "plugin 'csv' (alframe 0.1.0) failed in alframe_run_started and hears no more" in watch.notes[0]


BUGGY = """
from alframe import DatasetInfo, hookimpl

def load(request):
    import torch
    from alframe import Dataset
    x, y = torch.zeros(60, 3), torch.arange(60) % 2
    return Dataset("buggy", x, y, 2, x, y, transform=lambda batch: 1 // 0)

@hookimpl
def alframe_datasets():
    return {"buggy": DatasetInfo(summary="its transform divides by nothing", load=load)}
"""


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_bug_costs_its_trial_alone_in_one_line_however_it_is_run(tmp_path, jobs):
    (tmp_path / "buggy.py").write_text(BUGGY)
    registry = Registry()
    registry.require_file(tmp_path / "buggy.py")
    run = {"strategy": ["margin"], "seeds": [1], "initial_size": 20, "query_size": 5, "rounds": 1}
    sections = {"run": run | {"device": "cpu", "out": str(tmp_path)}, "train": {"epochs": 2}}
    planned = plan_of(resolve_sweep(registry, sections | {"data": {"name": ["buggy", "digits"]}}))
    executor = InTurn(registry) if jobs == 1 else Processes(jobs)
    ends = {trial.settings.source.name: end for trial, end in executor.run(planned, Watch())}
    assert isinstance(ends["digits"], RunSummary)
    assert isinstance(ends["buggy"], TrialError)
    assert str(ends["buggy"]) == "ZeroDivisionError: integer division or modulo by zero"


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("method", ["trial_started", "progress", "round_finished", "trial_finished"])
def test_a_listener_that_fails_is_no_trials_failure(plan, monkeypatch, jobs, method):
    """As when standard error is a closed pipe: the run ends, and no plugin and no trial is blamed."""
    _, planned = plan(seeds=(1,))
    watch = Watch()

    def broken(*arguments, **options):
        raise BrokenPipeError("nobody reads")

    monkeypatch.setattr(watch, method, broken)
    executor = InTurn(installed()) if jobs == 1 else Processes(jobs)
    with pytest.raises(BrokenPipeError, match="nobody reads"):
        list(executor.run(planned, watch))
    assert not multiprocessing.active_children()
    with TrialFolder(planned[0].folder).held():  # it is let go
        pass


@pytest.mark.slow  # processes that import torch
def test_whatever_a_plugin_does_costs_its_trial_alone(tmp_path, capfd):
    """test_in_turn.py has the same in this process."""
    wanted = {
        "exit": "hook alframe_score raised SystemExit: os._exit(0)",
        "kill": "its process died (SIGKILL); the same command tries it again",
        "own": "hook alframe_score raised Own",
        "hostile": "hook alframe_score raised Hostile",
        "recursion": "hook alframe_score raised RecursionError: maximum recursion depth exceeded",
    }
    settings, _ = odd_settings(tmp_path, [*wanted, "print", "chdir", "none"])
    watch = Watch()
    found = list(Processes(2).run(plan_of(settings), watch))
    ends = {trial.pipeline.options["odd"].fault: end for trial, end in found}
    for fault, message in wanted.items():
        assert isinstance(ends[fault], AlframeError), fault
        assert message in str(ends[fault]), fault
        assert "\n" not in str(ends[fault])
    assert isinstance(ends["own"], PluginError)
    assert "Own" in ends["own"].__notes__[0]
    assert all(isinstance(ends[fault], RunSummary) for fault in ("print", "chdir", "none"))
    assert any("changed the working directory" in note for note in watch.notes)
    printed = capfd.readouterr()
    assert printed.out == ""  # it is for results
    assert "printed" in printed.err
    assert "written" in printed.err
    assert not multiprocessing.active_children()


@pytest.mark.slow  # a process that imports torch
@pytest.mark.parametrize("again", [False, True])
def test_an_interrupt_ends_a_worker_that_does_not_end(tmp_path, monkeypatch, again):
    """First it is asked to and then killed; whoever interrupts the wait has it killed at once."""
    monkeypatch.setattr(processes, "PATIENCE", 600.0 if again else 0.2)
    settings, _ = odd_settings(tmp_path, ["stay"])
    started = threading.Event()

    def interrupt():
        while not (tmp_path / "stays").exists():
            time.sleep(0.05)
        for _ in range(1 + again):
            os.kill(os.getpid(), signal.SIGINT)
            started.wait(0.5)  # a second one is not the first

    monkeypatch.chdir(tmp_path)
    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        list(Processes(1).run(plan_of(settings), Watch()))
    assert not multiprocessing.active_children()


@pytest.mark.slow  # processes that import torch
def test_a_script_needs_no_guard(tmp_path):
    """The workers need nothing of the script that calls, so it is not run once more in each."""
    run = {"strategy": ["random"], "seeds": [1, 2], "initial_size": 20, "query_size": 10, "rounds": 1}
    config = {"run": run | {"jobs": 2, "device": "cpu"}, "train": {"epochs": 2}}
    script = tmp_path / "script.py"
    script.write_text(f"import alframe\nprint('begins')\nprint(alframe.run({config!r}))\n")
    command = [sys.executable, str(script)]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert ended.stderr == ""
    assert ended.stdout == "begins\nRunResult(2 done, 0 failed, 0 left out)\n"
