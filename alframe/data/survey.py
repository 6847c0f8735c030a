"""What is found in image files that stay where they are: one look at each, kept where that is wanted."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from alframe.data.decoding import Streaming
from alframe.data.depths import GreyRange
from alframe.data.pictures import Picture, PictureRules

FORMAT = 1
Array = np.ndarray[Any, Any]


@dataclasses.dataclass
class Survey:
    """What was found.

    Attributes:
        good: of each file whether it is an image.
        sums: ``n x 3 x 2`` whole numbers: of each image and channel the sum of its values, and of their
            squares.
        content: tells what is in all files.
        plain: whether it does so as `alframe.ops.digest.digest_of`: each file was an image at the first look.
        ranges: black and white of grey images of more than 8 bits.
        counts: what notes are made of.
    """

    good: Array
    sums: Array
    content: str
    plain: bool
    ranges: dict[str, GreyRange]
    counts: Counter[str]


class Sums:
    """Adds up what one look at each file finds.

    Args:
        count: how many files there are.
        size: height and width of the images.
    """

    def __init__(self, count: int, size: int) -> None:
        self.found: list[Picture | None] = [None] * count
        self.of_each = np.zeros((count, 3, 2), np.int64)
        self._known: dict[Picture, Picture] = {}
        self._hash = hashlib.sha256(f"torch.uint8 {[count, 3, size, size]}\n".encode())
        self.plain = True

    def take(self, row: int, picture: Picture | None) -> None:
        """Notes an image; its pixels are let go.

        Args:
            row: which file it is of.
            picture: what was found there.
        """
        self.plain &= picture is not None and picture.pixels is not None
        if not self.plain:
            self._hash.update(f"{row} {picture is None}\n".encode())
        if picture is not None and picture.pixels is not None:
            channels = np.ascontiguousarray(picture.pixels.transpose(2, 0, 1))
            numbers = channels.reshape(3, -1).astype(np.uint32)
            self.of_each[row, :, 0] = numbers.sum(axis=1, dtype=np.int64)
            self.of_each[row, :, 1] = (numbers * numbers).sum(axis=1, dtype=np.int64)
            self._hash.update(channels.data)
            picture = dataclasses.replace(picture, pixels=None)
        # most are alike: a million of them take no room
        self.found[row] = None if picture is None else self._known.setdefault(picture, picture)

    @property
    def content(self) -> str:
        """As of `Survey`."""
        return self._hash.hexdigest()


class KeptSurvey:
    """The file of a survey, which counts as long as the files it tells of have the same size and date.

    Args:
        now: where it is kept.
        sources: the files.
        rules: how they are read.
        ranges: the ranges that are known before.
    """

    def __init__(
        self,
        now: Streaming,
        sources: Sequence[Path],
        rules: PictureRules,
        ranges: Mapping[str, GreyRange],
    ) -> None:
        self._folder = now.folder
        self._key = "" if now.folder is None else _key(sources, f"{FORMAT} {rules!r} {ranges!r}")

    def read(self) -> Survey | None:
        """What is kept; None where there is nothing, or something else."""
        if self._folder is None:
            return None
        try:
            with self._file.open("rb") as file, np.load(file, allow_pickle=False) as kept:
                told = json.loads(kept["told"].tobytes())
                if told.pop("key") != self._key:
                    return None
                ranges = {kind: GreyRange(*ends) for kind, ends in told["ranges"].items()}
                counts = Counter(told["counts"])
                return Survey(kept["good"], kept["sums"], told["content"], told["plain"], ranges, counts)
        except Exception:  # of a damaged file: what it holds is found anew
            return None

    def write(self, survey: Survey) -> None:
        """Keeps it, if there is room: it is found anew otherwise."""
        if self._folder is None:
            return
        ranges = {kind: [grey.low, grey.high] for kind, grey in survey.ranges.items()}
        told = {"key": self._key, "content": survey.content, "plain": survey.plain}
        told |= {"ranges": ranges, "counts": dict(survey.counts)}
        text = np.frombuffer(json.dumps(told).encode(), np.uint8)
        temporary = self._file.with_suffix(".tmp")
        try:
            with temporary.open("wb") as file:
                np.savez(file, told=text, good=survey.good, sums=survey.sums)
            temporary.replace(self._file)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    @property
    def _file(self) -> Path:
        assert self._folder is not None
        return self._folder / f".images-{self._key[:16]}.npz"


def _key(sources: Sequence[Path], how: str) -> str:
    found = hashlib.sha256(how.encode())
    for source in sources:
        found.update(f"{source} {_state(source)}\n".encode(errors="surrogateescape"))
    return found.hexdigest()


def _state(source: Path) -> str:
    try:
        status = source.stat()
    except OSError:
        return "none"
    return f"{status.st_size} {status.st_mtime_ns}"


def told_as_it_goes(
    pictures: Iterator[Picture | None], now: Streaming, total: int
) -> Iterator[tuple[int, Picture | None]]:
    """The pictures with their numbers, while those who watch are told.

    Args:
        pictures: one after the other.
        now: who watches.
        total: how many there are.
    """
    for row, picture in zip(range(total), pictures, strict=True):
        yield row, picture
        if row % 64 == 63 or row == total - 1:
            now.progress(row + 1, total)
