"""Texts as tensors: rows of UTF-8 bytes, padded by zeros, which do not depend on who reads them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

LENGTH = 2000  # bytes: about 300 words of English, more than most encoders read


def bytes_of(texts: Sequence[str], length: int = LENGTH) -> tuple[Tensor, int]:
    """Texts as rows of bytes.

    What is no character, half of a pair of surrogates, becomes a question mark, and a zero character a blank,
    for zeros pad.

    Args:
        texts: ``n`` texts.
        length: most bytes of one; a longer text is cut before the first character that does not fit.

    Returns:
        ``n x L`` bytes, where ``L`` is the longest row's length and at least 1, and how many texts were cut.

    Example:
        >>> rows, cut = bytes_of(["fine", "très"], length=3)
        >>> rows.tolist(), cut
        ([[102, 105, 110], [116, 114, 0]], 2)
    """
    encoded = [text.replace("\0", " ").encode("utf-8", "replace") for text in texts]
    longer = [row for row, content in enumerate(encoded) if len(content) > length]
    for row in longer:
        encoded[row] = encoded[row][:length].decode("utf-8", "ignore").encode()
    rows = np.zeros((len(encoded), max(1, *map(len, encoded), 1)), np.uint8)
    for place, content in enumerate(encoded):
        rows[place, : len(content)] = np.frombuffer(content, np.uint8)
    return torch.from_numpy(rows), len(longer)


def texts_of(batch: Tensor) -> list[str]:
    """The texts that rows of bytes hold: what the body of a network that takes texts begins with.

    Args:
        batch: ``n x L`` bytes of UTF-8, padded by zeros, on any device.

    Raises:
        TypeError: these are no rows of bytes; a network of texts was given other samples.

    Example:
        >>> import torch
        >>> from alframe import texts_of
        >>> texts_of(torch.tensor([[104, 105, 0], [0, 0, 0]], dtype=torch.uint8))
        ['hi', '']
    """
    if batch.dtype != torch.uint8 or batch.ndim != 2:
        kind = str(batch.dtype).removeprefix("torch.")
        raise TypeError(f"texts are rows of bytes, got {kind} of shape {list(batch.shape)}")
    rows = batch.cpu().contiguous().numpy()
    return [row.tobytes().rstrip(b"\0").decode("utf-8", "replace") for row in rows]


def as_bytes(batch: Tensor) -> Tensor:
    """The transform of data sets of texts: a network is given the bytes as they are."""
    return batch
