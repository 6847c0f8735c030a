import json
from pathlib import Path

import pytest

from alframe.records.provenance import Fact, configuration, environment
from alframe.records.tree import read_tree


@pytest.fixture
def write(tmp_path):
    """Writes a trial with its two files; without them where they are None."""

    def write(strategy, seed, config, machine=None):
        folder = tmp_path / "digits" / "mlp" / strategy / f"seed-{seed}"
        folder.mkdir(parents=True)
        (folder / "rounds.jsonl").write_text('{"labelled": 10, "accuracy": 0.5}\n')
        if config is not None:
            (folder / "config.toml").write_text(config)
        if machine is not None:
            (folder / "environment.json").write_text(json.dumps(machine))

    return write


def setting(tmp_path):
    return read_tree(tmp_path).settings[0]


def test_what_is_the_same_is_said_once(write, tmp_path):
    for strategy in ("a", "b"):
        for seed in (1, 2):
            write(strategy, seed, f"[run]\nrounds = 5\nstrategy = ['{strategy}']\nseeds = [{seed}]\n")
    assert configuration(setting(tmp_path)) == (
        [
            Fact("run.rounds", "5", {}),
            Fact("run.strategy", None, {"a": "a", "b": "b"}),
            Fact("run.seeds", "1 | 2", {}),
        ],
        [],
    )


def test_options_of_one_strategy_alone(write, tmp_path):
    write("a", 1, "[alfamix]\ncap = 0.1\n")
    write("b", 1, "[badge]\nbias = true\n")
    facts, _ = configuration(setting(tmp_path))
    assert facts == [Fact("alfamix.cap", "0.1", {}), Fact("badge.bias", "true", {})]


def test_environments_that_differ(write, tmp_path):
    here = {"packages": {"torch": "2.6"}, "git": None, "command": ["alframe", "run", "-o", "a b"]}
    write("a", 1, "", here)
    write("a", 2, "", here | {"packages": {"torch": "2.7"}})
    write("b", 1, "", here)
    facts, notes = environment(setting(tmp_path))
    assert notes == []
    assert facts == [
        Fact("packages.torch", None, {"a": "2.6 | 2.7", "b": "2.6"}),
        Fact("git", "null", {}),
        Fact("command", "alframe run -o 'a b'", {}),
    ]


@pytest.mark.parametrize("text", ["[run\n", "\x00", "a = 1\n[run]\nb ="])
def test_a_damaged_file_is_named(write, tmp_path, text):
    write("a", 1, text)
    write("a", 2, "[run]\nrounds = 5\n")
    facts, [note] = configuration(setting(tmp_path))
    assert facts == [Fact("run.rounds", "5", {})]
    assert note == f"{tmp_path / 'digits/mlp/a/seed-1/config.toml'} can't be read: it is damaged or cut off"


@pytest.mark.parametrize("content", [[1, 2], "text", 7])
def test_json_that_is_no_table(write, tmp_path, content):
    write("a", 1, None, content)
    facts, [note] = environment(setting(tmp_path))
    assert facts == []
    assert note.endswith("environment.json can't be read: it is damaged or cut off")


def test_runs_without_the_files(write, tmp_path, make_setting):
    write("a", 1, None)
    assert configuration(setting(tmp_path)) == environment(setting(tmp_path)) == ([], [])
    assert configuration(make_setting(a={1: [0.5]})) == ([], [])


def test_the_files_of_a_setting(write, tmp_path):
    write("a", 1, "")
    write("a", 2, None)
    files = setting(tmp_path).files("config.toml")
    assert files == {("a", 1): Path(tmp_path / "digits/mlp/a/seed-1/config.toml")}
