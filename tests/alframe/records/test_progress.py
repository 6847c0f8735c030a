import os

import pytest
import torch

from alframe.records.checkpoint import Checkpoint
from alframe.records.folder import TrialFolder
from alframe.records.progress import progress_of
from doubles import ORIGIN, make_round

ROUNDS = tuple(make_round(number, 10 * (number + 1)) for number in range(3))


@pytest.fixture
def save(tmp_path):
    def save(rounds, *, finished=False, plugins=None, note=""):
        state = {"weights": torch.randn(100), "plugins": plugins or {}}
        TrialFolder(tmp_path / "seed-1").save(
            Checkpoint(ROUNDS[:rounds], state, ORIGIN, note, finished=finished)
        )

    (tmp_path / "seed-1").mkdir()
    return save


def test_nothing_there_is_nothing_done(tmp_path):
    assert progress_of(tmp_path / "seed-1", None) == (0, False)
    assert progress_of(tmp_path / "seed-1", 3) == (0, False)


@pytest.mark.parametrize("of", [None, 3])
def test_it_is_what_the_checkpoint_says(tmp_path, save, of):
    for rounds in (1, 2, 3):
        save(rounds, finished=rounds == 3)
        assert progress_of(tmp_path / "seed-1", of) == TrialFolder(tmp_path / "seed-1").progress()


def test_a_trial_that_ended_early_is_finished(tmp_path, save):
    save(2, finished=True, note="accuracy 0.9 is reached")
    assert progress_of(tmp_path / "seed-1", 3) == (2, True)
    save(2, plugins={"mine": {"finished": True}})
    assert progress_of(tmp_path / "seed-1", 3) == (2, False)
    save(2, plugins={"mine": {"finished": False}}, finished=True)
    assert progress_of(tmp_path / "seed-1", 3) == (2, True)


def test_between_two_checkpoints_the_one_before_counts(tmp_path, save):
    save(1)
    save(2, finished=True)
    (tmp_path / "seed-1" / "checkpoint.pt").replace(tmp_path / "seed-1" / "checkpoint-previous.pt")
    assert progress_of(tmp_path / "seed-1", 3) == (2, True)


@pytest.mark.parametrize("content", [b"", b"alframe checkpoint 3 x\nPK", os.urandom(2000)])
def test_what_is_damaged_is_not_finished(tmp_path, save, content):
    save(2, finished=True)
    (tmp_path / "seed-1" / "checkpoint.pt").write_bytes(content)
    assert progress_of(tmp_path / "seed-1", 3) == (2, False)


def test_pipes_are_not_waited_for(tmp_path):
    (tmp_path / "seed-1").mkdir()
    for name in ("checkpoint.pt", "rounds.jsonl"):
        os.mkfifo(tmp_path / "seed-1" / name)
    assert progress_of(tmp_path / "seed-1", None) == (0, False)
