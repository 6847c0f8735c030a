import numpy as np
import pytest
import torch

from alframe import PluginError, TrialError
from alframe.records.checkpoint import Checkpoint, DamagedError, packed, read_checkpoint, require_readable
from doubles import ORIGIN, make_round

SAVED = Checkpoint((make_round(),), {"w": torch.eye(2)}, ORIGIN, "a note", finished=True)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(packed(SAVED))
    return path


def test_what_is_packed_is_read(path):
    read = read_checkpoint(path)
    assert torch.equal(read.learner.pop("w"), torch.eye(2))
    assert read.learner == {}
    assert (read.rounds, read.origin, read.note, read.finished) == (SAVED.rounds, ORIGIN, "a note", True)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: b"", "it is cut off, or no checkpoint"),
        (lambda data: b"x" + data, "it is cut off, or no checkpoint"),
        (lambda data: data[:-1], "its checksum differs"),
        (lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:], "its checksum differs"),
    ],
)
def test_damage_is_told_by_its_kind(path, damage, reason):
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DamagedError, match=reason):
        read_checkpoint(path)


def test_another_format_is_no_damage(path, monkeypatch):
    monkeypatch.setattr("alframe.records.checkpoint.FORMAT", 99)
    path.write_bytes(packed(SAVED))
    monkeypatch.undo()
    with pytest.raises(TrialError, match="has format 99, this alframe reads 3"):
        read_checkpoint(path)


def test_a_folder_in_its_place_is_damage(tmp_path):
    with pytest.raises(DamagedError, match="directory"):
        read_checkpoint(tmp_path)


class Own:
    pass


@pytest.mark.parametrize("kept", [lambda: 0, Own(), np.zeros(2)], ids=["function", "object", "array"])
def test_what_would_not_come_back_is_the_plugins_fault(kept):
    require_readable({"mine": {"kept": [torch.eye(2), 1, "x", None]}})
    with pytest.raises(PluginError, match=r"plugin 'mine' keeps in ctx.state what a checkpoint can't hold"):
        require_readable({"mine": {"kept": kept}})
