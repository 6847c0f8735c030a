"""What a case is, and the folders that it may look at but not touch."""

from __future__ import annotations

import dataclasses
import json
import os
import random
from collections.abc import Callable, Mapping
from pathlib import Path

MARKER = "CODE_RAN"  # a payload that is run makes this file in the sandbox
FINE = frozenset({0, 2})  # a user's value is refused, or was a good one
DAMAGED = frozenset({0, 1, 2})  # a file's content: read, damaged (1), or written by hand with a mistake (2)
BROKEN = frozenset({0, 1, 2, 3})  # a plugin: its fault (3), or its trial's (1)


class WrongAnswerError(Exception):
    """What came back is no answer to what was asked."""


@dataclasses.dataclass(frozen=True)
class Case:
    """One hostile case: a command line or a call.

    Attributes:
        args: what follows ``alframe`` on the command line; None for a call.
        call: what is called; it raises `WrongAnswerError` where the answer is no good.
        codes: the exit codes that are right; of a call, those of the errors it may raise.
        writes: what it may make or change, relative to the working folder; a name or the start of a path.
        environment: variables set for it.
        output: where standard output goes: "file", "full" (a full disk), "closed", "gone" (nobody reads).
        encoding: of standard output and errors.
        spawns: whether it may start processes.
        silent: whether it may end well without a word.
        shown: what to print of it, where that is not its command line.
    """

    args: tuple[str, ...] | None = None
    call: Callable[[], object] | None = None
    codes: frozenset[int] = FINE
    writes: tuple[str, ...] = ("runs",)
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    output: str = "file"
    encoding: str = "utf-8"
    spawns: bool = False
    silent: bool = False
    shown: str = ""

    def __str__(self) -> str:
        command = "alframe " + " ".join(_quoted(arg) for arg in self.args or ())
        variables = "".join(f"{name}={value!r} " for name, value in self.environment.items())
        ends = (
            f" (output: {self.output}, {self.encoding})"
            if (self.output, self.encoding) != ("file", "utf-8")
            else ""
        )
        return variables + (self.shown or command) + ends


def _quoted(arg: str) -> str:
    text = arg if arg.isascii() and arg.isprintable() and " " not in arg and arg else repr(arg)
    return text if len(text) <= 160 else f"{text[:120]}...({len(arg)} characters)"


class Sandbox:
    """The folders around a case.

    Args:
        root: an empty folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.work, self.home, self.temporary = (root / name for name in ("work", "home", "tmp"))
        self.outside = root / "outside"
        self.marker = root / MARKER
        for folder in (self.work, self.home, self.temporary, self.outside / "runs"):
            folder.mkdir(parents=True)
        for name in ("victim", "victim.npz", "runs/victim.jsonl"):
            (self.outside / name).write_text("not yours\n")
        (self.work / "notes.txt").write_text("not yours either\n")


@dataclasses.dataclass(frozen=True)
class Draw:
    """What a family makes a case of.

    Attributes:
        random: everything drawn comes from it.
        number: of the case in its family.
        box: where the case's files go: ``box.work`` is the working folder.
        templates: finished runs and data made once; copied, never changed.
    """

    random: random.Random
    number: int
    box: Sandbox
    templates: Path

    @property
    def work(self) -> Path:
        """The working folder."""
        return self.box.work

    def chance(self, share: float) -> bool:
        """True in a share of the cases."""
        return self.random.random() < share


Family = Callable[[Draw], Case]


def payload(marker: Path) -> str:
    """A line of Python that tells it was run."""
    return f"open({json.dumps(os.fspath(marker))}, 'w').close()"
