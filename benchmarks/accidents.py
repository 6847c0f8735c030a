"""What befalls a trial beside a kill: is any round lost, anything overwritten, other data taken for the same?

    python benchmarks/accidents.py --times 20

Each accident befalls a trial of its own, at a random round. A damaged checkpoint is followed by a full disk,
or by a SIGKILL at a random moment; the same command must then go on from the round before the damage, and
end with the records of a trial that nothing befell. Data that change under a half-done or a finished trial,
and a trial that is copied to another seed, must be refused with exit code 1, nothing overwritten; with the
data as they were the trial must end as if nothing had been. `kills.py` has the kills alone. Exit code 1 when
any fails.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

MEASURED = {"query_seconds", "query_peak_memory", "train_seconds", "train_peak_memory"}
ROUNDS = 8
COMMAND = (
    *(sys.executable, "-m", "alframe_cli", "run", "--strategy", "margin", "--device", "cpu"),
    *("--initial-size", "20", "--query-size", "10", "--rounds", str(ROUNDS), "--epochs", "60"),
    *("-o", "train.stop_accuracy=none", "--display", "plain"),
)
FULL = 20_000  # bytes that a file may have where the disk is full: a checkpoint has more


class Lab:
    """A data set, and a command that runs one trial of it in a folder of its own."""

    def __init__(self, base: Path, draw: random.Random) -> None:
        self.base, self.draw = base, draw
        self.data = base / "mine.npz"
        self.write()
        self.out = base / "whole"
        self.finish()
        self.whole = self.records()

    def write(self, swapped: bool = False) -> None:
        """Writes the data; with two labels swapped where that is asked for."""
        draw = np.random.default_rng(0)
        targets = np.arange(400) % 4
        inputs = draw.normal(size=(400, 10)) + np.eye(4, 10)[targets]
        if swapped:
            targets[[0, 1]] = targets[[1, 0]]
        np.savez(
            self.data, x_train=inputs[:300], y_train=targets[:300], x_test=inputs[300:], y_test=targets[300:]
        )

    def start(self, *more: str, **how: Any) -> subprocess.Popen[str]:
        """The command, running."""
        command = [*COMMAND, "--dataset", f"npz:{self.data}", "--out", str(self.out), *more]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, **how)

    def run(self, *more: str, **how: Any) -> tuple[int, str]:
        """Exit code and standard error."""
        process = self.start(*(more or ("--seeds", "1")), **how)
        _, errors = process.communicate()
        return process.returncode, errors

    def finish(self) -> str:
        """Runs the trial to its end; standard error."""
        code, errors = self.run()
        if code:
            raise SystemExit(errors)
        return errors

    def killed_after(self, rounds: int, delay: float = 0.0) -> None:
        """Starts, waits for some rounds, and a little longer, and kills."""
        process = self.start("--seeds", "1")
        assert process.stderr
        for _ in range(rounds):
            process.stderr.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate()

    @property
    def trial(self) -> Path:
        """The trial's folder."""
        (folder,) = self.out.glob("*/*/*/seed-1")
        return folder

    def damage(self) -> int:
        """Damages the checkpoint; the number of rounds that the one before it has."""
        file = self.trial / "checkpoint.pt"
        content = bytearray(file.read_bytes())
        if self.draw.random() < 0.5:
            del content[self.draw.randrange(len(content)) :]
        else:
            content[self.draw.randrange(len(content))] ^= 1 << self.draw.randrange(8)
        rounds = len((self.trial / "rounds.jsonl").read_text().splitlines())
        file.write_bytes(content)
        return rounds - 1

    def records(self) -> list[dict[str, Any]]:
        """The trial's records without what is measured."""
        lines = map(json.loads, (self.trial / "rounds.jsonl").read_text().splitlines())
        return [{key: value for key, value in one.items() if key not in MEASURED} for one in lines]

    def content(self) -> dict[str, bytes]:
        """Every file of every trial."""
        return {str(path): path.read_bytes() for path in self.out.glob("*/*/*/seed-*/*")}

    def goes_on_after(self, rounds: int) -> bool:
        """Whether the trial goes on from that many rounds or more, to the records of an undisturbed one."""
        errors = self.finish()
        said = [line for line in errors.splitlines() if "continues after" in line]
        after = int(said[0].split("continues after ")[1].split()[0]) if said else 0
        return after >= rounds and self.records() == self.whole


def damage_then_full_disk(lab: Lab) -> bool:
    lab.killed_after(lab.draw.randint(2, ROUNDS - 2))
    left = lab.damage()
    limits = (FULL, FULL)
    code, errors = lab.run(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limits))
    return code == 1 and "Traceback" not in errors and lab.goes_on_after(left)


def damage_then_kill(lab: Lab) -> bool:
    lab.killed_after(lab.draw.randint(2, ROUNDS - 4))
    left = lab.damage()
    lab.killed_after(lab.draw.randint(0, 2), lab.draw.uniform(0, 0.2))
    return lab.goes_on_after(left)


def _refused(lab: Lab, *more: str) -> bool:
    before = lab.content()
    code, errors = lab.run(*more)
    return code == 1 and "--force" in errors and "Traceback" not in errors and lab.content() == before


def data_under_half_done(lab: Lab) -> bool:
    rounds = lab.draw.randint(1, ROUNDS - 2)
    lab.killed_after(rounds)
    lab.write(swapped=True)
    refused = _refused(lab)
    lab.write()
    return refused and lab.goes_on_after(rounds)


def data_under_finished(lab: Lab) -> bool:
    lab.finish()
    lab.write(swapped=True)
    refused = _refused(lab)
    lab.write()
    return refused and lab.goes_on_after(0)


def copied(lab: Lab) -> bool:
    lab.killed_after(lab.draw.randint(1, ROUNDS - 2)) if lab.draw.random() < 0.5 else lab.finish()
    shutil.copytree(lab.trial, lab.trial.with_name("seed-2"))
    return _refused(lab, "--seeds", "2") and lab.goes_on_after(0)


ACCIDENTS: dict[str, Callable[[Lab], bool]] = {
    "damage, then a full disk": damage_then_full_disk,
    "damage, then a kill": damage_then_kill,
    "data changed, half done": data_under_half_done,
    "data changed, finished": data_under_finished,
    "copied to another seed": copied,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--times", type=int, default=3, help="how often each")
    parser.add_argument("--only", default="", help="the accidents whose name holds this text")
    options = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(Path(folder), random.Random(0))
        print("| accident | times | as it should be | seconds |\n|---|---|---|---|")
        for name, befall in ACCIDENTS.items():
            if options.only not in name:
                continue
            begun, good = time.monotonic(), 0
            for number in range(options.times):
                lab.out = lab.base / f"{befall.__name__}-{number}"
                good += befall(lab)
            failed += options.times - good
            print(f"| {name} | {options.times} | {good} | {time.monotonic() - begun:.0f} |", flush=True)
    if failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
