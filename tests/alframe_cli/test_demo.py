"""``alframe demo``: every step by the command that it prints."""

import shlex

import pytest

from alframe.errors import UsageError
from alframe_cli import demo, label

WHY = "`alframe label` needs PIL"


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(demo, "STRATEGIES", "random,margin")
    monkeypatch.setattr(demo, "SEEDS", "1,2")
    monkeypatch.setattr(demo, "ROUNDS", 1)
    monkeypatch.setattr(demo, "LABELS", 20)


@pytest.fixture
def without_extra(monkeypatch):
    def lacks():
        raise UsageError(WHY)

    monkeypatch.setattr(label, "needs_extra", lacks)


def test_without_the_extra_labelling_is_left_out_and_the_rest_is_there(alframe, tmp_path, without_extra):
    outcome = alframe("demo", "d")
    assert outcome.code == 0, outcome.err
    assert f"left out: {WHY}" in outcome.out
    assert "by hand" not in outcome.out
    assert (tmp_path / "d" / "comparison.html").as_uri() in outcome.out
    assert (tmp_path / "d" / "comparison.html").stat().st_size > 10_000
    shown = [line[4:] for line in outcome.out.splitlines() if line.startswith("    alframe ")]
    wanted = [shlex.join(["alframe", *words]) for words in demo.commands(tmp_path / "d")]
    assert shown == [line.replace(f"{tmp_path}/", "") for line in wanted[:4]]
    for line in shown[1:]:  # each can be pasted
        assert alframe(*shlex.split(line)[1:]).code == 0
    assert (tmp_path / "d" / demo.ABOUT).read_text().splitlines()[2:6] == shown


def test_it_goes_on_in_its_own_folder_and_in_no_other(alframe, tmp_path, without_extra, monkeypatch):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    refused = alframe("demo", "full")
    assert (refused.code, refused.out) == (2, "")
    assert "full is there already, and no demo's" in refused.err
    assert alframe("demo", "full/mine").code == 2

    def interrupted(path):
        raise KeyboardInterrupt

    (tmp_path / "d").mkdir()
    (tmp_path / "d" / f"{demo.ABOUT}.tmp").touch()  # of one that was killed at its start
    with monkeypatch.context() as patch:
        patch.setattr(demo, "_write_pool", interrupted)
        stopped = alframe("demo", "d")
    assert stopped.code == 130
    assert "the same command goes on where this one stopped" in stopped.err
    again = alframe("demo", "d")
    assert again.code == 0
    assert "round" not in again.err  # no trial is run again


@pytest.mark.slow
def test_the_whole_demo_twice(alframe, tmp_path):
    pytest.importorskip("uvicorn", reason="the extra label is not installed")
    for _ in range(2):
        outcome = alframe("demo", "d")
        assert outcome.code == 0, outcome.err
        assert len((tmp_path / "d" / "digits-labels.csv").read_text().splitlines()) == 1 + demo.LABELS
        assert "alframe label d/digits.alframe" in outcome.out
