"""Learners without a network, for tests of the process that they run in: imported there by name."""

import os
import signal
import sys
import time
from pathlib import Path

from alframe.labelling.learner_process import Message


class Echo:
    """Answers at once: version counts, and picks are what is pending."""

    def __init__(self, folder):
        self.folder, self.version = folder, 0

    def __call__(self, request):
        self.version += 1
        yield Message("model", self.version, len(request.positions), picks=list(request.pending))


class Slow(Echo):
    """Writes down what it begins with, and takes as long as a file called ``wait`` is there."""

    def __call__(self, request):
        with (self.folder / "begun").open("a") as file:
            file.write(f"{len(request.positions)}\n")
        while (self.folder / "wait").exists():
            time.sleep(0.01)
        yield from super().__call__(request)


class Faulty(Echo):
    """Does what the number of labels says."""

    def __call__(self, request):
        match len(request.positions):
            case 1:
                raise ValueError("a plugin's mistake")
            case 2:
                sys.exit("enough")
            case 3:
                os._exit(7)
            case 4:
                os.kill(os.getpid(), signal.SIGKILL)
            case 5:
                yield Message("note", text="x" * 10_000_000)
        yield from super().__call__(request)


def no_learner(folder: Path):
    raise OSError(f"no session in {folder.name}")


def double(end):
    """Sends back twice what it is sent."""
    while True:
        end.send(2 * end.recv())


def die(end, how):
    """Ends at once."""
    if how == "exit":
        os._exit(3)
    os.kill(os.getpid(), signal.SIGKILL)
