import platform

import pytest

from alframe import UsageError
from alframe.experiments.executors.in_turn import InTurn
from alframe.experiments.plan import trials
from alframe.experiments.settings import resolve
from alframe.experiments.status import status_of
from alframe.experiments.tasks import tasks_in, write_tasks
from alframe.experiments.working import Worker
from alframe.records.folder import TrialFolder
from alframe.records.live import Signs
from alframe.registry.registry import Registry, installed
from doubles import Watch


@pytest.fixture
def planned(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def planned(seeds=(1, 2), **train):
        run = {"strategy": ["margin"], "seeds": list(seeds), "initial_size": 20, "query_size": 10}
        run |= {"rounds": 1, "device": "cpu", "together": "off"}
        return trials(resolve(installed(), {"run": run, "train": {"epochs": 2} | train}))

    return planned


def work(folder, watch=None):
    return list(Worker(Registry(), watch or Watch()).work(tasks_in(folder)))


def test_queued_running_and_done(planned, tmp_path):
    some = planned()
    folder = write_tasks(some)
    assert [(one.trial, one.state, one.of) for one in status_of(tmp_path / "runs")] == [
        ("margin seed 1", "queued", 2),
        ("margin seed 2", "queued", 2),
    ]
    seen = []
    work(folder, Watch(on_round=lambda trial: seen.append(status_of(tmp_path / "runs"))))
    first, second = seen[0]
    assert (first.state, first.where, first.of) == ("running", platform.node(), 2)
    assert 0 <= first.seen < 60
    assert second.state == "queued"
    assert [(one.state, one.rounds) for one in status_of(tmp_path / "runs")] == [("done", 2)] * 2
    assert not list((tmp_path / "runs").rglob(".*live*"))


def test_a_failure_has_its_reason_until_it_is_done(planned, tmp_path):
    folder = write_tasks(planned([1], learning_rate=1e30))
    work(folder)
    (one,) = status_of(tmp_path / "runs")
    assert one.state == "failed"
    assert "loss became NaN" in one.what
    assert not list((tmp_path / "runs").rglob(".*live*"))


def test_a_refused_task_has_failed(planned, tmp_path):
    folder = write_tasks(planned([1]))
    path = folder / "0.json"
    path.write_text(path.read_text().replace('"alframe": "', '"alframe": "99.'))
    work(folder)
    (one,) = status_of(tmp_path / "runs")
    assert (one.state, "was made by alframe 99." in one.what) == ("failed", True)


def test_a_trial_in_use_has_not_failed(planned, tmp_path):
    some = planned([1])
    folder = write_tasks(some)
    with TrialFolder(some[0].folder).held():
        work(folder)
    assert [one.state for one in status_of(tmp_path / "runs")] == ["queued"]


def test_an_interrupted_trial_and_a_killed_one_run_no_more(planned, tmp_path, monkeypatch):
    some = planned([1])
    with pytest.raises(KeyboardInterrupt):
        list(InTurn(installed()).run(some, Watch(stop_after=0)))
    (one,) = status_of(tmp_path / "runs")
    assert (one.state, one.rounds, one.of, one.what) == ("stopped", 1, 2, "")
    assert one.trial.endswith("margin/seed-1")
    Signs(some[0].folder.absolute()).tell(1)
    monkeypatch.setattr("alframe.experiments.status.is_dead", lambda sign: True)
    (one,) = status_of(tmp_path / "runs")
    assert (one.state, one.what) == ("stopped", "its process ended; it goes on when it is run again")


@pytest.mark.parametrize("text", ["", "[1]", '{"format": 9}'])
def test_a_damaged_task_is_a_row_and_hides_no_other(planned, tmp_path, text):
    folder = write_tasks(planned())
    (folder / "0.json").write_text(text)
    first, second = status_of(tmp_path / "runs")
    assert (first.state, first.trial) == ("damaged", f".tasks/{folder.name}/0.json")
    assert first.folder == str(folder / "0.json")
    assert "task " in first.what
    assert (second.state, second.trial) == ("queued", "margin seed 2")


def test_where_there_is_nothing_it_says_so(tmp_path):
    with pytest.raises(UsageError, match="no trials in"):
        status_of(tmp_path)
    with pytest.raises(UsageError, match="there is no folder"):
        status_of(tmp_path / "runs")
