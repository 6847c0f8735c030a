"""Which folders of an image folder are its parts, and which are classes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal

from alframe import UsageError
from alframe_vision._tree import ClassTree, read_tree

PARTS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
NAMED = 5  # folders in a message
DEEPEST = 3  # folders around the data set that an archive may have brought


@dataclasses.dataclass(frozen=True)
class Layout:
    """The folders of each part.

    Args:
        train: those of the training part, at least one.
        test: those of the test part; none where it is to be split off.
        notes: what was guessed, a line each.
    """

    train: tuple[ClassTree, ...]
    test: tuple[ClassTree, ...]
    notes: tuple[str, ...]


def find_layout(
    path: Path, layout: Literal["guess", "parts", "classes"], val: Literal["guess", "test", "train", "ignore"]
) -> Layout:
    """Finds the parts of a data set.

    Folders called ``train``, ``val`` and ``test``, or other usual names of these in any case, are parts where
    the one to train on has classes in it: folders of images. Where it holds images itself it is a class, and
    so it is where it stands beside other folders and without a further part.

    Args:
        path: the folder.
        layout: whether folders of such names are parts or classes.
        val: what the validation part is: the test part, more of the training part, or left out. As a guess,
            it is the test part where there is no other, and else left out.

    Raises:
        UsageError: two folders for one part, none to train on, or no validation part to do as ``val`` says.
    """
    tree, notes = _unwrapped(path)
    folders = [name for name in tree.images if _part_of(name)]
    inner = {name: read_tree(tree.root / name) for name in folders if layout != "classes"}
    trains = [name for name in inner if _part_of(name) == "train" and inner[name].classes]
    others = sorted(set(tree.classes) - set(folders))
    if layout == "parts" or (trains and (len(folders) > 1 or not others)):
        if others:
            notes.append(
                f"{tree.root}: beside the parts, {', '.join(others[:NAMED])} are left out; "
                "-o data.layout=classes takes all these folders as classes"
            )
        notes += [f"{link} is a link to nothing" for link in tree.broken]
        return _parts(tree.root, inner, val, notes)
    if trains:
        notes.append(
            f"{tree.root}: {trains[0]} is taken as a class, as {', '.join(others[:NAMED])} beside it; "
            "-o data.layout=parts takes it as the training part"
        )
    elif inner and not others and all(part.classes for part in inner.values()):
        raise UsageError(
            f"imagefolder: {tree.root} has {' and '.join(sorted(inner))} but no folder train; "
            "-o data.layout=classes takes these folders as classes"
        )
    return Layout((tree,), (), tuple(notes))


def _part_of(name: str) -> str | None:
    return next((part for part, names in PARTS.items() if name.lower() in names), None)


def _unwrapped(path: Path) -> tuple[ClassTree, list[str]]:
    """The folder, or the only one in it, as archives bring them, where that one has the classes."""
    outer = tree = read_tree(path)
    for _ in range(DEEPEST):
        if len(tree.classes) != 1 or tree.loose or _part_of(next(iter(tree.classes))):
            break
        (images,) = tree.classes.values()
        tree = read_tree(tree.root / images[0].relative_to(tree.root).parts[0])
    if tree is outer or not (len(tree.classes) > 1 or any(map(_part_of, tree.classes))):
        return outer, []
    return tree, [f"{path}: the classes are those of {tree.root.relative_to(path)}, the only folder in it"]


def _parts(
    root: Path,
    inner: dict[str, ClassTree],
    val: Literal["guess", "test", "train", "ignore"],
    notes: list[str],
) -> Layout:
    found: dict[str, ClassTree] = {}
    for name, tree in inner.items():
        part = _part_of(name) or name
        if part != "train" and tree.loose and not tree.classes:
            notes.append(f"{tree.root} is left out: it holds images but no folders of classes")
        elif part in found:
            raise UsageError(
                f"imagefolder: {root} has {found[part].root.name} and {name}, which both mean the {part} "
                "part; rename one"
            )
        else:
            found[part] = tree
    if "train" not in found:
        raise UsageError(f"imagefolder: {root} has no folder train, which -o data.layout=parts needs")
    train, test = found["train"], found.get("test")
    held = found.get("val")
    if held is None or not held.classes:
        if val != "guess":
            raise UsageError(f"imagefolder: {root} has no folder val with classes: leave data.val out")
        return Layout((train,), () if test is None else (test,), tuple(notes))
    count = sum(map(len, held.classes.values()))
    if val == "guess" and test is None:
        notes.append(
            f"{held.root} ({count:,} images) is the test part, for there is no folder test; "
            "-o data.val=train adds it to the training part, ignore leaves it out"
        )
    elif val == "guess":
        notes.append(
            f"{held.root} ({count:,} images) is left out, for there is a folder test; -o data.val=train adds "
            "it to the training part, test makes it the test part"
        )
    if val == "test" and test is not None:
        notes.append(f"{test.root} is left out, for data.val=test makes {held.root.name} the test part")
    if val == "train":
        return Layout((train, held), () if test is None else (test,), tuple(notes))
    tested = held if val == "test" or (val == "guess" and test is None) else test
    return Layout((train,), () if tested is None else (tested,), tuple(notes))
