"""Image files as samples: decoded side by side, into bytes of one size."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from alframe.errors import AlframeWarning, UsageError

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
    """Decodes images and converts them to three channels.

    Threads decode them: Pillow works without holding the interpreter, and threads were no slower than
    processes, which a script without a main guard can't start.

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
        UsageError: there are none, some can't be decoded and that is an error, their sizes differ, or they
            don't fit into memory.
    """
    shape = (size, size) if size is not None else _first_size(sources)
    images = _room(what, len(sources), *shape, size_option)

    def decode(row: int) -> tuple[int, int] | None:
        pixels = _decoded(sources[row], size)
        if pixels is None:
            return None
        if pixels.shape[:2] == shape:
            images[row] = torch.from_numpy(pixels).permute(2, 0, 1)
        return pixels.shape[:2]

    with ThreadPoolExecutor() as threads:
        sizes = list(threads.map(decode, range(len(sources))))
    others = sorted({found for found in sizes if found not in (None, shape)})
    if others:
        hint = f"; {size_option} scales and cuts them to one" if size_option else ""
        raise UsageError(
            f"{what}: the images have different sizes, as {shape[0]} x {shape[1]} and {others[0][0]} x "
            f"{others[0][1]}{hint}"
        )
    good = torch.tensor([found is not None for found in sizes], dtype=torch.bool)
    if not good.all():
        bad = [name for name, is_good in zip(names, good.tolist(), strict=True) if not is_good]
        message = _of_bad(what, bad, len(sources))
        if bad_images == "error":
            hint = f", or leave them out by {skip_option}" if skip_option else ""
            raise UsageError(f"{message}. Remove them{hint}")
        warnings.warn(f"{message}; they are left out", AlframeWarning, stacklevel=2)
        images = _packed(images, good)
    if not len(images):
        raise UsageError(f"{what}: there are no images")
    return images, torch.tensor(labels, dtype=torch.int64)[good]


def _of_bad(what: str, names: Sequence[str], count: int) -> str:
    shown = ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
    return f"{what}: {len(names)} of {count} images can't be decoded: {shown}"


def _packed(images: Tensor, good: Tensor) -> Tensor:
    """The good ones, moved to the front in place: a copy of photographs may not fit into memory."""
    kept = good.nonzero()[:, 0].tolist()
    for row, image in enumerate(kept):
        images[row] = images[image]
    return images[: len(kept)]


def _room(what: str, n: int, height: int, width: int, size_option: str) -> Tensor:
    try:
        return torch.empty(n, 3, height, width, dtype=torch.uint8)
    except RuntimeError as error:  # what torch raises when the system has no such memory
        needed = n * 3 * height * width / 1e9
        hint = f"; a smaller {size_option} needs less" if size_option else ""
        raise UsageError(
            f"{what}: {n} images of {height} x {width} need {needed:,.0f} GB of memory, "
            f"which there is not{hint}"
        ) from error


def _first_size(sources: Sequence[Path | bytes]) -> tuple[int, int]:
    for source in sources:
        if (pixels := _decoded(source, None)) is not None:
            return pixels.shape[:2]
    return 0, 0


def _decoded(
    source: Path | bytes, size: int | None
) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]] | None:
    """``height x width x 3`` bytes; None where it is no image."""
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            if image.mode.startswith("I"):  # 16 bits of grey, which Pillow would cut off at 255
                high = np.asarray(image).clip(0, 65535) // 257
                colours = Image.fromarray(high.astype(np.uint8)).convert("RGB")
            else:
                colours = image.convert("RGB")  # grey, palette and CMYK images too
            return np.array(colours if size is None else ImageOps.fit(colours, (size, size)))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # what Pillow's decoders raise
        return None
