"""Features of sentences from a package that ships what it has learned: nothing is fetched."""

from __future__ import annotations

import functools
import importlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from alframe.errors import UsageError, one_line

Rows = np.ndarray[Any, np.dtype[np.float32]]
BLOCK = 4096  # texts at a time


class SentencesMissingError(UsageError):
    """There is no such package, or one that can't be used.

    Attributes:
        is_installed: there is one.
    """

    def __init__(self, message: str, *, is_installed: bool) -> None:
        super().__init__(message)
        self.is_installed = is_installed


def sentence_features(texts: Sequence[str]) -> tuple[Rows, str]:
    """The mean of static embeddings of a text's tokens, as WordLlama's package brings them.

    Args:
        texts: ``N`` texts, whatever their length.

    Returns:
        ``N x 256`` rows of unit length, zeros for a text without words; and how they were made.

    Raises:
        UsageError: the package is not installed, or can't be used; it is a ``SentencesMissingError``, whose
            ``is_installed`` tells the two apart.
    """
    try:
        package = _package()
    except ImportError as error:
        message = "static embeddings need the package wordllama; alframe's extra brings it: "
        raise SentencesMissingError(f"{message}pip install 'alframe[text]'", is_installed=False) from error
    try:
        model = _loaded(package)
        blocks = [
            model.embed(list(texts[start : start + BLOCK]), norm=False)
            for start in range(0, len(texts), BLOCK)
        ]
        rows = np.concatenate(blocks or [model.embed([""], norm=False)[:0]]).astype(np.float64)
    except Exception as error:
        message = f"wordllama is installed and can't be used: {one_line(error)}"
        raise SentencesMissingError(message, is_installed=True) from error
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = np.where(lengths > 0, rows / np.where(lengths > 0, lengths, 1), 0)
    return unit.astype(np.float32), f"texts are {rows.shape[1]} features of WordLlama's static embeddings"


def _package() -> Any:
    """The package; what it makes of the root logger when it is imported is undone."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    try:
        return importlib.import_module("wordllama")
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers


@functools.lru_cache(maxsize=1)
def _loaded(package: Any) -> Any:
    """The package's embeddings, read once; of its own folder, where it does not look by itself."""
    return package.WordLlama.load(cache_dir=Path(package.__file__).parent, disable_download=True)
