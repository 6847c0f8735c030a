"""A plugin's engine in hand: its faults are the plugin's, and its jobs are written down."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alframe.contract.executors import ExecutorInfo, Job
from alframe.contract.options import build
from alframe.errors import PluginError, UsageError
from alframe.experiments.tasks import FOLDER
from alframe.records.reading import Unusable, read_table
from alframe.records.writing import replace, unwritable
from alframe.registry.blame import blamed
from alframe.registry.offers import EXECUTORS, Offer
from alframe.registry.registry import Registry

BOOK = "jobs.json"  # beside the tasks: which job runs which


class Engine:
    """A plugin's executor.

    Args:
        offer: it.
        options: the plugin's.
        folder: of the tasks.

    Raises:
        UsageError: the engine can't be had.
        PluginError: the plugin is broken; likewise of the methods.
    """

    def __init__(self, offer: Offer[ExecutorInfo], options: Any, folder: Path) -> None:
        self.name = offer.name
        self.info = offer.value
        self._offer = offer
        self._options = options
        self._folder = folder
        with blamed(offer, "open"):
            self._jobs = offer.value.open(options, folder)

    def submit(self, tasks: Sequence[Path]) -> dict[str, str]:
        """Starts tasks; the name of each one's job, by the name of its file. They are written down.

        Args:
            tasks: the files.

        Raises:
            TrialError: the disk is full.
        """
        with blamed(self._offer, "submit"):
            names = list(self._jobs.submit(tasks))
            if len(names) != len(tasks) or not all(isinstance(name, str) for name in names):
                raise PluginError(f"wanted the names of {len(tasks)} jobs, texts, got {names!r}")
        jobs = self.book() | {task.stem: name for task, name in zip(tasks, names, strict=True)}
        content = {"executor": self._offer.key, "options": dataclasses.asdict(self._options), "jobs": jobs}
        try:
            text = f"{json.dumps(content, indent=1, default=str)}\n"
            replace(self._folder / BOOK, lambda file: file.write(text.encode()), shared=True)
        except OSError as error:
            raise unwritable(self._folder, error) from error
        return jobs

    def look(self, names: Sequence[str]) -> dict[str, Job]:
        """How jobs stand, by name."""
        different = list(dict.fromkeys(names))
        if not different:
            return {}
        with blamed(self._offer, "look"):
            found = list(self._jobs.look(different))
            if len(found) != len(different) or not all(isinstance(job, Job) for job in found):
                raise PluginError(f"wanted {len(different)} jobs, each a Job, got {found!r}")
        return dict(zip(different, found, strict=True))

    def cancel(self, names: Sequence[str]) -> None:
        """Ends jobs."""
        with blamed(self._offer, "cancel"):
            self._jobs.cancel(list(dict.fromkeys(names)))

    def alive(self) -> dict[str, str]:
        """The jobs of the folder that wait or run, by the name of the task."""
        jobs = self.book()
        found = self.look(list(jobs.values()))
        return {task: name for task, name in jobs.items() if found[name].state != "ended"}

    def book(self) -> dict[str, str]:
        """The jobs that were written down for this engine, by the name of the task."""
        book = read_book(self._folder)
        return dict(book["jobs"]) if book and book["executor"] == self._offer.key else {}


def read_book(folder: Path) -> Mapping[str, Any] | None:
    """What is written down of a folder's jobs; None where there is nothing, or nothing that can be read."""
    try:
        book = read_table(folder / BOOK)
    except (FileNotFoundError, Unusable):
        return None
    jobs = book.get("jobs")
    good = isinstance(book.get("executor"), str) and isinstance(book.get("options"), dict)
    return (
        book if good and isinstance(jobs, dict) and all(isinstance(n, str) for n in jobs.values()) else None
    )


def cancel_all(out: Path, registry: Registry) -> list[str]:
    """Ends the jobs of a folder of runs that wait or run.

    Args:
        out: as ``--out`` had it.
        registry: the plugins.

    Returns:
        Their names.

    Raises:
        UsageError: there is no such folder, no such executor, or it can't be had.
        PluginError: the executor's plugin is broken.
    """
    if not out.is_dir():
        raise UsageError(f"{out} is not a folder" if out.exists() else f"there is no folder {out}")
    ended: list[str] = []
    for path in sorted((out.absolute() / FOLDER).glob(f"*/{BOOK}")):
        if (book := read_book(path.parent)) is None:
            continue
        offer = registry.offers.named(EXECUTORS, book["executor"])
        options = build(offer.plugin.info.options, book["options"], offer.name)
        engine = Engine(offer, options, path.parent)
        if names := list(dict.fromkeys(engine.alive().values())):
            engine.cancel(names)
            ended += names
    return ended
