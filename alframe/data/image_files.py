"""Images that are left in their files: a tensor of bytes of which no byte is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alframe.data.decoding import SHARE, Decoder
from alframe.data.depths import GreyRange
from alframe.data.pictures import Picture, PictureRules
from alframe.errors import DamagedFileError, UsageError
from alframe.ops.machine import machine_memory

# What asks for no image: the shape and the type of all that is derived from it, and what Python asks.
PLAIN = {"__get__", "__len__", "size", "dim", "numel", "nelement", "element_size", "stride", "is_contiguous"}
PLAIN |= {"is_floating_point", "is_complex", "is_inference", "is_signed", "__hash__", "__dir__", "ndimension"}
SAME = {"detach", "contiguous", "cpu"}  # what makes the same of bytes in this machine
SUMMED = np.int64


class Listing:
    """Files, how they are read, and what was found in them: what parts of it share.

    Args:
        what: what messages call the data.
        sources: the files' paths, which as texts take a tenth of what `Path` objects do.
        names: what messages call them.
        rules: how they are read.
        ranges: black and white of grey images of more than 8 bits.
        sums: ``m x 3 x 2`` whole numbers: of each image and channel the sum of its values, and of their
            squares.
        content: tells what is in the files.
        plain: whether it does so as `alframe.ops.digest.digest_of` of all images.
        decoder: who decodes them.
    """

    def __init__(
        self,
        what: str,
        sources: Sequence[str],
        names: Sequence[str],
        rules: PictureRules,
        ranges: Mapping[str, GreyRange],
        sums: np.ndarray[Any, Any],
        content: str,
        plain: bool,
        decoder: Decoder,
    ) -> None:
        self.what = what
        self.sources = sources
        self.names = names
        self.rules = rules
        self.ranges = ranges
        self.sums = sums
        self.content = content
        self.plain = plain
        self.decoder = decoder

    def images(self, rows: Iterable[int], ahead: int = 0) -> Iterator[Tensor]:
        """Decodes images, ``3 x size x size`` bytes each, in this order.

        Raises:
            UsageError: one is gone.
            DamagedFileError: one can't be decoded any more.
        """
        wanted = list(rows)
        files = (Path(self.sources[row]) for row in wanted)
        found = self.decoder.decoded(files, self.rules, self.ranges, ahead)
        for row, picture in zip(wanted, found, strict=True):
            yield self._image(row, picture)

    def _image(self, row: int, picture: Picture | None) -> Tensor:
        if picture is None or picture.pixels is None:
            if not Path(self.sources[row]).exists():
                raise UsageError(
                    f"{self.what}: {self.names[row]} is gone; it was there when the files were listed"
                )
            raise DamagedFileError(f"{self.what}: {self.names[row]} can't be decoded any more")
        return torch.from_numpy(picture.pixels).permute(2, 0, 1)


class ImageFiles(Tensor):
    """``n x 3 x size x size`` bytes in files, as a tensor: what looks at images decodes them.

    `index_select` gives images, an index in brackets leaves them in their files. Whatever else needs bytes
    reads all of them, if they take a quarter of this machine's memory at the most.

    Args:
        listing: the files.
        rows: which of them, in which order.

    Raises:
        UsageError: where more would be needed, or a file is gone.
        DamagedFileError: where a file can't be decoded any more.
    """

    listing: Listing
    rows: np.ndarray[Any, Any]
    in_files = True

    @staticmethod
    def __new__(cls, listing: Listing, rows: np.ndarray[Any, Any]) -> ImageFiles:
        """A tensor of that shape without bytes."""
        side = listing.rules.size or 0
        made = Tensor._make_wrapper_subclass(cls, (len(rows), 3, side, side), dtype=torch.uint8)
        made.listing, made.rows = listing, rows
        return made

    def __init__(self, listing: Listing, rows: np.ndarray[Any, Any]) -> None:
        pass

    @property
    def sums(self) -> tuple[list[int], list[int]]:
        """Of each channel the sum of all values and of their squares, exact."""
        found = self.listing.sums[self.rows].sum(axis=0, dtype=SUMMED)
        return found[:, 0].tolist(), found[:, 1].tolist()

    @property
    def digest(self) -> str:
        """As `alframe.ops.digest.digest_of` tells these images; "" where that costs a look at all of them."""
        return self.listing.content if self.listing.plain and self._is_whole else ""

    @property
    def fingerprint(self) -> str:
        """Tells them from other images that are left in files."""
        return hashlib.sha256(self.listing.content.encode() + self.rows.tobytes()).hexdigest()

    @property
    def _is_whole(self) -> bool:
        return np.array_equal(self.rows, np.arange(len(self.listing.sources)))

    def blocks(self, parts: Iterable[Tensor]) -> Iterator[Tensor]:
        """Images of one list of positions after the other; the next ones are decoded meanwhile.

        Args:
            parts: ``b`` positions each.
        """
        lists = [self.rows[part.cpu().numpy()] for part in parts]
        most = max(map(len, lists), default=0)
        images = self.listing.images((row for rows in lists for row in rows.tolist()), ahead=most)
        for rows in lists:
            yield self._filled(len(rows), images)

    def _selected(self, rows: np.ndarray[Any, Any]) -> Tensor:
        return self._filled(len(rows), self.listing.images(self.rows[rows].tolist()))

    def _filled(self, count: int, images: Iterator[Tensor]) -> Tensor:
        made = torch.empty((count, *self.shape[1:]), dtype=torch.uint8)
        for row in range(count):
            made[row] = next(images)
        return made

    def _whole(self) -> Tensor:
        most = SHARE * machine_memory()
        if self.nbytes > most:
            raise UsageError(
                f"{self.listing.what}: {len(self):,} images are wanted at once, {self.nbytes / 1e9:,.1f} GB; "
                f"more than {most / 1e9:,.1f} GB, a quarter of this machine's memory, stay in their files: "
                "take a smaller -o data.size=, fewer images, or a machine with more memory"
            )
        return self._selected(np.arange(len(self)))

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """What functions of torch make of it."""
        given, name = dict(kwargs or {}), getattr(func, "__name__", "")
        if name in PLAIN:
            with torch._C.DisableTorchFunctionSubclass():
                return func(*args, **given)
        first = args[0]
        if isinstance(first, cls):
            if name in SAME:
                return first
            if name in OWN and (found := OWN[name](first, *args[1:], **given)) is not None:
                return found
        return func(*map(_read, args), **{key: _read(value) for key, value in given.items()})

    @classmethod  # torch's stubs lack the defaults that its page on subclasses has
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """What comes here has passed by `__torch_function__`: there are no bytes to work on."""
        raise UsageError(f"{func} of images that are left in their files: take them by index_select")

    def __deepcopy__(self, memo: Any) -> ImageFiles:
        return self  # nothing of it changes

    def __reduce_ex__(self, protocol: Any) -> Any:
        return ImageFiles, (self.listing, self.rows)

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        return f"ImageFiles({self.listing.what}, {tuple(self.shape)})"


def _read(value: Any) -> Any:
    """The bytes of images in an argument."""
    if isinstance(value, ImageFiles):
        return value._whole()
    return type(value)(map(_read, value)) if type(value) in (list, tuple) else value


def _part(images: ImageFiles, index: Any) -> Any:
    """What brackets give; None of what is no choice of rows."""
    if isinstance(index, Tensor) and index.ndim == 1:
        index = index.cpu().numpy()
    if isinstance(index, slice | list | np.ndarray):
        return ImageFiles(images.listing, images.rows[index])
    if isinstance(index, int):
        return images._selected(np.array([index]))[0]
    return None


def _index_select(images: ImageFiles, dim: int, index: Tensor) -> Tensor | None:
    return images._selected(index.cpu().numpy()) if dim == 0 else None


def _split(images: ImageFiles, size: Any, dim: int = 0) -> Any:
    if dim or not isinstance(size, int):
        return None
    return tuple(images[start : start + size] for start in range(0, max(1, len(images)), size))


def _to(images: ImageFiles, *args: Any, **kwargs: Any) -> Tensor | None:
    """The same where it stays bytes of this machine."""
    like = torch.empty(0, dtype=torch.uint8).to(*args, **kwargs)
    return images if (like.dtype, like.device.type) == (torch.uint8, "cpu") else None


OWN: dict[str, Callable[..., Any]] = {
    "__getitem__": _part,
    "index_select": _index_select,
    "split": _split,
    "to": _to,
}
