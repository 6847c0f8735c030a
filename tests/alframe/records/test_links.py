"""Links in a folder that was got from somebody: nothing is written where they lead."""

import os

import pytest
import torch

from alframe import TrialError, UsageError
from alframe.records.checkpoint import Checkpoint
from alframe.records.folder import TrialFolder
from alframe.records.writing import replace, require_writable
from doubles import ORIGIN, make_round

WRITTEN = ("config.toml", "environment.json", "checkpoint.pt", "rounds.jsonl", "features.npy")


@pytest.fixture
def victim(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    victim = tmp_path / "elsewhere" / "victim"
    victim.write_text("precious")
    return victim


def work(path):
    """All that is written into a trial's folder."""
    folder = TrialFolder(path)
    with folder.held():
        folder.describe({"run": {}}, {"python": "3"})
        folder.save(Checkpoint((make_round(0, 2),), {"plugins": {}}, ORIGIN))
        folder.save(Checkpoint((make_round(0, 2), make_round(1, 3)), {"plugins": {}}, ORIGIN))
        folder.keep_features(torch.eye(2))
        folder.load()
    return folder


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("ending", ["", ".tmp"])
def test_no_file_of_a_trial_is_written_through_a_link(tmp_path, victim, name, ending):
    path = tmp_path / "seed-1"
    path.mkdir()
    (path / f"{name}{ending}").symlink_to(victim)
    assert work(path).progress()[0] == 2
    assert victim.read_text() == "precious"
    assert not (path / name).is_symlink()
    assert not list(path.glob("*.tmp"))


@pytest.mark.parametrize(
    "name", [".seed-1.owner", ".seed-1.owner.tmp", ".seed-1.lock", ".seed-1.lease", ".seed-1.generation"]
)
@pytest.mark.parametrize("exists", [True, False])
def test_no_lock_is_written_through_a_link(tmp_path, victim, name, exists):
    target = victim if exists else victim.with_name("new")
    (tmp_path / name).symlink_to(target)
    assert work(tmp_path / "seed-1").progress()[0] == 2
    assert [file.name for file in victim.parent.iterdir()] == ["victim"]
    assert victim.read_text() == "precious"


def test_a_pipe_in_the_owners_place_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr("alframe.records.locking.LOCK_SECONDS", 0)
    with TrialFolder(tmp_path / "seed-1").held():
        owner = tmp_path / ".seed-1.owner"
        owner.unlink()
        os.mkfifo(owner)
        with (
            pytest.raises(TrialError, match="in use by another process"),
            TrialFolder(tmp_path / "seed-1").held(),
        ):
            pass


def test_a_trial_that_leads_into_another_folder_is_refused(tmp_path, victim):
    path = tmp_path / "seed-1"
    path.symlink_to(victim.parent)
    with pytest.raises(UsageError, match=r"seed-1 leads to .*elsewhere, which is no trial's folder; remove"):
        work(path)
    assert [file.name for file in victim.parent.iterdir()] == ["victim"]
    with pytest.raises(UsageError, match="can't be removed"):
        TrialFolder(path).clear()
    assert victim.exists()


def test_folders_that_the_user_has_linked_go_on_working(tmp_path):
    """OUT on another disk, a trial on another disk before its first round and after it."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    require_writable(tmp_path / "out")
    assert work(tmp_path / "out" / "seed-1").progress()[0] == 2
    (tmp_path / "disk" / "empty").mkdir()
    for target in ("seed-1", "empty"):
        (tmp_path / "out" / "seed-2").symlink_to(tmp_path / "disk" / target)
        assert work(tmp_path / "out" / "seed-2").progress()[0] == 2
        (tmp_path / "out" / "seed-2").unlink()


def test_whether_a_folder_can_be_written_to_is_not_tried_through_a_link(tmp_path, victim):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / f".alframe-{os.getpid()}").symlink_to(victim)
    require_writable(tmp_path / "out")
    assert victim.read_text() == "precious"


def test_a_folder_in_the_place_of_the_temporary_file(tmp_path):
    (tmp_path / "file.tmp").mkdir()
    with pytest.raises(OSError, match="directory"):
        replace(tmp_path / "file", lambda file: file.write(b"x"))
    assert not (tmp_path / "file").exists()


def test_what_the_file_was_is_no_hard_link_to_what_it_becomes(tmp_path, victim):
    os.link(victim, tmp_path / "file")
    replace(tmp_path / "file", lambda file: file.write(b"new"))
    assert victim.read_text() == "precious"
