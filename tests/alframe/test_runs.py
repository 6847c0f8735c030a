import json
import os

import pytest
import torch

from alframe import TrialError, UsageError
from alframe.runs import TrialFolder, require_writable

RECORDS = [{"round": 0, "accuracy": 0.5, "queried": [1, 2]}, {"round": 1, "accuracy": 0.6, "queried": [3]}]
LEARNER = {"labelled": torch.tensor([1, 2, 3]), "model": {"w": torch.eye(2)}, "plugins": {"x": {"n": 1}}}


@pytest.fixture
def folder(tmp_path):
    folder = TrialFolder(tmp_path / "trial")
    folder.describe({"run": {"rounds": 3}}, {"python": "3"})
    return folder


def test_what_is_saved_is_loaded(folder):
    folder.save(RECORDS, LEARNER, "a note", finished=True)
    state = folder.load()
    assert state["records"] == RECORDS
    assert state["note"] == "a note"
    assert state["finished"]
    assert torch.equal(state["learner"]["model"]["w"], torch.eye(2))
    assert state["learner"]["plugins"] == {"x": {"n": 1}}
    lines = (folder.path / "rounds.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == RECORDS
    assert folder.progress() == (2, True)
    assert not list(folder.path.glob("*.tmp"))


def test_nothing_there_yet(tmp_path):
    folder = TrialFolder(tmp_path / "trial")
    assert folder.load() is None
    assert folder.progress() == (0, False)


def test_rounds_are_brought_up_to_date_from_the_checkpoint(folder):
    folder.save(RECORDS[:1], LEARNER, "", finished=False)
    old = (folder.path / "rounds.jsonl").read_text()
    folder.save(RECORDS, LEARNER, "", finished=False)
    new = (folder.path / "rounds.jsonl").read_text()
    (folder.path / "rounds.jsonl").write_text(old)  # as if killed between the two files
    folder.load()
    assert (folder.path / "rounds.jsonl").read_text() == new


def test_a_crash_while_writing_leaves_the_old_file(folder, monkeypatch):
    folder.save(RECORDS[:1], LEARNER, "", finished=False)

    def crash(state, file):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", crash)
    with pytest.raises(KeyboardInterrupt):
        folder.save(RECORDS, LEARNER, "", finished=False)
    monkeypatch.undo()
    assert folder.load()["records"] == RECORDS[:1]


@pytest.mark.parametrize(
    "damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"x" * 99]
)
def test_a_damaged_checkpoint_is_named(folder, damage):
    folder.save(RECORDS, LEARNER, "", finished=False)
    path = folder.path / "checkpoint.pt"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(TrialError, match=r"checkpoint.pt can't be read.*--force"):
        folder.load()


def test_a_checkpoint_of_another_format(folder, monkeypatch):
    monkeypatch.setattr("alframe.runs.FORMAT", 99)
    folder.save(RECORDS, LEARNER, "", finished=False)
    monkeypatch.undo()
    with pytest.raises(TrialError, match="has format 99, this alframe reads 1"):
        folder.load()


def test_clear(folder):
    folder.clear()
    assert not folder.path.exists()
    folder.clear()


@pytest.mark.parametrize("where", ["file/below", "file"])
def test_a_folder_that_cannot_be_written_to(tmp_path, where):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="can't be written to: .*--out"):
        require_writable(tmp_path / where)


def test_a_writable_folder_is_made_and_left_empty(tmp_path):
    require_writable(tmp_path / "a" / "b")
    assert os.listdir(tmp_path / "a" / "b") == []
