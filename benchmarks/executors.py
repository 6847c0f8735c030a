"""What an executor costs a trial: short trials through it, and by processes of this machine.

    python benchmarks/executors.py --executor slurm -o slurm.cpus=1
    python benchmarks/executors.py --executor slurm -o slurm.cpus=1 -o slurm.per_job=4

Prints seconds from the command to its end, and by trial. They hold for two trials at a time; a cluster whose
jobs wait for each other takes longer, and one with more room less.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

TRIAL = (
    *("--strategy", "random", "--rounds", "1", "--epochs", "1", "--initial-size", "20", "--query-size", "10"),
    *("--device", "cpu", "--display", "none", "-o", "run.together=off"),
)


def seconds(trials: int, how: Sequence[str]) -> float:
    """How long a run of short trials takes.

    Args:
        trials: how many.
        how: the flags that say who runs them.
    """
    with tempfile.TemporaryDirectory(prefix="alframe-", dir=".") as out:
        command = [sys.executable, "-m", "alframe_cli", "run", *TRIAL, "--seeds", f"1-{trials}", "--out", out]
        begun = time.monotonic()
        subprocess.run([*command, *how], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.monotonic() - begun


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--executor", required=True, help="its name, as after `alframe run --executor`")
    parser.add_argument("-o", action="append", default=[], metavar="KEY=VALUE", help="an option of it")
    parser.add_argument("--trials", type=int, default=8)
    arguments = parser.parse_args()
    options = [word for option in arguments.o for word in ("-o", option)]
    ways = {
        "--jobs 2": ["--jobs", "2"],
        " ".join(["--executor", arguments.executor, *options]): ["--executor", arguments.executor, *options],
    }
    print(f"{arguments.trials} trials\n\n| how | seconds | a trial |\n|---|---|---|")
    for name, how in ways.items():
        whole = seconds(arguments.trials, how)
        print(f"| `{name}` | {whole:.1f} | {whole / arguments.trials:.1f} |", flush=True)


if __name__ == "__main__":
    main()
