"""Data in files are the same wherever they lie; others of the same name never share a folder in silence."""

import json
import os

import numpy as np
import pytest

from alframe import TrialError
from alframe.experiments.executors.in_turn import InTurn
from alframe.experiments.places import MOST_FOLDERS, has_other_data, mark_of, setting_of_kind
from alframe.experiments.plan import trials
from alframe.experiments.settings import resolve
from alframe.registry.registry import installed
from doubles import Watch


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a trial on ``x.npz`` of a folder, of points drawn anew; gives its end and its listener."""
    monkeypatch.chdir(tmp_path)

    def run(place, points, seed=1, *, force=False):
        (tmp_path / place).mkdir(exist_ok=True)
        inputs = np.random.default_rng(points).normal(size=(60, 3)).astype(np.float32)
        np.savez(tmp_path / place / "x.npz", x_train=inputs, y_train=np.arange(60) % 2)
        options = {"strategy": ["margin"], "seeds": [seed], "initial_size": 10, "query_size": 5, "rounds": 1}
        sections = {"run": options | {"device": "cpu"}, "data": {"name": f"npz:{place}/x.npz"}}
        planned = trials(resolve(installed(), sections | {"train": {"epochs": 1}}))
        watch = Watch()
        ((_, end),) = InTurn(installed(), force=force).run(planned, watch)
        return end, watch

    return run


def test_a_trial_goes_on_where_its_data_lie_elsewhere_by_now(run, tmp_path):
    first, _ = run("here", points=1)
    again, watch = run("there", points=1)
    assert watch.started == [("margin", 1, 2)]
    assert again.records == first.records
    assert len(list((tmp_path / "runs" / "npz-x").iterdir())) == 1


def test_other_data_of_the_same_name_and_size_are_refused_in_a_line(run):
    run("here", points=1)
    end, _ = run("there", points=2)
    assert isinstance(end, TrialError)
    assert "the data have changed since this trial began (training inputs)" in str(end)
    end, watch = run("there", points=2, seed=2)  # a trial that is not there yet
    assert isinstance(end, TrialError)
    assert watch.started == []
    assert "its trials are of other data than npz:there/x.npz; choose another folder with --out, or" in str(
        end
    )
    end, _ = run("there", points=2, seed=2, force=True)
    assert not isinstance(end, Exception)


def test_a_file_is_told_by_its_size_and_a_folder_by_its_folders(tmp_path):
    (tmp_path / "x").write_bytes(b"12345")
    assert mark_of(str(tmp_path / "x"), "PATH") == "file 5"
    marks = [mark_of(str(tmp_path), "PATH")]
    for name in ("a/b", "a/c"):
        (tmp_path / name).mkdir(parents=True)
        marks.append(mark_of(str(tmp_path), "NAME-or-PATH"))
    assert len(set(marks)) == 3
    (tmp_path / "a" / "1.png").touch()
    (tmp_path / ".hidden").mkdir()
    assert mark_of(str(tmp_path), "PATH") == marks[-1]


def test_what_is_not_there_has_no_mark(tmp_path):
    assert mark_of(str(tmp_path / "x"), "PATH") is None
    assert mark_of(str(tmp_path), "SESSION") is None
    assert mark_of("61", "ID-or-NAME") == "name 61"
    assert mark_of("a/b", "NAME-or-PATH") == "name a/b"
    assert mark_of("", "") == ""


def test_of_very_many_folders_some_are_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr("alframe.experiments.places.MOST_FOLDERS", 3)
    assert MOST_FOLDERS > 3
    for name in "abcde":
        (tmp_path / name).mkdir()
    before = mark_of(str(tmp_path), "PATH")
    (tmp_path / "f").mkdir()
    assert mark_of(str(tmp_path), "PATH") == before
    (tmp_path / "0").mkdir()
    assert mark_of(str(tmp_path), "PATH") != before


def test_a_folder_that_may_not_be_read_has_no_mark(tmp_path, monkeypatch):
    def refused(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refused)
    assert mark_of(str(tmp_path), "PATH") is None


def write(folder, kind="k", content="1"):
    folder.mkdir(parents=True)
    names = {"strategy": "margin", "seed": "1", "setting": "s", "kind": kind}
    (folder / "environment.json").write_text(json.dumps({"trial": names, "data": {"content": content}}))


def test_a_setting_is_known_by_the_kind_of_its_trials(tmp_path):
    assert setting_of_kind(tmp_path, "mlp", "k") is None
    write(tmp_path / "mlp-1" / "margin" / "seed-1")
    write(tmp_path / "mlp-2" / "margin" / "seed-1", kind="other")
    (tmp_path / "mlp-3" / "margin" / "seed-1").mkdir(parents=True)
    (tmp_path / "mlp-2" / "margin" / "seed-0").mkdir()
    (tmp_path / "mlp-2" / "margin" / "seed-0" / "environment.json").write_text("{")
    assert setting_of_kind(tmp_path, "mlp", "k") == "mlp-1"
    assert setting_of_kind(tmp_path, "cnn", "k") is None
    write(tmp_path / "mlp-4" / "margin" / "seed-1")
    assert setting_of_kind(tmp_path, "mlp", "k") is None  # nobody knows which


def test_trials_of_which_nothing_is_known_are_no_others(tmp_path):
    assert not has_other_data(tmp_path, "1", "x.npz")
    (tmp_path / "margin" / "seed-0").mkdir(parents=True)
    (tmp_path / "margin" / "seed-0" / "environment.json").write_text("{")
    assert not has_other_data(tmp_path, "1", "x.npz")
    write(tmp_path / "margin" / "seed-1", content="2")
    assert has_other_data(tmp_path, "1", "x.npz")
    write(tmp_path / "random" / "seed-1", content="1")
    assert not has_other_data(tmp_path, "1", "x.npz")
