"""The plugins that hear events, and what ``--log`` and ``--notify`` may name."""

from __future__ import annotations

from collections.abc import Sequence

from alframe.errors import UsageError, unknown_name
from alframe.hookspecs import EVENTS, SESSION_EVENTS
from alframe.registry.registry import Registry

FLAGS = {"--log": EVENTS, "--notify": SESSION_EVENTS}  # which events the plugins that a flag names hear
WORDS = {"--log": "event hook", "--notify": "hook alframe_labelled"}
HINTS = {"--log": "See `alframe show run`."}


def listeners(registry: Registry, flag: str = "--log") -> list[str]:
    """Names of the usable plugins that a flag may name, sorted."""
    events = FLAGS[flag]
    return sorted(plugin.name for plugin in registry.plugins if plugin.hears(events) and not plugin.problem)


def require_listeners(registry: Registry, names: Sequence[str], flag: str = "--log") -> frozenset[str]:
    """Looks up what ``--log`` or ``--notify`` names.

    Returns:
        The plugins' keys.

    Raises:
        UsageError: an unknown plugin, or one without such a hook.
        PluginError: a broken one.
    """
    able = listeners(registry, flag)
    keys = set()
    for name in names:
        if not registry.named(name):
            raise unknown_name(f"plugin for {flag}", name, able, HINTS.get(flag, ""))
        plugin = registry.plugin(name)
        if not plugin.hears(FLAGS[flag]):
            have = f"{', '.join(able)} have one" if able else "no installed plugin has one"
            raise UsageError(f"{flag} {name}: {name!r} has no {WORDS[flag]}; {have}")
        keys.add(plugin.key)
    return frozenset(keys)
