"""Naming the plugin in whatever goes wrong in its code."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from alframe.errors import PluginError, TrialError, UsageError, one_line, reason
from alframe.registry.plugin import Plugin


class BlamedError(PluginError):
    """A `PluginError` that already names plugin and place."""


@contextlib.contextmanager
def blame(plugin: Plugin, place: str) -> Iterator[None]:
    """Names the plugin and the place in whatever goes wrong inside, ``sys.exit`` too: it would end alframe.

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
        yield
    except (UsageError, TrialError, BlamedError, KeyboardInterrupt):
        raise
    except PluginError as error:
        raise BlamedError(f"{where}: {error}") from error
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise TrialError(f"{where}: out of memory. {error}") from error
    except OSError as error:  # a full disk, a file that may not be read
        raise TrialError(f"{where}: {reason(error)}") from error
    except BaseException as error:
        raise BlamedError(f"{where} raised {type(error).__name__}: {one_line(error)}") from error
