"""One image file as pixels, the way a viewer shows it."""

from __future__ import annotations

import dataclasses
import functools
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from alframe.data.depths import GreyRange, to_bytes

if TYPE_CHECKING:
    from PIL import Image

    Pixels = np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]

# Those that hold pixels themselves, in the order of trying: common ones first, and last those that begin with
# no mark of their own. Not among them: EPS and WMF, for which Pillow runs another program, formats that it
# only knows the names of, and those of measured numbers, as SPIDER.
FORMATS = (
    *("JPEG", "MPO", "PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM", "AVIF", "JPEG2000", "BLP", "CUR", "DCX"),
    *("DDS", "DIB", "FITS", "FLI", "FTEX", "ICNS", "ICO", "MSP", "PCX", "PIXAR", "PSD", "QOI", "SGI", "SUN"),
    *("XBM", "XPM", "IM", "PCD", "TGA"),
)
ANIMATED = ("GIF", "PNG", "WEBP", "TIFF", "AVIF")  # MPO, of phones, has depth maps beside the one picture
ORIENTATION = 0x0112  # the EXIF tag


class PictureRules(Protocol):
    """How images are read, as `alframe.ImageDataOptions` says it."""

    @property
    def size(self) -> int | None:
        """Height and width; None: as they are."""

    @property
    def bad_images(self) -> Literal["error", "skip"]:
        """What to do with images that can't be decoded."""

    @property
    def exif(self) -> bool:
        """Whether to turn them as the EXIF mark says."""

    @property
    def background(self) -> Literal["white", "black", "ignore"]:
        """What is seen through transparent parts; "ignore": the colours that are stored there."""

    @property
    def grey_range(self) -> tuple[float, ...]:
        """Black and white of grey images of more than 8 bits; () to guess them."""


@dataclasses.dataclass(frozen=True)
class Picture:
    """What was found in a file.

    Args:
        shape: height and width.
        pixels: ``height x width x 3`` bytes; None for grey values whose range is not known yet, and where
            they were taken out.
        kind: of grey values of more than 8 bits, "whole" or "real"; else "".
        low: the least of them.
        high: the greatest.
        is_turned: whether its EXIF mark says that it lies on its side.
        is_transparent: whether any part is.
        is_first: whether the file holds more pictures.
        is_cut: whether its colours have 16 bits each, of which Pillow reads the upper 8.
    """

    shape: tuple[int, int]
    pixels: Pixels | None = None
    kind: str = ""
    low: float = math.inf
    high: float = -math.inf
    is_turned: bool = False
    is_transparent: bool = False
    is_first: bool = False
    is_cut: bool = False


def read_picture(
    source: Path | bytes, rules: PictureRules, ranges: Mapping[str, GreyRange]
) -> Picture | None:
    """Decodes an image and converts it to three channels.

    Args:
        source: a file, or its content.
        rules: how.
        ranges: black and white of each kind of grey values of more than 8 bits, as far as they are known.

    Returns:
        None where it is no image.
    """
    from PIL import Image, ImageOps

    try:
        if isinstance(source, Path) and not source.is_file():
            return None  # a pipe would be waited for
        opened = io.BytesIO(source) if isinstance(source, bytes) else source
        with Image.open(opened, formats=_formats()) as file:
            is_cut = file.mode.startswith("RGB") and _has_16_bits(file)
            file.load()
            turn = _turn(file) if rules.exif else None
            image: Image.Image = file if turn is None else file.transpose(turn)
            found = Picture(
                image.size[::-1],
                is_turned=turn is not None,
                is_first=file.format in ANIMATED and _has_more(file),
                is_cut=is_cut,
            )
            if image.mode[0] in "IF":
                found, colours = _grey(image, found, ranges)
            elif image.has_transparency_data and rules.background != "ignore":
                found, colours = _over(image, found, rules.background)
            else:
                colours = image.convert("RGB")  # palette, CMYK, LAB and one bit too
        if colours is None:
            return found
        if rules.size is not None:
            colours = ImageOps.fit(colours, (rules.size, rules.size))
        pixels: Any = np.array(colours)
        return dataclasses.replace(found, shape=pixels.shape[:2], pixels=pixels)
    except Exception:  # what a decoder raises for damage depends on the format, and new ones come
        return None


@functools.cache
def _formats() -> tuple[str, ...]:
    """Those of `FORMATS` that this Pillow was built with."""
    from PIL import Image

    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _turn(image: Image.Image) -> Image.Transpose | None:
    from PIL.Image import Transpose

    try:
        mark = image.getexif().get(ORIENTATION)
    except Exception:  # EXIF is often damaged, and the picture is whole
        return None
    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return turns.get(mark) if isinstance(mark, int) else None


def _has_16_bits(image: Any) -> bool:
    """Whether the colours are read from 16 bits each, as Pillow's name for the bytes in the file says."""
    modes = (tile[3] if isinstance(tile[3], str) else tile[3][0] for tile in image.tile if tile[3])
    return any(isinstance(mode, str) and ";16" in mode for mode in modes)


def _has_more(image: Image.Image) -> bool:
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # the second picture is damaged
        return True


def _grey(
    image: Image.Image, found: Picture, ranges: Mapping[str, GreyRange]
) -> tuple[Picture, Image.Image | None]:
    """The shades, where it is known what is black and what is white."""
    from PIL import Image

    values = np.asarray(image)
    known = values if values.dtype.kind in "iu" else values[np.isfinite(values)]
    kind = "whole" if values.dtype.kind in "iu" else "real"
    if known.size:
        found = dataclasses.replace(found, low=float(known.min()), high=float(known.max()))
    found = dataclasses.replace(found, kind=kind)
    if kind not in ranges:
        return found, None
    return found, Image.fromarray(to_bytes(values, ranges[kind])).convert("RGB")


def _over(image: Image.Image, found: Picture, background: str) -> tuple[Picture, Image.Image]:
    """The image laid on a background."""
    from PIL import Image

    layer = image.convert("RGBA")
    if layer.getchannel("A").getextrema()[0] == 255:
        return found, image.convert("RGB")
    ground = Image.new("RGBA", layer.size, background)
    return (
        dataclasses.replace(found, is_transparent=True),
        Image.alpha_composite(ground, layer).convert("RGB"),
    )
