"""How long `alframe label` lets people wait: its start, the answer to a key, a folder of 100,000 pictures.

    python benchmarks/label.py answers --labels 300 --pace 0.25
    python benchmarks/label.py folder --count 100000

The server is the command itself in a process of its own; an oracle presses the keys over HTTP. `answers`
prints how long each waited, without a model and while one trains, beside the time that the disk takes to keep
a line.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from alframe.labelling.oracle import Client, Oracle

CLASSES = "0,1,2,3,4,5,6,7,8,9"


class Server:
    """`alframe label` on a folder.

    Attributes:
        address: of the page.
        clock, cpu: seconds until the page was there, by the clock and of a processor.
    """

    def __init__(self, source: Path, *flags: str) -> None:
        command = [sys.executable, "-m", "alframe_cli", "label", str(source), "--classes", CLASSES, *flags]
        begin = time.perf_counter()
        self.process = subprocess.Popen([*command, "--no-browser"], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        token = self.address.partition("token=")[2]
        page = urllib.request.Request(
            self.address.partition("?")[0], headers={"authorization": f"Bearer {token}"}
        )
        urllib.request.urlopen(page).read()
        self.clock = time.perf_counter() - begin
        self.cpu = self._cpu()

    def _cpu(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """MB that the process holds."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024

    def end(self) -> None:
        """As Ctrl-C does."""
        self.process.terminate()
        self.process.communicate()


@contextlib.contextmanager
def served(source: Path, *flags: str) -> Iterator[Server]:
    """A server that is ended."""
    server = Server(source, *flags)
    try:
        yield server
    finally:
        server.end()


def write_digits(folder: Path) -> dict[str, str]:
    """MNIST's little sister as PNG files, 28 x 28."""
    from sklearn.datasets import load_digits

    images, targets = load_digits(return_X_y=True)
    folder.mkdir()
    for row, image in enumerate(images):
        shades = (image.reshape(8, 8) * 255 / 16).astype(np.uint8)
        Image.fromarray(shades).resize((28, 28)).save(folder / f"{row:05}.png")
    return {f"{row:05}.png": str(target) for row, target in enumerate(targets)}


def in_ms(seconds: list[float]) -> str:
    """Median, 95 % and worst."""
    ordered = sorted(seconds)
    found = statistics.median(ordered), ordered[int(0.95 * (len(ordered) - 1))], ordered[-1]
    return " | ".join(f"{1000 * value:.1f}" for value in found)


def keeping(folder: Path, lines: int) -> list[float]:
    """How long the disk takes to keep a line, nothing else being done."""
    seconds = []
    with open(folder / "lines", "ab") as file:
        for _ in range(lines):
            begin = time.perf_counter()
            file.write(b"x" * 150 + b"\n")
            file.flush()
            os.fsync(file.fileno())
            seconds.append(time.perf_counter() - begin)
            time.sleep(0.05)
    return seconds


def answers(labels: int, pace: float) -> None:
    """Prints how long keys waited."""
    print("| model | page up, s: clock | cpu | keys | median ms | 95 % | worst | models | server MB |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        truth = write_digits(Path(temporary) / "digits")
        for model in ("none", "cnn"):
            session = ("--session", f"{temporary}/{model}", "--model", model)
            with (
                served(Path(temporary) / "digits", *session) as server,
                Client(server.address) as client,
            ):
                oracle = Oracle(client, truth, pace)
                oracle.label(labels)
                facts = client.facts()
                models = facts["model"]["version"] if facts["model"] else 0
                start = f"{server.clock:.2f} | {server.cpu:.2f} | {labels}"
                times = in_ms(oracle.seconds)
                print(f"| {model} | {start} | {times} | {models} | {server.memory():.0f} |", flush=True)
        print(f"| the disk alone | | | {labels} | {in_ms(keeping(Path(temporary), labels))} | | |")


def folder(count: int) -> None:
    """Prints how a large folder does."""
    print("| start | page up, s: clock | cpu | next picture, ms: median | 95 % | worst | server MB |")
    print("|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary) / "many"
        bytes_ = np.random.default_rng(0).integers(256, size=(count, 16, 16), dtype=np.uint8)
        for row, picture in enumerate(bytes_):
            if row % 1000 == 0:
                (source / f"{row // 1000:03}").mkdir(parents=True)
            Image.fromarray(picture).save(source / f"{row // 1000:03}" / f"{row:06}.png")
        for start in ("first", "second", "third"):
            with served(source, "--model", "none") as server, Client(server.address) as client:
                seconds, have = [], client.queue(2)
                for number in range(200):
                    shown = have.pop(0)
                    client.post(
                        {
                            "event": "label",
                            "client": f"{start}{number}",
                            "sample": shown["sample"],
                            "label": "1",
                        }
                    )
                    begin = time.perf_counter()
                    have += client.queue(1, [entry["sample"] for entry in have])
                    seconds.append(time.perf_counter() - begin)
                print(
                    f"| {start} | {server.clock:.2f} | {server.cpu:.2f} | {in_ms(seconds)} "
                    f"| {server.memory():.0f} |",
                    flush=True,
                )


def main() -> None:
    """Reads the arguments and measures."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("what", choices=("answers", "folder"))
    parser.add_argument("--labels", type=int, default=300)
    parser.add_argument("--pace", type=float, default=0.25, help="seconds between two keys")
    parser.add_argument("--count", type=int, default=100_000, help="pictures")
    given = parser.parse_args()
    if given.what == "answers":
        answers(given.labels, given.pace)
    else:
        folder(given.count)


if __name__ == "__main__":
    main()
