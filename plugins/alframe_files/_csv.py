"""Tables in comma-separated text."""

from __future__ import annotations

from pathlib import Path

from alframe import Dataset, UsageError, dataset_from_frame, one_line


def load(location: str, target: str | None) -> Dataset:
    """Reads a table with a line of headings.

    Args:
        location: path of the file.
        target: heading of the column that holds the classes.

    Raises:
        UsageError: the file or the column can't be used.
    """
    import pandas as pd

    path = Path(location)
    try:
        frame = pd.read_csv(path)
    except (OSError, ValueError) as error:  # pandas' parser errors are ValueErrors
        reason = error.strerror if isinstance(error, OSError) else one_line(error)
        raise UsageError(f"{path} can't be read as CSV: {reason}") from error
    if target is None:
        shown = ", ".join(map(str, frame.columns[:20]))
        raise UsageError(f"{path}: which column holds the classes? -o data.target= names one of {shown}")
    return dataset_from_frame(path.stem, frame, target, target_option="-o data.target=")
