"""A folder of features that is made part by part: what is in it is whole, whenever the work ends."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from alframe.data.ids import FILE as IDS
from alframe.data.ids import as_line
from alframe.data.shards import LIST
from alframe.errors import DamagedFileError, TrialError, UsageError
from alframe.records.locking import InUseError, locked
from alframe.records.writing import replace, unwritable

FORMAT = 1
TARGETS = "targets.npy"
LONGEST = 100  # letters of a difference that is told
BLOCK = 1 << 24  # bytes that are read at a time
Array = np.ndarray[Any, Any]


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a folder is to hold.

    Attributes:
        made_of: what tells these features from others, each by a text that people can read.
        rows: how many there are.
        part_rows: rows of a part; the last one has what is left.
        dtype: of the files, "float16" or "float32".
    """

    made_of: dict[str, str]
    rows: int
    part_rows: int
    dtype: str

    @property
    def parts(self) -> list[range]:
        """The rows of each part."""
        return [
            range(start, min(start + self.part_rows, self.rows))
            for start in range(0, self.rows, self.part_rows)
        ]

    @property
    def header(self) -> dict[str, Any]:
        """What ``parts.json`` says beside the parts."""
        return {
            "format": FORMAT,
            "rows": self.rows,
            "dtype": self.dtype,
            "part_rows": self.part_rows,
            "made_of": self.made_of,
        }


class FeatureFolder:
    """Features in parts, and ``parts.json``, which lists those that are whole with their sha256.

    Each file is written beside its place and moved there; a part is listed after it is there.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._header: dict[str, Any] = {}
        self._parts: dict[int, dict[str, Any]] = {}

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keeps other processes out; makes the folder, and takes it away again where nothing came of it.

        Raises:
            UsageError: it is no folder, holds something else, or can't be written to.
            TrialError: another process has it.
        """
        if self.path.exists() and not self.path.is_dir():
            raise UsageError(f"--out {self.path} is a file; a folder of features is wanted")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if not self._is_ours():
                raise UsageError(
                    f"--out {self.path} is a folder of something else: it is not empty and has no {LIST}; "
                    "name another"
                )
            lock, owner = self.path / ".lock", self.path / ".owner"
            with locked(lock, owner):
                try:
                    yield
                finally:
                    if set(self.path.iterdir()) <= {lock, owner}:
                        lock.unlink(missing_ok=True)
        except InUseError as error:
            raise TrialError(f"{self.path} is in use by {error}") from error
        except OSError as error:
            raise unwritable(self.path, error) from error
        finally:
            with contextlib.suppress(OSError):  # it is not empty, as a rule
                self.path.rmdir()

    def begin(self, plan: Plan, *, force: bool) -> list[int]:
        """Sees what there is already.

        Args:
            plan: what the folder is to hold.
            force: whether other features in it give way.

        Returns:
            The numbers of the parts that are missing or damaged.

        Raises:
            UsageError: it holds other features.
            DamagedFileError: ``parts.json`` can't be read.
        """
        before = None if force else self._read()
        self._header = plan.header
        if before is None:
            self.clear()
        else:
            if other := differences(before, self._header):
                raise UsageError(
                    f"{self.path} holds other features ({'; '.join(other)}): name another --out, or "
                    "--force makes them anew"
                )
            self._parts = self._whole(before, plan)
        self._write_list()
        return [number for number in range(len(plan.parts)) if number not in self._parts]

    @property
    def columns(self) -> int:
        """How many numbers a row has; 0 while there is no part."""
        return next((int(part["dim"]) for part in self._parts.values()), 0)

    def write(self, number: int, features: Array) -> None:
        """Writes a part and lists it."""
        file = self.path / name_of(number)
        replace(file, lambda opened: _save(opened, features))
        self._parts[number] = {
            "file": file.name,
            "rows": len(features),
            "dtype": str(features.dtype),
            "dim": features.shape[1],
            "sha256": sha256_of(file),
        }
        self._write_list()

    def write_names(self, names: Iterable[str]) -> None:
        """Writes ``ids.txt``: a line a row."""

        def write(file: IO[bytes]) -> None:
            file.writelines(map(as_line, names))

        replace(self.path / IDS, write)

    def write_targets(self, targets: Array) -> None:
        """Writes ``targets.npy``: a class number a row, -1 where it is unknown."""
        replace(self.path / TARGETS, lambda file: _save(file, targets))

    def clear(self) -> None:
        """Removes the features that there are, and nothing else; the list goes first."""
        for name in (LIST, IDS, TARGETS):
            (self.path / name).unlink(missing_ok=True)
        for file in self.path.glob("part-*.npy"):
            file.unlink(missing_ok=True)
        self._parts = {}

    def _is_ours(self) -> bool:
        others = [path for path in self.path.iterdir() if not path.name.startswith(".")]
        return not others or (self.path / LIST).is_file()

    def _read(self) -> dict[str, Any] | None:
        file = self.path / LIST
        if not file.is_file():
            return None
        try:
            told = json.loads(file.read_text(encoding="utf-8"))
            if told["format"] != FORMAT:
                raise UsageError(f"{file} is of another version of alframe: name another --out")
            told["parts"] = [
                {key: part[key] for key in ("file", "rows", "dtype", "dim", "sha256")}
                for part in told["parts"]
            ]
            return dict(told)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DamagedFileError(
                f"{file} can't be read: it is not what `alframe embed` writes; --force makes the "
                "features anew"
            ) from error

    def _whole(self, before: dict[str, Any], plan: Plan) -> dict[int, dict[str, Any]]:
        """The parts whose files are as the list says."""
        listed = {part["file"]: part for part in before["parts"]}
        found = {}
        for number, rows in enumerate(plan.parts):
            part = listed.get(name_of(number))
            if part is not None and part["rows"] == len(rows):
                with contextlib.suppress(OSError):
                    if sha256_of(self.path / part["file"]) == part["sha256"]:
                        found[number] = part
        return found

    def _write_list(self) -> None:
        told = self._header | {"parts": [self._parts[number] for number in sorted(self._parts)]}
        text = json.dumps(told, indent=1)
        replace(self.path / LIST, lambda file: file.write(text.encode()))


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What of two headers is not the same, each as a text."""
    told: list[str] = []
    for what in ("rows", "part_rows", "dtype"):
        if before.get(what) != now[what]:
            told.append(f"{what} {before.get(what)} instead of {now[what]}")
    old = before.get("made_of")
    for what, text in now["made_of"].items():
        found = old.get(what) if isinstance(old, dict) else None
        if found != text:
            shown = f"{what} {found} instead of {text}"
            told.append(f"other {what}" if len(shown) > LONGEST else shown)
    return told


def _save(file: IO[bytes], array: Array) -> None:
    """As `numpy.save`, which does not say why a file can't be written."""
    np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
    file.write(np.ascontiguousarray(array).data.cast("B"))


def name_of(number: int) -> str:
    """The file of a part."""
    return f"part-{number:05}.npy"


def sha256_of(file: Path) -> str:
    """Of a file's content, as 64 hexadecimal digits.

    Raises:
        OSError: it can't be read.
    """
    found = hashlib.sha256()
    with file.open("rb") as opened:
        while block := opened.read(BLOCK):
            found.update(block)
    return found.hexdigest()
