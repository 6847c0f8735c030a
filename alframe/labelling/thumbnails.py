"""Pictures of images, small and as a viewer turns them."""

from __future__ import annotations

import io
import threading
import warnings
from collections import OrderedDict
from pathlib import Path
from typing import Any

from alframe.data.pictures import FORMATS
from alframe.errors import DamagedFileError, UsageError, reason

KEPT = 32 << 20  # bytes of pictures that are kept
LARGEST = 4096
QUALITY = 85


class Thumbnails:
    """Makes pictures of image files, and keeps those asked for last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Path, int], bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, path: Path, name: str, size: int) -> bytes:
        """A JPEG of at most ``size`` a side, turned as the EXIF mark says, transparent parts white.

        Args:
            path: the file.
            name: what messages call it.
            size: of the longer side in pixels; no image is made larger than it is.

        Raises:
            DamagedFileError: the file is no image that can be decoded; it is a `UsageError`.
            UsageError: a size that can't be.
        """
        if not 1 <= size <= LARGEST:
            raise UsageError(f"size: expected 1 to {LARGEST} pixels, got {size}")
        key = path, size
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = _picture(path, name, size)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = made
                self._bytes += len(made)
            while self._bytes > KEPT:
                self._bytes -= len(self._kept.popitem(last=False)[1])
        return made


def _picture(path: Path, name: str, size: int) -> bytes:
    from PIL import Image, ImageOps

    Image.init()
    formats = tuple(name for name in FORMATS if name in Image.OPEN)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, on damage that it could live with
            with Image.open(path, formats=formats) as file:
                file.draft("RGB", (size, size))  # a JPEG is decoded no larger than need be
                file.load()
                image: Any = ImageOps.exif_transpose(file) or file
            image = _in_bytes(image)
            image.thumbnail((size, size))
            target = io.BytesIO()
            image.save(target, "JPEG", quality=QUALITY)
            return target.getvalue()
    except Exception as error:  # what a decoder raises for damage depends on the format, and new ones come
        raise DamagedFileError(f"{name} is no image that can be shown: {reason(error)}") from error


def _in_bytes(image: Any) -> Any:
    """Three channels of bytes: what is transparent on white, deep greys from least to greatest."""
    from PIL import Image

    if image.mode[0] in "IF":
        low, high = image.convert("F").getextrema()
        scale = 255 / (high - low) if high > low else 0
        return image.convert("F").point(lambda value: value * scale - low * scale).convert("L").convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return image.convert("RGB")
