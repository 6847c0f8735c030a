"""A trial's folder: what is written, and how it survives being killed or damaged at any moment.

The checkpoint is the truth; ``rounds.jsonl`` is written from it. Each file is replaced whole or not at all, a
checkpoint carries a checksum, and the one before it is kept.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import os
import platform
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import filelock
import numpy as np
import tomli_w
import torch
from torch import Tensor

from alframe.contract.trial import Record
from alframe.errors import AlframeError, PluginError, TrialError, UsageError, reason
from alframe.trial_files import FEATURES

FORMAT = 2
LOCK_SECONDS = 1  # time to die for a worker whose parent was killed
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
MARK = b"alframe checkpoint"  # begins the line before what torch saved: mark, format, checksum


class DamagedError(Exception):
    """A checkpoint is not what was written."""


class TrialFolder:
    """The files of one trial.

    Args:
        path: the folder; made when something is first written.

    Attributes:
        notes: what `load` found damaged, and what it took instead.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []

    @property
    def _checkpoint(self) -> Path:
        return self.path / "checkpoint.pt"

    @property
    def _previous(self) -> Path:
        return self.path / "checkpoint-previous.pt"

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keeps other processes from the trial; the lock ends with the process, however that ends.

        Raises:
            TrialError: another process has it; the message says which. Or the disk is full.
            UsageError: the folder can't be written to.
        """
        owner = self.path.with_name(f".{self.path.name}.owner")
        lock = filelock.FileLock(self.path.with_name(f".{self.path.name}.lock"), timeout=LOCK_SECONDS)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except filelock.Timeout as error:
            with contextlib.suppress(OSError):
                raise TrialError(f"{self.path} is in use by {owner.read_text().strip()}") from error
            raise TrialError(f"{self.path} is in use by another process") from error
        except OSError as error:
            raise _unwritable(self.path, error) from error
        try:
            with contextlib.suppress(OSError):  # the lock holds without it
                owner.write_text(f"process {os.getpid()} on {platform.node()}\n")
            yield
        finally:
            with contextlib.suppress(OSError):
                owner.unlink(missing_ok=True)
            lock.release()

    def describe(self, sections: Mapping[str, Any], environment: Mapping[str, Any]) -> None:
        """Writes ``config.toml`` and ``environment.json``.

        Raises:
            TrialError: the disk is full.
            UsageError: the folder can't be written to.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            _replace(self.path / "config.toml", lambda file: tomli_w.dump(sections, file))
            text = json.dumps(environment, indent=2) + "\n"
            _replace(self.path / "environment.json", lambda file: file.write(text.encode()))
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def environment(self) -> dict[str, Any]:
        """What ``environment.json`` says; nothing where it can't be read."""
        try:
            content = json.loads((self.path / "environment.json").read_text())
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def save(self, records: Sequence[Record], learner: Mapping[str, Any], note: str, finished: bool) -> None:
        """Writes the checkpoint and ``rounds.jsonl``.

        Args:
            records: every round so far.
            learner: the learner's ``state_dict``.
            note: why the trial ended early, or "".
            finished: whether this was the last round.

        Raises:
            TrialError: it can't be written; what was written before stays.
            PluginError: what a plugin keeps would not come back from it.
        """
        _require_readable(learner.get("plugins", {}))
        lines = "".join(json.dumps(record) + "\n" for record in records)
        state = {"rounds": lines, "learner": dict(learner), "note": note, "finished": finished}
        packed = io.BytesIO()
        torch.save(state, packed)
        content = packed.getvalue()
        head = b"%s %d %s\n" % (MARK, FORMAT, hashlib.sha256(content).hexdigest().encode())
        try:
            if self._checkpoint.exists():
                self._checkpoint.replace(self._previous)
            _replace(self._checkpoint, lambda file: (file.write(head), file.write(content)))
            _replace(self.path / "rounds.jsonl", lambda file: file.write(lines.encode()))
        except OSError as error:
            raise TrialError(str(_unwritable(self.path, error))) from error

    @property
    def has_features(self) -> bool:
        """Whether `keep_features` wrote the trial's features."""
        return (self.path / FEATURES).exists()

    def keep_features(self, features: Tensor) -> None:
        """Writes ``features.npy``.

        Args:
            features: those of all samples by the last round's network, ``M x D``.

        Raises:
            TrialError: it can't be written.
        """
        array = features.float().cpu().numpy()
        try:
            _replace(self.path / FEATURES, lambda file: np.save(file, array))
        except OSError as error:
            raise TrialError(str(_unwritable(self.path, error))) from error

    def load(self) -> dict[str, Any] | None:
        """What `save` wrote last, with ``records``; None where there is nothing yet.

        Where the last checkpoint is damaged it is the one before; ``notes`` say so. Also brings
        ``rounds.jsonl`` up to date, where the program died between the two files or it was changed since.

        Raises:
            TrialError: another version of alframe wrote the checkpoint, or ``rounds.jsonl`` can't be written.
        """
        state = self._read()
        if state:
            self._mend_rounds(state["rounds"])
        return state

    def _read(self) -> dict[str, Any] | None:
        self.notes = []
        for path in (self._checkpoint, self._previous):
            try:
                state = _read_checkpoint(path)
            except FileNotFoundError:
                continue
            except DamagedError as error:
                self.notes.append(f"checkpoint {path} is damaged ({error})")
                continue
            if self.notes:
                self.notes[-1] += "; the trial goes on from the round before"
            return state | {"records": [json.loads(line) for line in state["rounds"].splitlines()]}
        if self.notes:
            self.notes[-1] += "; the trial starts anew"
        return None

    def _mend_rounds(self, lines: str) -> None:
        rounds = self.path / "rounds.jsonl"
        try:
            old = rounds.read_bytes() if rounds.exists() else b""
            if old == lines.encode():
                return
            died_between = lines.encode().startswith(old) and old[-1:] in (b"", b"\n")
            went_back = bool(self.notes) and old.startswith(lines.encode())  # said with the checkpoint
            if not (died_between or went_back):
                self.notes.append(f"{rounds} was damaged or changed; it is written anew from the checkpoint")
            _replace(rounds, lambda file: file.write(lines.encode()))
        except OSError as error:
            raise TrialError(str(_unwritable(self.path, error))) from error

    def progress(self) -> tuple[int, bool]:
        """Rounds recorded, and whether the trial is finished; writes nothing."""
        state = self._read()
        return (len(state["records"]), state["finished"]) if state else (0, False)

    def clear(self) -> None:
        """Removes the folder and all that is in it.

        Raises:
            UsageError: it can't be removed.
        """
        try:
            shutil.rmtree(self.path)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise UsageError(f"folder {self.path} can't be removed: {error.strerror}") from error


def _require_readable(states: Mapping[str, Any]) -> None:
    """Raises `PluginError` where a plugin's ``ctx.state`` would not come back from a checkpoint."""
    for plugin, state in states.items():
        packed = io.BytesIO()
        try:
            torch.save(state, packed)
            packed.seek(0)
            torch.load(packed, map_location="cpu", weights_only=True)
        except Exception as error:
            raise PluginError(
                f"plugin {plugin!r} keeps in ctx.state what a checkpoint can't hold; wanted tensors, "
                f"numbers, texts, and lists and dictionaries of those ({reason(error)[:120]})"
            ) from error


def _read_checkpoint(path: Path) -> dict[str, Any]:
    """What a checkpoint holds.

    Raises:
        FileNotFoundError: there is none.
        DamagedError: it is not what was written.
        TrialError: another version of alframe wrote it.
    """
    try:
        head, _, content = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DamagedError(error.strerror) from error
    if not head.startswith(MARK):
        raise DamagedError("it is cut off, or no checkpoint")
    number, _, checksum = head[len(MARK) :].strip().partition(b" ")
    if number.isdigit() and int(number) != FORMAT:
        raise TrialError(
            f"checkpoint {path} has format {int(number)}, this alframe reads {FORMAT}; "
            "--force starts the trial anew"
        )
    if hashlib.sha256(content).hexdigest().encode() != checksum:
        raise DamagedError("its checksum differs")
    state: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    return state


def require_writable(folder: Path) -> None:
    """Raises `UsageError` unless files can be made in ``folder``, which is made if need be."""
    probe = folder / f".alframe-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            probe.write_bytes(b"alframe")  # a full disk takes a file, but nothing into it
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"output folder {folder} can't be written to: {error.strerror}; choose another with --out"
        ) from error


def _unwritable(path: Path, error: OSError) -> AlframeError:
    """A full disk is the trial's failure, as there may be room later; else it is the wrong folder."""
    message = f"folder {path} can't be written to: {error.strerror}"
    if error.errno in NO_ROOM:
        return TrialError(
            f"{message}; what was written stays, and the same command goes on when there is room"
        )
    return UsageError(message)


def _replace(path: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Writes a file beside ``path`` and moves it there when it is wholly on disk."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):  # half a file would take up room
            temporary.unlink(missing_ok=True)
        raise
