"""Image files as samples: decoded side by side, into bytes of one size."""

from __future__ import annotations

import dataclasses
import warnings
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from alframe.data.decoding import Streaming, streaming
from alframe.data.depths import GreyRange, guess_range
from alframe.data.image_files import ImageFiles, Listing
from alframe.data.pictures import Picture, PictureRules, read_picture
from alframe.data.survey import KeptSurvey, Sums, Survey, told_as_it_goes
from alframe.errors import AlframeWarning, DamagedFileError, UsageError
from alframe.ops.machine import machine_memory

NAMED = 5  # bad images named in a message


def decode_images(
    what: str,
    sources: Sequence[Path | bytes],
    names: Sequence[str],
    labels: Sequence[int],
    *,
    size: int | None,
    bad_images: Literal["error", "skip"] = "error",
    size_option: str = "",
    skip_option: str = "",
) -> tuple[Tensor, Tensor]:
    """Decodes images and converts them to three channels: `ImageReader` for one part, without its notes.

    Args:
        what: the data set's name, for messages.
        sources: ``n`` files, or their content.
        names: what messages call them.
        labels: their class numbers.
        size: height and width: the shorter side is scaled to it and the middle square cut out; None where
            all images have one size, which they keep.
        bad_images: what to do with images that are missing or can't be decoded; a skipped one is warned of.
        size_option: how the user sets ``size``, as ``-o data.size=``, for messages; "" where there is no way.
        skip_option: how the user has bad images skipped, likewise.

    Returns:
        ``m x 3 x height x width`` bytes and ``m`` labels, of those that could be decoded.

    Raises:
        UsageError: there are none, some are missing and that is an error, their sizes differ, or they don't
            fit into memory.
        DamagedFileError: some can't be decoded and that is an error.
    """
    reader = ImageReader(_Rules(size, bad_images))
    reader.size_option, reader.skip_option = size_option, skip_option
    return reader.read(what, sources, names, labels)


@dataclasses.dataclass(frozen=True)
class _Rules:
    size: int | None
    bad_images: Literal["error", "skip"]
    exif: bool = True
    background: Literal["white", "black", "ignore"] = "white"
    grey_range: tuple[float, ...] = ()


class ImageReader:
    """Decodes the parts of a data set of image files, all by the same rules.

    Photographs are turned as their EXIF mark says, and what is transparent is laid on a background. Grey
    values of more than 8 bits are scaled to bytes by one range for the whole data set, so that brightness
    tells images apart; where the user names none it is guessed by the values of the first part.

    Threads decode: Pillow works without holding the interpreter, and threads were no slower than processes,
    which a script without a main guard can't start.

    Args:
        rules: the options, as `ImageDataOptions` has them.

    Raises:
        UsageError: a grey range that is no two ascending numbers.

    Example:
        >>> from alframe import ImageDataOptions, ImageReader
        >>> reader = ImageReader(ImageDataOptions(size=8))
        >>> from io import BytesIO
        >>> from PIL import Image
        >>> file = BytesIO()
        >>> Image.new("RGBA", (8, 8)).save(file, "PNG")
        >>> images, labels = reader.read("toy", [file.getvalue()], ["a.png"], [1])
        >>> images.shape, images.unique().tolist(), labels.tolist()
        (torch.Size([1, 3, 8, 8]), [255], [1])
        >>> print(*reader.notes)
        1 of 1 images have transparent parts, which are white; -o data.background=black, or ignore
    """

    def __init__(self, rules: PictureRules) -> None:
        self.size_option = "-o data.size="
        self.skip_option = "-o data.bad_images=skip"
        self._rules = rules
        self._ranges: dict[str, GreyRange] = {}
        self._is_guessed = not rules.grey_range
        self._counts: Counter[str] = Counter()
        self._left: list[str] = []
        if rules.grey_range:
            if len(rules.grey_range) != 2 or not rules.grey_range[0] < rules.grey_range[1]:
                raise UsageError(
                    "option data.grey_range: expected the values of black and white, as 0,4095, got "
                    f"{','.join(map(str, rules.grey_range))}"
                )
            self._ranges = dict.fromkeys(("whole", "real"), GreyRange(*rules.grey_range))

    def read(
        self, what: str, sources: Sequence[Path | bytes], names: Sequence[str], labels: Sequence[int]
    ) -> tuple[Tensor, Tensor]:
        """Decodes one part; the training part comes first.

        Args:
            what: what messages call the part.
            sources: ``n`` files, or their content.
            names: what messages call them.
            labels: their class numbers.

        Returns:
            ``m x 3 x height x width`` bytes and ``m`` labels, of those that could be decoded.

        Raises:
            UsageError: there are none, some are missing and that is an error, their sizes differ, or they
                don't fit into memory.
            DamagedFileError: some can't be decoded and that is an error.
        """
        with warnings.catch_warnings():  # here, for threads share the filters
            warnings.simplefilter("ignore")  # Pillow's, on damage that it could live with
            found, images = self._decoded(what, sources)
        shape = tuple(images.shape[2:])
        others = sorted({picture.shape for picture in found if picture is not None} - {shape})
        if others:
            hint = f"; {self.size_option} scales and cuts them to one" if self.size_option else ""
            raise UsageError(
                f"{what}: the images have different sizes, as {shape[0]} x {shape[1]} and {others[0][0]} x "
                f"{others[0][1]}{hint}"
            )
        good = torch.tensor([picture is not None for picture in found], dtype=torch.bool)
        if not self._are_good(what, good, sources, names):
            images = _packed(images, good)
        return images, torch.tensor(labels, dtype=torch.int64)[good]

    def open(
        self, what: str, sources: Sequence[Path | bytes], names: Sequence[str], labels: Sequence[int]
    ) -> tuple[Tensor, Tensor]:
        """As `read`, but images that would take a quarter of this machine's memory are left in their files.

        Each is looked at once, and then decoded when it is asked for: ``index_select`` of the tensor gives
        images, brackets a choice of them. What else is asked of it reads all, where they fit.

        Args:
            what: what messages call the part.
            sources: ``n`` files, or their content.
            names: what messages call them.
            labels: their class numbers.

        Returns:
            As `read`.

        Raises:
            UsageError: as `read`.
            DamagedFileError: as `read`.
        """
        now, size = streaming(), self._rules.size
        needed = len(sources) * 3 * (size or 0) ** 2
        files = [source for source in sources if isinstance(source, Path)]
        if size is None or needed <= now.share * machine_memory() or len(files) < len(sources) or not files:
            return self.read(what, sources, names, labels)
        kept = KeptSurvey(now, files, self._rules, self._ranges)
        survey = kept.read()
        if survey is None:
            survey = self._survey(files, size, now)
            kept.write(survey)
        if now.share:
            self._left.append(
                f"{what}: {len(files):,} images are left in their files and decoded whenever they are looked "
                f"at; together they would take {needed / 1e9:,.1f} GB, more than a quarter of this machine's "
                "memory"
            )
        self._ranges |= survey.ranges
        self._counts += survey.counts
        good = torch.from_numpy(survey.good)
        self._are_good(what, good, sources, names)
        rows = good.nonzero()[:, 0].tolist()
        listing = Listing(
            what,
            [str(files[row]) for row in rows],
            [names[row] for row in rows],
            self._rules,
            dict(self._ranges),
            survey.sums[survey.good],
            survey.content,
            survey.plain,
            now.decoder,
        )
        return ImageFiles(listing, np.arange(len(rows))), torch.tensor(labels, dtype=torch.int64)[good]

    def _survey(self, files: Sequence[Path], size: int, now: Streaming) -> Survey:
        """Looks at each file once, and at those again whose range was not known."""
        before, sums, self._counts = self._counts, Sums(len(files), size), Counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            first = now.decoder.decoded(iter(files), self._rules, self._ranges)
            for row, picture in told_as_it_goes(first, now, len(files)):
                sums.take(row, picture)
            again = self._set_ranges(sums.found)
            second = now.decoder.decoded((files[row] for row in again), self._rules, self._ranges)
            for row, picture in zip(again, second, strict=True):
                sums.take(row, picture)
        self._count([picture for picture in sums.found if picture is not None])
        counts, self._counts = self._counts, before
        good = np.array([picture is not None for picture in sums.found], dtype=bool)
        return Survey(good, sums.of_each, sums.content, sums.plain, dict(self._ranges), counts)

    def _are_good(
        self, what: str, good: Tensor, sources: Sequence[Path | bytes], names: Sequence[str]
    ) -> bool:
        """Whether all are images; says which are none, if some are and that is allowed."""
        if not good.all():
            bad = (~good).nonzero()[:, 0].tolist()
            message = _of_bad(what, [names[row] for row in bad], len(sources))
            if self._rules.bad_images == "error":
                hint = f", or leave them out by {self.skip_option}" if self.skip_option else ""
                kind = UsageError if all(_is_missing(sources[row]) for row in bad) else DamagedFileError
                raise kind(f"{message}. Remove them{hint}")
            warnings.warn(f"{message}; they are left out", AlframeWarning, stacklevel=3)
        if not good.any():
            raise UsageError(f"{what}: there are no images")
        return bool(good.all())

    @property
    def notes(self) -> tuple[str, ...]:
        """What was guessed or changed in the parts read so far, a line each, as `Dataset.notes` wants it."""
        count = self._counts
        notes = list(self._left)
        for kind, grey in self._ranges.items():
            if count[kind] and self._is_guessed:
                notes.append(
                    f"{count[kind]} of {count['all']} images are grey of more than 8 bits; {grey} are black "
                    f"and white, by the values of the first part; -o data.grey_range={grey.low:.8g},"
                    f"{grey.high:.8g} would name them"
                )
        for key, found in (
            ("beyond", "have grey values beyond black or white, which are cut off"),
            ("turned", "are turned as their EXIF mark says; -o data.exif=false leaves them as stored"),
            ("transparent", "have transparent parts, which are {}; -o data.background={}, or ignore"),
            ("first", "are the first of several in their file; the others are left out"),
            ("cut", "have 16 bits a colour, of which the upper 8 are read"),
        ):
            if count[key]:
                ground = self._rules.background
                other = "black" if ground == "white" else "white"
                notes.append(f"{count[key]} of {count['all']} images {found.format(ground, other)}")
        return tuple(notes)

    def _decoded(self, what: str, sources: Sequence[Path | bytes]) -> tuple[list[Picture | None], Tensor]:
        """What was found in each file, and the pixels of those that have the right size."""
        size = self._rules.size
        shape = (size, size) if size is not None else self._first_shape(sources)
        images = self._room(what, len(sources), *shape)

        def decode(row: int) -> Picture | None:
            picture = read_picture(sources[row], self._rules, self._ranges)
            if picture is None or picture.pixels is None:
                return picture
            if picture.shape == shape:
                images[row] = torch.from_numpy(picture.pixels).permute(2, 0, 1)
            return dataclasses.replace(picture, pixels=None)

        with ThreadPoolExecutor() as threads:
            found = list(threads.map(decode, range(len(sources))))
            again = self._set_ranges(found)
            for row, picture in zip(again, threads.map(decode, again), strict=True):
                found[row] = picture
        self._count([picture for picture in found if picture is not None])
        return found, images

    def _set_ranges(self, found: Sequence[Picture | None]) -> list[int]:
        """Guesses the ranges that are not known yet, and tells the rows that waited for them."""
        waiting: dict[str, list[int]] = {}
        for row, picture in enumerate(found):
            if picture is not None and picture.kind and picture.kind not in self._ranges:
                waiting.setdefault(picture.kind, []).append(row)
        for kind, rows in waiting.items():
            pictures = [picture for row in rows if (picture := found[row]) is not None]
            low, high = min(p.low for p in pictures), max(p.high for p in pictures)
            self._ranges[kind] = guess_range(kind == "whole", low, high)
        return [row for rows in waiting.values() for row in rows]

    def _count(self, pictures: Sequence[Picture]) -> None:
        for picture in pictures:
            beyond = picture.kind and (
                picture.low < self._ranges[picture.kind].low or picture.high > self._ranges[picture.kind].high
            )
            self._counts["all"] += 1
            self._counts[picture.kind] += 1
            self._counts["beyond"] += bool(beyond)
            self._counts["turned"] += picture.is_turned
            self._counts["transparent"] += picture.is_transparent
            self._counts["first"] += picture.is_first
            self._counts["cut"] += picture.is_cut

    def _first_shape(self, sources: Sequence[Path | bytes]) -> tuple[int, int]:
        for source in sources:
            if (picture := read_picture(source, self._rules, self._ranges)) is not None:
                return picture.shape
        return 0, 0

    def _room(self, what: str, n: int, height: int, width: int) -> Tensor:
        try:
            return torch.empty(n, 3, height, width, dtype=torch.uint8)
        except RuntimeError as error:  # what torch raises when the system has no such memory
            needed = n * 3 * height * width / 1e9
            hint = f"; a smaller {self.size_option} needs less" if self.size_option else ""
            raise UsageError(
                f"{what}: {n} images of {height} x {width} need {needed:,.0f} GB of memory, "
                f"which there is not{hint}"
            ) from error


def _is_missing(source: Path | bytes) -> bool:
    return isinstance(source, Path) and not source.exists()


def _of_bad(what: str, names: Sequence[str], count: int) -> str:
    shown = ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
    return f"{what}: {len(names)} of {count} images can't be decoded: {shown}"


def _packed(images: Tensor, good: Tensor) -> Tensor:
    """The good ones, moved to the front in place: a copy of photographs may not fit into memory."""
    kept = good.nonzero()[:, 0].tolist()
    for row, image in enumerate(kept):
        images[row] = images[image]
    return images[: len(kept)]
