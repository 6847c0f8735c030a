"""A trial killed at random moments and continued ends as one that never was."""

import json
import random
import signal
import subprocess
import sys
import time

import pytest

KILLS = 10
MEASURED = {"query_seconds", "query_peak_memory", "train_seconds", "train_peak_memory"}
COMMAND = [
    *(sys.executable, "-m", "alframe_cli", "run", "--strategy", "alfamix", "--device", "cpu"),
    *("--initial-size", "50", "--query-size", "50", "--rounds", "12", "--epochs", "80"),
    *("-o", "train.stop_accuracy=none", "--display", "plain"),
]


def rounds(out):
    """Each seed's records, without what is measured."""
    found = {}
    for path in out.glob("digits/*/alfamix/seed-*/rounds.jsonl"):
        records = [json.loads(line) for line in path.read_text().splitlines()]
        found[path.parent.name] = [
            {k: v for k, v in record.items() if k not in MEASURED} for record in records
        ]
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)  # eleven starts, on however busy a machine
@pytest.mark.parametrize("jobs", [1, 2])
def test_killed_at_ten_random_moments(tmp_path, jobs):
    arguments = [*COMMAND, "--seeds", f"1-{jobs}", "--jobs", str(jobs)]

    def start(out):
        pipe = subprocess.PIPE
        return subprocess.Popen([*arguments, "--out", str(out)], stderr=pipe, stdout=pipe, text=True)

    whole = start(tmp_path / "whole")
    begun = time.monotonic()
    first_line = whole.stderr.readline()
    before_first_round = time.monotonic() - begun
    _, rest = whole.communicate()
    duration = time.monotonic() - begun - before_first_round
    assert whole.returncode == 0, first_line + rest

    draw = random.Random(0)
    killed = 0
    folder = tmp_path / "killed-0"
    while killed < KILLS:
        trial = start(folder)
        # Between the first moment of work and a share of what is left, so that each start gets some way.
        delay = before_first_round * 0.9 + draw.uniform(0, duration / 4)
        try:
            trial.communicate(timeout=delay)
        except subprocess.TimeoutExpired:
            trial.send_signal(signal.SIGKILL)
            trial.communicate()
            killed += 1
        else:  # it came to its end: the next kills are another trial's
            assert rounds(folder) == rounds(tmp_path / "whole")
            folder = tmp_path / f"killed-{killed}"

    assert len(rounds(tmp_path / "whole")) == jobs
    last = start(folder)
    _, errors = last.communicate()
    assert last.returncode == 0, errors
    assert rounds(folder) == rounds(tmp_path / "whole")
    assert not list(folder.rglob("*.tmp"))
