"""DomainNet's photographs: two lists of files and their classes, and the files."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from alframe import Dataset, ImageReader, Normalize, UsageError
from alframe_vision._catalogue import DOMAINNET_LISTS, IMAGENET_MEAN, IMAGENET_STD

if TYPE_CHECKING:
    from alframe_vision import LargeImageOptions

Row = tuple[Path, int]


def load(name: str, data_dir: Path, kept: Collection[str], options: LargeImageOptions) -> Dataset:
    """Reads the data set, or some of its classes; labels count from 0 in the order of the class numbers.

    Args:
        name: the data set's name.
        data_dir: folder of data sets.
        kept: names of the classes to keep; all of them when empty.
        options: size, and what to do with images that are missing or can't be decoded.

    Raises:
        UsageError: a list or images are missing, a list is malformed, or a class has no images.
        DamagedFileError: images can't be decoded.
    """
    paths = [data_dir / path for path in DOMAINNET_LISTS]
    folder = paths[0].parent
    for path in paths:
        if not path.is_file():
            raise UsageError(
                f"{name}: there is no {path.name} in {folder}. --data-dir names the folder that holds "
                f"{DOMAINNET_LISTS[0]} and the images that it lists; fetch them from DomainNet's page, "
                "--download can't"
            )
    parts = [[row for row in _rows(name, path) if not kept or row[0].parts[-2] in kept] for path in paths]
    numbers = sorted({number for _, number in parts[0]})
    if missing := sorted(set(kept) - {file.parts[-2] for file, _ in parts[0]}):
        raise UsageError(f"{name}: {paths[0]} lists no images of {', '.join(missing)}")
    if unknown := sorted({number for _, number in parts[1]} - set(numbers)):
        raise UsageError(f"{name}: {paths[1]} has classes that {paths[0].name} lacks: {unknown[:5]}")
    reader = ImageReader(options)
    (x, y), (test_x, test_y) = (
        reader.open(
            f"{name}: {folder}",
            [folder / file for file, _ in rows],
            [str(file) for file, _ in rows],
            [numbers.index(number) for _, number in rows],
        )
        for rows in parts
    )
    normalize = Normalize(IMAGENET_MEAN, IMAGENET_STD)
    return Dataset(name, x, y, len(numbers), test_x, test_y, transform=normalize, notes=reader.notes)


def _rows(name: str, path: Path) -> list[Row]:
    """Paths and class numbers: lines ``real/class/file.jpg 7``."""
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        file, _, label = line.strip().rpartition(" ")
        if not line.strip():
            continue
        if not label.isdigit() or len(Path(file).parts) < 2:
            raise UsageError(
                f"{name}: line {number} of {path} is no path and class number, as real/bat/1.jpg 22: {line!r}"
            )
        rows.append((Path(file), int(label)))
    return rows
