import dataclasses
import json

import pytest

import alframe
from alframe import PluginError, TrialError, UsageError
from alframe.experiments.executors.elsewhere import Elsewhere, Watched
from alframe.experiments.executors.in_turn import InTurn
from alframe.experiments.plan import trials
from alframe.experiments.run import prepare
from alframe.experiments.settings import resolve
from alframe.experiments.tasks import write_tasks
from alframe.records.live import Signs, failure_file
from doubles import Watch, repeatable
from engines import Jobs, registry

RUN = {"strategy": ["margin"], "seeds": [1, 2], "initial_size": 20, "query_size": 10, "rounds": 2}


@pytest.fixture
def sections(tmp_path):
    def sections(fault="", **run):
        run = RUN | {"device": "cpu", "out": str(tmp_path / "runs"), "executor": "engine"} | run
        return {"run": run, "train": {"epochs": 3}, "engine": {"fault": fault}}

    return sections


def test_what_an_engine_runs_is_what_this_machine_runs(sections, tmp_path):
    watch, alone = Watch(), Watch()
    found = alframe.run(sections(), registry=registry(), listener=watch)
    assert len(Jobs.submitted) == 2
    here = sections(executor="local", together="off", out=str(tmp_path / "here"))
    wanted = alframe.run(here, registry=registry(), listener=alone)
    for (_, one), (_, other) in zip(found.done, wanted.done, strict=True):
        assert repeatable(one.records) == repeatable(other.records)
    assert sorted(watch.rounds) == sorted(alone.rounds)
    assert sorted(watch.finished) == sorted(alone.finished)
    assert watch.notes == ["2 trials are in the hands of engine: job-0 to job-1"]
    assert [trial.folder for trial, _ in found.done] == [
        tmp_path / "runs" / trial.folder.relative_to(tmp_path / "here") for trial, _ in wanted.done
    ]


def test_what_is_finished_is_not_started(sections):
    alframe.run(sections(seeds=[1]), registry=registry())
    watch = Watch()
    found = alframe.run(sections(), registry=registry(), listener=watch)
    assert len(Jobs.submitted) == 1
    assert len(found.done) == 2
    alframe.run(sections(), registry=registry(), listener=watch)
    assert Jobs.submitted == []


def test_force_starts_anew(sections):
    first = alframe.run(sections(), registry=registry())
    for trial, _ in first.done:
        (trial.folder / "old").touch()
    watch = Watch()
    again = alframe.run(sections(), registry=registry(), listener=watch, force=True)
    assert len(Jobs.submitted) == 2
    assert len(watch.rounds) == 6
    assert not any((trial.folder / "old").exists() for trial, _ in again.done)
    for (_, one), (_, other) in zip(first.done, again.done, strict=True):
        assert repeatable(one.records) == repeatable(other.records)


def test_a_lost_job_costs_its_trial(sections):
    found = alframe.run(sections("lost"), registry=registry())
    (_, error), _ = found.failed
    assert isinstance(error, TrialError)
    assert "its job job-0 ended; is " in str(error)
    assert "a folder that its machine sees? (out of memory); the same command tries it again" in str(error)
    assert len(alframe.run(sections(), registry=registry()).done) == 2


def test_a_trial_that_fails_says_why(sections):
    config = sections() | {"train": {"epochs": 3, "learning_rate": 1e30}}
    found = alframe.run(config, registry=registry())
    assert len(found.failed) == 2
    reason = json.loads(failure_file(found.failed[0][0].folder).read_text())["reason"]
    assert str(found.failed[0][1]) == reason


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("open", "plugin 'engine' .*, open of 'engine': RuntimeError: no engine"),
        ("submit", "plugin 'engine' .*, submit of 'engine': ValueError: no room"),
        ("short", "submit of 'engine': .*wanted the names of 2 jobs, texts, got .'job-1'."),
        ("look", "look of 'engine': .*wanted 2 jobs, each a Job, got .'running', 'running'."),
    ],
)
def test_an_engine_s_fault_is_its_plugin_s(sections, fault, message):
    with pytest.raises(PluginError, match=message):
        alframe.run(sections(fault), registry=registry())


def test_jobs_end_with_the_command_but_for_those_that_outlive_it(sections):
    class Stop(Watch):
        def note(self, text):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        alframe.run(sections("slow"), registry=registry(), listener=Stop())
    assert Jobs.cancelled == ["job-0", "job-1"]
    with pytest.raises(KeyboardInterrupt):
        alframe.run(sections("slow"), registry=registry(outlives=True), listener=Stop())
    assert Jobs.cancelled == []


def planned(sections, outlives):
    found = registry(outlives=outlives)
    return prepare([resolve(found, sections)], found)


def test_what_is_left_to_itself_is_watched_by_the_same_command(sections):
    started = planned(sections("slow"), outlives=True).start()
    assert started.told == "2 trials are in the hands of engine: job-0 to job-1"
    waiting, submitted = dict(Jobs.waiting), list(Jobs.submitted)
    again = planned(sections("slow"), outlives=True)
    Jobs.waiting, Jobs.submitted = waiting, submitted
    started = again.start()
    assert len(Jobs.submitted) == 2
    assert started.told.startswith("2 trials are in the hands of engine, 2 since an earlier command")
    watched = planned(sections(), outlives=True)
    Jobs.waiting, Jobs.submitted = waiting, submitted
    assert len(watched.run(Watch()).done) == 2
    assert len(Jobs.submitted) == 2
    assert planned(sections(), outlives=True).start() is None


def test_what_ends_with_the_command_can_t_be_left(sections):
    with pytest.raises(UsageError, match="trials of the executor 'engine' end with the command"):
        planned(sections(), outlives=False).start()
    with pytest.raises(UsageError, match="trials of the executor 'local' end with the command"):
        planned(sections(executor="local"), outlives=True).start()


def test_an_earlier_failure_is_not_this_one_s(sections):
    found = registry()
    settings = resolve(found, sections())
    for trial in trials(settings):
        Signs(trial.folder).fail("an old story")
    ends = Elsewhere(settings, InTurn(found)).run(trials(settings), Watch())
    assert [len(end.rounds) for _, end in ends] == [3, 3]


def test_who_watches_sees_each_round_once_and_where_it_is(sections):
    found = registry()
    (trial,) = trials(resolve(found, sections(seeds=[1])))
    folder = write_tasks([trial])
    watched, watch = Watched(trial, folder / "0.json", "job", False), Watch()
    waiting = alframe.Job("waiting")
    assert watched.look(waiting, watch) is None
    assert (watch.started, watch.rounds) == ([], [])
    Signs(trial.folder).tell(0, "train", 1, 3)
    assert watched.look(alframe.Job("running"), watch) is None
    assert watch.started == [("margin", 1, 0)]
    (done,) = [end for _, end in InTurn(found).run([dataclasses.replace(trial)], Watch())]
    assert watched.look(alframe.Job("running"), watch) == done or len(watch.rounds) == 3
    end = watched.look(alframe.Job("ended"), watch)
    assert repeatable(end.records) == repeatable(done.records)
    assert len(watch.rounds) == 3


def test_options_that_an_engine_has_not(sections):
    with pytest.raises(UsageError, match="unknown option 'quue' in section 'engine'|engine.*quue"):
        alframe.run(sections() | {"engine": {"quue": "long"}}, registry=registry())
    with pytest.raises(UsageError, match=r"run.jobs is how many processes .* and run.executor is engine"):
        alframe.run(sections(jobs=2), registry=registry())
    with pytest.raises(UsageError, match="unknown executor 'engin'. Did you mean 'engine'"):
        alframe.run(sections(executor="engin"), registry=registry())


def test_a_comma_in_an_engine_s_option_is_no_sweep(sections):
    config = sections() | {"engine": {"queue": "short,long"}}
    (settings,) = alframe.experiments.sweep.resolve_sweep(registry(), config)
    assert settings.executor_options.queue == "short,long"
    assert settings.unused_sections() == []
    assert "engine" not in settings.sections()


def test_why_jobs_wait_is_told_once(sections):
    watch = Watch()
    alframe.run(sections("busy"), registry=registry(), listener=watch)
    assert watch.notes[1:] == ["engine: waits for a machine"]
