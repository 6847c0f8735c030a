"""Runs that an earlier alframe wrote go on, and are compared: tests/data/written_before_api_2."""

import csv
import hashlib
import io
import json
import shutil
from pathlib import Path

import pytest
import torch

from alframe import read_rounds
from alframe.contract.trial import SINCE
from doubles import repeatable

WRITTEN = Path(__file__).parents[1] / "data" / "written_before_api_2"
COMMAND = (
    "run --strategy random,margin,alfamix,badge --seeds 1 --initial-size 20 --query-size 10 --rounds 3 "
    "--epochs 10 -o model.hidden=16 --device cpu"
)


def records(folder):
    """The rounds of each trial by its folder, without what is measured and what was not recorded then."""
    return {
        str(path.parent.relative_to(folder)): [
            {key: value for key, value in record.items() if key not in SINCE}
            for record in repeatable(map(json.loads, path.read_text().splitlines()))
        ]
        for path in folder.rglob("rounds.jsonl")
    }


def processor():
    """What tells this processor from others as far as its last bits go; "" where that is not known."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    wanted = ("vendor_id", "cpu family", "model", "model name", "stepping", "flags")
    facts = {line.partition(":")[0].strip(): line.partition(":")[2].strip() for line in lines}
    return hashlib.sha256(repr([facts.get(name) for name in wanted]).encode()).hexdigest()[:16]


def is_the_same_machine():
    made = json.loads((WRITTEN / "processor.json").read_text())
    return processor() == made["processor"] and torch.__version__ == made["torch"]


@pytest.fixture
def continued(alframe, tmp_path):
    """The interrupted runs, gone on with by the command that began them."""
    shutil.copytree(WRITTEN / "interrupted", tmp_path / "runs")
    threads = torch.get_num_threads()
    torch.set_num_threads(json.loads((WRITTEN / "processor.json").read_text())["threads"])
    try:
        outcome = alframe(*COMMAND.split())
    finally:
        torch.set_num_threads(threads)
    assert outcome.code == 0, outcome.err
    return outcome


def test_interrupted_runs_go_on_in_their_folders(continued, tmp_path):
    before, after, whole = (
        records(p) for p in (WRITTEN / "interrupted", tmp_path / "runs", WRITTEN / "finished")
    )
    assert after.keys() == before.keys() == whole.keys()
    assert len(after) == 4
    for trial, rounds in after.items():
        assert rounds[:2] == before[trial] == whole[trial][:2]
        assert [r["labelled"] for r in rounds] == [r["labelled"] for r in whole[trial]] == [20, 30, 40, 50]
        assert [set(r) for r in rounds] == [set(r) for r in whole[trial]]  # no field of then came or went
        assert [r.ece is None for r in read_rounds(tmp_path / "runs" / trial)] == [True, True, False, False]
        if "/random/" in trial:  # chosen by the seed alone, on every machine
            assert [r["queried"] for r in rounds] == [r["queried"] for r in whole[trial]]
    assert "continues after 2 of 4 trainings" in continued.err


def test_bit_for_bit(continued, tmp_path):
    if not is_the_same_machine():
        pytest.skip("written on another processor or by another torch: the last bits may differ")
    assert records(tmp_path / "runs") == records(WRITTEN / "finished")


def test_finished_runs_are_compared(alframe):
    outcome = alframe("compare", str(WRITTEN / "finished"), "--format", "csv")
    assert outcome.code == 0
    shown = {}
    for row in csv.DictReader(io.StringIO(outcome.out)):
        shown.setdefault(row["strategy"], []).append(float(row["mean"]))
    for trial, rounds in records(WRITTEN / "finished").items():
        strategy = trial.split("/")[2]
        assert shown[strategy] == pytest.approx([r["accuracy"] for r in rounds], abs=1e-6)
