"""Texts in a file: a column of a table, or a field of JSON lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alframe import Dataset, UsageError, dataset_from_texts, one_line

if TYPE_CHECKING:
    import pandas as pd

    from alframe_text import TextDataOptions

USUAL = ("text", "texts", "sentence", "review", "content", "body", "comment", "document", "message", "tweet")
LINES = (".jsonl", ".ndjson")
TABLES = (".csv", ".tsv")
PACKED = (".gz", ".bz2", ".xz", ".zip")
NUMBER = re.compile(r"[+-]?(0|[1-9]\d{0,14})(\.\d*)?", re.ASCII)
UNKNOWN = ("0", "1")  # classes of texts of which none is labelled: a data set has two at least
NAMED = 20  # columns in a message


def load(location: str, options: TextDataOptions) -> Dataset:
    """Reads texts and their classes.

    Args:
        location: path of a file of .csv, .tsv (which may be packed) or .jsonl.
        options: the columns, and how to read.

    Raises:
        UsageError: a file or a column can't be used.
        DamagedFileError: the file is packed or no text, and can't be unpacked.
    """
    path, notes = Path(location), list[str]()
    frame = _frame(path, options, notes)
    text = _text_column(path, list(map(str, frame.columns)), options, notes)
    target = _target_column(path, list(map(str, frame.columns)), text, options, notes)
    if all(_is_number(value) for value in frame[text] if value is not None):
        raise _which(path, "text", f"has numbers in column {text!r}", list(map(str, frame.columns)))
    if target is None:
        return dataset_from_texts(
            path.name.partition(".")[0],
            frame[text].tolist(),
            classes=UNKNOWN,
            length=options.length,
            bad_texts=options.bad_texts,
            column=text,
            notes=[*notes, f"{path.name}: no column of classes, so no label is known"],
        )
    test = None
    if options.test is not None:
        other = _frame(Path(options.test), options, notes)
        for option, column in (("text", text), ("target", target)):
            if column not in other.columns:
                raise _which(Path(options.test), option, f"has no column {column!r}", list(other.columns))
        test = (other[text].tolist(), _classes(other[target].tolist()))
    return dataset_from_texts(
        path.name.partition(".")[0],
        frame[text].tolist(),
        _classes(frame[target].tolist()),
        test=test,
        length=options.length,
        bad_texts=options.bad_texts,
        column=text,
        target=target,
        notes=notes,
    )


def _frame(path: Path, options: TextDataOptions, notes: list[str]) -> pd.DataFrame:
    """All columns, those of a table as texts; what is missing is None."""
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in PACKED]
    suffix = suffixes[-1] if suffixes else ""
    if suffix in LINES and path.suffix.lower() in PACKED:
        raise UsageError(f"texts: {path} is packed, and of packed files tables alone are read; unpack it")
    if suffix in LINES:
        return _of_lines(path, options.encoding or "utf-8-sig")
    if suffix in TABLES:
        return _of_table(path, options, suffix, notes)
    hint = "; a text a line has no classes, `alframe label` takes such a file" if suffix == ".txt" else ""
    raise UsageError(f"texts: {path} must be a file of .csv, .tsv or .jsonl, got {suffix or 'none'}{hint}")


def _of_table(path: Path, options: TextDataOptions, suffix: str, notes: list[str]) -> pd.DataFrame:
    import pandas as pd

    from alframe_files.separated import Text

    text = Text(path, options.separator or ("tab" if suffix == ".tsv" else None), options.encoding)
    notes += text.notes
    try:
        frame = pd.read_csv(
            text.below_headings(),
            sep=text.separator,
            header=None,
            names=range(text.width),
            index_col=False,
            dtype=str,
            keep_default_na=False,
            na_values=[""],
            skipinitialspace=True,
        )
    except ValueError as error:  # pandas' parser errors are ValueErrors
        raise UsageError(f"{path} can't be read as CSV: {one_line(error)}") from error
    frame = frame.iloc[:, : len(text.headings)].dropna(how="all").reset_index(drop=True)
    frame.columns = pd.Index([heading or f"column {i + 1}" for i, heading in enumerate(text.headings)])
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise UsageError(f"{path} has several columns {twice!r}; rename all but one")
    return frame.astype(object).where(frame.notna(), None)


def _of_lines(path: Path, encoding: str) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for number, line in _lines(path, encoding):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{path}, line {number}: this is no JSON: {one_line(error)}") from error
        if not isinstance(row, dict):
            raise UsageError(f'{path}, line {number}: expected an object, as {{"text": ..., "label": ...}}')
        rows.append(row)
    if not rows:
        raise UsageError(f"{path} has no rows")
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pd.DataFrame({name: pd.Series([row.get(name) for row in rows], dtype=object) for name in names})


def _lines(path: Path, encoding: str) -> Iterator[tuple[int, str]]:
    try:
        with path.open(encoding=encoding, newline="\n") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, line
    except LookupError as error:
        raise UsageError(f"option data.encoding: {one_line(error)}") from error
    except UnicodeError as error:
        raise UsageError(
            f"{path} is no UTF-8: {one_line(error)}; -o data.encoding= names another encoding, as cp1252"
        ) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"{path} can't be read: {reason}") from error


def _text_column(path: Path, columns: list[str], options: TextDataOptions, notes: list[str]) -> str:
    if options.text is not None:
        if options.text not in columns:
            raise _which(path, "text", f"has no column {options.text!r}", columns)
        return options.text
    named = [column for column in columns if column.lower() in USUAL and column != options.target]
    others = [column for column in columns if column != options.target]
    if not named and len(others) > 1:
        raise _which(path, "text", "has no column of a usual name for texts", columns)
    found = (named or others or columns)[0]
    if len(others) > 1:
        notes.append(f"{path.name}: the texts are those of {found!r}; -o data.text= names another column")
    return found


def _target_column(
    path: Path, columns: list[str], text: str, options: TextDataOptions, notes: list[str]
) -> str | None:
    """The column of classes; None where no label is known."""
    if options.target == "" or len(columns) == 1:
        return None
    if options.target is not None:
        if options.target not in columns or options.target == text:
            raise _which(path, "target", f"has no column {options.target!r} beside the texts", columns)
        return options.target
    others = [column for column in columns if column != text]
    if len(others) != 1:
        raise _which(path, "target", "has no single column beside the texts", columns)
    notes.append(f"{path.name}: the classes are those of {others[0]!r}")
    return others[0]


def _classes(values: list[Any]) -> list[Any]:
    """Numbers where all are, as those of a table of texts may be; not where ``01`` and ``1`` would be one."""
    known = [value for value in values if value is not None]
    if not known or not all(map(_is_number, known)):
        return values
    return [None if value is None else float(value) for value in values]


def _is_number(value: Any) -> bool:
    return isinstance(value, str) and NUMBER.fullmatch(value.strip()) is not None


def _which(path: Path, option: str, problem: str, columns: list[str]) -> UsageError:
    return UsageError(f"{path} {problem}; -o data.{option}= names one of {', '.join(columns[:NAMED])}")
