import contextlib
import errno
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from alframe import PluginError, TrialError, UsageError
from alframe.contract.trial import Round
from alframe.records.checkpoint import Checkpoint
from alframe.records.folder import TrialFolder
from alframe.records.writing import require_writable
from doubles import ORIGIN, make_round

ROUNDS = (make_round(0, 2, queried=(1, 2)), make_round(1, 3, 0.6, queried=(3,)))
LEARNER = {"labelled": torch.tensor([1, 2, 3]), "model": {"w": torch.eye(2)}, "plugins": {"x": {"n": 1}}}


@pytest.fixture
def folder(tmp_path):
    folder = TrialFolder(tmp_path / "trial")
    folder.describe({"run": {"rounds": 3}}, {"python": "3"})
    return folder


def test_what_is_saved_is_loaded(folder):
    folder.save(Checkpoint(ROUNDS, LEARNER, ORIGIN, "a note", finished=True))
    state = folder.load()
    assert state.rounds == ROUNDS
    assert state.note == "a note"
    assert state.finished
    assert torch.equal(state.learner["model"]["w"], torch.eye(2))
    assert state.learner["plugins"] == {"x": {"n": 1}}
    lines = (folder.path / "rounds.jsonl").read_text().splitlines()
    assert tuple(Round.of(json.loads(line)) for line in lines) == ROUNDS
    assert folder.progress() == (2, True)
    assert not list(folder.path.glob("*.tmp"))


class Own:
    pass


@pytest.mark.parametrize("kept", [lambda: 0, Own(), np.zeros(2)], ids=["function", "object", "array"])
def test_what_a_plugin_keeps_and_would_not_come_back_is_its_fault(folder, kept):
    folder.save(Checkpoint(ROUNDS[:1], LEARNER, ORIGIN, "", finished=False))
    with pytest.raises(PluginError, match=r"plugin 'mine' keeps in ctx.state what a checkpoint can't hold"):
        folder.save(
            Checkpoint(ROUNDS, LEARNER | {"plugins": {"mine": {"kept": kept}}}, ORIGIN, "", finished=True)
        )
    assert folder.progress() == (1, False)


def test_nothing_there_yet(tmp_path):
    folder = TrialFolder(tmp_path / "trial")
    assert folder.load() is None
    assert folder.progress() == (0, False)


def test_rounds_are_brought_up_to_date_from_the_checkpoint(folder):
    folder.save(Checkpoint(ROUNDS[:1], LEARNER, ORIGIN, "", finished=False))
    old = (folder.path / "rounds.jsonl").read_text()
    folder.save(Checkpoint(ROUNDS, LEARNER, ORIGIN, "", finished=False))
    new = (folder.path / "rounds.jsonl").read_text()
    (folder.path / "rounds.jsonl").write_text(old)  # as if killed between the two files
    folder.load()
    assert (folder.path / "rounds.jsonl").read_text() == new


def test_power_lost_at_any_step_of_writing_leaves_the_old_state_or_the_new(tmp_path, monkeypatch):
    """Step by step, until there is none at which it could be lost."""

    def saved_but_for(step):
        """The state after the power was lost at a step that reaches the disk; whether it was."""
        folder = TrialFolder(tmp_path / str(step))
        folder.describe({}, {})
        folder.save(Checkpoint(ROUNDS[:1], LEARNER, ORIGIN, "", finished=False))
        steps = itertools.count(1)

        def lost(do):
            def maybe(*arguments, **options):
                if next(steps) == step:
                    raise SystemExit
                return do(*arguments, **options)

            return maybe

        was_lost = False
        with monkeypatch.context() as patch:
            for where, name in ((Path, "replace"), (Path, "open"), (os, "fsync")):
                patch.setattr(where, name, lost(getattr(where, name)))
            try:
                folder.save(Checkpoint(ROUNDS, LEARNER, ORIGIN, "", finished=True))
            except SystemExit:
                was_lost = True
        state = TrialFolder(folder.path).load()
        lines = (folder.path / "rounds.jsonl").read_text().splitlines()
        assert tuple(Round.of(json.loads(line)) for line in lines) == state.rounds
        assert state.finished == (state.rounds == ROUNDS)
        return state.rounds, was_lost

    states = []
    for step in itertools.count(1):
        state, was_lost = saved_but_for(step)
        states.append(state)
        if not was_lost:
            break
    assert states[0] == ROUNDS[:1]
    assert states[-1] == ROUNDS
    changes = sum(before != after for before, after in itertools.pairwise(states))
    assert changes == 1  # the old state, then the new, and no way back


DAMAGE = {
    "cut off": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "something else": lambda data: b"x" * 99,
    "one bit": lambda data: data[:-50] + bytes([data[-50] ^ 1]) + data[-49:],
    "the checksum": lambda data: data.replace(b" 3 ", b" 3 0", 1),
}


class TestDamage:
    @pytest.fixture
    def two(self, folder):
        folder.save(Checkpoint(ROUNDS[:1], LEARNER, ORIGIN, "", finished=False))
        folder.save(Checkpoint(ROUNDS, LEARNER, ORIGIN, "", finished=True))
        return folder

    def damage(self, path, how):
        path.write_bytes(DAMAGE[how](path.read_bytes()))

    @pytest.mark.parametrize("how", DAMAGE)
    def test_of_the_checkpoint_leaves_the_round_before(self, two, how):
        self.damage(two.path / "checkpoint.pt", how)
        state = two.load()
        assert state.rounds == ROUNDS[:1]
        assert not state.finished
        assert torch.equal(state.learner["model"]["w"], torch.eye(2))
        (note,) = two.notes  # the records were good, and are a round longer
        assert "checkpoint.pt is damaged (" in note
        assert note.endswith("; the trial goes on from the round before")
        assert len((two.path / "rounds.jsonl").read_text().splitlines()) == 1

    @pytest.mark.parametrize("how", DAMAGE)
    def test_of_both_starts_anew(self, two, how):
        self.damage(two.path / "checkpoint.pt", how)
        self.damage(two.path / "checkpoint-previous.pt", how)
        assert two.load() is None
        assert len(two.notes) == 2
        assert two.notes[1].endswith("; the trial starts anew")

    def test_of_the_one_before_harms_nobody(self, two):
        self.damage(two.path / "checkpoint-previous.pt", "empty")
        assert two.load().rounds == ROUNDS
        assert two.notes == []

    def test_between_the_two_checkpoints_the_one_before_counts(self, two):
        (two.path / "checkpoint.pt").unlink()
        assert two.load().rounds == ROUNDS[:1]

    @pytest.mark.parametrize("how", ["cut off", "something else", "one bit"])
    def test_of_the_records_is_named_and_mended(self, two, how):
        rounds = two.path / "rounds.jsonl"
        whole = rounds.read_bytes()
        self.damage(rounds, how)
        assert two.load().rounds == ROUNDS
        assert "rounds.jsonl was damaged or changed; it is written anew" in two.notes[0]
        assert rounds.read_bytes() == whole

    def test_a_kill_between_the_files_is_none(self, two):
        rounds = two.path / "rounds.jsonl"
        rounds.write_text(rounds.read_text().splitlines(keepends=True)[0])
        two.load()
        assert two.notes == []


class TestDamageAndThen:
    """A damaged checkpoint must not take the place of the one before it, whatever happens next."""

    THIRD = (*ROUNDS, make_round(2, 4, 0.7, queried=(4,)))

    @pytest.fixture(params=DAMAGE)
    def damaged(self, folder, request):
        folder.save(Checkpoint(ROUNDS[:1], LEARNER, ORIGIN, "", finished=False))
        folder.save(Checkpoint(ROUNDS, LEARNER, ORIGIN, "", finished=False))
        path = folder.path / "checkpoint.pt"
        path.write_bytes(DAMAGE[request.param](path.read_bytes()))
        return TrialFolder(folder.path)

    def save(self, folder, rounds=ROUNDS):
        folder.save(Checkpoint(rounds, LEARNER, ORIGIN, "", finished=False))

    @pytest.mark.parametrize("is_read", [True, False])
    def test_a_full_disk_leaves_the_round_before(self, damaged, monkeypatch, is_read):
        def full(descriptor):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        if is_read:
            assert damaged.load().rounds == ROUNDS[:1]
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            for _ in range(2):
                with pytest.raises(TrialError, match="No space left on device"):
                    self.save(damaged)
        assert TrialFolder(damaged.path).load().rounds == ROUNDS[:1]
        self.save(damaged)
        self.save(damaged, self.THIRD)
        assert TrialFolder(damaged.path).load().rounds == self.THIRD
        (damaged.path / "checkpoint.pt").unlink()
        assert TrialFolder(damaged.path).load().rounds == ROUNDS

    def test_a_kill_at_any_step_leaves_the_round_before_or_the_new_one(self, damaged, monkeypatch):
        for step in range(1, 9):
            steps = itertools.count(1)

            def killed(do, step=step, steps=steps):
                def maybe(*arguments, **options):
                    if next(steps) == step:
                        raise SystemExit
                    return do(*arguments, **options)

                return maybe

            again = TrialFolder(damaged.path)
            assert again.load().rounds in (ROUNDS[:1], ROUNDS)
            with monkeypatch.context() as patch:
                for where, name in ((Path, "replace"), (Path, "open"), (os, "fsync")):
                    patch.setattr(where, name, killed(getattr(where, name)))
                with contextlib.suppress(SystemExit):
                    self.save(again)
            assert TrialFolder(damaged.path).load().rounds in (ROUNDS[:1], ROUNDS)
        assert TrialFolder(damaged.path).load().rounds == ROUNDS


class TestStrangers:
    """What stands in the place of a file is damage, and is not waited for."""

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes by name here")
    @pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
    def test_pipes_and_devices(self, folder, make):
        for rounds in (ROUNDS[:1], ROUNDS):
            folder.save(Checkpoint(rounds, LEARNER, ORIGIN, "", finished=False))
        for name in ("checkpoint.pt", "rounds.jsonl", "environment.json"):
            (folder.path / name).unlink()
            make(folder.path / name)
        again = TrialFolder(folder.path)
        assert again.load().rounds == ROUNDS[:1]
        assert "checkpoint.pt is damaged (not a file, but a pipe or a device)" in again.notes[0]
        assert again.environment() == {}
        again.describe({}, {})
        again.save(Checkpoint(ROUNDS, LEARNER, ORIGIN, "", finished=True))
        assert folder.load().rounds == ROUNDS
        assert len((folder.path / "rounds.jsonl").read_text().splitlines()) == 2

    def test_folders(self, folder):
        (folder.path / "checkpoint.pt").mkdir()
        assert folder.load() is None
        with pytest.raises(TrialError, match="can't be written to: Is a directory"):
            folder.save(Checkpoint(ROUNDS, LEARNER, ORIGIN, "", finished=False))

    @pytest.mark.parametrize(
        "text", ["[" * 100_000, "[1]", '{"plugins": [1]}', '{"plugins": {"a": 1}}', "\xff"]
    )
    def test_an_environment_that_was_edited(self, folder, text):
        (folder.path / "environment.json").write_bytes(text.encode("latin-1"))
        assert folder.environment() in ({}, {"plugins": {}})


def test_what_does_not_pass_the_check_is_left_as_it_is(folder):
    folder.save(Checkpoint(ROUNDS, LEARNER, ORIGIN, "", finished=True))
    (folder.path / "rounds.jsonl").write_text("changed")

    def refuse(saved):
        assert saved.rounds == ROUNDS
        raise TrialError("another's")

    with pytest.raises(TrialError, match="another's"):
        folder.load(refuse)
    assert (folder.path / "rounds.jsonl").read_text() == "changed"


def test_a_trial_of_an_earlier_alframe_is_given_an_origin(folder):
    folder.save(Checkpoint(ROUNDS, LEARNER, ORIGIN, "why", finished=True))
    saved = folder.load()
    folder.adopt(saved, ORIGIN)
    again = folder.load()
    assert (again.origin, again.rounds, again.note, again.finished) == (ORIGIN, ROUNDS, "why", True)
    environment = json.loads((folder.path / "environment.json").read_text())
    assert environment["python"] == "3"
    assert environment["trial"]["strategy"] == "margin"
    (folder.path / "environment.json").write_text("[" * 100_000)
    folder.adopt(saved, ORIGIN)
    assert json.loads((folder.path / "environment.json").read_text())["trial"]["seed"] == "1"


class TestHeld:
    def test_another_holder_is_told_who_has_it(self, folder):
        told = pytest.raises(TrialError, match=f"in use by process {os.getpid()} on ")
        with folder.held(), told, TrialFolder(folder.path).held():
            pass
        with TrialFolder(folder.path).held():
            pass

    def test_a_killed_holder_holds_no_longer(self, folder):
        code = (
            "import os, sys, pathlib; from alframe.records.folder import TrialFolder\n"
            f"with TrialFolder(pathlib.Path({str(folder.path)!r})).held():\n"
            "    print('held', flush=True); sys.stdin.read()"
        )
        holder = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        with holder:
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(TrialError, match=f"in use by process {holder.pid} on "), folder.held():
                pass
            holder.kill()
        with folder.held():
            pass

    def test_a_folder_that_cannot_be_made(self, tmp_path):
        (tmp_path / "file").write_text("")
        with (
            pytest.raises(UsageError, match="can't be written to"),
            TrialFolder(tmp_path / "file" / "x").held(),
        ):
            pass


def test_a_checkpoint_of_another_format(folder, monkeypatch):
    monkeypatch.setattr("alframe.records.checkpoint.FORMAT", 99)
    folder.save(Checkpoint(ROUNDS, LEARNER, ORIGIN, "", finished=False))
    monkeypatch.undo()
    with pytest.raises(TrialError, match="has format 99, this alframe reads 3"):
        folder.load()


def test_features_are_kept_whole_or_not_at_all(folder, monkeypatch):
    def full_disk(file):
        raise OSError(28, "No space left on device")

    features = torch.arange(6, dtype=torch.bfloat16).reshape(3, 2)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full_disk)
        with pytest.raises(TrialError, match="trial can't be written to: No space left on device"):
            folder.keep_features(features)
    assert not folder.has_features
    folder.keep_features(features)
    assert folder.has_features
    kept = np.load(folder.path / "features.npy", allow_pickle=False)
    assert kept.dtype == np.float32
    assert kept.tolist() == [[0, 1], [2, 3], [4, 5]]


def test_clear(folder):
    folder.clear()
    assert not folder.path.exists()
    folder.clear()


class TestNoRoom:
    """A full disk, at each place where something is written."""

    MESSAGE = "can't be written to: No space left on device; what was written stays, and the same command"

    @pytest.fixture
    def fill(self, monkeypatch):
        """Fills the disk: files can be made, but what is written into those of a name fails."""

        def fill(name, number=errno.ENOSPC):
            def fsync(descriptor):
                if name in os.readlink(f"/proc/self/fd/{descriptor}"):
                    raise OSError(number, os.strerror(number))

            monkeypatch.setattr(os, "fsync", fsync)

        return fill

    @pytest.mark.parametrize("name", ["config.toml", "environment.json"])
    def test_for_the_description(self, tmp_path, fill, name):
        fill(name)
        folder = TrialFolder(tmp_path / "trial")
        with pytest.raises(TrialError, match=self.MESSAGE):
            folder.describe({}, {})
        assert not list(folder.path.glob("*.tmp"))

    @pytest.mark.parametrize("name", ["checkpoint.pt", "rounds.jsonl"])
    def test_for_a_round(self, folder, fill, monkeypatch, name):
        folder.save(Checkpoint(ROUNDS[:1], LEARNER, ORIGIN, "", finished=False))
        fill(name)
        with pytest.raises(TrialError, match=self.MESSAGE):
            folder.save(Checkpoint(ROUNDS, LEARNER, ORIGIN, "", finished=True))
        assert not list(folder.path.glob("*.tmp"))
        lines = (folder.path / "rounds.jsonl").read_text().splitlines()
        assert tuple(Round.of(json.loads(line)) for line in lines) == ROUNDS[:1]
        kept = ROUNDS[:1] if name == "checkpoint.pt" else ROUNDS
        assert folder.progress() == (len(kept), kept == ROUNDS)
        monkeypatch.undo()
        assert folder.load().rounds == kept
        folder.save(Checkpoint(ROUNDS, LEARNER, ORIGIN, "", finished=True))
        assert folder.load().rounds == ROUNDS

    def test_for_mending_the_records(self, folder, fill):
        folder.save(Checkpoint(ROUNDS, LEARNER, ORIGIN, "", finished=True))
        (folder.path / "rounds.jsonl").unlink()
        fill("rounds.jsonl", errno.EDQUOT)
        with pytest.raises(
            TrialError, match="can't be written to: Disk quota exceeded; what was written stays"
        ):
            folder.load()
        assert folder.progress() == (2, True)

    def test_for_a_folder(self, tmp_path, monkeypatch):
        def mkdir(*args, **kwargs):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("pathlib.Path.mkdir", mkdir)
        with pytest.raises(TrialError, match=self.MESSAGE), TrialFolder(tmp_path / "a" / "b").held():
            pass

    def test_for_the_holders_name(self, folder, monkeypatch):
        def fsync(descriptor):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("os.fsync", fsync)
        with folder.held():
            told = pytest.raises(TrialError, match="is in use by another process")
            with told, TrialFolder(folder.path).held():
                pass

    def test_is_known_before_anything_runs(self, tmp_path, monkeypatch):
        def fsync(descriptor):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("os.fsync", fsync)
        with pytest.raises(UsageError, match="No space left on device; choose another with --out"):
            require_writable(tmp_path)
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOTDIR])
def test_a_wrong_folder_is_a_wrong_command(folder, monkeypatch, number):
    def fsync(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(UsageError, match=f"can't be written to: {os.strerror(number)}$"):
        folder.describe({}, {})
    with pytest.raises(TrialError, match=f"can't be written to: {os.strerror(number)}$"):
        folder.save(Checkpoint(ROUNDS, LEARNER, ORIGIN, "", finished=False))


def test_a_folder_that_cannot_be_removed(folder, monkeypatch):
    def unlink(*args, **kwargs):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "unlink", unlink)
    with pytest.raises(UsageError, match="can't be removed: Read-only file system"):
        folder.clear()


def test_asking_for_the_progress_writes_nothing(folder):
    folder.save(Checkpoint(ROUNDS, LEARNER, ORIGIN, "", finished=True))
    (folder.path / "rounds.jsonl").write_text("damaged")
    assert folder.progress() == (2, True)
    assert (folder.path / "rounds.jsonl").read_text() == "damaged"
