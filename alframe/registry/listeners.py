"""The plugins that hear events, and what ``--log`` may name."""

from __future__ import annotations

from alframe.errors import UsageError, unknown_name
from alframe.registry.registry import Registry


def listeners(registry: Registry) -> list[str]:
    """Names of the usable plugins with an event hook, sorted."""
    return sorted(plugin.name for plugin in registry.plugins if plugin.hears_events and not plugin.problem)


def require_listeners(registry: Registry, names: tuple[str, ...]) -> frozenset[str]:
    """Looks up what ``--log`` names.

    Returns:
        The plugins' keys.

    Raises:
        UsageError: an unknown plugin, or one without an event hook.
        PluginError: a broken one.
    """
    able = listeners(registry)
    keys = set()
    for name in names:
        if not registry.named(name):
            raise unknown_name("plugin for --log", name, able, "See `alframe show run`.")
        plugin = registry.plugin(name)
        if not plugin.hears_events:
            have = f"{', '.join(able)} have one" if able else "no installed plugin has one"
            raise UsageError(f"--log {name}: {name!r} has no event hook; {have}")
        keys.add(plugin.key)
    return frozenset(keys)
