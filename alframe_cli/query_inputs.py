"""What `query` reads: arrays of NumPy's, tables, texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from alframe.errors import DamagedFileError, UsageError, one_line

if TYPE_CHECKING:
    from alframe.data.ids import RowNames

ARRAYS = {  # each with what it holds, and the files that it may be in
    "features": ("N x D features of the unlabelled pool; for --model whatever it takes", "FILE"),
    "probs": ("N x C class probabilities, or T x N x C of T models, in place of a head", "FILE"),
    "logits": ("Logits in place of probabilities, or N of the second of two classes", "FILE"),
    "weight": ("C x D weights of the head", "FILE.npy"),
    "bias": ("C biases of the head", "FILE.npy"),
    "labelled_features": ("L x D features of the labelled set", "FILE"),
    "labelled_targets": ("L class numbers or labels, or with --labelled-rows N", "FILE"),
}
TABLES = (".csv", ".tsv", ".parquet")
Arrays = dict[str, Any]


def read_file(path: Path) -> Arrays:
    """The arrays of FILE, by name.

    Raises:
        UsageError: it can't be read, or holds an array of another name.
    """
    if path.is_dir():
        return {"features": path}
    content = read_table(path) if path.suffix in TABLES else _load(path, "c")
    if not isinstance(content, dict):
        return {"features": content}
    if unknown := sorted(content.keys() - ARRAYS.keys()):
        raise UsageError(f"{path} holds {', '.join(unknown)}; known are {', '.join(ARRAYS)}")
    return content


def read_array(path: Path, name: str) -> Any:
    """What a flag names: an array, which may be mapped, a table, labels; or the folder of features.

    Raises:
        UsageError: it can't be read, or holds several arrays.
        DamagedFileError: it is not what its name says.
    """
    if name == "features" and path.is_dir():
        return path
    if path.suffix in TABLES:
        table = read_table(path)
        return table.iloc[:, 0] if name == "labelled_targets" and table.shape[1] == 1 else table
    if name == "labelled_targets" and path.suffix == ".txt":
        return _labels(path)
    content = _load(path, "c" if name in ("features", "probs", "logits") else None)
    if isinstance(content, dict):
        raise UsageError(
            f"{path} holds several arrays; give it without a flag, with arrays named as the flags"
        )
    return content


def row_names(features: Any) -> RowNames | None:
    """What the rows of a folder are called; None where nothing says."""
    from alframe.data.ids import names_beside
    from alframe.data.shards import open_shards

    return names_beside(features, len(open_shards(features))) if isinstance(features, Path) else None


def labelled_rows(path: Path, names: RowNames | None) -> Any:
    """Row numbers, of a text or of what `--out` wrote."""
    from alframe.data.ids import read_rows

    return read_array(path, "labelled_rows") if path.suffix == ".npy" else read_rows(path, names)


def read_table(path: Path) -> Any:
    """A table, its columns in order.

    Args:
        path: of a CSV, a TSV or a Parquet file. A first line of numbers is a sample, as `numpy.savetxt`
            writes it, and names no columns.

    Raises:
        UsageError: there is no such file, or nothing to read it with.
        DamagedFileError: it is no table.
    """
    import pandas as pd

    if not path.is_file():
        raise UsageError(f"{path} can't be read: it is no file")
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        mark = "\t" if path.suffix == ".tsv" else ","
        with path.open(encoding="utf-8-sig") as file:
            fields = file.readline().rstrip("\n").split(mark)
        header = None if _are_numbers(fields) else 0
        numbered = header == 0 and fields[0] in ("", '""')  # as pandas writes a DataFrame's index
        table = pd.read_csv(path, sep=mark, header=header, index_col=0 if numbered else False)
    except ImportError as error:
        raise UsageError(f"{path} can't be read: {one_line(error)}") from error
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror or one_line(error)}") from error
    except Exception as error:  # of a dozen kinds, with every library that reads tables
        kind = path.suffix.removeprefix(".").upper()
        raise DamagedFileError(f"{path} can't be read as {kind}: {one_line(error)}") from error
    if list(table.columns) == [str(number) for number in range(table.shape[1])]:
        table.columns = pd.RangeIndex(table.shape[1])  # of a DataFrame without names
    return table


def _are_numbers(fields: list[str]) -> bool:
    """Whether a first line is a sample's numbers, and no names or 0, 1, 2, ..., as pandas writes them."""
    if fields == [str(number) for number in range(len(fields))]:
        return False
    try:
        return bool([float(field) for field in fields])
    except ValueError:
        return False


def _labels(path: Path) -> list[Any]:
    """A label a line."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or one_line(error)
        raise UsageError(f"{path} can't be read: {reason}") from error
    return labels_of(lines)


def labels_of(texts: Sequence[str]) -> list[Any]:
    """Class labels of texts: numbers where all of them are whole numbers; None of an empty one."""
    labels = [text.strip() or None for text in texts]
    whole = all(label is not None and label.isascii() and label.isdigit() for label in labels)
    return [int(label) for label in labels if label is not None] if whole else labels


def _load(path: Path, mapped: Literal["c"] | None = None) -> Any:
    """An array, which may be mapped, or those of an archive by name.

    Raises:
        UsageError: there is no such file, or it holds Python objects.
        DamagedFileError: it is not what NumPy writes.
    """
    import numpy as np

    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise UsageError(f"{path} can't be read: it is no file")
    try:
        with path.open("rb") as file:
            is_array = file.read(6) == b"\x93NUMPY"
            file.seek(0)
            if is_array and mapped:
                return np.load(path, mmap_mode=mapped, allow_pickle=False)
            content = np.load(file, allow_pickle=False)
            return {**content} if isinstance(content, np.lib.npyio.NpzFile) else content
    except OSError as error:
        if error.strerror:
            raise UsageError(f"{path} can't be read: {error.strerror}") from error
        raise _damaged(path) from error
    except MemoryError as error:
        raise UsageError(
            f"{path} can't be read: there is no memory for as much as it says it holds"
        ) from error
    except Exception as error:  # what NumPy, zipfile and zlib raise for damage is of a dozen kinds
        if ("allow_pickle" in str(error) or "Python objects" in str(error)) and _is_numpy(path):
            raise UsageError(f"{path} can't be read: it holds Python objects, not numbers") from error
        raise _damaged(path) from error


def _is_numpy(path: Path) -> bool:
    """Whether a file begins as one that NumPy writes; it takes any other for a pickle."""
    with path.open("rb") as file:
        return file.read(6) in (b"\x93NUMPY", b"PK\x03\x04\x14\x00", b"PK\x03\x04\x2d\x00")


def _damaged(path: Path) -> DamagedFileError:
    return DamagedFileError(
        f"{path} can't be read: it is no array of numbers in NumPy's format, or is cut off or changed; "
        "write it again with numpy.save or numpy.savez"
    )


def require(arrays: Mapping[str, Any]) -> None:
    """Raises `UsageError` where there is nothing to choose from, or one array without the other."""
    if not arrays.keys() & {"features", "probs", "logits"}:
        raise UsageError(
            "there are no features: give FILE.npy, FILE.npz with features in it, or --features; or --probs"
        )
    for one, other in (("bias", "weight"), ("labelled_features", "labelled_targets")):
        if one in arrays and other not in arrays:
            raise UsageError(f"there is {one} without {other}: give --{other.replace('_', '-')} too")
