"""``label predict``."""

import json

import pytest

from alframe.errors import TrialError
from alframe.labelling.session import Session
from alframe.labelling.settings import SessionSettings
from alframe_cli import label
from alframe_cli.label_predict import first_answer
from alframe_cli.main import main
from label_doubles import QuickLearner, write_digits

NAMES = tuple("0123456789")


@pytest.fixture
def made(tmp_path):
    targets = write_digits(tmp_path / "digits", 20)
    with Session.create(
        tmp_path / "digits", tmp_path / "s", SessionSettings(source="x", classes=NAMES, audit=2)
    ) as session:
        for number in (n for n in range(8) if n not in session.audit):
            session.post({"event": "label", "sample": number, "label": NAMES[targets[number]]}, "me")
    return tmp_path / "s", targets


@pytest.fixture
def learner(made, monkeypatch):
    one = QuickLearner(made[1], wrong=0.0)
    monkeypatch.setattr(label, "learner_of", lambda session: one)
    return one


def run(*arguments, code=0):
    with pytest.raises(SystemExit) as exit_:
        main(["label", "predict", *map(str, arguments)])
    assert exit_.value.code == code


def test_predictions_of_what_has_no_label(made, learner, tmp_path):
    run(made[0], "--to", "label-studio", "--out", tmp_path / "tasks.json")
    assert learner.closed
    tasks = json.loads((tmp_path / "tasks.json").read_text())
    predicted = [task for task in tasks if "predictions" in task]
    labelled = [task for task in tasks if "annotations" in task]
    assert len(predicted) == 20 - len(labelled)
    scores = [task["data"]["alframe_score"] for task in predicted]
    assert scores == sorted(scores, reverse=True)
    for task in predicted:
        number = int(task["data"]["alframe_id"][:4])
        (result,) = task["predictions"][0]["result"]
        assert result["value"]["choices"] == [NAMES[made[1][number]]]


def test_a_table(made, learner, tmp_path, capsys):
    run(made[0], "--out", tmp_path / "out.csv")
    assert capsys.readouterr().out.strip() == str(tmp_path / "out.csv")
    header, *rows = (tmp_path / "out.csv").read_text().splitlines()
    assert header == "sample,predicted,p,score,model"  # no column that an import takes for labels
    labelled = Session.read(made[0]).labels()
    assert len(rows) == 20 - len(labelled)
    with pytest.raises(SystemExit) as exit_:
        main(["label", "import", str(made[0]), str(tmp_path / "out.csv")])
    assert exit_.value.code == 2


def test_a_model_that_fails_is_said(made, learner):
    learner.send = lambda *arguments: None
    learner.failed = "out of memory"
    with pytest.raises(TrialError, match="out of memory"):
        first_answer(Session.read(made[0]), learner)


def test_one_class_is_none_to_learn(tmp_path, capsys, monkeypatch):
    write_digits(tmp_path / "digits", 5)
    Session.create(tmp_path / "digits", tmp_path / "s", SessionSettings(source="x", classes=("a",))).close()
    monkeypatch.setattr(label, "learner_of", lambda session: QuickLearner([0] * 5))
    run(tmp_path / "s", code=2)
    assert "a model needs two" in capsys.readouterr().err


def test_where_no_model_is_wanted(tmp_path, capsys):
    write_digits(tmp_path / "digits", 5)
    settings = SessionSettings(source="x", classes=("a",), model="none")
    Session.create(tmp_path / "digits", tmp_path / "s", settings).close()
    run(tmp_path / "s", code=2)
    assert "--model none" in capsys.readouterr().err


def test_a_model_that_can_not_be_trained_ends_it(made, learner):
    learner.send = lambda *request: learner.note("no new model: a plugin's mistake", kind="failure")
    run(made[0], code=1)
    assert learner.closed
