from types import SimpleNamespace

import alframe
from alframe import RunSummary, TrialError
from alframe.experiments import watching
from doubles import make_round

TRIALS = [
    SimpleNamespace(name=f"margin <seed {k}>", settings=SimpleNamespace(run=SimpleNamespace(rounds=2)))
    for k in (1, 2)
]
ROUNDS = tuple(make_round(k, 100 + 10 * k, 0.5) for k in range(2))


def play(shown):
    first, second = TRIALS
    shown.trial_started(first, 0, finished=False)
    shown.trial_started(second, 1, finished=False)
    shown.progress(first, "train", 3, 5)
    for done in ROUNDS:
        shown.round_finished(first, done)
    shown.note("the <disk> is slow")
    shown.note("the <disk> is slow")
    shown.trial_failed(second, TrialError("no more\nroom"))
    shown.trial_finished(first, RunSummary(ROUNDS, "the pool was exhausted"))


def test_pictures_of_a_notebook(monkeypatch, capsys):
    pictures = []
    board = SimpleNamespace(show=lambda picture, now=False: pictures.append(picture()))
    monkeypatch.setattr(watching, "in_notebook", lambda: True)
    monkeypatch.setattr(watching, "Board", lambda: board)
    play(watching.RunProgress(2, 6))
    assert any("train 3 of 5" in picture and "margin &lt;seed 1&gt;" in picture for picture in pictures)
    last = pictures[-1]
    assert "4 of 6 rounds, 2 of 2 trials" in last  # those that a trial saved count, those that failed do not
    assert (
        "margin &lt;seed 2&gt; failed: no more room; the &lt;disk&gt; is slow; margin &lt;seed 1&gt;: the"
        in last
    )
    assert "<seed" not in "".join(pictures)
    assert capsys.readouterr().err == ""


def test_lines_elsewhere(capsys):
    play(watching.RunProgress(2, 6))
    assert capsys.readouterr().err.splitlines() == [
        "margin <seed 1>  round 0/2  100 labels  accuracy 0.5000",
        "margin <seed 1>  round 1/2  110 labels  accuracy 0.5000",
        "note: the <disk> is slow",
        "margin <seed 2> failed: no more room",
        "note: margin <seed 1>: the pool was exhausted",
    ]


def test_a_run_shows_it_where_it_is_asked_for(tmp_path, capsys):
    run = {"strategy": ["random"], "seeds": [1], "rounds": 1, "device": "cpu", "out": str(tmp_path)}
    alframe.run({"run": run, "train": {"epochs": 1}}, progress=True)
    assert len(capsys.readouterr().err.splitlines()) == 2
