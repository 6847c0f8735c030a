"""Hostile cases of every family are answered rightly or in one clear line."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[1] / "benchmarks" / "fuzz.py"


def run(*options):
    return subprocess.run([sys.executable, PROGRAM, *options], capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="each case is forked, and watched in /proc")
def test_no_case_of_a_few_hundred_goes_wrong():
    ended = run("--cases", "300", "--jobs", "2")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert re.search(r"\| all \| \d{3} \|( 0 \|)+\n", ended.stdout)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="each case is forked, and watched in /proc")
def test_known_faults_are_found():
    ended = run("--families", "known", "--cases", "15")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    # One or more of each verdict: see benchmarks/fuzzing/known.py.
    assert "| known | 15 | 1 | 1 | 1 | 3 | 1 | 3 | 2 | 1 | 2 |" in ended.stdout
