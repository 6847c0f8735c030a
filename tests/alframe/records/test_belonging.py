import dataclasses
import json
import os
import shutil

import pytest

from alframe.records.origin import ENVIRONMENT, facts_of
from alframe.records.tree import read_tree
from doubles import NAMES, ORIGIN


@pytest.fixture
def write(tmp_path):
    """Writes a trial, made of what is said; nothing is recorded of one with ``data=None``."""

    def write(strategy, seed, data="same", initial=None, setting="mlp", features=None, **names):
        folder = tmp_path / setting / strategy / f"seed-{seed}"
        folder.mkdir(parents=True)
        (folder / "rounds.jsonl").write_text('{"labelled": 10, "accuracy": 0.5}\n')
        of = NAMES | {"strategy": strategy, "seed": str(seed), "setting": setting} | names
        network = {"initial": initial or f"seed {seed}"}
        fixed = {"content": features} if features else {}
        origin = dataclasses.replace(
            ORIGIN, trial=of, data={"training inputs": str(data)}, network=network, features=fixed
        )
        if data is not None:
            (folder / ENVIRONMENT).write_text(json.dumps(facts_of(origin)))
        return folder

    return write


def read(folder):
    tree = read_tree(folder, "setting")
    return {name: list(trials) for name, trials in tree.settings[0].strategies.items()}, tree.notes


def test_trials_of_one_setting(write, tmp_path):
    for strategy in ("margin", "random"):
        for seed in (1, 2):
            write(strategy, seed)
    assert read(tmp_path / "mlp") == ({"margin": [1, 2], "random": [1, 2]}, [])
    shutil.move(tmp_path / "mlp", tmp_path / "elsewhere")
    assert read(tmp_path / "elsewhere") == ({"margin": [1, 2], "random": [1, 2]}, [])


def test_a_copy_counts_once(write, tmp_path):
    one = write("margin", 1)
    shutil.copytree(one, one.with_name("seed-2"))
    shutil.copytree(one.parent, one.parents[1] / "random")
    found, notes = read(tmp_path / "mlp")
    assert found == {"margin": [1]}
    copies = ["margin/seed-2", "random/seed-1", "random/seed-2"]
    assert notes == [
        f"{tmp_path / 'mlp' / copy} is left out: it is margin seed 1, copied or renamed" for copy in copies
    ]


def test_a_trial_of_another_setting(write, tmp_path):
    write("random", 1)
    write("margin", 1, setting="other", kind="other")
    shutil.copytree(tmp_path / "other" / "margin", tmp_path / "mlp" / "margin")
    for seed in (2, 3):  # more of them than of its own
        folder = write("margin", seed, setting="other", kind="other")
        shutil.copytree(folder, tmp_path / "mlp" / "margin" / folder.name)
    found, [note] = read(tmp_path / "mlp")
    assert found == {"random": [1]}
    assert note == (
        f"{tmp_path / 'mlp'}: margin seed 1, 2, 3: left out, being of another setting, copied or moved here"
    )


def test_other_data_are_never_averaged(write, tmp_path):
    for seed in (1, 2, 3):
        write("margin", seed)
    write("random", 1)
    write("random", 2, data="corrected")
    found, [note] = read(tmp_path / "mlp")
    assert found == {"margin": [1, 2, 3], "random": [1]}
    assert note == (
        f"{tmp_path / 'mlp'}: random seed 2: left out, being of other data than the rest; "
        "`alframe run --force` runs them anew"
    )


@pytest.mark.parametrize("newer", ["margin", "random"])
def test_of_two_equal_halves_the_newer_counts(write, tmp_path, newer):
    for strategy in ("margin", "random"):
        file = write(strategy, 1, data=strategy) / "rounds.jsonl"
        os.utime(file, (1e9 + (strategy == newer),) * 2)
    assert read(tmp_path / "mlp")[0] == {newer: [1]}


def test_a_copied_setting_counts_once(write, tmp_path):
    for seed in (1, 2):
        write("margin", seed)
    write("margin", 1, setting="other", kind="another")
    shutil.copytree(tmp_path / "mlp", tmp_path / "a-copy")
    shutil.rmtree(tmp_path / "a-copy" / "margin" / "seed-2")
    tree = read_tree(tmp_path, "dataset")
    assert [one.name for one in tree.settings] == ["mlp", "other"]
    assert tree.notes == [
        f"{tmp_path / 'a-copy'} is left out: its trials are those of {tmp_path / 'mlp'}, copied"
    ]
    write("random", 1, setting="a-copy")  # a trial of its own: two settings again
    assert [one.name for one in read_tree(tmp_path, "dataset").settings] == ["a-copy", "mlp", "other"]


def test_settings_of_which_nothing_is_recorded_are_no_copies(write, tmp_path):
    write("margin", 1, data=None)
    write("margin", 1, data=None, setting="other")
    assert len(read_tree(tmp_path, "dataset").settings) == 2


def test_what_is_not_recorded_is_held_against_nobody(write, tmp_path):
    write("margin", 1, data=None)
    write("random", 1)
    assert read(tmp_path / "mlp") == ({"margin": [1], "random": [1]}, [])


def test_other_initial_weights_are_noted(write, tmp_path):
    write("margin", 1)
    write("random", 1, initial="other")
    for strategy in ("margin", "random"):
        write(strategy, 2)
    found, [note] = read(tmp_path / "mlp")
    assert found == {"margin": [1, 2], "random": [1, 2]}
    assert "strategies with seed 1 did not start from the same initial weights" in note


def test_other_fixed_features_are_noted(write, tmp_path):
    for strategy, features in {"margin": "a", "random": "a", "badge": "b"}.items():
        write(strategy, 1, features=features)
    found, [note] = read(tmp_path / "mlp")
    assert len(found) == 3
    assert "badge seed 1: with other fixed features than the rest" in note


def test_other_starts_are_noted(write, tmp_path):
    started = {"margin": [3, 4], "random": [4, 3], "badge": [5, 6]}
    for strategy, first in started.items():
        record = {"labelled": 2, "accuracy": 0.5, "queried": first}
        (write(strategy, 1) / "rounds.jsonl").write_text(json.dumps(record) + "\n")
    trials, (note,) = read(tmp_path / "mlp")
    assert len(trials) == 3
    assert "not all strategies started from the same labelled set (badge): what is compared is" in note
    shutil.rmtree(tmp_path / "mlp" / "badge")
    assert read(tmp_path / "mlp")[1] == []
    (tmp_path / "mlp" / "random" / "seed-1" / "rounds.jsonl").write_text(json.dumps(record) + "\n")
    assert "(margin, random)" in read(tmp_path / "mlp")[1][0]


@pytest.mark.parametrize("content", [b"[" * 100_000, b"{}{", b'{"trial": 7}', b'{"trial": {}, "data": []}'])
def test_a_damaged_description_ends_nothing(write, tmp_path, content):
    file = write("margin", 1) / ENVIRONMENT
    file.write_bytes(content)
    write("random", 1)
    found, [note] = read(tmp_path / "mlp")
    assert found == {"margin": [1], "random": [1]}
    assert note.startswith(f"{file} can't be read: it ")
    assert note.endswith("; its trial is taken as it is")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes by name here")
@pytest.mark.parametrize("name", ["rounds.jsonl", ENVIRONMENT])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "deep"])
def test_what_stands_in_a_files_place_ends_nothing(write, tmp_path, name, kind):
    file = write("margin", 1) / name
    write("random", 1)
    file.unlink()
    {
        "pipe": os.mkfifo,
        "device": lambda path: path.symlink_to("/dev/zero"),
        "folder": lambda path: path.mkdir(),
        "deep": lambda path: path.write_bytes(b"[" * 100_000),
    }[kind](file)
    found, [note] = read(tmp_path / "mlp")
    assert found["random"] == [1]
    assert ("margin" in found) == (name == ENVIRONMENT)
    assert str(file) in note
