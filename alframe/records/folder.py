"""A trial's folder: what is written, and how it survives being killed or damaged at any moment.

The checkpoint is the truth; ``rounds.jsonl`` is written from it. Each file is replaced whole or not at all, a
checkpoint carries a checksum, and the one before it is kept.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import tomli_w
from torch import Tensor

from alframe.errors import TrialError, UsageError
from alframe.records import writing
from alframe.records.checkpoint import (
    Checkpoint,
    DamagedError,
    lines_of,
    packed,
    read_checkpoint,
    require_readable,
)
from alframe.records.code import code_of
from alframe.records.fence import Fence
from alframe.records.lease import taken
from alframe.records.locking import InUseError
from alframe.records.origin import ENVIRONMENT, Origin, facts_of
from alframe.records.reading import Unusable, read_bytes, read_table
from alframe.records.rounds import FEATURES
from alframe.records.writing import unwritable


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
        self._is_whole: bool | None = None  # whether the last checkpoint is; None: nobody has looked
        self._fence: Fence | None = None  # where this process has the trial

    @property
    def _checkpoint(self) -> Path:
        return self.path / "checkpoint.pt"

    @property
    def _previous(self) -> Path:
        return self.path / "checkpoint-previous.pt"

    @contextlib.contextmanager
    def held(self, note: Callable[[str], None] = lambda text: None) -> Iterator[None]:
        """Keeps other processes from the trial; the lock ends with the process, however that ends.

        Where another process takes the trial all the same, this one writes nothing more: whatever it is about
        to write raises a `TrialError`.

        Args:
            note: told where another machine is waited for.

        Raises:
            TrialError: another process has it; the message says which. Or the disk is full.
            UsageError: the folder can't be written to.
        """
        with contextlib.ExitStack() as stack:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._require_own()
                stack.enter_context(taken(self.path, note))
                self._fence = Fence.raised(self.path)
            except InUseError as error:
                raise TrialError(f"{self.path} is in use by {error}") from error
            except OSError as error:
                raise unwritable(self.path, error) from error
            try:
                yield
            finally:
                self._fence = None

    def _replace(self, path: Path, write: Callable[[IO[bytes]], Any]) -> None:
        (self._fence or writing).replace(path, write)

    def _require_held(self) -> None:
        """Raises `TrialError` where another process has taken the trial, which this one had."""
        if self._fence is not None:
            self._fence.check()

    def _require_own(self) -> None:
        """Raises `UsageError` where the folder is a link to one with files, none of a trial among them."""
        if self.path.is_symlink() and self.path.is_dir():
            names = {file.name for file in self.path.iterdir()}
            if names and not names & {self._checkpoint.name, self._previous.name, "environment.json"}:
                raise UsageError(
                    f"{self.path} leads to {self.path.resolve()}, which is no trial's folder; remove the "
                    "link, or choose another folder with --out"
                )

    def describe(self, sections: Mapping[str, Any], environment: Mapping[str, Any]) -> None:
        """Writes ``config.toml`` and ``environment.json``.

        Raises:
            TrialError: the disk is full.
            UsageError: the folder can't be written to.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._replace(self.path / "config.toml", lambda file: tomli_w.dump(sections, file))
            text = json.dumps(environment, indent=2) + "\n"
            self._replace(self.path / ENVIRONMENT, lambda file: file.write(text.encode()))
        except OSError as error:
            raise unwritable(self.path, error) from error

    def environment(self) -> dict[str, Any]:
        """What ``environment.json`` says of the code; nothing where it can't be read."""
        try:
            return code_of(read_table(self.path / ENVIRONMENT))
        except (FileNotFoundError, Unusable):
            return {}

    def save(self, checkpoint: Checkpoint) -> None:
        """Writes the checkpoint and ``rounds.jsonl``.

        Raises:
            TrialError: it can't be written; what was written before stays.
            PluginError: what a plugin keeps would not come back from it.
        """
        require_readable(checkpoint.learner.get("plugins", {}))
        content, lines = packed(checkpoint), lines_of(checkpoint.rounds)
        if self._is_whole is None:
            self.saved()
        try:
            if self._is_whole:  # a damaged one must not take the place of the one before
                self._require_held()
                with contextlib.suppress(FileNotFoundError):  # moved there by one that had the trial before
                    self._checkpoint.replace(self._previous)
                self._is_whole = False
            self._replace(self._checkpoint, lambda file: file.write(content))
            self._is_whole = True
            self._replace(self.path / "rounds.jsonl", lambda file: file.write(lines.encode()))
        except OSError as error:
            raise TrialError(str(unwritable(self.path, error))) from error

    def adopt(self, saved: Checkpoint, origin: Origin) -> None:
        """Writes down what a finished trial of an earlier alframe was made of, which did not.

        Args:
            saved: its checkpoint.
            origin: what it was found to be of.

        Raises:
            TrialError: it can't be written.
        """
        try:
            known = read_table(self.path / ENVIRONMENT) | facts_of(origin)
            text = json.dumps(known, indent=2) + "\n"
        except (FileNotFoundError, Unusable, RecursionError):
            text = json.dumps(facts_of(origin), indent=2) + "\n"
        try:
            self._replace(self.path / ENVIRONMENT, lambda file: file.write(text.encode()))
        except OSError as error:
            raise TrialError(str(unwritable(self.path, error))) from error
        self.save(dataclasses.replace(saved, origin=origin, fingerprint=""))

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
            self._replace(self.path / FEATURES, lambda file: np.save(file, array))
        except OSError as error:
            raise TrialError(str(unwritable(self.path, error))) from error

    def load(self, check: Callable[[Checkpoint], None] = lambda saved: None) -> Checkpoint | None:
        """What `save` wrote last; None where there is nothing yet.

        Where the last checkpoint is damaged it is the one before; ``notes`` say so. Also brings
        ``rounds.jsonl`` up to date, where the program died between the two files or it was changed since.

        Args:
            check: raises an error where the checkpoint is not to be used: then nothing is written.

        Raises:
            TrialError: another version of alframe wrote the checkpoint, or ``rounds.jsonl`` can't be written.
        """
        saved = self.saved()
        if saved:
            check(saved)
            self._mend_rounds(lines_of(saved.rounds))
        return saved

    def before(self, last: Checkpoint) -> Checkpoint | None:
        """The checkpoint of the round before the last; None where there is no such round.

        Args:
            last: what `load` gave; where the one before can't be read, it is given back.
        """
        if len(last.rounds) == 1:
            return None
        try:
            found = read_checkpoint(self._previous)
        except (FileNotFoundError, DamagedError):
            return last
        return found if len(found.rounds) == len(last.rounds) - 1 else last

    def go_back(self, last: Checkpoint) -> Checkpoint | None:
        """Gives up the last round, where the checkpoint before it can be read: that takes its place.

        Args:
            last: what `load` gave.

        Returns:
            The one before; None where there was none, and the trial starts anew.

        Raises:
            TrialError: it can't be written.
        """
        before = self.before(last)
        if before is last:
            return last
        try:
            self._require_held()
            if before is None:
                self._previous.unlink(missing_ok=True)
                self._checkpoint.unlink()
            else:
                self._previous.replace(self._checkpoint)
        except OSError as error:
            raise TrialError(str(unwritable(self.path, error))) from error
        return self.load()

    def saved(self) -> Checkpoint | None:
        """As `load`; writes nothing.

        Raises:
            TrialError: another version of alframe wrote the checkpoint.
        """
        self.notes = []
        self._is_whole = False
        for path in (self._checkpoint, self._previous):
            try:
                saved = read_checkpoint(path)
            except FileNotFoundError:
                continue
            except DamagedError as error:
                self.notes.append(f"checkpoint {path} is damaged ({error})")
                continue
            self._is_whole = path == self._checkpoint
            if self.notes:
                self.notes[-1] += "; the trial goes on from the round before"
            return saved
        if self.notes:
            self.notes[-1] += "; the trial starts anew"
        return None

    def _mend_rounds(self, lines: str) -> None:
        rounds = self.path / "rounds.jsonl"
        try:
            old = read_bytes(rounds)
        except FileNotFoundError:
            old = b""
        except Unusable:
            old = b"?"
        if old == lines.encode():
            return
        died_between = lines.encode().startswith(old) and old[-1:] in (b"", b"\n")
        went_back = bool(self.notes) and old.startswith(lines.encode())  # said with the checkpoint
        if not (died_between or went_back):
            self.notes.append(f"{rounds} was damaged or changed; it is written anew from the checkpoint")
        try:
            self._replace(rounds, lambda file: file.write(lines.encode()))
        except OSError as error:
            raise TrialError(str(unwritable(self.path, error))) from error

    def progress(self) -> tuple[int, bool]:
        """Rounds recorded, and whether the trial is finished; writes nothing."""
        saved = self.saved()
        return (len(saved.rounds), saved.finished) if saved else (0, False)

    def clear(self) -> None:
        """Removes the folder and all that is in it.

        Raises:
            TrialError: another process has taken it.
            UsageError: it can't be removed.
        """
        with contextlib.suppress(OSError):  # no room to say whose it is: there will be
            self._require_held()
        try:
            shutil.rmtree(self.path)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise UsageError(f"folder {self.path} can't be removed: {error.strerror}") from error
