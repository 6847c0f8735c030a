"""The files of tasks, read without trust: nothing in them is run, and nothing heavy imported to read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alframe.errors import UsageError
from alframe.records.reading import Unusable, parse_json, read_text

FORMAT = 1
FOLDER = ".tasks"  # in OUT
MOST_BYTES = 1 << 24  # of one file
_FIELDS: dict[str, type] = {
    "format": int,
    "alframe": str,
    "name": str,
    "folder": str,
    "directory": str,
    "sections": dict,
    "varied": dict,
    "plugins": list,
    "force": bool,
}


def read_document(path: Path) -> dict[str, Any]:
    """What the file of a task says: of the types that it should be, and not resolved.

    Raises:
        UsageError: there is none, it is damaged, or of another format.
    """
    try:
        document: dict[str, Any] = parse_json(read_text(path, MOST_BYTES))
    except FileNotFoundError as error:
        raise UsageError(f"there is no task {path}") from error
    except Unusable as error:
        raise UsageError(f"task {path} can't be read: {error}") from error
    except ValueError as error:
        raise UsageError(f"task {path} can't be read: it is damaged or cut off") from error
    _check(document, path)
    return document


def tasks_in(folder: Path) -> list[Path]:
    """The files of a folder's tasks, in their order.

    Args:
        folder: as `write_tasks` gave it, or one task's file.

    Raises:
        UsageError: there is none.
    """
    if folder.is_file():
        return [folder]
    found = {int(path.stem): path for path in folder.glob("*.json") if path.stem.isdecimal()}
    if not found:
        raise UsageError(
            f"no tasks in {folder}: expected 0.json, 1.json ... as `alframe run --write-tasks` writes them"
        )
    return [found[number] for number in sorted(found)]


def _check(document: Any, path: Path) -> None:
    if not isinstance(document, dict):
        raise UsageError(f"task {path} is no task: expected a JSON object")
    if (found := document.get("format")) != FORMAT:
        raise UsageError(
            f"task {path} has format {found!r}, and this alframe reads {FORMAT}; make the tasks anew"
        )
    wrong = [name for name, kind in _FIELDS.items() if not isinstance(document.get(name), kind)]
    if not wrong and not _well_formed(document):
        wrong = ["sections or plugins"]
    if wrong:
        raise UsageError(f"task {path} is damaged: {', '.join(wrong)} lacking or of another type")


def _well_formed(document: dict[str, Any]) -> bool:
    """Whether what is read of it before the settings are resolved is there."""
    run = document["sections"].get("run")
    return (
        all(isinstance(section, dict) for section in document["sections"].values())
        and isinstance(run, dict)
        and isinstance(run.get("device"), str)
        and isinstance(run.get("rounds"), int)
        and isinstance(run.get("seeds"), list)
        and len(run["seeds"]) == 1
        and isinstance(run["seeds"][0], int)
        and all(
            isinstance(plugin, dict)
            and isinstance(plugin.get("path"), str)
            and isinstance(plugin.get("sha256"), str)
            for plugin in document["plugins"]
        )
    )
