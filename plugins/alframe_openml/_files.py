"""Tables in the files that OpenML's client keeps: ARFF, dense or sparse, and parquet."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alframe import DamagedFileError, one_line

if TYPE_CHECKING:
    import pandas as pd


def read_arff(path: Path, checksum: str | None, *, is_sparse: bool) -> pd.DataFrame:
    """Reads a table in ARFF; nominal attributes become categorical columns.

    Args:
        path: of the file.
        checksum: its MD5 sum, or None where nobody knows it.
        is_sparse: rows hold but what is not 0.

    Raises:
        DamagedFileError: another checksum, or content that is no ARFF.
    """
    import arff
    import pandas as pd

    content = path.read_bytes()
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if checksum and found != checksum:
        raise DamagedFileError(
            f"openml: {path} is damaged: its checksum is {found}, its description says {checksum}. Remove "
            "the folder and fetch it again with --download"
        )
    try:
        table = arff.load(
            io.TextIOWrapper(io.BytesIO(content), encoding="utf-8"),
            encode_nominal=True,
            return_type=arff.LOD if is_sparse else arff.DENSE,
        )
        rows, attributes = table["data"], table["attributes"]
        columns = _dense(rows, len(attributes)) if is_sparse else zip(*rows, strict=True)
        return pd.DataFrame(
            {name: _column(values, kind) for (name, kind), values in zip(attributes, columns, strict=True)}
        )
    except Exception as error:  # the parser's own errors, and what a wrong value leads to
        raise DamagedFileError(f"openml: {path} can't be read as ARFF: {one_line(error)}") from error


def _dense(rows: list[dict[int, float | None]], width: int) -> np.ndarray[Any, Any]:
    """``width x rows``: what a row leaves out is 0, of nominal attributes the first category."""
    columns = np.zeros((width, len(rows)))
    for place, row in enumerate(rows):
        for column, value in row.items():
            columns[column, place] = np.nan if value is None else value
    return columns


def _column(values: Any, kind: str | list[str]) -> Any:
    import pandas as pd

    if kind == "STRING":
        return pd.Series(values, dtype=object)
    numbers = pd.Series(values, dtype=np.float64)
    if isinstance(kind, list):
        return pd.Categorical.from_codes(numbers.fillna(-1).astype(int).to_numpy(), categories=kind)
    return numbers


def read_parquet(path: Path) -> pd.DataFrame:
    """Reads a table in parquet.

    Raises:
        DamagedFileError: content that is no parquet.
    """
    import pandas as pd

    try:
        return pd.read_parquet(path)
    except Exception as error:  # Arrow's errors have no base
        raise DamagedFileError(f"openml: {path} can't be read as parquet: {one_line(error)}") from error
