import math
import sys
from types import SimpleNamespace

import pytest

pytest.importorskip("tensorboard")

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import alframe_tensorboard
from alframe import Round, UsageError
from alframe_tensorboard._events import append, start


def record(labelled, accuracy=0.5, **others):
    return Round.of({"round": 0, "labelled": labelled, "accuracy": accuracy, "queried": [1, 2]} | others)


def curve(folder, tag="round/accuracy"):
    found = EventAccumulator(str(folder))
    found.Reload()
    return [(event.step, round(event.value, 3)) for event in found.Scalars(tag)]


def test_rounds_are_read_back(tmp_path):
    start(tmp_path, [])
    append(tmp_path, record(10, 0.5, diagnostics={"margin": 0.25}, note="text", unknown=None, bad=math.nan))
    append(tmp_path, record(20, 0.75))
    assert curve(tmp_path) == [(10, 0.5), (20, 0.75)]
    assert curve(tmp_path, "diagnostics/margin") == [(10, 0.25)]
    found = EventAccumulator(str(tmp_path))
    found.Reload()
    wanted = {"round/round", "round/labelled", "round/accuracy", "diagnostics/margin"}
    assert set(found.Tags()["scalars"]) == wanted


def test_a_continued_trial_has_each_round_once(tmp_path):
    start(tmp_path, [])
    append(tmp_path, record(10, 0.1))
    append(tmp_path, record(20, 0.2))  # killed before the checkpoint: the round is run again
    watching = EventAccumulator(str(tmp_path))
    watching.Reload()
    start(tmp_path, [record(10, 0.1)])
    append(tmp_path, record(20, 0.3))
    assert curve(tmp_path) == [(10, 0.1), (20, 0.3)]
    watching.Reload()
    assert [(e.step, round(e.value, 3)) for e in watching.Scalars("round/accuracy")] == [(10, 0.1), (20, 0.3)]
    for _ in range(3):
        start(tmp_path, [record(10, 0.1)])
    assert len(list(tmp_path.iterdir())) == 2


def test_an_event_file_that_was_cut_off_is_no_loss(tmp_path):
    start(tmp_path, [record(10, 0.1), record(20, 0.2)])
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-9])
    start(tmp_path, [record(10, 0.1), record(20, 0.2)])
    assert curve(tmp_path) == [(10, 0.1), (20, 0.2)]


def test_the_hooks_follow_a_trial(tmp_path):
    run = SimpleNamespace(folder=tmp_path)
    alframe_tensorboard.alframe_run_started(run)
    alframe_tensorboard.alframe_round_finished(run, record(10, 0.5).as_dict())
    assert curve(tmp_path / "tensorboard") == [(10, 0.5)]


def test_without_the_library_the_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    monkeypatch.delitem(sys.modules, "alframe_tensorboard._events")
    with pytest.raises(UsageError, match=r'pip install "alframe\[tensorboard\]"'):
        alframe_tensorboard.alframe_run_started(SimpleNamespace(folder=tmp_path))


def test_no_link_is_written_through_or_emptied(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    start(elsewhere, [record(10, 0.1)])
    start(elsewhere, [record(10, 0.1)])
    before = {path.name: path.read_bytes() for path in elsewhere.iterdir()}
    (tmp_path / "linked").symlink_to(elsewhere)
    (tmp_path / "files").mkdir()
    for number, path in enumerate(elsewhere.iterdir()):
        (tmp_path / "files" / f"events.out.tfevents.9{number}").symlink_to(path)
    for name in ("linked", "files"):
        start(tmp_path / name, [])
        append(tmp_path / name, record(20, 0.2))
        assert curve(tmp_path / name) == [(20, 0.2)]
    assert {path.name: path.read_bytes() for path in elsewhere.iterdir()} == before
