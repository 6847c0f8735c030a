"""Features of sentences from a package that ships what it has learned: nothing is fetched."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from alframe.errors import one_line

Rows = np.ndarray[Any, np.dtype[np.float32]]
BLOCK = 4096  # texts at a time


class SentencesMissingError(Exception):
    """There is no such package; the message, if any, says what is wrong with one that there is."""


def sentence_features(texts: Sequence[str]) -> tuple[Rows, str]:
    """The mean of static embeddings of a text's tokens, as WordLlama's package brings them.

    Args:
        texts: ``N`` texts.

    Returns:
        ``N x 256`` rows of unit length, zeros for a text without words; and how they were made.

    Raises:
        SentencesMissingError: the package is not installed, or can't be used.
    """
    try:
        package: Any = importlib.import_module("wordllama")
    except ImportError:
        raise SentencesMissingError from None
    try:
        here = Path(package.__file__).parent  # where it does not look for its own tokenizer by itself
        model = package.WordLlama.load(cache_dir=here, disable_download=True)
        blocks = [
            model.embed(list(texts[start : start + BLOCK]), norm=False)
            for start in range(0, len(texts), BLOCK)
        ]
        rows = np.concatenate(blocks).astype(np.float64)
    except Exception as error:
        raise SentencesMissingError(f"wordllama is installed and can't be used: {one_line(error)}") from error
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = np.where(lengths > 0, rows / np.where(lengths > 0, lengths, 1), 0)
    return unit.astype(np.float32), f"texts are {rows.shape[1]} features of WordLlama's static embeddings"
