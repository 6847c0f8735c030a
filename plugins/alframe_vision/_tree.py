"""What lies in a folder of classes: the images of each, and what is left out."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import unicodedata
from collections import Counter
from pathlib import Path

from alframe import UsageError

# What systems and programs leave behind, beside all that begins with a dot.
LEFT_BEHIND = {"__macosx", "@eadir", "#recycle", "@recycle", "$recycle.bin", "lost+found", "__pycache__"}
FILES_LEFT_BEHIND = {"thumbs.db", "desktop.ini"}


@dataclasses.dataclass
class ClassTree:
    """The folders of a folder, each a class, and the images at any depth in them.

    Args:
        root: the folder.
        images: of each folder that is no remnant of a system, the images in the order of their paths.
        loose: images beside those folders.
        hidden: hidden folders, and how many images each holds.
        others: other files in the folders, counted by their suffix.
        broken: links to nothing, that do not pose as images.
        loops: links to folders that were met already, as to one around them.
    """

    root: Path
    images: dict[str, list[Path]] = dataclasses.field(default_factory=dict)
    loose: list[Path] = dataclasses.field(default_factory=list)
    hidden: Counter[str] = dataclasses.field(default_factory=Counter)
    others: Counter[str] = dataclasses.field(default_factory=Counter)
    broken: list[Path] = dataclasses.field(default_factory=list)
    loops: list[Path] = dataclasses.field(default_factory=list)

    @property
    def classes(self) -> dict[str, list[Path]]:
        """The folders that hold images."""
        return {name: images for name, images in self.images.items() if images}


def read_tree(root: Path) -> ClassTree:
    """Looks for images, through links too.

    Names are compared in Unicode's composed form, so that folders packed on different systems agree.

    Raises:
        UsageError: a folder may not be read.
    """
    tree = ClassTree(root)
    for entry in _entries(root, tree):
        path = Path(entry.path)
        if not _is_folder(entry):
            if _is_image(path) and not _is_remnant(entry.name):
                tree.loose.append(path)
        elif _is_remnant(entry.name):
            _count_hidden(path, tree)
        else:
            name = unicodedata.normalize("NFC", entry.name)
            tree.images.setdefault(name, []).extend(_images(path, tree))
    return tree


def _images(folder: Path, tree: ClassTree) -> list[Path]:
    """The images in a folder at any depth; what else is met there is noted in ``tree``."""
    found: list[Path] = []
    seen = {_identity(tree.root.parent), _identity(tree.root)}
    waiting = [folder]
    while waiting:
        current = waiting.pop()
        if (identity := _identity(current)) in seen:
            tree.loops.append(current)
            continue
        seen.add(identity)
        for entry in _entries(current, tree):
            path = Path(entry.path)
            if _is_remnant(entry.name):
                if _is_folder(entry):
                    _count_hidden(path, tree)
            elif _is_folder(entry):
                waiting.append(path)
            elif _is_image(path):
                found.append(path)
            else:
                tree.others[path.suffix.lower() or path.name] += 1
    return sorted(found, key=lambda path: path.relative_to(tree.root).parts)


def _count_hidden(folder: Path, tree: ClassTree) -> None:
    with contextlib.suppress(UsageError):  # one that may not be read is none of ours
        if count := len(_images(folder, ClassTree(tree.root))):
            tree.hidden[str(folder.relative_to(tree.root))] = count


def _is_image(path: Path) -> bool:
    from torchvision.datasets.folder import IMG_EXTENSIONS

    return path.suffix.lower() in IMG_EXTENSIONS


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False) or (entry.is_symlink() and os.path.isdir(entry.path))


def _entries(folder: Path, tree: ClassTree) -> list[os.DirEntry[str]]:
    """What is in a folder, by name, without links to nothing; those posing as images stay, to be bad ones."""
    try:
        with os.scandir(folder) as opened:
            entries = sorted(opened, key=lambda entry: entry.name)
    except OSError as error:
        raise UsageError(f"imagefolder: {folder} can't be read: {error.strerror}") from error
    kept = []
    for entry in entries:
        is_broken = entry.is_symlink() and not os.path.exists(entry.path)
        if is_broken and not _is_image(Path(entry.path)):
            tree.broken.append(Path(entry.path))
        else:
            kept.append(entry)
    return kept


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _is_remnant(name: str) -> bool:
    return name.startswith(".") or name.lower() in LEFT_BEHIND | FILES_LEFT_BEHIND
