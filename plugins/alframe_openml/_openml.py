"""Reads an OpenML data set through the openml client, offline unless a download is allowed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from alframe import Dataset, UsageError, dataset_from_frame, one_line

if TYPE_CHECKING:
    from openml.datasets import OpenMLDataset

NEEDED = ("description.xml", "features.xml")
RETRIES = 2


def load(location: str, cache: Path, download: bool, target: str | None) -> Dataset:
    """Reads a data set.

    Args:
        location: its number or its name.
        cache: the client's cache folder.
        download: whether the server may be asked.
        target: the column that holds the classes, or None for the data set's default.

    Raises:
        UsageError: it is not in the cache, unknown to the server, damaged, or has no such column.
    """
    found = _in_cache(location, cache)
    if found is None and not download:
        raise UsageError(
            f"openml: data set {location!r} is not in {cache}. --data-dir names the folder that holds "
            "openml/; --download fetches it"
        )
    try:
        with _folder_to_write_in(cache, found) as folder:
            dataset = _get(location if found is None else int(found.name), folder)
            _check_sum(dataset)
            frame: Any = dataset.get_data(dataset_format="dataframe")[0]
    except UsageError:
        raise
    except (
        Exception
    ) as error:  # the client raises its own errors, those of requests, and those of the parsers
        reason = one_line(error) or type(error).__name__
        raise UsageError(f"openml: data set {location!r} can't be had: {reason}") from error
    column = target or dataset.default_target_attribute
    if not column:
        raise UsageError(
            f"openml: data set {location!r} names no target; -o data.target= names one of "
            + ", ".join(map(str, frame.columns[:20]))
        )
    return dataset_from_frame(dataset.name, frame, column, target_option="-o data.target=")


def _get(which: int | str, folder: Path) -> OpenMLDataset:
    import openml

    number = int(which) if str(which).isdigit() else which
    with openml.config.overwrite_config_context({"show_progress": False}):
        openml.config.set_root_cache_directory(str(folder))
        openml.config.set_retry_policy("human", RETRIES)
        return openml.datasets.get_dataset(number, download_data=True, download_features_meta_data=True)


def _check_sum(dataset: OpenMLDataset) -> None:
    """The client compares checksums after a download only; a file in the cache may be cut off since."""
    path = Path(dataset.data_file or "")
    if dataset.md5_checksum and path.suffix == ".arff":
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "md5").hexdigest()
        if found != dataset.md5_checksum:
            raise UsageError(
                f"openml: {path} is damaged: its checksum is {found}, its description says "
                f"{dataset.md5_checksum}. Remove the folder and fetch it again with --download"
            )


def _in_cache(location: str, cache: Path) -> Path | None:
    """The folder of a data set that is wholly in the cache, by number or name; of a name the newest."""
    folders = sorted(cache.glob("**/datasets/*"), key=lambda path: path.name.zfill(12), reverse=True)
    for folder in folders:
        complete = all((folder / name).exists() for name in NEEDED) and list(folder.glob("dataset*.*"))
        if complete and location in (folder.name, _name(folder / "description.xml")):
            return folder
    return None


def _name(description: Path) -> str:
    with contextlib.suppress(ElementTree.ParseError, OSError):
        for element in ElementTree.parse(description).iter():
            if re.sub(r"^\{.*\}", "", element.tag) == "name":
                return element.text or ""
    return ""


@contextlib.contextmanager
def _folder_to_write_in(cache: Path, found: Path | None) -> Iterator[Path]:
    """The cache, or a copy of what is needed where it is read-only: the client writes beside the files."""
    if found is None or os.access(found, os.W_OK):
        yield cache
        return
    with tempfile.TemporaryDirectory() as temporary:
        copy = Path(temporary) / found.relative_to(cache)
        copy.mkdir(parents=True)
        for path in found.iterdir():
            shutil.copyfile(path, copy / path.name)
        yield Path(temporary)
