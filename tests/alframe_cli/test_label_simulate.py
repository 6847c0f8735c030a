"""``alframe label --simulate DATASET``: an oracle presses the keys."""

import re

import pytest

pytest.importorskip("uvicorn", reason="the extra label is not installed")

from alframe.labelling.session import Session
from alframe_cli import label
from alframe_cli.main import main
from label_doubles import FakeLearner


@pytest.fixture
def simulate(capsys):
    def run(*arguments, code=0):
        with pytest.raises(SystemExit) as exit_:
            main(["label", *map(str, arguments)])
        captured = capsys.readouterr()
        assert exit_.value.code == code, captured.err
        return captured.out, captured.err

    return run


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """The first digits."""
    import dataclasses

    from alframe.learning import loading

    whole = loading.load_dataset

    def load(name, **options):
        data = whole(name, **options)
        return dataclasses.replace(data, inputs=data.inputs[:120], targets=data.targets[:120])

    monkeypatch.setattr(loading, "load_dataset", load)


def test_without_a_model_it_says_how_long_answers_took(simulate):
    out, err = simulate("--simulate", "digits", "--labels", 30, "--model", "none")
    assert re.search(r"30 keys, answered in \d+ ms \(median\), \d+ ms at worst", err)
    assert "http://127.0.0.1:" in err
    assert out == ""


def test_a_session_that_is_kept_goes_on(simulate, tmp_path):
    folder = tmp_path / "mine"
    simulate("--simulate=digits", "--labels", 10, "--model", "none", "--session", folder)
    simulate("--simulate=digits", "--labels", 25, "--model", "none", "--session", folder)
    session = Session.read(folder)
    assert len(session.events) == len(session.labels()) == 25
    assert len(list((tmp_path / "mine-pictures").iterdir())) == 120
    _, err = simulate("simulate", "digits", "--session", folder, "--strategy", "margin", code=2)
    assert "is a session with --strategy badge, not margin" in err


def test_mistakes_are_said_in_a_line(simulate):
    assert "unknown data set 'digit'" in simulate("--simulate", "digit", code=2)[1]
    assert "DATASET" in simulate("--simulate", code=2)[1]
    assert "unknown strategy" in simulate("--simulate", "digits", "--strategy", "nope", code=2)[1]


def test_a_model_that_can_not_be_trained_is_an_error(simulate, monkeypatch):
    learner = FakeLearner()
    learner.send = lambda *request: learner.note("no new model: a plugin's mistake", kind="failure")
    monkeypatch.setattr(label, "learner_of", lambda session: learner)
    _, err = simulate("--simulate", "digits", "--labels", 20, code=1)
    assert "no model was trained: no new model: a plugin's mistake" in err


@pytest.mark.slow
def test_models_are_judged_by_the_truth(simulate):
    out, err = simulate("--simulate", "digits", "--labels", 80, "--model", "mlp", "--strategy", "margin")
    rows = re.findall(r"(\d+) +([01]\.\d{3}) +(?:([01]\.\d{3}) \(\S+ to \S+\))?", out)
    assert "Accuracy on the 12 audit samples" in out
    assert [int(row[0]) for row in rows] == sorted(int(row[0]) for row in rows)
    assert int(rows[-1][0]) == 80 - 12
    assert float(rows[-1][1]) == float(rows[-1][2]) > 0.5  # the whole audit is labelled
    assert err.count("labels learned: accuracy") == len(rows)
