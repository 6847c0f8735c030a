"""Images in folders, one folder a class."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from alframe import Dataset, ImageReader, Normalize, UsageError
from alframe_vision._layout import Layout, find_layout
from alframe_vision._tree import ClassTree

if TYPE_CHECKING:
    from alframe_vision import FolderOptions

NAMED = 5  # of what is left out, in a note


def load(location: str, options: FolderOptions) -> Dataset:
    """Reads ``PATH/train/CLASS/*`` and ``PATH/test/CLASS/*``, or ``PATH/CLASS/*`` without a test part.

    Every image becomes three channels, is scaled so that its shorter side is ``size`` and cut to its middle
    square; they are normalised by the mean and standard deviation of the training images.

    Args:
        location: the folder.
        options: which folders are parts, size, and what to do with images that can't be decoded.

    Raises:
        UsageError: no such folder, no classes, or a class that only the test part has.
        DamagedFileError: images that can't be decoded.
    """
    path = Path(location)
    if not path.is_dir():
        raise UsageError(f"imagefolder: there is no folder {path}")
    layout = find_layout(path, options.layout, options.val)
    classes = _classes(layout)
    reader = ImageReader(options)
    inputs, targets = _read(reader, layout.train, classes)
    test_inputs, test_targets = _read(reader, layout.test, classes) if layout.test else (None, None)
    notes = [*layout.notes, *_left_out([*layout.train, *layout.test]), *reader.notes]
    dataset = Dataset(
        os.path.basename(os.path.abspath(path)),
        inputs,
        targets,
        len(classes),
        test_inputs,
        test_targets,
        fit=Normalize.of,
        notes=tuple(note.encode(errors="replace").decode() for note in notes),  # names of no encoding
    )
    return dataset.prepared() if layout.test else dataset


def _classes(layout: Layout) -> Mapping[str, int]:
    """The numbers of the classes, in the order of their names' characters, whatever the system."""
    names = sorted({name for tree in layout.train for name in tree.classes})
    root = layout.train[0].root
    if len(names) < 2:
        raise UsageError(
            f"imagefolder: {root} needs a folder for each of at least 2 classes, it has {len(names)}"
            + (f" with images: {names[0]}" if names else "")
        )
    for tree in layout.test:
        if unknown := sorted(set(tree.classes) - set(names)):
            alike = [name for name in names if name.lower() in {other.lower() for other in unknown}]
            raise UsageError(
                f"imagefolder: {tree.root} has classes that the training part lacks: "
                f"{', '.join(unknown[:NAMED])}" + (f" (it has {', '.join(alike[:NAMED])})" if alike else "")
            )
    return {name: number for number, name in enumerate(names)}


def _read(
    reader: ImageReader, trees: tuple[ClassTree, ...], classes: Mapping[str, int]
) -> tuple[Tensor, Tensor]:
    what = f"imagefolder: {trees[0].root}"
    found = [
        (file, tree.root, classes[name])
        for tree in trees
        for name, files in sorted(tree.classes.items())
        for file in files
    ]
    if not found:
        raise UsageError(f"imagefolder: there are no images in the folders of {trees[0].root}")
    names = [
        f"{file.relative_to(root)}" + ("" if file.exists() else " (a link to nothing)")
        for file, root, _ in found
    ]
    return reader.open(what, [file for file, _, _ in found], names, [number for _, _, number in found])


def _left_out(trees: list[ClassTree]) -> list[str]:
    """What was met in the folders and is no image of a class, a line each."""
    notes = []
    for tree in trees:
        empty = sorted(set(tree.images) - set(tree.classes))
        suffixes = [f"{suffix} {count:,}" for suffix, count in tree.others.most_common()]
        for problem, items in (
            ("folders without images are no classes", empty),
            ("hidden folders with images are left out", [f"{k} ({n})" for k, n in tree.hidden.items()]),
            ("images outside of the folders of classes are left out", [p.name for p in tree.loose]),
            ("links to nothing", [str(p.relative_to(tree.root)) for p in tree.broken]),
            (
                "links to folders that are read already",
                sorted(str(p.relative_to(tree.root)) for p in tree.loops),
            ),
            ("files with suffixes of no image are left out", suffixes),
        ):
            if items:
                more = f", ... ({len(items):,} in all)" if len(items) > NAMED else ""
                notes.append(f"{tree.root}: {problem}: {', '.join(items[:NAMED])}{more}")
        lower = [name.lower() for name in tree.classes]
        if twice := [name for name in sorted(tree.classes) if lower.count(name.lower()) > 1]:
            notes.append(f"{tree.root}: classes that differ in case alone: {', '.join(twice[:NAMED])}")
    return notes
