"""Naming the plugin in whatever goes wrong in its code."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

import torch

from alframe.errors import DamagedFileError, PluginError, TrialError, UsageError, one_line, reason
from alframe.learning.damage import is_damage
from alframe.registry.plugin import Plugin
from alframe.registry.process import ChangedSettingsWarning, kept_settings, no_way_out


class BlamedError(PluginError):
    """A `PluginError` that already names plugin and place."""


# What the operating system says of a name that is the user's.
NOT_THERE = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)
# What torch says in a plain RuntimeError where the CPU's memory does not suffice.
NO_MEMORY = ("alloc_cpu", "not enough memory", "Storage size calculation overflowed", "out of memory")


@contextlib.contextmanager
def blame(plugin: Plugin, place: str) -> Iterator[None]:
    """Names the plugin and the place in whatever goes wrong inside, ``sys.exit`` too: it would end alframe.

    What the plugin changes for the whole process, as the working directory, is put back: another plugin would
    be blamed for what comes of it.

    Args:
        plugin: whose code runs inside.
        place: where in the plugin, as in "hook alframe_score".

    Raises:
        UsageError: as it was raised inside.
        TrialError: as it was raised inside, or there was no memory or a file's fault.
        PluginError: anything else that was raised inside.
    """
    where = f"plugin {plugin.name!r} ({plugin.provider}), {place}"
    try:
        with kept_settings(where), no_way_out():
            yield
    except (UsageError, TrialError, BlamedError, ChangedSettingsWarning, KeyboardInterrupt):
        raise
    except PluginError as error:
        raise BlamedError(f"{where}: {one_line(error)}") from error
    except OSError as error:  # a full disk, a file that may not be read
        raise TrialError(f"{where}: {reason(error)}") from error
    except BaseException as error:
        if _is_lack_of_memory(error):
            raise TrialError(f"{where}: out of memory. {one_line(error)}".rstrip()) from error
        raise BlamedError(f"{where} raised {_raised(error)}") from error


@contextlib.contextmanager
def blame_reading(plugin: Plugin, place: str, files: Iterable[str]) -> Iterator[None]:
    """The same where the plugin reads what belongs to the user: files may be missing or damaged.

    This is the one place that tells the three apart:

    - the user's value is wrong (exit code 2): the plugin says so by `UsageError`, or the operating system by
      a file that is missing, no file, or not to be read;
    - a file is damaged (1): the plugin says so by `DamagedFileError`; or an error comes out that only readers
      of files raise (`alframe.learning.damage` knows them), whichever file it is;
    - the plugin is to blame (3): anything else.

    Args:
        plugin: whose code runs inside.
        place: as in "data set 'npz'".
        files: what the user named, the likeliest first, for the message.

    Raises:
        UsageError: as said; `DamagedFileError` where a file is.
        TrialError: as `blame`.
        PluginError: as `blame`.
    """
    try:
        with blame(plugin, place):
            yield
    except (TrialError, BlamedError) as error:
        cause = error.__cause__
        if isinstance(cause, NOT_THERE) and cause.filename is not None:
            raise UsageError(f"{place}: {_text(cause.filename)} can't be read: {cause.strerror}") from cause
        if cause is not None and is_damage(cause):
            named = " or ".join(files)
            raise DamagedFileError(
                f"{place}: {named or 'a file of it'} is damaged or not what it is named: {reason(cause)} "
                f"(read by plugin {plugin.name!r}); get it anew"
            ) from cause
        raise


def _text(name: object) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)


def _is_lack_of_memory(error: BaseException) -> bool:
    if isinstance(error, RuntimeError):  # torch.OutOfMemoryError too
        return any(words in one_line(error) for words in NO_MEMORY) or isinstance(
            error, torch.OutOfMemoryError
        )
    return isinstance(error, MemoryError)


def _raised(error: BaseException) -> str:
    """An exception's type and message, in one line."""
    return f"{type(error).__name__}: {one_line(error)}".removesuffix(": ")
