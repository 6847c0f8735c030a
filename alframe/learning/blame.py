"""Naming the plugin in whatever goes wrong in its code."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from alframe.errors import PluginError, TrialError, UsageError, one_line, reason
from alframe.registry.plugin import Plugin
from alframe.registry.process import ChangedSettingsWarning, kept_settings


class BlamedError(PluginError):
    """A `PluginError` that already names plugin and place."""


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
        with kept_settings(where):
            yield
    except (UsageError, TrialError, BlamedError, ChangedSettingsWarning, KeyboardInterrupt):
        raise
    except PluginError as error:
        raise BlamedError(f"{where}: {one_line(error)}") from error
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise TrialError(f"{where}: out of memory. {one_line(error)}".rstrip()) from error
    except OSError as error:  # a full disk, a file that may not be read
        raise TrialError(f"{where}: {reason(error)}") from error
    except BaseException as error:
        raise BlamedError(f"{where} raised {_raised(error)}") from error


def _raised(error: BaseException) -> str:
    """An exception's type and message, in one line."""
    return f"{type(error).__name__}: {one_line(error)}".removesuffix(": ")
