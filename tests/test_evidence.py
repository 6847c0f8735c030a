"""The studies behind "which one when", as far as a minute shows: benchmarks/evidence.py."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import alframe
from alframe.experiments.settings import resolve

PROGRAM = Path(__file__).parents[1] / "benchmarks" / "evidence.py"
FINISHED = {"seeds": 5, "outcome": "beats", "difference": 0.0312, "low": 0.0212, "high": 0.0412}


@pytest.fixture
def program():
    spec = importlib.util.spec_from_file_location("evidence", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_study_names_what_there_is(program, registry):
    for words in program.STUDIES.values():
        labels = words[words.index("--strategy") + 1].split(",")
        found = []
        for command in program.commands(words):
            flags = dict(zip(command[::2], command[1::2], strict=True))
            run = {"strategy": flags["--strategy"].split(","), "initial": flags["--initial"]}
            stages = {stage: flags[f"--{stage}"] for stage in program.STAGES if f"--{stage}" in flags}
            sections = {"run": run, "stages": {"train": "linear-probe", **stages}}
            for text in command[len(words) :]:
                key, is_option, value = text.partition("=")
                if is_option:
                    name, _, key = key.partition(".")
                    sections.setdefault(name, {})[key] = value
            found += [one.label for one in resolve(registry, sections).pipelines]
        assert sorted(found) == sorted(labels)  # none twice, and each by its name


def test_a_variant_is_a_command_of_its_own(program):
    words = ["--strategy", "random,powerbald+select=x,bald+passes=5,bald+stochastic.beta=2", "--rounds", "4"]
    plain, selected, option, other = program.commands(words)
    assert plain == ["--strategy", "random", "--rounds", "4"]
    assert selected == ["--strategy", "powerbald", "--rounds", "4", "--select", "x"]
    assert option[-2:] == ["-o", "bald.passes=5"]
    assert other[-2:] == ["-o", "stochastic.beta=2"]
    assert program.commands(words, ["random"]) == [plain]


def test_differences_that_are_none_of_chance_stand_out(program):
    assert program.cell(FINISHED) == "**+3.1 ± 1.0**"
    assert program.cell(FINISHED | {"outcome": "loses to"}) == "**+3.1 ± 1.0**"
    assert program.cell(FINISHED | {"outcome": "no difference"}) == "+3.1 ± 1.0"
    assert program.cell(FINISHED, usual=10) == "**+3.1 ± 1.0**, 5 seeds"
    assert program.cell(None) == ""


def test_labels_of_the_rarest_are_counted_without_the_start(tmp_path, program, capsys):
    y = np.repeat(np.arange(10), 40)
    x = np.arange(800, dtype=np.float32).reshape(400, 2)
    np.savez(tmp_path / "x.npz", x_train=x, y_train=y, x_test=x[::40], y_test=y[::40])
    total = 0
    for seed in (1, 2):
        kept = alframe.load_dataset(f"npz:{tmp_path / 'x.npz'}", imbalance=0.1, seed=seed).targets
        total = len(kept)
        folder = tmp_path / "out" / "data" / "setting" / "margin" / f"seed-{seed}"
        folder.mkdir(parents=True)
        queries = [[total - 1], [0, total - 1 - seed], [total - 8]]  # the last four are of the last class
        assert (kept == 9).nonzero()[:, 0].tolist() == list(range(total - 4, total))
        folder.joinpath("rounds.jsonl").write_text("\n".join(json.dumps({"queried": q}) for q in queries))
    one = {"strategies": {"margin": {"area": {"mean": 0.5}, "cost": {"seconds": 0.25}}}, "verdicts": []}
    program.print_rare("c10-tail10", tmp_path / "out", one, tmp_path / "x.npz", 10)
    told = capsys.readouterr().out
    assert f"of 4 of the rarest class and {4 + 5} of its fifth" in told
    assert "| margin | 0.500 | 1.0 ± 0.0 | 2.0 ± 0.0 | 0.25 | 2 |" in told


@pytest.mark.slow
def test_studies_of_made_up_features(tmp_path, program):
    rng = np.random.default_rng(0)
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    for name, classes in (("cifar10", 10), ("cifar100", 100)):
        y = np.arange(400) % classes
        x = (rng.normal(size=(400, 8)) + 3 * rng.normal(size=(classes, 8))[y]).astype(np.float16)
        np.savez(data / f"{name}_effnetlite0.npz", x_train=x, y_train=y, x_test=x[:100], y_test=y[:100])

    def told(*words):
        command = [sys.executable, PROGRAM, *map(str, words)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    some = ["--strategies", "random,margin,uherding,balanced+of=badge"]
    told("run", data, out, "--studies", "c10-few,c10-start-typiclust", "--seeds", "1-2", *some)
    tables = told("tables", data, out)
    records = list(out.glob("c10-few/*/*/random/*/rounds.jsonl"))
    areas = []
    for file in records:
        accuracy = [json.loads(line)["accuracy"] for line in file.read_text().splitlines()]
        areas.append((sum(accuracy) - (accuracy[0] + accuracy[-1]) / 2) / 4)
    assert len(areas) == 2
    assert f"| random: mean accuracy | {np.mean(areas):.3f} |" in tables
    assert "| uherding | " in tables
    assert "| balanced+of=badge | " in tables
    assert "| typiclust | 1" in tables or "| typiclust | 9" in tables or "| typiclust | 8" in tables
