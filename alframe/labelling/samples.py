"""The samples of a session by position: ``samples.jsonl``."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from alframe.contract.labelling import Source, SourceItem
from alframe.errors import DamagedFileError, UsageError, one_line
from alframe.records.reading import Unusable, read_bytes
from alframe.records.writing import replace, unwritable

FILE = "samples.jsonl"
NAMED = 5
BATCH = 256  # files that a thread looks into at a time


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    """A sample.

    Args:
        position: its number, from 0; never another's.
        id: its path below the source's folder, or its row's key.
        size: in bytes.
        digest: SHA-256 of the first 64 KB; "" where they could not be read.
        missing: whether the source has it no more.
    """

    position: int
    id: str
    size: int
    digest: str
    missing: bool = False


class _Line(msgspec.Struct, omit_defaults=True):
    position: int
    id: str
    size: int
    digest: str
    was: tuple[str, ...] = ()  # what it was called before its file was moved


class Samples:
    """All samples, as the file has them and the source has them now.

    A file that is not in the source any more is marked. A new one with the content of a missing one is that
    one, moved. Other new ones come last. No sample ever gets another's position.

    Args:
        folder: the session's.
        source: where they come from; None where it can't be reached: then all are missing.
        write: whether to take new samples in and write the file.

    Attributes:
        all: by position.
        notes: what was found missing, moved, new or changed.

    Raises:
        UsageError: there are no samples, or the file can't be read or written.
        DamagedFileError: the file's content is not what was written.
    """

    def __init__(self, folder: Path, source: Source | None, *, write: bool) -> None:
        self.notes: list[str] = []
        self._path = folder / FILE
        self._lines = self._read()
        self._positions = {line.id: line.position for line in self._lines}
        for line in self._lines:
            self._positions |= {old: line.position for old in line.was if old not in self._positions}
        items = {item.id: item for item in source.items()} if source else {}
        if source and (self._look(source, items) | (write and self._add(source, items.values()))) and write:
            self._write()
        if not self._lines:
            said = "; ".join(source.notes) if source else "no source"
            raise UsageError(f"there is nothing to label{': ' * bool(said)}{said}")
        self.all = [
            Sample(line.position, line.id, line.size, line.digest, line.id not in items)
            for line in self._lines
        ]
        if source:
            self._say("missing", [sample.id for sample in self.all if sample.missing])

    def position(self, name: str | None) -> int | None:
        """Position of the sample that has or had this id; None where there is none."""
        return self._positions.get(name or "")

    def _look(self, source: Source, items: dict[str, SourceItem]) -> bool:
        """Finds moved and changed ones; says whether there are any."""
        missing = [line for line in self._lines if line.id not in items]
        new = [item for item in items.values() if item.id not in self._positions]
        moved = _matches(missing, new, source) if missing and new else []
        for line, item in moved:
            line.was = (*line.was, line.id)
            line.id = item.id
            self._positions[item.id] = line.position
        changed = [line for line in self._lines if line.id in items and items[line.id].size != line.size]
        for line in changed:
            line.size, line.digest = items[line.id].size, _digest(source, items[line.id])
        self._say("moved, and keep their labels", [line.id for line, _ in moved])
        self._say("changed since they were taken in; look at their labels", [line.id for line in changed])
        return bool(moved or changed)

    def _add(self, source: Source, items: Iterable[SourceItem]) -> bool:
        new = [item for item in items if item.id not in self._positions]
        first = len(self._lines)
        with ThreadPoolExecutor() as threads:
            batches = [new[row : row + BATCH] for row in range(0, len(new), BATCH)]
            found = threads.map(lambda batch: [_digest(source, item) for item in batch], batches)
            digests = [digest for batch in found for digest in batch]
        for position, (item, digest) in enumerate(zip(new, digests, strict=True), first):
            self._lines.append(_Line(position, item.id, item.size, digest))
            self._positions[item.id] = position
        if first:
            self._say("new", [item.id for item in new])
        return bool(new)

    def _say(self, what: str, names: Sequence[str]) -> None:
        if names:
            more = ", ..." if len(names) > NAMED else ""
            verb = "is" if len(names) == 1 else "are"
            plural = "sample" if len(names) == 1 else "samples"
            self.notes.append(f"{len(names):,} {plural} {verb} {what}: {', '.join(names[:NAMED])}{more}")

    def _read(self) -> list[_Line]:
        try:
            lines = msgspec.json.Decoder(_Line).decode_lines(read_bytes(self._path))
        except FileNotFoundError:
            return []
        except Unusable as error:
            raise UsageError(f"{self._path} can't be read: {error}") from error
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise DamagedFileError(f"{self._path} is damaged: {one_line(error)}") from error
        if [line.position for line in lines] != list(range(len(lines))):
            raise DamagedFileError(f"{self._path} is damaged: positions are not 0, 1, 2 and so on")
        return lines

    def _write(self) -> None:
        content = msgspec.json.Encoder().encode_lines(self._lines)
        try:
            replace(self._path, lambda file: file.write(content))
        except OSError as error:
            raise unwritable(self._path.parent, error) from error


def _digest(source: Source, item: SourceItem) -> str:
    return source.digest(item.id) if item.digest is None else item.digest


def _matches(missing: list[_Line], new: list[SourceItem], source: Source) -> list[tuple[_Line, SourceItem]]:
    """Missing samples and new items of one content, where it is nobody else's."""
    sizes = {line.size for line in missing}
    keys = [(item.size, _digest(source, item), item) for item in new if item.size and item.size in sizes]
    lost = Counter((line.size, line.digest) for line in missing)
    found = Counter((size, digest) for size, digest, _ in keys)
    by_content = {(line.size, line.digest): line for line in missing if line.digest}
    return [
        (by_content[size, digest], item)
        for size, digest, item in keys
        if (size, digest) in by_content and lost[size, digest] == found[size, digest] == 1
    ]
