"""A trial's folder: what is written, and how it survives being killed at any moment.

The checkpoint is the truth; ``rounds.jsonl`` is written from it. Each file is replaced whole or not
at all.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import tomli_w
import torch

from alframe.errors import TrialError, UsageError

FORMAT = 1
Record = dict[str, Any]


class TrialFolder:
    """The files of one trial.

    Args:
        path: the folder; made when something is first written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def _checkpoint(self) -> Path:
        return self.path / "checkpoint.pt"

    def describe(self, sections: Mapping[str, Any], environment: Mapping[str, Any]) -> None:
        """Writes ``config.toml`` and ``environment.json``.

        Raises:
            UsageError: the folder can't be written to.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            _replace(self.path / "config.toml", lambda file: tomli_w.dump(sections, file))
            text = json.dumps(environment, indent=2) + "\n"
            _replace(self.path / "environment.json", lambda file: file.write(text.encode()))
        except OSError as error:
            raise UsageError(f"folder {self.path} can't be written to: {error.strerror}") from error

    def save(self, records: Sequence[Record], learner: Mapping[str, Any], note: str, finished: bool) -> None:
        """Writes the checkpoint and ``rounds.jsonl``.

        Args:
            records: every round so far.
            learner: the learner's ``state_dict``.
            note: why the trial ended early, or "".
            finished: whether this was the last round.
        """
        lines = "".join(json.dumps(record) + "\n" for record in records)
        state = {
            "format": FORMAT,
            "rounds": lines,
            "learner": dict(learner),
            "note": note,
            "finished": finished,
        }
        try:
            _replace(self._checkpoint, lambda file: torch.save(state, file))
            _replace(self.path / "rounds.jsonl", lambda file: file.write(lines.encode()))
        except OSError as error:
            raise TrialError(f"folder {self.path} can't be written to: {error.strerror}") from error

    def load(self) -> dict[str, Any] | None:
        """What `save` wrote last, with ``records``; None where there is nothing yet.

        Also brings ``rounds.jsonl`` up to date, where the program died between the two files.

        Raises:
            TrialError: the checkpoint is damaged, or another version of alframe wrote it.
        """
        if not self._checkpoint.exists():
            return None
        try:
            state: dict[str, Any] = torch.load(self._checkpoint, map_location="cpu", weights_only=True)
            lines = state["rounds"]
            format_number = state["format"]
        except Exception as error:  # what torch raises for a damaged file depends on the damage
            raise TrialError(
                f"checkpoint {self._checkpoint} can't be read ({type(error).__name__}); "
                "--force starts the trial anew"
            ) from error
        if format_number != FORMAT:
            raise TrialError(
                f"checkpoint {self._checkpoint} has format {format_number}, this alframe reads {FORMAT}; "
                "--force starts the trial anew"
            )
        rounds = self.path / "rounds.jsonl"
        if not rounds.exists() or rounds.read_text(encoding="utf-8") != lines:
            _replace(rounds, lambda file: file.write(lines.encode()))
        return state | {"records": [json.loads(line) for line in lines.splitlines()]}

    def progress(self) -> tuple[int, bool]:
        """Rounds recorded, and whether the trial is finished, without reading the network's weights."""
        rounds = self.path / "rounds.jsonl"
        if not rounds.exists():
            return 0, False
        state = self.load()
        return (len(state["records"]), state["finished"]) if state else (0, False)

    def clear(self) -> None:
        """Removes the folder and all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)


def require_writable(folder: Path) -> None:
    """Raises `UsageError` unless files can be made in ``folder``, which is made if need be."""
    probe = folder / f".alframe-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UsageError(
            f"output folder {folder} can't be written to: {error.strerror}; choose another with --out"
        ) from error


def _replace(path: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Writes a file beside ``path`` and moves it there when it is wholly on disk."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
