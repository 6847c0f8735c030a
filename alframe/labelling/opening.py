"""What a session needs before it can be opened: its folder held, its source, and the audit's draw."""

from __future__ import annotations

import contextlib
import os
import random
from pathlib import Path

from alframe.contract.labelling import Source, SourceInfo
from alframe.errors import PluginError, TrialError, UsageError
from alframe.labelling.samples import FILE as SAMPLES
from alframe.labelling.settings import SessionSettings
from alframe.labelling.sources import info_of, open_source
from alframe.records.locking import InUseError, locked
from alframe.records.writing import unwritable

LOCK, OWNER = ".lock", ".owner"
ACTIVE_POOL = 10  # samples kept apart for each that an active audit labels


def default_folder(source: Path) -> Path:
    """Where a session of a source lies unless somebody says otherwise: ``photos.alframe`` beside it."""
    whole = Path(os.path.abspath(source))
    return whole.with_name(f"{whole.name}.alframe")


def held(folder: Path) -> contextlib.ExitStack:
    """Holds a session's folder, which is made where it is not there, until the stack is closed.

    Raises:
        TrialError: another process has it, or the disk is full.
        UsageError: it can't be written to.
    """
    stack = contextlib.ExitStack()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stack.enter_context(locked(folder / LOCK, folder / OWNER))
    except InUseError as error:
        raise TrialError(f"{folder} is in use by {error}; one server a session") from error
    except OSError as error:
        raise unwritable(folder, error) from error
    return stack


def discard(folder: Path) -> None:
    """Takes away a session's folder in which nothing came to be; whatever else somebody put there stays."""
    with contextlib.suppress(OSError):
        for name in (LOCK, OWNER, SAMPLES):
            (folder / name).unlink(missing_ok=True)
        folder.rmdir()


def source_now(
    settings: SessionSettings, folder: Path, only_look: bool
) -> tuple[SourceInfo | None, Source | None, list[str]]:
    """The kind of a session's source and the source, None each where it can't be had; and what is said of it.

    Args:
        settings: the session's.
        folder: the session's.
        only_look: whether labels alone are wanted, for which a plugin that fails is no hindrance.

    Raises:
        PluginError: a plugin's source fails.
    """
    info = None
    try:
        info = info_of(settings.kind)
        return info, open_source(settings, folder, info), about(settings, info)
    except (UsageError, PluginError) as error:
        if isinstance(error, UsageError) or only_look:
            return info, None, [f"{error}; the labels are there, the samples are not"]
        raise


def about(settings: SessionSettings, info: SourceInfo) -> list[str]:
    """What people should know of a kind of source."""
    if info.is_learnable or settings.model == "none":
        return []
    return [f"source {settings.kind!r} gives no features: labelling goes on without a model, in random order"]


def draw_audit(settings: SessionSettings, count: int) -> list[int]:
    """Positions of the audit samples; of an active audit those that it chooses from.

    Args:
        settings: the session's.
        count: of all samples.
    """
    wanted = min(settings.audit, count // 10)
    if settings.audit_by == "active":
        wanted = min(wanted * ACTIVE_POOL, count // 5)
    return sorted(random.Random(f"{settings.seed} audit").sample(range(count), wanted))
