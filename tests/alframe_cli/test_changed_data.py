"""Data that changed under runs, runs that were copied, files that are no files: from the command's side."""

import json
import os
import shutil

import numpy as np
import pytest

ANEW = "--force starts it anew"


@pytest.fixture
def mine(tmp_path):
    """Writes three classes that are easy to tell apart; the first ``wrong`` labels are of the next class."""

    def write(wrong=0):
        draw = np.random.default_rng(0)
        targets = np.arange(150) % 3
        inputs = draw.normal(size=(150, 4)) + 3 * np.eye(3, 4)[targets]
        targets[:wrong] = (targets[:wrong] + 1) % 3
        np.savez(tmp_path / "mine.npz", x_train=inputs[:120], y_train=targets[:120])
        return tmp_path / "mine.npz"

    return write


@pytest.fixture
def run(alframe, quick):
    def run(*more, strategy="random", jobs="1"):
        data = ("--dataset", "npz:mine.npz", "--strategy", strategy, "--jobs", jobs)
        return alframe("run", *quick, *data, *more)

    return run


@pytest.fixture
def compare(alframe, tmp_path):
    return lambda: alframe("compare", str(setting(tmp_path)))


def setting(tmp_path):
    (folder,) = (tmp_path / "runs" / "npz-mine").iterdir()
    return folder


@pytest.mark.parametrize("jobs", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_corrected_labels_are_one_line_and_others_go_on(run, compare, mine, tmp_path, jobs):
    mine(wrong=60)
    assert run().code == 0
    mine()
    outcome = run(strategy="random,margin", jobs=jobs)
    assert outcome.code == 1
    errors = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    folder = setting(tmp_path).relative_to(tmp_path)
    assert sorted(errors) == [
        f"error: random seed {seed}: {folder}/random/seed-{seed}: "
        f"the data have changed since this trial began (training labels); {ANEW}"
        for seed in (1, 2)
    ]
    assert "random" not in outcome.out.splitlines()[1]  # no ranking of old beside new
    assert "Ranking" not in outcome.out
    compared = compare()
    assert "random" not in compared.out
    assert "random seed 1, 2: left out, being of other data than the rest" in compared.err
    again = run("--force", strategy="random,margin")
    assert again.code == 0
    assert "Ranking" in again.out


def test_the_plan_says_so(run, mine, tmp_path):
    mine(wrong=60)
    run("--seeds", "1")
    folder = setting(tmp_path)
    shutil.copytree(folder / "random" / "seed-1", folder / "random" / "seed-3")

    def states():
        return [row["state"] for row in json.loads(run("--seeds", "1-3", "--dry-run", "--json").out)]

    assert states() == ["finished", "new", "another trial"]
    mine()
    assert states() == ["other data", "new", "another trial"]
    (tmp_path / "mine.npz").unlink()
    assert states() == ["finished", "new", "another trial"]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_results_are_shown_where_the_data_are_gone(run, mine, tmp_path, jobs):
    file = mine()
    first = run()
    file.unlink()
    again = run(jobs=jobs)
    assert again.code == 0
    assert again.out == first.out
    (note,) = [line for line in again.err.splitlines() if line.startswith("note: ")]
    assert "can't be loaded, so its finished trials are shown without a check" in note
    assert "mine.npz" in note
    assert run("--seeds", "1-3").code == 2
    assert run("--force").code == 2
    assert run().out == first.out


def test_finished_trials_of_two_data_sets_are_not_shown_side_by_side(run, mine):
    mine(wrong=60)
    assert run(strategy="random").code == 0
    file = mine()
    assert run(strategy="margin").code == 0
    file.unlink()
    assert run(strategy="margin").code == 0
    assert run(strategy="random,margin").code == 2


def test_a_copied_seed_is_no_second_seed(run, compare, mine, tmp_path):
    mine()
    run("--seeds", "1")
    folder = setting(tmp_path) / "random"
    shutil.copytree(folder / "seed-1", folder / "seed-2")
    shutil.copytree(folder, folder.with_name("margin"))
    compared = compare()
    assert compared.err.count("copied or renamed") == 3
    assert "margin" not in compared.out
    outcome = run(strategy="random,margin")
    assert outcome.code == 1
    assert outcome.err.count(f"this is random seed 1, copied or renamed; {ANEW}") == 3
    assert "one seed" in outcome.out


@pytest.mark.parametrize("jobs", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_what_a_reader_remarks_is_said_once(alframe, quick, tmp_path, jobs):
    (tmp_path / "talking.py").write_text(
        "import torch\n"
        "from alframe import Dataset, DatasetInfo, hookimpl\n"
        "def load(request):\n"
        "    x = torch.eye(3).repeat(40, 1)\n"
        "    y = torch.arange(120) % 3\n"
        "    return Dataset('t', x, y, 3, notes=('a guess; data.x=no',), details=('column 1: numbers',))\n"
        "@hookimpl\n"
        "def alframe_datasets():\n"
        "    return {'talking': DatasetInfo(summary='it talks', load=load)}\n"
    )
    command = ["run", *quick, "--plugin", "talking.py", "--dataset", "talking", "--strategy", "random,margin"]
    outcome = alframe(*command, "--jobs", jobs)
    assert outcome.code == 0
    assert outcome.err.count("note: a guess; data.x=no") == 1
    assert "column 1" not in outcome.err
    assert alframe(*command, "-v").err.count("column 1: numbers") == 1
    files = list((tmp_path / "runs").rglob("environment.json"))
    assert len(files) == 4
    assert all(json.loads(file.read_text())["data"]["notes"] == ["a guess; data.x=no"] for file in files)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes by name here")
def test_files_that_are_none_end_neither_command(run, compare, mine, tmp_path):
    mine()
    run(strategy="random,margin")
    first, second = (setting(tmp_path) / "random" / f"seed-{seed}" for seed in (1, 2))
    for file in (first / "checkpoint.pt", first / "environment.json", second / "rounds.jsonl"):
        file.unlink()
        os.mkfifo(file)
    (second / "environment.json").write_text('{"plugins": ' + "[" * 100_000)
    compared = compare()
    assert compared.code == 0
    assert "rounds.jsonl is left out: not a file, but a pipe or a device" in compared.err
    outcome = run(strategy="random,margin")
    assert outcome.code == 0
    assert "checkpoint.pt is damaged (not a file, but a pipe or a device); the trial goes on" in outcome.err
    assert "seed-2/rounds.jsonl was damaged or changed; it is written anew" in outcome.err
    assert "Traceback" not in outcome.err + compared.err
