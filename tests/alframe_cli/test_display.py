import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from alframe.contract.trial import RunSummary
from alframe_cli import display
from doubles import make_round

TRIAL = SimpleNamespace(
    name="alfamix+cap=[0.1] seed 3", settings=SimpleNamespace(run=SimpleNamespace(rounds=1))
)
ROUNDS = tuple(
    make_round(i, 100 + 100 * i, 0.9, query_seconds=0.1, train_seconds=0.2, epochs=5) for i in range(2)
)


def play(shown):
    with shown:
        shown.trial_started(TRIAL, 0, finished=False)
        for done in ROUNDS:
            shown.progress(TRIAL, "train", 1, 5)
            shown.round_finished(TRIAL, done)
        shown.trial_finished(TRIAL, RunSummary(ROUNDS, "the pool was exhausted"))


@pytest.mark.parametrize(
    ("kind", "quiet", "terminal", "wanted"),
    [
        ("auto", False, True, display.RichDisplay),
        ("auto", False, False, display.PlainDisplay),
        ("plain", False, True, display.PlainDisplay),
        ("rich", False, False, display.RichDisplay),
        ("none", False, True, display.SilentDisplay),
        ("rich", True, True, display.SilentDisplay),
    ],
)
def test_which_display(monkeypatch, kind, quiet, terminal, wanted):
    monkeypatch.setattr("sys.stderr", SimpleNamespace(isatty=lambda: terminal, write=len, flush=lambda: None))
    assert type(display.make_display(kind, quiet, 1, 2)) is wanted


def test_plain_is_one_line_a_round(capsys):
    play(display.PlainDisplay())
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert lines[0].startswith("alfamix+cap=[0.1] seed 3  round 0/1  100 labels  accuracy 0.9000")
    assert lines[2:] == [
        "note: alfamix+cap=[0.1] seed 3: the pool was exhausted",
        "alfamix+cap=[0.1] seed 3: finished, accuracy 0.9000 with 200 labels",
    ]


def test_plain_says_where_a_trial_goes_on(capsys):
    display.PlainDisplay().trial_started(TRIAL, 1, finished=False)
    assert "continues after 1 of 2 trainings" in capsys.readouterr().err
    display.PlainDisplay().trial_started(TRIAL, 1, finished=True)  # early, by a rule say
    assert capsys.readouterr().err == ""


def test_rich_shows_bars_on_a_terminal(monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr(
        display,
        "console",
        lambda stderr: Console(file=screen, force_terminal=True, width=120, color_system=None),
    )
    play(display.RichDisplay(trials=1, rounds=2))
    text = screen.getvalue()
    for wanted in (
        "alfamix+cap=[0.1] seed 3: accuracy 0.9000 with 200 labels",
        "2/2",
        "note: alfamix+cap=[0.1] seed 3: the pool was exhausted",
    ):
        assert wanted in text


def test_rich_writes_no_control_codes_into_a_pipe(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    play(display.RichDisplay(trials=1, rounds=2))
    captured = capsys.readouterr()
    assert "\x1b" not in captured.err
    assert "with 200 labels" in captured.err


def test_silent_shows_notes_unless_quiet(capsys):
    play(display.SilentDisplay())
    assert capsys.readouterr().err == "note: alfamix+cap=[0.1] seed 3: the pool was exhausted\n"
    play(display.SilentDisplay(quiet=True))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("kind", [display.SilentDisplay, display.PlainDisplay])
def test_a_note_is_shown_once(kind, capsys):
    shown = kind()
    for text in ("one", "two", "one"):
        shown.note(text)
    assert capsys.readouterr().err == "note: one\nnote: two\n"


@pytest.mark.parametrize("kind", [display.RichDisplay, display.PlainDisplay])
def test_names_are_no_markup_and_give_no_orders(monkeypatch, kind):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setattr(
        display,
        "console",
        lambda stderr: Console(file=stream, force_terminal=True, color_system=None, width=160),
    )
    trial = SimpleNamespace(name="[red]a[/b]\x1b]0;t\x07\n", settings=TRIAL.settings)
    shown = kind(1, 2) if kind is display.RichDisplay else kind()
    with shown:
        shown.trial_started(trial, 0, finished=False)
        for done in ROUNDS:
            shown.progress(trial, "train", 1, 5)
            shown.round_finished(trial, done)
        shown.note(f"{trial.name}: note")
        shown.trial_finished(trial, RunSummary(ROUNDS, ""))
        shown.trial_failed(trial, None)
    assert "[red]a[/b]\\u001b]0;t\\u0007\\n: failed" in stream.getvalue()
    assert "\x1b]0" not in stream.getvalue()
