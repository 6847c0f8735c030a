"""Formats of plugins: what they get wrong is named, and leaves nothing behind."""

import errno
import os

import pytest

from alframe import FormatInfo, Imported, PluginError, TrialError, UsageError
from alframe.labelling.formats.catalogue import FORMATS as OWN
from alframe.labelling.formats.catalogue import import_labels, named, writing
from alframe.registry.offers import FORMATS
from alframe.registry.registry import installed


def write_lines(session, path, predictions):
    path.write_text("".join(f"{one.label} {session.samples[n].id}\n" for n, one in session.labels().items()))


def read_lines(session, path):
    rows = [line.split(" ") for line in path.read_text().splitlines()]
    return Imported([{"sample": sample, "label": label} for label, sample in rows], ["by hand"])


@pytest.fixture
def offer(make_plugin):
    def put(read=read_lines, write=write_lines, suffix=".lines", name="lines"):
        info = FormatInfo("lines", read, write, suffix)
        installed().register(make_plugin(alframe_label_formats=lambda: {name: info}), "mine", "dist")

    return put


def test_the_names_of_alframes_own_are_no_plugins(offer):
    assert FORMATS.own == tuple(OWN)
    offer(name="csv")
    assert named("csv") is OWN["csv"]
    assert [row for row in installed().problems() if "'csv' is that of alframe's own format" in row[2]]


def test_alframes_own_formats_look_no_plugin_up():
    named("csv")
    assert installed.cache_info().currsize == 0


def test_out_and_in(offer, labelled, other, tmp_path):
    offer()
    write, suffix = writing("lines")
    assert write(labelled, tmp_path / f"out{suffix}", None) == []
    found = import_labels(other, tmp_path / "out.lines", "lines")
    assert found.notes == ["by hand"]
    wanted = {position: label.label for position, label in labelled.labels().items()}
    assert {position: label.label for position, label in other.labels().items()} == wanted
    assert os.listdir(tmp_path).count("out.lines") == 1
    assert not [name for name in os.listdir(tmp_path) if "part" in name]


def test_what_is_of_no_sample_here_is_left_out(offer, other, tmp_path):
    offer()
    (tmp_path / "x").write_text("cat a/00.png\ncat nothing.png\nbird b/01.png\n")
    found = import_labels(other, tmp_path / "x", "lines")
    assert {n: one.label for n, one in other.labels().items()} == {0: "cat", 20: "bird"}
    assert found.notes == ["by hand", "x: of no sample here: nothing.png", "x: new classes: bird"]


def test_an_unknown_format_and_halves(offer, labelled, tmp_path):
    offer(read=None)
    with pytest.raises(UsageError, match="unknown format 'yaml'. Known: coco, csv, .*lines"):
        named("yaml")
    with pytest.raises(UsageError, match="lines can be written, but not read"):
        import_labels(labelled, tmp_path, "lines")


def test_one_that_can_only_be_read(offer):
    offer(write=None)
    with pytest.raises(UsageError, match="lines can be read, but not written"):
        writing("lines")


def half(session, path, predictions):
    path.write_text("half")
    raise ValueError("no more")


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (half, r"plugin 'mine' \(dist\), write of 'lines': ValueError: no more"),
        (lambda session, path, predictions: None, "it wrote nothing"),
        (lambda session, path, predictions: path.write_text("x") and 3, "wanted a list of notes, got 3"),
        (lambda session, path, predictions: path.write_text("x") and "note", "wanted a list of notes"),
        (lambda session, path, predictions: os.stat("/no/such/file"), "FileNotFoundError"),
        (lambda session: None, "TypeError"),
    ],
)
def test_a_write_that_fails_leaves_what_was_there(offer, labelled, tmp_path, write, message):
    offer(write=write)
    (folder := tmp_path / "out").mkdir()
    (folder / "x.lines").write_text("before")
    with pytest.raises(PluginError, match=message):
        named("lines").write(labelled, folder / "x.lines", None)
    assert os.listdir(folder) == ["x.lines"]
    assert (folder / "x.lines").read_text() == "before"


def test_a_full_disk_is_nobodys_mistake(offer, labelled, tmp_path):
    def full(session, path, predictions):
        raise OSError(errno.ENOSPC, "No space left on device")

    offer(write=full)
    with pytest.raises(TrialError, match="No space left on device"):
        named("lines").write(labelled, tmp_path / "x.lines", None)


def test_places_that_can_not_be(offer, labelled, tmp_path):
    offer()
    with pytest.raises(UsageError, match="there is no folder"):
        named("lines").write(labelled, tmp_path / "none" / "x", None)
    (tmp_path / "out").mkdir()
    with pytest.raises(UsageError, match="--to lines writes a file"):
        named("lines").write(labelled, tmp_path / "out", None)
    with pytest.raises(UsageError, match="there is no file"):
        import_labels(labelled, tmp_path / "none", "lines")


def test_folders(offer, labelled, tmp_path):
    def write(session, path, predictions):
        path.mkdir()
        (path / "x").write_text("x")
        return ["one file"]

    offer(write=write, suffix="")
    (tmp_path / "out").mkdir()
    assert named("lines").write(labelled, tmp_path / "out", None) == ["one file"]
    assert os.listdir(tmp_path / "out") == ["x"]
    with pytest.raises(UsageError, match="writes a folder that is not there yet, or an empty one"):
        named("lines").write(labelled, tmp_path / "out", None)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (lambda: 1 / 0, "read of 'lines': ZeroDivisionError"),
        (lambda: [{"sample": "a/00.png", "label": "cat"}], "wanted an Imported, got"),
        (lambda: Imported(["cat"]), "wanted events with sample and label, each a text, got 'cat'"),
        (lambda: Imported([{"label": "cat"}]), "wanted events with sample and label"),
        (lambda: Imported([{"sample": 3, "label": "cat"}]), "wanted events with sample and label"),
        (lambda: Imported([{"sample": "a/00.png"}]), "wanted events with sample and label"),
        (lambda: Imported([{"sample": "a/00.png", "event": "undo"}]), "wanted events with"),
        (lambda: Imported(3), "TypeError"),
        (lambda: Imported([], "note"), "wanted a list of notes"),
    ],
)
def test_a_read_that_fails_takes_nothing_in(offer, other, tmp_path, said, message):
    offer(read=lambda session, path: said())
    (tmp_path / "x").write_text("")
    with pytest.raises(PluginError, match=message):
        import_labels(other, tmp_path / "x", "lines")
    assert other.labels() == {}
