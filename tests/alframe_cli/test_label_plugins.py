"""``alframe label`` with plugins: sources, formats and listeners, each a file given to ``--plugin``."""

import csv
import json
import os
import wave

import pytest
from starlette.testclient import TestClient

from alframe.labelling.session import Session
from alframe.registry.registry import installed
from alframe_cli import label
from alframe_cli.main import main
from label_doubles import write_digits

POINTS = """
from alframe import SourceContent, SourceInfo, SourceItem, UsageError, hookimpl

class Points:
    def __init__(self, request):
        self.rows = dict(line.split(":") for line in request.path.read_text().split())
        if not self.rows:
            raise UsageError(f"{request.path} has no points")
    def items(self):
        return [SourceItem(name) for name in self.rows]
    def content(self, name):
        return SourceContent(text=self.rows[name])
    def features(self, names):
        return [[float(value) for value in self.rows[name].split(",")] for name in names]

@hookimpl
def alframe_labelled_sources():
    points = SourceInfo("points", Points, lambda path: path.suffix == ".points", features=Points.features)
    return {"points": points}
"""
TAPES = """
from alframe import SourceContent, SourceInfo, SourceItem, hookimpl

class Tapes:
    def __init__(self, request):
        self.folder = request.path
    def items(self):
        return [SourceItem(path.name, path.stat().st_size) for path in sorted(self.folder.glob("*.wav"))]
    def content(self, name):
        if name == "bad.wav":
            raise OSError("torn")
        return SourceContent(path=self.folder / name, media_type="audio/wav")

@hookimpl
def alframe_labelled_sources():
    return {"tapes": SourceInfo("recordings", Tapes, shown_as="sounds")}
"""
LINES = """
from alframe import FormatInfo, Imported, hookimpl

def write(session, path, predictions):
    path.write_text("\\n".join(f"{one.label} {session.samples[n].id}" for n, one in session.labels().items()))

def read(session, path):
    rows = [line.split() for line in path.read_text().splitlines()]
    return Imported([{"sample": sample, "label": name} for name, sample in rows])

def fail(session, path, predictions):
    raise ValueError("no ink")

@hookimpl
def alframe_label_formats():
    return {"lines": FormatInfo("lines", read, write, ".txt"), "blank": FormatInfo("", None, fail, ".x")}
"""
EAR = """
import json
from alframe import hookimpl

@hookimpl
def alframe_labelled(session, event):
    with session.folder.with_name("heard.jsonl").open("a") as file:
        file.write(json.dumps(event) + "\\n")
    if event["event"] == "skip":
        raise ValueError("no skips")
"""
BROKEN = """
from alframe import hookimpl

@hookimpl
def alframe_labelled_sources():
    return ["points"]

@hookimpl
def alframe_label_formats():
    raise RuntimeError("no formats today")
"""
FILES = {"points": POINTS, "tapes": TAPES, "lines": LINES, "ear": EAR, "broken": BROKEN}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        (tmp_path / f"{name}.py").write_text(text)
    return tmp_path


@pytest.fixture
def alframe(folder, capsys):
    def run(*arguments, code=0):
        installed.cache_clear()  # each command is a process of its own
        with pytest.raises(SystemExit) as exit_:
            main(["label", *map(str, arguments)])
        captured = capsys.readouterr()
        assert exit_.value.code == code, captured.err
        return captured

    return run


@pytest.fixture
def served(monkeypatch):
    """What is done with the page instead of people: a function of a client, which the test sets."""
    visit = []

    def serve(app, place, ready):
        ready()
        place.socket.close()
        origin = f"http://127.0.0.1:{place.port}"
        client = TestClient(app, base_url=origin, headers={"origin": origin})
        client.get("/", params={"token": next(iter(place.tokens))})
        while visit:
            visit.pop(0)(client)

    monkeypatch.setattr("alframe.labelling.serving.serve", serve)
    monkeypatch.setattr(label, "learner_of", lambda session: None)
    return visit.append


def label_points(folder, alframe, served, count=40):
    rows = [f"p{n}:{n % 2 * 4 - 2},{n}" for n in range(count)]
    (folder / "x.points").write_text("\n".join(rows))

    def visit(client):
        for n in range(12):
            body = {"event": "label", "client": f"c{n}", "sample": n, "label": ("low", "high")[n % 2]}
            assert client.post("/events", json=body).status_code == 200

    served(visit)
    return alframe(
        "x.points", "--plugin", "points.py", "--classes", "low,high", "--audit", "0", "--no-browser"
    )


def test_a_source_from_the_path_to_predictions(folder, alframe, served, monkeypatch):
    assert "40 samples, 0 labelled" in label_points(folder, alframe, served).err
    assert Session.read(folder / "x.points.alframe").settings.kind == "points"  # and without its plugin
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    found = alframe("predict", "x.points", "--plugin", "points.py")  # in the process that learns, too
    assert "the model is linear on 2 numbers a sample" in found.err
    rows = list(csv.DictReader((folder / "x.points-predictions.csv").read_text().splitlines()))
    assert {row["sample"]: row["predicted"] for row in rows} == {
        f"p{n}": ("low", "high")[n % 2] for n in range(12, 40)
    }


@pytest.mark.slow
def test_features_that_fail_end_a_prediction_with_the_plugins_name(folder, alframe, served, monkeypatch):
    label_points(folder, alframe, served)
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    (folder / "points.py").write_text(POINTS.replace("[float(value)", "[1 / 0 * float(value)"))
    told = alframe("predict", "x.points", "--plugin", "points.py", code=1).err
    assert f"error: no new model: plugin 'points' ({folder / 'points.py'}), features" in told
    assert "ZeroDivisionError" in told


def test_labels_outlive_the_plugin(folder, alframe, served):
    label_points(folder, alframe, served)
    told = alframe("export", "x.points.alframe")
    assert "unknown kind of source 'points'" in told.err
    assert "p3,high,me" in (folder / "x.points-labels.csv").read_text()
    assert "12 of 40 labelled" in alframe("status", "x.points").out


def test_a_kind_by_its_name_and_samples_that_fail(folder, alframe, served):
    (folder / "room").mkdir()
    for name in ("a.wav", "bad.wav"):
        with wave.open(str(folder / "room" / name), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(b"\0" * 800)

    def visit(client):
        assert client.get("/session").json()["kind"] == "sounds"
        assert client.get("/sample/0").headers["content-type"] == "audio/wav"
        answer = client.get("/sample/1")
        assert answer.status_code == 410
        assert "bad.wav can't be shown: plugin 'tapes'" in answer.json()["error"]
        assert "OSError: torn" in answer.json()["error"]

    served(visit)
    told = alframe("room", "--kind", "tapes", "--plugin", "tapes.py", "--no-browser")
    assert "note: source 'tapes' gives no features: labelling goes on without a model" in told.err
    told = alframe("room", "--plugin", "tapes.py", "--kind", "images", "--no-browser")
    assert "note: --kind is that of the session, tapes" in told.err
    assert "its source gives no features" in alframe("predict", "room", "--plugin", "tapes.py", code=2).err


def test_mistakes_with_sources(folder, alframe):
    (folder / "x.points").write_text("")
    given = ("x.points", "--no-browser")
    assert "x.points has no points" in alframe(*given, "--plugin", "points.py", code=2).err
    assert (
        "unknown kind of source 'pionts'. Did you mean 'points'"
        in alframe(*given, "--plugin", "points.py", "--kind", "pionts", code=2).err
    )
    assert "--kind names another kind of source" in alframe(*given, code=2).err
    told = alframe(*given, "--plugin", "broken.py", code=3).err
    assert "plugin 'broken'" in told
    assert "wanted a mapping of names and SourceInfo, got ['points']" in told
    assert not (folder / "x.points.alframe" / "session.toml").exists()


def test_a_folder_of_images_looks_no_plugin_up(folder, alframe, served):
    write_digits(folder / "digits", 12)
    alframe("digits", "--no-browser")
    assert installed.cache_info().currsize == 0
    alframe("export", "digits")
    assert installed.cache_info().currsize == 0


def test_formats(folder, alframe, served):
    label_points(folder, alframe, served)
    plugins = ("--plugin", "points.py", "--plugin", "lines.py")
    out = alframe("export", "x.points", "--to", "lines", *plugins).out.strip()
    assert out == str(folder / "x.points-labels-lines.txt")
    alframe("x.points", "--session", "other", *plugins, "--no-browser")
    assert "12 labels were taken in" in alframe("import", "other", out, "--from", "lines", *plugins).out
    told = alframe("export", "x.points", "--to", "blank", *plugins, code=3).err
    assert f"plugin 'lines' ({folder / 'lines.py'}), write of 'blank': ValueError: no ink" in told
    assert not list(folder.glob("*labels.x"))
    assert (
        "blank can be written, but not read"
        in alframe("import", "x.points", out, "--from", "blank", *plugins, code=2).err
    )


def test_mistakes_with_formats(folder, alframe, served):
    label_points(folder, alframe, served)
    told = alframe("export", "x.points", "--to", "cvs", code=2).err
    assert "unknown format 'cvs'. Did you mean 'csv'?" in told
    told = alframe("export", "x.points", "--to", "yaml", "--plugin", "lines.py", code=2).err
    assert "Known: blank, coco, csv, dataset, imagefolder, jsonl, label-studio, lines." in told
    told = alframe("export", "x.points", "--to", "yaml", "--plugin", "broken.py", code=3).err
    assert "plugin 'broken', hook alframe_label_formats: RuntimeError: no formats today" in told
    alframe("export", "x.points", "--to", "csv", "--plugin", "broken.py")  # it harms nobody else


def test_a_listener_hears_and_one_that_fails_costs_no_label(folder, alframe, served):
    write_digits(folder / "digits", 12)
    seen = []

    def visit(client):
        for n, event in enumerate(("label", "skip", "label", "label")):
            body = {"event": event, "client": f"c{n}", "sample": n}
            body |= {"label": "cat"} if event == "label" else {}
            assert client.post("/events", json=body).status_code == 200
        with client:  # its end waits for nobody
            while not client.get("/facts").json()["remarks"]:
                pass
            seen.extend(client.get("/facts").json()["remarks"])

    served(visit)
    told = alframe("digits", "--classes", "cat", "--plugin", "ear.py", "--notify", "ear", "--no-browser").err
    failed = "failed in alframe_labelled and hears no more: ValueError: no skips"
    line = f"plugin 'ear' ({folder / 'ear.py'}) {failed}"
    assert told.count(f"note: {line}") == 1
    assert seen == [line]
    heard = [json.loads(line) for line in (folder / "heard.jsonl").read_text().splitlines()]
    kept = [
        json.loads(line) for line in (folder / "digits.alframe" / "labels.jsonl").read_text().splitlines()
    ]
    assert heard == kept[:2]
    assert [event["event"] for event in kept] == ["label", "skip", "label", "label"]


def test_who_can_be_notified(folder, alframe):
    write_digits(folder / "digits", 12)
    given = ("digits", "--no-browser", "--plugin", "ear.py")
    assert (
        "unknown plugin for --notify 'eer'. Did you mean 'ear'"
        in alframe(*given, "--notify", "eer", code=2).err
    )
    told = alframe(*given, "--notify", "csv", code=2).err
    assert "--notify csv: 'csv' has no hook alframe_labelled; ear have one" in told
    assert not os.path.exists("digits.alframe")
