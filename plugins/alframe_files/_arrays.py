"""The arrays of an ``.npz`` file, from anyone's hands."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from alframe import AlframeError, DamagedFileError, UsageError, one_line
from alframe.ops import machine_memory

Arrays = dict[str, np.ndarray[Any, Any]]

NAMES = ("x_train", "y_train", "x_test", "y_test")
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_arrays(path: Path) -> tuple[Arrays, list[str]]:
    """Reads those arrays that are used. Nothing in the file is run: no objects are unpickled.

    Returns:
        The arrays by name, each of at least one dimension, and the names of those that are left out.

    Raises:
        UsageError: no such file, a needed array is missing, one holds objects, or they need more memory than
            there is.
        DamagedFileError: the content is not what the format promises.
    """
    try:
        with _opened(path) as opened, np.load(opened, allow_pickle=False) as file:
            found = list(file)
            used = [name for name in NAMES if name in found]
            _check_sizes(path, file.zip, used)
            arrays = {name: np.atleast_1d(file[name]) for name in used}
    except AlframeError:
        raise
    except MemoryError as error:
        raise UsageError(f"{path} can't be read as .npz: it needs more memory than there is") from error
    except Exception as error:  # what zipfile, its decompressors and numpy raise depends on the damage
        reason = one_line(error) or type(error).__name__
        raise DamagedFileError(
            f"{path} can't be read as .npz: {reason}; fetch it or write it by np.savez anew"
        ) from error
    _check_names(path, found)
    return arrays, [name for name in found if name not in used]


def shape_and_type(path: str, name: str) -> tuple[tuple[int, ...], str]:
    """Shape of an array and NumPy's letter for its kind of numbers, by its header; of none if it has none."""
    try:
        with (
            _opened(Path(path)) as opened,
            zipfile.ZipFile(opened) as archive,
            archive.open(f"{name}.npy") as member,
        ):
            shape, _, dtype = HEADERS[np.lib.format.read_magic(member)](member)
            return shape, dtype.kind
    except Exception:  # whatever it is, reading the arrays says it
        return (), ""


def _opened(path: Path) -> Any:
    try:
        if not path.is_file() and path.exists():  # a pipe would be waited for
            raise UsageError(f"{path} can't be read as .npz: it is no regular file")
        opened = path.open("rb")
    except OSError as error:
        raise UsageError(f"{path} can't be read as .npz: {error.strerror}") from error
    start = opened.read(6)
    opened.seek(0)
    if start.startswith(b"PK"):
        return opened
    opened.close()
    if start == b"\x93NUMPY":
        raise UsageError(f"{path} holds one array; an .npz file with {', '.join(NAMES)} is needed")
    raise DamagedFileError(
        f"{path} can't be read as .npz: it is no archive of arrays; np.savez writes one of {', '.join(NAMES)}"
    )


def _check_sizes(path: Path, archive: zipfile.ZipFile, names: list[str]) -> None:
    """Holds what the headers promise against what is there, before memory is asked for."""
    total = 0
    for name in names:
        member = f"{name}.npy"
        if member not in archive.namelist():
            continue
        with archive.open(member) as opened:
            read_header = HEADERS.get(np.lib.format.read_magic(opened))
            if read_header is None:  # for arrays with named fields, which are refused by their type
                continue
            shape, _, dtype = read_header(opened)
            held = archive.getinfo(member).file_size - opened.tell()
        if dtype.hasobject:
            raise UsageError(
                f"{path} can't be read as .npz: {name} holds Python objects, which are not loaded; save it "
                f"as numbers, by {name}.astype(float), or as texts, by {name}.astype(str)"
            )
        promised = math.prod(shape) * dtype.itemsize
        if not 0 <= promised <= held:
            raise DamagedFileError(
                f"{path} can't be read as .npz: {name} is to be {dtype} of shape {shape}, which is "
                f"{promised:,} bytes, and has {held:,}; fetch it or write it by np.savez anew"
            )
        total += promised
    if total > machine_memory():
        raise UsageError(
            f"{path} can't be read as .npz: its arrays need {total / 1e9:,.1f} GB, more than this machine's "
            "memory; save fewer samples, or smaller numbers, as bytes or float32"
        )


def _check_names(path: Path, found: list[str]) -> None:
    for name in NAMES[:2]:
        if name not in found:
            raise UsageError(
                f"{path} has no array {name!r}; it has {', '.join(sorted(found)) or 'none'}. The names that "
                f"are read are {', '.join(NAMES)}: np.savez(FILE, x_train=..., y_train=...)"
            )
    if ("x_test" in found) != ("y_test" in found):
        raise UsageError(f"{path} has x_test or y_test but not both")
