"""``label status``, ``label export``, ``label import``."""

import json

import pytest

from alframe.labelling.formats.catalogue import FORMATS
from alframe.labelling.session import Session
from alframe.labelling.settings import SessionSettings
from alframe_cli.label_session import file_name
from alframe_cli.main import main
from label_doubles import write_digits


@pytest.fixture
def folder(tmp_path):
    write_digits(tmp_path / "digits", 12)
    settings = SessionSettings(
        source="x", classes=("cat", "dog"), audit=1, people=("ada", "bob"), overlap=1.0
    )
    with Session.create(tmp_path / "digits", tmp_path / "digits.alframe", settings) as session:
        for number, (who, name) in enumerate([("ada", "cat"), ("bob", "dog"), ("ada", "cat")]):
            session.post({"event": "label", "sample": number, "label": name}, who)
        session.post({"event": "skip", "sample": 3}, "ada")
        session.post({"event": "label", "sample": 0, "label": "dog"}, "bob")
    return tmp_path / "digits.alframe"


@pytest.fixture
def alframe(capsys):
    def run(*arguments, code=0):
        with pytest.raises(SystemExit) as exit_:
            main(["label", *map(str, arguments)])
        captured = capsys.readouterr()
        assert exit_.value.code == code, captured.err
        return captured.out, captured.err

    return run


def test_status(folder, alframe):
    out, _ = alframe("status", folder)
    assert "2 of 12 labelled" in out
    assert "1 skipped" in out
    assert "1 samples on which people differ" in out
    assert "Cohen's kappa" in out
    same, _ = alframe("status", folder.with_suffix(""))  # by what it labels
    assert same == out
    told = json.loads(alframe("status", folder, "--json")[0])
    assert (told["labelled"], told["classes"]) == (2, {"cat": 1, "dog": 1})


def test_status_while_the_page_is_open(folder, alframe):
    with Session.open(folder):
        assert "2 of 12" in alframe("status", folder)[0]


@pytest.mark.parametrize("format_", ["csv", "jsonl", "imagefolder", "coco", "label-studio"])
def test_export_and_import(folder, alframe, tmp_path, format_):
    out, _ = alframe("export", folder, "--to", format_, "--out", tmp_path / "out")
    assert out.strip() == str(tmp_path / "out")
    settings = SessionSettings(source="x", classes=("cat", "dog"), audit=1)
    Session.create(tmp_path / "digits", tmp_path / "other", settings).close()
    told, _ = alframe("import", tmp_path / "other", tmp_path / "out", "--from", format_)
    assert "samples are labelled" in told
    labels = Session.read(tmp_path / "other").labels()
    assert {number: labels[number].label for number in (1, 2)} == {1: "dog", 2: "cat"}


def test_export_lies_beside_the_session(folder, alframe):
    out, _ = alframe("export", folder)
    assert out.strip() == str(folder.with_name("digits-labels.csv"))
    assert "cat" in folder.with_name("digits-labels.csv").read_text()


def test_an_open_session_takes_no_import(folder, alframe, tmp_path):
    alframe("export", folder, "--out", tmp_path / "out.csv")
    with Session.open(folder):
        assert "in use" in alframe("import", folder, tmp_path / "out.csv", code=1)[1]


@pytest.mark.parametrize("command", ["status", "export", "predict", "backend"])
def test_a_folder_that_is_none(tmp_path, alframe, command):
    assert "is no session" in alframe(command, tmp_path, code=2)[1]


def test_no_two_formats_have_one_file_name():
    names = [file_name(name, info.suffix) for name, info in FORMATS.items()]
    assert len(set(names)) == len(names)
    assert names[0] == "labels.csv"
