"""SIGKILL at random moments of a sweep, continued each time: are the records those of one never killed?

    python benchmarks/kills.py --kills 100 --jobs 2 --strategies alfamix,margin --query-sizes 40,50

Every start is of the same command. A fifth of the kills fall into start-up and the first training, the
others at a random moment after the first line of progress; every second one takes the whole process group at
once, as a power cut does, the others the first process alone. When a sweep comes to its end its records, what
is measured left out, are compared with the undisturbed sweep's, and the next kills are another folder's. Exit
code 1 when any differs.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

MEASURED = {"query_seconds", "query_peak_memory", "train_seconds", "train_peak_memory"}
SETTING = (
    *("--initial-size", "50", "--rounds", "12", "--epochs", "80"),
    *("-o", "train.stop_accuracy=none", "--device", "cpu", "--display", "plain"),
)
Records = dict[str, list[dict[str, Any]]]


class Sweep:
    """One command, started again and again.

    Args:
        strategies: names, separated by commas.
        query_sizes: a setting each.
        seeds: how many.
        jobs: trials side by side.
    """

    def __init__(self, strategies: str, query_sizes: str, seeds: int, jobs: int) -> None:
        trials = ("--strategy", strategies, "--query-size", query_sizes, "--seeds", f"1-{seeds}")
        self.command = (sys.executable, "-m", "alframe_cli", "run", *trials, "--jobs", str(jobs), *SETTING)
        self.trials = len(strategies.split(",")) * len(query_sizes.split(",")) * seeds
        self.starting = 0.0  # seconds to the first line
        self.working = float("inf")  # seconds from there to the end

    def start(self, out: Path) -> subprocess.Popen[str]:
        """A process in a group of its own."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [*self.command, "--out", str(out)], stdout=pipe, stderr=pipe, text=True, start_new_session=True
        )

    def whole(self, out: Path) -> Records:
        """From start to end, timed."""
        begun = time.monotonic()
        process = self.start(out)
        assert process.stderr
        first = process.stderr.readline()
        self.starting = time.monotonic() - begun
        _, rest = process.communicate()
        self.working = time.monotonic() - begun - self.starting
        if process.returncode:
            raise SystemExit(first + rest)
        return read(out)

    def kill(self, out: Path, draw: random.Random, group: bool) -> bool:
        """Starts and kills; False when the sweep came to its end first."""
        process = self.start(out)
        early = draw.random() < 0.2
        assert process.stderr
        if not early:
            process.stderr.readline()
        delay = draw.uniform(0, self.starting if early else min(self.working, 30.0) / 3)
        try:
            _, errors = process.communicate(timeout=delay)
        except subprocess.TimeoutExpired:
            (os.killpg if group else os.kill)(process.pid, signal.SIGKILL)
            process.communicate()
            return True
        if process.returncode:
            raise SystemExit(errors)
        if early:  # the next ones come sooner, should the machine have become faster
            self.starting *= 0.8
        else:
            self.working *= 0.8
        return False


def read(out: Path) -> Records:
    """Every trial's records without what is measured."""
    found = {}
    for path in sorted(out.glob("*/*/*/seed-*/rounds.jsonl")):
        records = [json.loads(line) for line in path.read_text().splitlines()]
        found[str(path.parent.relative_to(out))] = [
            {key: value for key, value in record.items() if key not in MEASURED} for record in records
        ]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--strategies", default="alfamix")
    parser.add_argument("--query-sizes", default="50")
    options = parser.parse_args()
    sweep = Sweep(options.strategies, options.query_sizes, options.seeds, options.jobs)
    draw = random.Random(0)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        expected = sweep.whole(base / "whole")
        assert len(expected) == sweep.trials
        kills = of_folder = mid_write = sweeps = ended = same = 0
        out = base / "killed-0"
        while kills < options.kills:
            if sweep.kill(out, draw, group=kills % 2 == 0):
                kills, of_folder = kills + 1, of_folder + 1
                mid_write += any(out.rglob("*.tmp"))
                print(f"{kills} of {options.kills} kills, {same} of {ended} identical", file=sys.stderr)
                continue
            ended, same = ended + of_folder, same + of_folder * (read(out) == expected)
            sweeps += 1
            out, of_folder = base / f"killed-{kills}", 0
        process = sweep.start(out)
        _, errors = process.communicate()
        if process.returncode:
            raise SystemExit(errors)
        ended, same = ended + of_folder, same + of_folder * (read(out) == expected)
        left = len(list(base.rglob("*.tmp")))
    minutes = (time.monotonic() - begun) / 60
    print("| kills | amid writing | sweeps | continued to the end | identical | files left over | minutes |")
    print("|---|---|---|---|---|---|---|")
    print(f"| {kills} | {mid_write} | {sweeps + 1} | {ended} | {same} | {left} | {minutes:.1f} |")
    if same < kills or left:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
