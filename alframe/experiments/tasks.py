"""Trials as files of plain values, which another process or machine runs: JSON, so reading runs nothing."""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from alframe.contract.options import NoOptions
from alframe.contract.sections import LOCAL
from alframe.errors import UsageError
from alframe.experiments.configuration import Sections
from alframe.experiments.settings import Settings
from alframe.experiments.task_files import FOLDER, FORMAT, read_document
from alframe.experiments.task_files import tasks_in as tasks_in
from alframe.experiments.trials import Task, Trial
from alframe.installation.versions import installed_version
from alframe.records.origin import ENVIRONMENT
from alframe.records.writing import replace, unwritable
from alframe.registry.offers import Offer
from alframe.registry.registry import Registry


@dataclass(frozen=True)
class WrittenTask:
    """A task as its file has it. Every path of alframe's own options is absolute.

    Attributes:
        name: the trial's, for people.
        folder: the trial's, which it must have wherever it is resolved.
        directory: where it was made: a plugin's relative paths are meant from there.
        task: the trial; it is trained alone.
        hashes: of each of its files of plugins, in their order.
        alframe: the version that made it.
        force: whether the trial starts anew.
    """

    name: str
    folder: Path
    directory: Path
    task: Task
    hashes: tuple[str, ...]
    alframe: str
    force: bool = False

    @classmethod
    def of(cls, trial: Trial, *, force: bool = False) -> WrittenTask:
        """The task of a trial.

        Args:
            trial: it.
            force: whether it starts anew.

        Raises:
            UsageError: a plugin's file can't be read.
        """
        plain = trial.task
        task = Task(_absolute(trial.settings, plain.sections), plain.varied, plain.files)
        hashes = tuple(hash_of(Path(file)) for file in task.files)
        version = installed_version("alframe") or ""
        return cls(trial.name, trial.folder.absolute(), Path.cwd(), task, hashes, version, force)

    @property
    def rounds(self) -> int:
        """Trainings of the whole trial."""
        number: int = self.task.sections["run"]["rounds"]
        return number + 1

    def trial(self, registry: Registry, device: str | None = None) -> Trial:
        """The trial, resolved here.

        Args:
            registry: the plugins; the task's files are added.
            device: where it runs, in the place of what was asked for.

        Raises:
            UsageError: as `require_same_code`, or it is no longer the trial that it was.
            PluginError: one of its plugins is broken.
        """
        self.require_same_code()
        trial = self.task.trial(registry, device)
        if trial.folder.absolute() != self.folder:
            raise UsageError(
                f"the task of {self.name} is for {self.folder}, and here it would be {trial.folder}: "
                "its data or plugins are others here; make the tasks anew"
            )
        return trial

    def starts_anew(self, path: Path) -> bool:
        """Whether what exists of the trial is to be removed: not what began since the task was written.

        A scheduler that runs a task again, the machine having died, has it continued.

        Args:
            path: the task's file.
        """
        if not self.force:
            return False
        try:
            return (self.folder / ENVIRONMENT).stat().st_mtime <= path.stat().st_mtime
        except FileNotFoundError:
            return True

    def as_json(self) -> str:
        """The file's content."""
        plugins = [
            {"path": path, "sha256": hash_} for path, hash_ in zip(self.task.files, self.hashes, strict=True)
        ]
        document = {
            "format": FORMAT,
            "alframe": self.alframe,
            "name": self.name,
            "folder": str(self.folder),
            "directory": str(self.directory),
            "sections": self.task.sections,
            "varied": dict(self.task.varied),
            "plugins": plugins,
            "force": self.force,
        }
        return json.dumps(document, indent=1) + "\n"

    def require_same_code(self) -> None:
        """Raises `UsageError` where another minor version of alframe or other plugins would run it."""
        here = installed_version("alframe") or ""
        if _minor(here) != _minor(self.alframe):
            raise UsageError(
                f"the task of {self.name} was made by alframe {self.alframe}, and this is {here}; "
                "install that version here, or make the tasks anew"
            )
        for path, hash_ in zip(self.task.files, self.hashes, strict=True):
            if hash_of(Path(path)) != hash_:
                raise UsageError(
                    f"plugin {path} is not what it was when the task of {self.name} was made; "
                    "make the tasks anew"
                )


def write_tasks(planned: Sequence[Trial], *, force: bool = False) -> Path:
    """Writes trials as tasks ``0.json``, ``1.json`` ... into ``OUT/.tasks/<hash>``, which it returns.

    The same trials, code and place give the same folder. OUT is the first trial's.

    Args:
        planned: the trials, at least one.
        force: whether they start anew.

    Raises:
        UsageError: the folder can't be written to, or a plugin's file can't be read.
        TrialError: the disk is full.
    """
    texts = [WrittenTask.of(trial, force=force).as_json() for trial in planned]
    digest = hashlib.sha256("".join(texts).encode()).hexdigest()[:8]
    folder = Path(planned[0].settings.run.out).absolute() / FOLDER / digest
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, text in enumerate(texts):
            replace(folder / f"{number}.json", functools.partial(_write, text.encode()), shared=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    return folder


def read_task(path: Path) -> WrittenTask:
    """Reads a task. Nothing in it is run: its plugins are paths and hashes.

    Raises:
        UsageError: there is none, it is damaged, or of another format.
    """
    document = read_document(path)
    plugins = document["plugins"]
    files = tuple(plugin["path"] for plugin in plugins)
    return WrittenTask(
        name=document["name"],
        folder=Path(document["folder"]),
        directory=Path(document["directory"]),
        task=Task(document["sections"], document["varied"], files),
        hashes=tuple(plugin["sha256"] for plugin in plugins),
        alframe=document["alframe"],
        force=document["force"],
    )


def hash_of(path: Path) -> str:
    """The SHA-256 of a plugin that is a file, or of all Python files of one that is a folder.

    Raises:
        UsageError: it can't be read.
    """
    try:
        if not path.is_dir():
            return hashlib.sha256(path.read_bytes()).hexdigest()
        whole = hashlib.sha256()
        for file in sorted(path.rglob("*.py")):
            content = file.read_bytes()
            whole.update(f"{file.relative_to(path).as_posix()}\0{len(content)}\0".encode() + content)
        return whole.hexdigest()
    except OSError as error:
        raise UsageError(f"plugin {path} can't be read: {error.strerror}") from error


def _write(content: bytes, file: IO[bytes]) -> None:
    file.write(content)


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]


def _absolute(settings: Settings, sections: Sections) -> Sections:
    """The sections with absolute paths, of a trial that is trained alone, as those with tasks are."""
    new = {name: dict(section) for name, section in sections.items()}
    new["run"] |= {"out": os.path.abspath(settings.run.out), "jobs": 1, "executor": LOCAL, "together": "off"}
    new["data"]["dir"] = os.path.abspath(settings.source.dir)
    new["data"]["name"] = _located(settings.source.name, settings.dataset)
    new["model"]["name"] = _located(settings.model_name, settings.model)
    if features := settings.features:
        new["features"]["name"] = _located(features.name, features.offer)
    for section, options in (
        ("model", settings.model_options),
        ("features", features.options if features else NoOptions()),
    ):
        if (weights := getattr(options, "weights", None)) is not None:
            new[section]["weights"] = os.path.abspath(weights)
    return new


def _located(name: str, offer: Offer[Any] | None) -> str:
    """``npz:PATH`` with an absolute path; ``timm:NAME`` and ``openml:ID`` as they are."""
    short, _, location = name.partition(":")
    declared = offer.location if offer else "PATH"
    if not location or declared.endswith("NAME") or not Path(location).exists():
        return name
    return f"{short}:{os.path.abspath(location)}"
