"""``label backend``."""

import pytest

from alframe.labelling.session import Session
from alframe.labelling.settings import SessionSettings
from alframe_cli import label
from alframe_cli.main import main
from label_doubles import write_digits


@pytest.fixture
def folder(tmp_path):
    write_digits(tmp_path / "digits", 5)
    Session.create(
        tmp_path / "digits", tmp_path / "s", SessionSettings(source="x", classes=("a", "b"))
    ).close()
    return tmp_path / "s"


def run(*arguments, code=0):
    with pytest.raises(SystemExit) as exit_:
        main(["label", "backend", *map(str, arguments)])
    assert exit_.value.code == code


def test_it_is_served_at_its_port(folder, monkeypatch, capsys):
    places = []

    def serve(app, place, ready):
        ready()
        places.append(place)
        place.socket.close()

    monkeypatch.setattr("alframe.labelling.serving.serve", serve)
    monkeypatch.setattr(label, "learner_of", lambda session: None)
    run(folder, "--port", 9797)
    assert capsys.readouterr().out.strip() == "http://127.0.0.1:9797"
    assert "127.0.0.1:9797" in places[0].hosts


def test_a_network_has_to_be_trusted(folder, capsys):
    run(folder, "--host", "0.0.0.0", code=2)
    assert "--i-trust-this-network" in capsys.readouterr().err
