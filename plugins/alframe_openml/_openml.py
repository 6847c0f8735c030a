"""Reads an OpenML data set from the openml client's cache; the client itself only downloads.

What the client reads back, it reads from pickles beside the files. A pickle runs what it likes, and may be
older than the file: hence none is opened here.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alframe import DamagedFileError, Dataset, UsageError, dataset_from_frame, one_line
from alframe_openml._files import read_arff, read_parquet

if TYPE_CHECKING:
    import pandas as pd

    from alframe_openml import Options

RETRIES = 2


def load(location: str, cache: Path, download: bool, options: Options) -> Dataset:
    """Reads a data set.

    Args:
        location: its number or its name.
        cache: the client's cache folder.
        download: whether the server may be asked.
        options: the column of classes, or None for the data set's default, and how to read.

    Raises:
        UsageError: it is not in the cache, unknown to the server, or has no such column.
        DamagedFileError: a file of it is not what it should be.
    """
    folder = _in_cache(location, cache)
    if folder is None and not download:
        raise UsageError(
            f"openml: data set {location!r} is not in {cache}. --data-dir names the folder that holds "
            "openml/; --download fetches it"
        )
    folder = folder or _fetch(location, cache)
    description = _description(folder / "description.xml")
    frame = _table(folder, description)
    column = options.target or description.get("default_target_attribute")
    if not column:
        raise UsageError(
            f"openml: data set {location!r} names no target; -o data.target= names one of "
            + ", ".join(map(str, frame.columns[:20]))
        )
    return dataset_from_frame(
        str(description["name"]), frame, column, target_option="-o data.target=", **options.reading
    )


def _fetch(location: str, cache: Path) -> Path:
    """The folder that the client downloads into."""
    import openml

    number = int(location) if location.isdigit() else location
    try:
        with openml.config.overwrite_config_context({"show_progress": False}):
            openml.config.set_root_cache_directory(str(cache))
            openml.config.set_retry_policy("human", RETRIES)
            found = openml.datasets.get_dataset(number, download_data=True)
    except Exception as error:  # the client's own errors, those of requests, and those of the parsers
        reason = one_line(error) or type(error).__name__
        raise UsageError(f"openml: data set {location!r} can't be had: {reason}") from error
    return Path(found.parquet_file or found.data_file or "").parent


def _table(folder: Path, description: dict[str, Any]) -> pd.DataFrame:
    """All columns but those that the description says to leave out."""
    arff = folder / "dataset.arff"  # whose checksum the description holds
    if arff.exists():
        is_sparse = str(description.get("format")).lower() == "sparse_arff"
        frame = read_arff(arff, description.get("md5_checksum"), is_sparse=is_sparse)
    else:
        frame = read_parquet(sorted(folder.glob("dataset*.pq"))[0])
    ignored = [description.get(key) for key in ("row_id_attribute", "ignore_attribute")]
    names = {name for one in ignored for name in (one if isinstance(one, list) else [one])}
    return frame.loc[:, [column not in names for column in frame.columns]]


def _in_cache(location: str, cache: Path) -> Path | None:
    """The folder of a data set that is wholly in the cache, by number or name; of a name the newest."""
    folders = sorted(cache.glob("**/datasets/*"), key=lambda path: path.name.zfill(12), reverse=True)
    for folder in folders:
        has_data = (folder / "dataset.arff").exists() or any(folder.glob("dataset*.pq"))
        if has_data and (folder / "description.xml").exists() and location in (folder.name, _name(folder)):
            return folder
    return None


def _name(folder: Path) -> str:
    try:
        return str(_description(folder / "description.xml")["name"])
    except UsageError:  # another data set's, which nobody has asked for
        return ""


def _description(path: Path) -> dict[str, Any]:
    """What the server says of a data set, without the prefixes of its namespace."""
    import xmltodict

    try:
        found = xmltodict.parse(path.read_bytes())  # which refuses entities
        (root,) = found.values()
        description = {re.sub(r"^.*:", "", key): value for key, value in root.items()}
        if not isinstance(description["name"], str):
            raise ValueError("its name is no text")
    except Exception as error:  # those of the parser, and whatever else the content leads to
        reason = one_line(error) or type(error).__name__
        raise DamagedFileError(
            f"openml: {path} is no description of a data set: {reason}. Remove the folder and fetch it again "
            "with --download"
        ) from error
    return description
