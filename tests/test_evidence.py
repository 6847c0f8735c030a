"""The studies behind "which one when", as far as a minute shows: benchmarks/evidence.py."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from alframe.experiments.settings import resolve

PROGRAM = Path(__file__).parents[1] / "benchmarks" / "evidence.py"
FINISHED = {"outcome": "beats", "difference": 0.0312, "low": 0.0212, "high": 0.0412}


@pytest.fixture
def program():
    spec = importlib.util.spec_from_file_location("evidence", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_study_names_what_there_is(program, registry):
    for words in program.STUDIES.values():
        flags = dict(zip(words[::2], words[1::2], strict=True))
        names = flags["--strategy"].split(",")
        run = {"strategy": names, "initial": flags["--initial"]}
        settings = resolve(registry, {"run": run, "stages": {"train": "linear-probe"}})
        assert len(settings.pipelines) == len(names)  # none twice


def test_differences_that_are_none_of_chance_stand_out(program):
    assert program.cell(FINISHED) == "**+3.1 ± 1.0**"
    assert program.cell(FINISHED | {"outcome": "loses to"}) == "**+3.1 ± 1.0**"
    assert program.cell(FINISHED | {"outcome": "no difference"}) == "+3.1 ± 1.0"
    assert program.cell(None) == ""


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

    told("run", data, out, "--studies", "c10-few,c10-start-typiclust", "--seeds", "1-2")
    tables = told("tables", data, out)
    records = list(out.glob("c10-few/*/*/random/*/rounds.jsonl"))
    areas = []
    for file in records:
        accuracy = [json.loads(line)["accuracy"] for line in file.read_text().splitlines()]
        areas.append((sum(accuracy) - (accuracy[0] + accuracy[-1]) / 2) / 4)
    assert len(areas) == 2
    assert f"| random: mean accuracy | {np.mean(areas):.3f} |" in tables
    assert "| uherding | " in tables
    assert "| typiclust | 1" in tables or "| typiclust | 9" in tables or "| typiclust | 8" in tables
