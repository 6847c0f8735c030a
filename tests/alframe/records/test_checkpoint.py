import hashlib
import json
import pickle

import numpy as np
import pytest
import torch

from alframe import PluginError, TrialError
from alframe.records.checkpoint import (
    FORMAT,
    MARK,
    Checkpoint,
    DamagedError,
    lines_of,
    packed,
    read_checkpoint,
    require_readable,
    sealed,
)
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


STATE = {
    "rounds": lines_of(SAVED.rounds),
    "learner": {"w": torch.eye(2)},
    "origin": ORIGIN.as_dict(),
    "note": "",
    "finished": True,
}


def rounds(**changes):
    return {"rounds": json.dumps(SAVED.rounds[0].as_dict() | changes) + "\n"}


FORGED = {
    **{f"without {name}": {k: v for k, v in STATE.items() if k != name} for name in STATE},
    **{f"{name} is a number": STATE | {name: 7} for name in STATE},
    "a list": [1, 2],
    "a tensor": torch.eye(2),
    "no rounds": STATE | {"rounds": ""},
    "deep rounds": STATE | {"rounds": "[" * 100_000},
    "a round that is a list": STATE | {"rounds": "[1]\n"},
    "another round": STATE | rounds(round=3),
    "labels as text": STATE | rounds(labelled="many"),
    "accuracy": STATE | rounds(accuracy=2),
    "seconds as text": STATE | rounds(query_seconds="long"),
    "queried": STATE | rounds(queried=["a"]),
    "queried below 0": STATE | rounds(queried=[-1]),
    "logged": STATE | rounds(logged={"a": 1}),
}


@pytest.mark.parametrize("state", FORGED.values(), ids=FORGED.keys())
def test_the_right_checksum_of_a_wrong_content_is_damage(path, state):
    path.write_bytes(sealed(FORMAT, STATE))
    assert read_checkpoint(path).rounds == SAVED.rounds
    path.write_bytes(sealed(FORMAT, state))
    with pytest.raises(DamagedError, match="its records|does not hold what a checkpoint does"):
        read_checkpoint(path)


def test_what_torch_does_not_load_is_damage(path):
    content = b"no archive"
    checksum = hashlib.sha256(content).hexdigest().encode()
    path.write_bytes(b"%s %d %s\n%s" % (MARK, FORMAT, checksum, content))
    with pytest.raises(DamagedError, match="does not hold what a checkpoint does"):
        read_checkpoint(path)


def test_the_format_of_an_earlier_alframe(path):
    state = {k: v for k, v in STATE.items() if k != "origin"}
    path.write_bytes(sealed(2, state | {"learner": {"w": torch.eye(2), "data": "told by"}}))
    read = read_checkpoint(path)
    assert (read.origin, read.fingerprint, read.finished) == (None, "told by", True)
    assert set(read.learner) == {"w"}


class Own:
    pass


@pytest.mark.parametrize("kept", [lambda: 0, Own(), np.zeros(2)], ids=["function", "object", "array"])
def test_what_would_not_come_back_is_the_plugins_fault(kept):
    require_readable({"mine": {"kept": [torch.eye(2), 1, "x", None]}})
    with pytest.raises(PluginError, match=r"plugin 'mine' keeps in ctx.state what a checkpoint can't hold"):
        require_readable({"mine": {"kept": kept}})


def test_a_forged_one_whose_values_have_no_end_is_not_given_to_torch(path):
    content = pickle.dumps(1, 2) + b"\x80\x02}q\x00)" + b"\x85" * 400_000 + b"Ns."
    head = path.read_bytes().partition(b"\n")[0].rpartition(b" ")[0]
    path.write_bytes(b"%s %s\n%s" % (head, hashlib.sha256(content).hexdigest().encode(), content))
    with pytest.raises(DamagedError, match="its values are nested beyond all measure"):
        read_checkpoint(path)
