import json
import os
import re
import sys

import numpy as np
import pytest

from alframe import UsageError
from alframe.experiments.plan import plan
from alframe.experiments.sweep import resolve_sweep
from alframe.experiments.tasks import WrittenTask, hash_of, read_task, tasks_in, write_tasks
from alframe.registry.registry import Registry

PLUGIN = """
import pathlib
from alframe import hookimpl
pathlib.Path(__file__).with_name("was-run").touch()

@hookimpl
def alframe_score(pool):
    return -pool.probs.max(1).values
"""


@pytest.fixture
def planned(tmp_path, monkeypatch):
    """Two trials of a plugin that is a file, every path relative to the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sure.py").write_text(PLUGIN)
    np.savez("points.npz", x=np.zeros((40, 3), np.float32), y=np.arange(40) % 2)
    registry = Registry()
    registry.require_file(tmp_path / "sure.py")
    run = {"strategy": ["sure"], "seeds": [1, 2], "initial_size": 5, "query_size": 5, "rounds": 1}
    sections = {"run": run | {"out": "runs"}, "data": {"name": "npz:points.npz"}, "stop": {"accuracy": 0.9}}
    return plan(resolve_sweep(registry, sections))


def test_a_task_comes_back_as_it_was_written_and_is_the_same_trial_elsewhere(planned, tmp_path, monkeypatch):
    trial = planned[1]
    wanted = trial.folder.absolute()
    folder = write_tasks(planned)
    assert folder.parent == tmp_path / "runs" / ".tasks"
    assert re.fullmatch("[0-9a-f]{8}", folder.name)
    assert [path.name for path in tasks_in(folder)] == ["0.json", "1.json"]
    found = read_task(folder / "1.json")
    assert found.as_json() == WrittenTask.of(trial).as_json()
    assert (found.name, found.folder, found.rounds) == ("sure seed 2", wanted, 2)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    found.require_same_code()
    again = found.task.trial(Registry())
    assert again.folder == wanted
    assert again.settings.location == str(tmp_path / "points.npz")
    assert again.config == trial.config | {
        name: trial.config[name] | changed
        for name, changed in {
            "run": {"out": str(tmp_path / "runs"), "together": "off"},
            "data": {"dir": str(tmp_path / "data"), "name": f"npz:{tmp_path / 'points.npz'}"},
        }.items()
    }


def test_the_same_trials_have_the_same_folder_and_others_another(planned):
    assert write_tasks(planned) == write_tasks(planned)
    assert write_tasks(planned[:1]) != write_tasks(planned)
    assert write_tasks(planned, force=True) != write_tasks(planned)
    assert read_task(write_tasks(planned, force=True) / "0.json").force


def test_all_of_it_is_plain_and_no_path_is_relative(planned):
    document = json.loads((write_tasks(planned) / "0.json").read_text())
    assert document["format"] == 1
    assert os.path.isabs(document["sections"]["run"]["out"])
    assert os.path.isabs(document["plugins"][0]["path"])
    assert document["sections"]["run"]["seeds"] == [1]


def test_reading_a_task_runs_nothing(planned, tmp_path):
    folder = write_tasks(planned)
    (tmp_path / "was-run").unlink()
    before = set(sys.modules)
    read_task(folder / "0.json").require_same_code()
    assert not (tmp_path / "was-run").exists()
    assert set(sys.modules) == before


def test_a_changed_plugin_is_refused(planned, tmp_path):
    found = read_task(write_tasks(planned) / "0.json")
    (tmp_path / "sure.py").write_text(PLUGIN + "\n")
    with pytest.raises(UsageError, match=r"^plugin .*sure\.py is not what it was when the task of sure seed"):
        found.require_same_code()
    (tmp_path / "sure.py").unlink()
    with pytest.raises(UsageError, match=r"sure\.py can't be read: No such file"):
        found.require_same_code()


def changed(folder, **fields):
    path = folder / "0.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))
    return path


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"format": 2}, "has format 2, and this alframe reads 1; make the tasks anew"),
        ({"format": None}, "has format None, and"),
        ({"sections": []}, "is damaged: sections lacking"),
        ({"sections": {}}, "is damaged: sections or plugins lacking"),
        ({"plugins": [{"path": 3}]}, "is damaged: sections or plugins lacking"),
        ({"force": "yes", "name": 1}, "is damaged: name, force lacking"),
    ],
)
def test_what_is_no_task_is_refused_in_a_line(planned, fields, message):
    with pytest.raises(UsageError, match=message) as refused:
        read_task(changed(write_tasks(planned), **fields))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("version", "fine"), [("0.1.99", True), ("0.0.1", False), ("1.1.0", False)])
def test_another_minor_version_is_refused(planned, monkeypatch, version, fine):
    monkeypatch.setattr("alframe.experiments.tasks.installed_version", lambda name: "0.1.0")
    task = read_task(changed(write_tasks(planned), alframe=version))
    if fine:
        task.require_same_code()
        return
    with pytest.raises(UsageError, match=f"was made by alframe {version}, and this is 0.1.0; install"):
        task.require_same_code()


@pytest.mark.parametrize("text", ["", "{", "[1]", "[" * 100_000, "\xff"])
def test_damaged_files_are_named(tmp_path, text):
    path = tmp_path / "0.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(UsageError, match=r"task .*0\.json"):
        read_task(path)


def test_a_folder_without_tasks_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"no tasks in .*: expected 0\.json"):
        tasks_in(tmp_path)
    with pytest.raises(UsageError, match="there is no task"):
        read_task(tmp_path / "0.json")


def test_a_plugins_folder_is_known_by_all_of_its_files(tmp_path):
    (tmp_path / "mine").mkdir()
    for name in ("__init__.py", "_mine.py"):
        (tmp_path / "mine" / name).write_text("x = 1")
    before = hash_of(tmp_path / "mine")
    (tmp_path / "mine" / "_mine.py").write_text("x = 2")
    assert hash_of(tmp_path / "mine") != before
