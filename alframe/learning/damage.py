"""Which errors say that a file is not what its format promises, whoever reads it."""

from __future__ import annotations

import csv
import gzip
import json
import lzma
import pickle
import struct
import sys
import tarfile
import tomllib
import traceback
import zipfile
import zlib
from xml.etree.ElementTree import ParseError

# What readers raise of a file that is cut off, forged or of another kind, and nothing else does.
KINDS: tuple[type[BaseException], ...] = (
    *(zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError, tarfile.TarError),
    *(EOFError, UnicodeDecodeError, json.JSONDecodeError, tomllib.TOMLDecodeError, csv.Error),
    *(pickle.UnpicklingError, struct.error, ParseError),
)
# The same of libraries, by module and name: what is not imported can't have raised it.
NAMED = (
    *(("PIL", "UnidentifiedImageError"), ("PIL.Image", "DecompressionBombError")),
    *(("pandas.errors", "ParserError"), ("pandas.errors", "EmptyDataError")),
    *(("pyarrow", "ArrowInvalid"), ("safetensors", "SafetensorError")),
)
# Readers that raise errors of general kinds; what comes out of their own code is of the file.
READERS = (
    *("zipfile", "gzip", "lzma", "tarfile", "json", "csv", "pickle", "xml", "PIL", "arff", "h5py"),
    *("numpy.lib.format", "numpy.lib._format_impl", "numpy.lib._npyio_impl", "numpy.lib.npyio"),
    *("pandas.io", "pandas._libs.parsers", "pyarrow", "torch.serialization", "safetensors", "scipy.io"),
)
GENERAL = (ValueError, RuntimeError, SyntaxError, OverflowError, OSError, NotImplementedError)


def is_damage(error: BaseException) -> bool:
    """Whether an error says that a file is damaged.

    Where a reader raises an error of a general kind, as NumPy a ValueError, it is where it was raised that
    tells it from a bug of whoever called the reader. Errors of the operating system, as of a missing file,
    are none of a file's content.

    Args:
        error: as it came out of the code that reads.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return False
    if isinstance(error, (*KINDS, *_of_libraries())):
        return True
    module = f"{_raised_in(error)}."
    return isinstance(error, GENERAL) and any(module.startswith(f"{reader}.") for reader in READERS)


def _of_libraries() -> tuple[type[BaseException], ...]:
    kinds = (getattr(sys.modules.get(module), name, None) for module, name in NAMED)
    return tuple(kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseException))


def _raised_in(error: BaseException) -> str:
    """The module whose code raised an error; "" where it is not known."""
    frames = list(traceback.walk_tb(error.__traceback__))
    return str(frames[-1][0].f_globals.get("__name__", "")) if frames else ""
