import json
import re
from pathlib import Path

import pytest

from alframe.contract.trial import MEASURED
from alframe.records.folder import TrialFolder


@pytest.fixture
def tasks(alframe, quick):
    """Writes tasks of two trials into an OUT; gives their folder."""

    def write(*flags, out="out"):
        command = ["run", "--strategy", "margin", *quick, "--rounds", "1", "--out", out, "--write-tasks"]
        written = alframe(*command, *flags)
        assert written.code == 0
        (line,) = written.out.splitlines()
        return line

    return write


def rounds(folder, seed):
    (path,) = folder.glob(f"digits/*/margin/seed-{seed}/rounds.jsonl")
    records = map(json.loads, path.read_text().splitlines())
    return [{key: value for key, value in one.items() if key not in MEASURED} for one in records]


def test_what_is_written_down_is_run_as_a_run_does(alframe, quick, tasks, tmp_path):
    folder = tasks()
    assert re.fullmatch(rf"{tmp_path}/out/\.tasks/[0-9a-f]{{8}}", folder)
    assert not list(tmp_path.glob("out/digits"))
    outcome = alframe("work", folder)
    assert outcome.code == 0
    assert outcome.out.count("done") == 2
    assert outcome.err.count("round 1/1") == 2
    command = ["run", "--strategy", "margin", *quick, "--rounds", "1", "-o", "run.together=off"]
    assert alframe(*command).code == 0
    for seed in (1, 2):
        assert rounds(tmp_path / "out", seed) == rounds(tmp_path / "runs", seed)
    assert "finished" in alframe(*command, "--out", "out").err  # it is the same trial


def test_one_of_them(alframe, tasks, tmp_path):
    folder = tasks()
    outcome = alframe("work", folder, "--index", "1", "--json")
    (row,) = json.loads(outcome.out)
    assert (row["trial"], row["state"]) == ("margin seed 2", "done")
    assert not list(tmp_path.glob("out/digits/*/margin/seed-1"))
    assert alframe("work", f"{folder}/0.json", "-q").code == 0
    assert list(tmp_path.glob("out/digits/*/margin/seed-1"))


def test_what_another_runs_is_passed_over_with_any(alframe, tasks):
    folder = tasks()
    place = json.loads(alframe("work", folder, "--index", "0", "--json").out)[0]["folder"]
    with TrialFolder(Path(place)).held():
        outcome = alframe("work", folder, "--any")
        assert outcome.code == 0
        assert "in use" in outcome.out
        assert outcome.out.count("done") == 1
        outcome = alframe("work", folder)
        assert outcome.code == 1
        assert "error: margin seed 1: " in outcome.err


def test_exit_codes(alframe, tasks, tmp_path):
    folder = tasks()
    assert alframe("work", folder, "--index", "7").code == 2
    assert alframe("work", folder, "--index", "0", "--any").code == 2
    assert alframe("work", str(tmp_path)).code == 2
    assert alframe("work", tasks("-o", "train.learning_rate=1e30", out="bad")).code == 1
    document = json.loads((tmp_path / folder / "0.json").read_text())
    (tmp_path / "0.json").write_text(json.dumps(document | {"alframe": "99.0.0"}))
    outcome = alframe("work", "0.json")
    assert outcome.code == 2
    assert "was made by alframe 99.0.0" in outcome.err


def test_an_interrupt_can_be_resumed(alframe, tasks, monkeypatch):
    folder = tasks()
    save = TrialFolder.save

    def interrupted(self, checkpoint):
        save(self, checkpoint)
        raise KeyboardInterrupt

    monkeypatch.setattr(TrialFolder, "save", interrupted)
    outcome = alframe("work", folder)
    assert outcome.code == 130
    assert "the same command continues" in outcome.err
    monkeypatch.setattr(TrialFolder, "save", save)
    assert "continues after 1 of 2 trainings" in alframe("work", folder).err
