"""``alframe label PATH``: a session is made or found, and served."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request

import pytest

from alframe.errors import UsageError
from alframe.labelling.session import Session
from alframe_cli import label
from alframe_cli.main import main
from label_doubles import write_digits


@pytest.fixture
def source(tmp_path):
    write_digits(tmp_path / "digits", 30)
    return tmp_path / "digits"


@pytest.fixture
def alframe(capsys):
    def run(*arguments, code=0):
        with pytest.raises(SystemExit) as exit_:
            main(["label", *map(str, arguments)])
        captured = capsys.readouterr()
        assert exit_.value.code == code, captured.err
        return captured.out + captured.err

    return run


@pytest.fixture
def served(monkeypatch):
    """The applications that were to be served; nothing is."""
    calls = []

    def serve(app, place, ready):
        ready()
        calls.append((app, place))
        place.socket.close()

    monkeypatch.setattr("alframe.labelling.serving.serve", serve)
    monkeypatch.setattr(label, "learner_of", lambda session: None)
    return calls


def test_a_session_is_made_beside_the_folder(source, alframe, served):
    told = alframe(source, "--classes", "cat, dog", "--audit", "3", "--no-browser")
    (address,) = re.findall(r"http://127.0.0.1:\d+/\?token=\S{43}", told)
    assert "30 samples, 0 labelled" in told
    session = Session.read(source.with_name("digits.alframe"))
    assert session.settings.classes == ("cat", "dog")
    assert len(session.audit) == 3
    assert served[0][1].addresses() == {"me": address}


def test_the_same_command_goes_on_and_says_what_stays(source, alframe, served):
    alframe(source, "--classes", "cat,dog", "--no-browser")
    told = alframe(source, "--classes", "cat,bird", "--strategy", "margin", "--no-browser")
    assert "note: --classes is that of the session, cat,dog" in told
    assert "note: --strategy is that of the session, badge" in told
    again = alframe(source.with_name("digits.alframe"), "--no-browser")  # by the session's folder
    assert "note: --" not in again


def test_an_audit_may_be_active(source, alframe, served):
    alframe(source, "--audit", "active", "--no-browser")
    settings = Session.read(source.with_name("digits.alframe")).settings
    assert (settings.audit, settings.audit_by) == (100, "active")
    told = alframe(source, "--audit", "active", "--session", source.with_name("s"), "--no-browser")
    assert "note" not in told
    assert "'many' is no number of samples, and not 'active'" in alframe(source, "--audit", "many", code=2)
    assert "'-1' is no number" in alframe(source, "--audit", "-1", code=2)


def test_what_can_not_be_labelled_leaves_nothing_behind(tmp_path, alframe):
    (tmp_path / "empty").mkdir()
    (tmp_path / "e.csv").write_text("")
    assert "there is nothing to label: empty has no images (.jpg," in alframe(tmp_path / "empty", code=2)
    alframe(tmp_path / "e.csv", code=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["e.csv", "empty"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes").write_text("kept")
    alframe(tmp_path / "empty", "--session", tmp_path / "mine", code=2)
    assert (tmp_path / "mine" / "notes").read_text() == "kept"


def test_each_person_has_an_address(source, alframe, served):
    told = alframe(source, "--per-person", "ada,bob", "--session", source.with_name("s"), "--no-browser")
    assert re.findall(r"^(\w+): http", told, re.M) == ["ada", "bob"]


def test_a_browser_is_opened_for_one_person(source, alframe, served, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    alframe(source)
    assert len(opened) == 1
    alframe(source, "--no-browser")
    assert len(opened) == 1


def test_texts(tmp_path, alframe, served):
    file = tmp_path / "reviews.csv"
    file.write_text("review,stars\ngood,5\nbad,1\n")
    told = alframe(file, "--text", "review", "--classes", "good,bad", "--no-browser")
    assert "2 samples" in told
    assert Session.read(tmp_path / "reviews.csv.alframe").settings.kind == "texts"


def test_mistakes_are_said_in_a_line(source, tmp_path, alframe):
    assert "there is no such file" in alframe(tmp_path / "nothing", code=2)
    assert "--i-trust-this-network" in alframe(source, "--host", "0.0.0.0", "--no-browser", code=2)
    assert "no such option" in alframe(source, "--no-flag", code=2).lower()
    assert "PATH" in alframe("--classes", "a", code=2)
    assert "alframe label PATH --help" in alframe(source, "--overlap", "2", code=2)


def test_a_strategy_or_network_that_is_none_starts_no_session(source, alframe):
    assert "unknown strategy 'bagde'. Did you mean 'badge'" in alframe(source, "--strategy", "bagde", code=2)
    assert "unknown model 'resnet8'" in alframe(source, "--model", "resnet8", code=2)
    assert not source.with_name("digits.alframe").exists()


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r'pip install "alframe\[label\]"'):
        label.needs_extra()


def test_help_shows_the_flags_and_the_commands(alframe):
    told = alframe("--help")
    for word in ("--classes", "--until", "status", "export", "import", "predict", "backend"):
        assert word in told
    assert "open" not in re.findall(r"^  (\w+) ", told, re.M)


@pytest.mark.slow
@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM])
def test_the_command_itself_is_killed_and_goes_on(source, ended_by):
    command = [
        sys.executable,
        "-m",
        "alframe_cli",
        "label",
        str(source),
        "--classes",
        "a,b",
        "--model",
        "none",
    ]

    def start():
        process = subprocess.Popen([*command, "--no-browser"], stdout=subprocess.PIPE, text=True)
        return process, process.stdout.readline().strip()

    process, address = start()
    try:
        token = address.partition("token=")[2]
        root = address.partition("?")[0]

        def post(body):
            headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
            request = urllib.request.Request(f"{root}events", json.dumps(body).encode(), headers)
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)

        for number in range(10):
            post({"event": "label", "client": f"c{number}", "sample": number, "label": "a"})
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        process, again = start()
        assert again == address  # a page that is open goes on
        post({"event": "label", "client": "c9", "sample": 9, "label": "a"})  # its answer was lost: sent again
        process.send_signal(ended_by)
        process.communicate(timeout=60)
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()
    session = Session.read(source.with_name("digits.alframe"))
    assert [event.sample for event in session.events] == [f"{number:04}.png" for number in range(10)]
    table = (source.with_name("digits.alframe") / "labels.csv").read_text()
    assert len(table.splitlines()) == 1 + 10  # written anew at the end
