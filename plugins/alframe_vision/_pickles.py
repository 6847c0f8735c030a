"""Pickles of arrays and plain containers; one that names anything else is refused before it runs."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

HARMLESS = {
    ("_codecs", "encode"),
    ("collections", "OrderedDict"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy._core.numeric", "_frombuffer"),
    ("numpy.core.numeric", "_frombuffer"),
}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in HARMLESS:
            raise pickle.UnpicklingError(
                f"it names {module}.{name}; arrays and plain containers alone are read"
            )
        return super().find_class(module, name)


def load_pickle(path: Path) -> dict[str, Any]:
    """Reads a pickled dictionary.

    Args:
        path: the file; Python 2's are read too, their strings as Latin-1.

    Raises:
        pickle.UnpicklingError: it names anything but arrays and plain containers, or is no dictionary.
    """
    with path.open("rb") as file:
        content = _ArrayUnpickler(file, encoding="latin1").load()
    if not isinstance(content, dict):
        raise pickle.UnpicklingError(f"it holds a {type(content).__name__}; a dictionary is wanted")
    return content
