"""Features in files that are read a part at a time: a ``.npy``, or a folder of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from alframe.errors import DamagedFileError, UsageError, one_line
from alframe.ops.crew import count

LIST = "parts.json"
AS_THEY_ARE = (np.dtype(np.float16), np.dtype(np.float32))
Array = np.ndarray[Any, Any]


class Shards:
    """The rows of several matrices of one width, one below the other, read when they are asked for.

    Args:
        parts: ``n_i x d`` arrays of numbers, as `numpy.load` maps them; some may be empty.
        names: what messages call them.

    Attributes:
        shape: ``(n, d)``.
        rows_read: how many rows were read so far.
        bytes_read: how many bytes they take in the files.

    Raises:
        UsageError: a part is no matrix of numbers, or has another width.
    """

    def __init__(self, parts: Sequence[Array], names: Sequence[str]) -> None:
        for part, name in zip(parts, names, strict=True):
            if part.ndim != 2 or part.dtype.kind not in "biuf":
                raise UsageError(
                    f"{name}: features must be a matrix of numbers, one row a sample, got {part.dtype} of "
                    f"shape {list(part.shape)}"
                )
            if part.shape[1] != parts[0].shape[1]:
                raise UsageError(
                    f"{name} has {part.shape[1]} columns, {names[0]} {parts[0].shape[1]}: parts of one pool "
                    "have the same features"
                )
        self._parts = list(parts)
        self._names = list(names)
        self._starts = np.cumsum([0, *map(len, parts)])
        self.shape = (int(self._starts[-1]), int(parts[0].shape[1]))
        self._files = [_file_of(part) for part in parts]
        self._states = [_state(file) for file in self._files]
        self.rows_read = self.bytes_read = 0

    def __getstate__(self) -> dict[str, Any]:
        """Where the parts lie, for another process; what is in no file goes itself."""
        return vars(self) | {
            "_parts": [_place(part) for part in self._parts],
            "rows_read": 0,
            "bytes_read": 0,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Opens the files, which must be those that they were.

        Raises:
            UsageError: one can't be read.
            DamagedFileError: one was changed.
        """
        vars(self).update(state)
        self._parts = [_opened(place, name) for place, name in zip(self._parts, self._names, strict=True)]
        self.require_unchanged()

    def __len__(self) -> int:
        return self.shape[0]

    def between(self, start: int, stop: int) -> Array:
        """The rows from ``start`` to ``stop``, float16 where they are, else float32: not to be changed."""
        pieces: list[Array] = []
        for part, first in zip(self._parts, self._starts[:-1].tolist(), strict=True):
            piece = part[max(0, start - first) : max(0, stop - first)]
            if len(piece) or not pieces:
                pieces.append(piece)
        return self._copied([piece for piece in pieces if len(piece)] or pieces[:1])

    def at(self, rows: Array) -> Array:
        """Copies of the rows at positions, in their order; each part is read in the order of its file."""
        order = np.argsort(rows, kind="stable")
        ends = np.searchsorted(rows[order], self._starts)
        pieces = [
            part[rows[order[low:high]] - first]
            for part, first, low, high in zip(
                self._parts, self._starts[:-1], ends[:-1], ends[1:], strict=True
            )
            if high > low
        ]
        found = self._copied(pieces or [self._parts[0][:0]])
        back = np.empty_like(found)
        back[order] = found
        return back

    def where(self, row: int) -> str:
        """In which file a row lies, and at which place."""
        part = int(np.searchsorted(self._starts, row, side="right")) - 1
        return f"{self._names[part]}, row {row - int(self._starts[part])}"

    def require_unchanged(self) -> None:
        """Raises `DamagedFileError` where a file is another than it was when it was opened."""
        for name, file, state in zip(self._names, self._files, self._states, strict=True):
            if _state(file) != state:
                raise DamagedFileError(f"{name} was changed while it was read: ask again")

    def _copied(self, pieces: list[Array]) -> Array:
        rows, size = sum(map(len, pieces)), sum(piece.nbytes for piece in pieces)
        self.rows_read += rows
        self.bytes_read += size
        count(rows=rows, bytes=size)
        if len(pieces) == 1 and pieces[0].dtype in AS_THEY_ARE and pieces[0].flags.writeable:
            return np.asarray(pieces[0])  # a view of the file, which torch takes
        half = all(piece.dtype == np.float16 for piece in pieces)
        made = np.empty((sum(map(len, pieces)), self.shape[1]), np.float16 if half else np.float32)
        start = 0
        for piece in pieces:
            with np.errstate(over="ignore"):  # infinite in float32: said where numbers are looked at
                made[start : start + len(piece)] = piece
            start += len(piece)
        return made


def open_shards(path: Path) -> Shards:
    """The features in a ``.npy``, or in a folder of them, mapped.

    Args:
        path: the file; or the folder, whose parts are those that its ``parts.json`` lists, or else all
            ``.npy`` in it, by name.

    Raises:
        UsageError: there is no such file, it can't be read, or holds no matrix.
        DamagedFileError: it is not what NumPy writes, or not what ``parts.json`` says.
    """
    if not path.is_dir():
        return Shards([mapped(path)], [str(path)])
    listed = list(_listed(path))
    files = [path / name for name, _ in listed] or sorted(path.glob("*.npy"))
    if not files:
        raise UsageError(f"{path} is a folder without parts: expected .npy files in it")
    parts = [mapped(file) for file in files]
    for file, part, (_, rows) in zip(files, parts, listed, strict=False):
        if rows is not None and len(part) != rows:
            raise DamagedFileError(f"{file} has {len(part)} rows, {path / LIST} says {rows}: make it again")
    return Shards(parts, [str(file) for file in files])


def mapped(path: Path) -> Array:
    """The array of a ``.npy``, not read yet.

    Raises:
        UsageError: there is no such file, or it holds Python objects.
        DamagedFileError: it is not what NumPy writes.
    """
    try:
        with path.open("rb") as file:
            if file.read(6) != b"\x93NUMPY":
                raise ValueError("it is no .npy")
        array = np.load(path, mmap_mode="c", allow_pickle=False)  # as "r", but torch takes it uncopied
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror or one_line(error)}") from error
    except ValueError as error:
        if "Python objects" in str(error):
            raise UsageError(f"{path} can't be read: it holds Python objects, not numbers") from error
        raise DamagedFileError(
            f"{path} can't be read: it is no array of numbers in NumPy's format, or is cut off or changed; "
            "write it again with numpy.save"
        ) from error
    assert isinstance(array, np.ndarray)
    return array


def _listed(folder: Path) -> Iterator[tuple[str, int | None]]:
    """File and rows of each part that ``parts.json`` lists; none where there is no such file."""
    file = folder / LIST
    if not file.is_file():
        return
    try:
        for part in json.loads(file.read_text(encoding="utf-8"))["parts"]:
            yield str(part["file"]), None if part.get("rows") is None else int(part["rows"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedFileError(
            f'{file} can\'t be read: expected {{"parts": [{{"file": "part-00000.npy", "rows": 1000}}, ...]}}'
        ) from error


def _file_of(part: Array) -> Path | None:
    name = getattr(part, "filename", None)
    return Path(name) if name else None


def _place(part: Array) -> Array | dict[str, Any]:
    """Where in a file an array lies, be it a part of what was mapped; the array where it is in none."""
    file = _file_of(part)
    if file is None:
        return part
    whole: Any = part
    while isinstance(whole.base, np.memmap):
        whole = whole.base
    start = part.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    layout = {"dtype": part.dtype, "shape": part.shape, "strides": part.strides}
    return layout | {"file": file.absolute(), "offset": whole.offset + start}


def _opened(place: Array | dict[str, Any], name: str) -> Array:
    if not isinstance(place, dict):
        return place
    try:
        whole = np.memmap(place["file"], np.uint8, mode="c")
    except (OSError, ValueError) as error:  # the latter of an empty file
        raise UsageError(f"{name} can't be read by a worker: {one_line(error)}") from error
    layout = {key: value for key, value in place.items() if key != "file"}
    try:
        return np.ndarray(buffer=whole, **layout)
    except (TypeError, ValueError) as error:
        raise DamagedFileError(f"{name} was changed while it was read: ask again") from error


def _state(file: Path | None) -> tuple[int, int] | None:
    """Size and time of change; None of what is in no file."""
    if file is None:
        return None
    try:
        status = file.stat()
    except OSError:
        return (-1, -1)
    return status.st_size, status.st_mtime_ns
