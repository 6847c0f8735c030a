"""Trials killed at random moments and continued end as ones that never were."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[1] / "benchmarks" / "kills.py"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("jobs", [1, 2])
def test_killed_at_five_random_moments(jobs):
    options = ["--kills", "5", "--jobs", str(jobs), "--seeds", str(jobs)]
    ended = subprocess.run([sys.executable, PROGRAM, *options], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "| 5 | 5 | 0 |" in ended.stdout
