"""Calls of what plugins offer: what goes wrong in them is theirs, and said so."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from alframe.errors import PluginError, UsageError, reason
from alframe.registry.offers import Offer
from alframe.registry.process import kept_settings, no_way_out
from alframe.registry.streams import KeptOpen


def words(offer: Offer, what: str) -> str:
    """Who is to blame: plugin, what it offers, and the part of that."""
    plugin = offer.plugin
    return f"plugin {plugin.name!r} ({plugin.provider}), {what} of {offer.name!r}"


@contextlib.contextmanager
def blamed(offer: Offer, what: str, alone: bool = True) -> Iterator[None]:
    """Makes a `PluginError` of whatever a plugin's code raises but `UsageError`, which is for its user.

    Args:
        offer: what the plugin offers.
        what: which part of it is called, for the message.
        alone: whether no other thread runs plugins' code: then the settings of the process are put back, and
            what is printed goes to standard error, as standard output is for data.
    """
    where = words(offer, what)
    with contextlib.ExitStack() as stack:
        if alone:
            stack.enter_context(kept_settings(where))
            stack.enter_context(no_way_out())
            stack.enter_context(contextlib.redirect_stdout(KeptOpen(sys.stderr)))
        try:
            yield
        except (KeyboardInterrupt, UsageError):
            raise
        except BaseException as error:  # SystemExit too: a plugin must not end the program
            raise PluginError(f"{where}: {reason(error)}") from error
