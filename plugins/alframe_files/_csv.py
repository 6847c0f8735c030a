"""Tables in separated text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alframe import Dataset, UsageError, dataset_from_frame, one_line
from alframe_files.separated import Text

if TYPE_CHECKING:
    import pandas as pd

    from alframe_files import CsvOptions

NUMBER = re.compile(r"[+-]?\d+([.,]\d*)?", re.ASCII)
DECIMAL_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?", re.ASCII)
THOUSANDS = re.compile(r"[+-]?\d{1,3},\d{3}", re.ASCII)
ZEROS = re.compile(r"[+-]?0\d+", re.ASCII)
LONG = re.compile(
    r"[+-]?\d{16,}", re.ASCII
)  # beyond 2^53, from where on 64-bit floats leave whole numbers out
LOOKED_AT = 1000  # rows that tell a decimal comma


def load(location: str, options: CsvOptions) -> Dataset:
    """Reads a table with a line of headings.

    Args:
        location: path of the file.
        options: the column of classes, and how to read.

    Raises:
        UsageError: the file or the column can't be used.
        DamagedFileError: the file is packed or no text, and can't be unpacked.
    """
    path = Path(location)
    text = Text(path, options.separator, options.encoding)
    headings, notes = text.headings, text.notes
    if options.target is None:
        raise UsageError(
            f"{path}: which column holds the classes? -o data.target= names one of {', '.join(headings[:20])}"
            + ("; the first line is taken for headings" if any(map(NUMBER.fullmatch, headings)) else "")
        )
    if all(NUMBER.fullmatch(name) for name in headings if name != options.target.strip()):
        notes.append(
            f"{path.name}: the headings are numbers; if there are none, put a line of headings first"
        )
    decimal = options.decimal
    frame = _frame(text, decimal)
    if decimal is None and text.separator != "," and _has_decimal_comma(frame, text.separator == ";"):
        decimal = "comma"
        notes.append(f"{path.name} is read with a decimal comma; -o data.decimal=point says otherwise")
        frame = _frame(text, decimal)
    frame = _with_whole_names(frame, text, options.target, notes)
    frame = _without_row_numbers(_without_empty_rows(frame, notes), text)
    return dataset_from_frame(
        path.stem,
        frame,
        options.target,
        target_option="-o data.target=",
        notes=notes,
        **options.reading | {"decimal": decimal},
    )


def _frame(text: Text, decimal: str | None, **more: Any) -> pd.DataFrame:
    """Only empty fields are missing."""
    import pandas as pd

    try:
        frame = pd.read_csv(
            text.below_headings(),
            sep=text.separator,
            header=None,
            names=range(text.width),
            index_col=False,
            decimal="," if decimal == "comma" else ".",
            keep_default_na=False,
            na_values=[""],
            skipinitialspace=True,
            low_memory=False,  # else the type of a column's chunks may differ
            **more,
        )
    except ValueError as error:  # pandas' parser errors are ValueErrors
        raise UsageError(f"{text.path} can't be read as CSV: {one_line(error)}") from error
    if more:
        return frame
    frame = frame.iloc[:, : len(text.headings)]
    frame.columns = pd.Index([heading or f"column {i + 1}" for i, heading in enumerate(text.headings)])
    return frame


def _with_whole_names(frame: pd.DataFrame, text: Text, target: str, notes: list[str]) -> pd.DataFrame:
    """Keeps names of classes that as numbers would be one: ``01`` and ``1``, or of more digits than fit."""
    at = [position for position, name in enumerate(frame.columns) if name == target]
    if len(at) != 1 or frame.iloc[:, at[0]].dtype.kind not in "iuf":
        return frame
    names = _frame(text, None, usecols=at, dtype=str).iloc[:, 0]
    known = names.dropna().str.strip()
    is_float = frame.iloc[:, at[0]].dtype.kind == "f"
    if not (known.str.fullmatch(ZEROS).any() or (is_float and known.str.fullmatch(LONG).any())):
        return frame
    notes.append(f"column {target!r}: its classes are taken as texts; as numbers some would be the same")
    import pandas as pd

    columns = {position: frame.iloc[:, position] for position in range(frame.shape[1])} | {at[0]: names}
    return pd.DataFrame(columns).set_axis(frame.columns, axis=1)


def _has_decimal_comma(frame: pd.DataFrame, is_likely: bool) -> bool:
    """Whether a column holds but numbers with a comma; unlikely ones must not fit thousands as well."""
    for _, column in frame.items():
        if column.dtype.kind not in "fiub":
            values = column.dropna().head(LOOKED_AT).astype(str).str.strip().tolist()
            with_comma = [value for value in values if "," in value]
            is_decimal = is_likely or not all(map(THOUSANDS.fullmatch, with_comma))
            if with_comma and is_decimal and all(map(DECIMAL_COMMA.fullmatch, values)):
                return True
    return False


def _without_empty_rows(frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    found = frame.dropna(how="all").reset_index(drop=True)
    if len(found) < len(frame):
        notes.append(f"rows without any value are left out: {len(frame) - len(found):,}")
    return found


def _without_row_numbers(frame: pd.DataFrame, text: Text) -> pd.DataFrame:
    """Leaves a first column out that has no heading and numbers the rows, as pandas and R write it."""
    if text.headings[0]:
        return frame
    first = frame.iloc[:, 0]
    if (
        len(frame)
        and first.dtype.kind == "i"
        and first.iloc[0] in (0, 1)
        and (first.diff().dropna() == 1).all()
    ):
        text.notes.append(
            f"{text.path.name}: the first column has no heading and numbers the rows, it is left out; with a "
            "heading it is taken"
        )
        return frame.iloc[:, 1:]
    if text.uneven:
        raise text.uneven
    return frame
