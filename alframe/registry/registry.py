"""Which plugins there are: discovery, isolation of broken ones, conflicts, look-up by name."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import functools
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from alframe import defaults
from alframe.contract.sections import SECTIONS
from alframe.errors import PluginError, UsageError, reason, unknown_name
from alframe.hookspecs import PROJECT
from alframe.registry import discovery, files
from alframe.registry.importing import Import, attempt
from alframe.registry.offers import Offers, conflict
from alframe.registry.plugin import DEFAULT, Plugin, State
from alframe.registry.process import FOR_A_WHILE, ChangedSettingsWarning, kept_settings
from alframe.registry.vetting import new_manager, vetted

GROUP = PROJECT
OWN_DISTRIBUTION = "alframe"
ALL = "all"  # in place of a strategy's name; see Registry.worth_running
DISABLE_VARIABLE = "ALFRAME_DISABLE_PLUGINS"


class Registry:
    """The plugins of one process.

    Args:
        entry_points: where to look; the installed distributions' by default. An empty list makes a
            registry that holds the defaults alone, as tests want it.

    Attributes:
        offers: what they offer by name.
    """

    def __init__(self, entry_points: Iterable[metadata.EntryPoint] | None = None) -> None:
        self._pm = new_manager()
        self._plugins: list[Plugin] = []
        self.offers = Offers(lambda: self._plugins)
        self.register(defaults, "default", OWN_DISTRIBUTION)
        found, damaged = discovery.entry_points(GROUP) if entry_points is None else (entry_points, [])
        self._plugins += [Plugin(name, name).unusable(problem) for name, problem in damaged]
        seen = set()
        for entry in found:
            distribution, version = discovery.source(entry)
            if (distribution, entry.name, entry.value) not in seen:  # an editable install may be listed twice
                seen.add((distribution, entry.name, entry.value))
                self._load(entry, distribution, version)

    def register(self, module: Any, name: str, distribution: str = "local", version: str = "") -> Plugin:
        """Adds a plugin that is at hand: a module, or any hashable object with the hooks on it.

        Returns:
            The plugin's row; a broken one has its ``problem`` set and takes no part.
        """
        return self._add(Import(module, None, 0.0, ()), Plugin(name, distribution, version))

    def register_file(self, path: Path) -> Plugin:
        """Adds a plugin that is a file, or a folder with ``__init__.py``; once, be it asked for twice.

        Returns:
            The plugin's row; a broken one has its ``problem`` set and takes no part.

        Raises:
            UsageError: there is no such file, or no name comes of its name.
        """
        path = path.absolute()
        known = [plugin for plugin in self.plugins if plugin.path == path]
        if known:
            return known[0]
        row = Plugin(files.name_of(path), "local", path=path)
        found = attempt(functools.partial(files.load, path))
        if isinstance(found.error, UsageError):
            raise found.error
        return self._add(found, row)

    def require_file(self, path: Path) -> Plugin:
        """Adds a plugin that is a file and that somebody asked for by it.

        Raises:
            UsageError: there is no such file, or its name is another plugin's.
            PluginError: it can't be used.
        """
        plugin = self.register_file(path)
        for other in self.plugins:
            if other.name == plugin.name and other is not plugin and other.state != State.DISABLED:
                raise UsageError(
                    f"plugin {path}: there is a plugin {plugin.name!r} already ({other.provider}); rename "
                    f"the file, or leave the other out with {DISABLE_VARIABLE}={other.key}"
                )
        if plugin.problem:
            raise PluginError(f"plugin {path}: {plugin.problem}") from plugin.cause
        return plugin

    def add_unusable(self, plugin: Plugin) -> None:
        """Adds the row of a plugin that can't be used, so that listings show it."""
        self._plugins.append(plugin)

    def copy(self, leave_out: str = "") -> Registry:
        """A registry of the same plugins.

        Args:
            leave_out: the key of a plugin that is not taken over.
        """
        copy = Registry(entry_points=[])
        for plugin in self._plugins:
            if plugin.key in (DEFAULT, leave_out):
                continue
            if not plugin.problem:  # it was vetted here
                copy._pm.register(plugin.module, name=plugin.key)
                plugin = dataclasses.replace(plugin, path=None, seconds=0.0, remarks=())
            copy._plugins.append(plugin)
        return copy

    def _load(self, entry: metadata.EntryPoint, distribution: str, version: str) -> None:
        if _is_disabled(entry.name, distribution):
            row = Plugin(entry.name, distribution, version)
            self._plugins.append(row.disabled(f"disabled by {DISABLE_VARIABLE}"))
            return
        self._add(attempt(entry.load), Plugin(entry.name, distribution, version))

    def _add(self, found: Import, row: Plugin) -> Plugin:
        """Completes a plugin's row by its module, or by what is wrong with that, and keeps it."""
        row = dataclasses.replace(row, seconds=found.seconds, remarks=found.remarks)
        if found.error:
            row = row.unusable(found.problem, found.error)
        else:
            try:
                with contextlib.redirect_stdout(sys.stderr):  # standard output is for data
                    row = self._accept(found.module, row)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                row = row.unusable(reason(error), error)
        self._plugins.append(row)
        return row

    def _accept(self, module: Any, row: Plugin) -> Plugin:
        if row.name in SECTIONS:
            raise PluginError(f"the name {row.name!r} is taken by a section of the configuration file")
        if row.name == ALL:
            raise PluginError(f"the name {row.name!r} means every strategy")
        for other in self.plugins:
            if other.module is module:
                raise PluginError(f"is the same module as the plugin {other.key}")
        info = vetted(module)
        self._pm.register(module, name=row.key)
        hooks = frozenset(
            caller.name
            for caller in self._pm.get_hookcallers(module) or ()
            for implementation in caller.get_hookimpls()
            if implementation.plugin is module and not (implementation.wrapper or implementation.hookwrapper)
        )
        return dataclasses.replace(row, module=module, info=info, hooks=hooks)

    # -- look-up ---------------------------------------------------------------------------------

    @property
    def plugins(self) -> tuple[Plugin, ...]:
        """Every plugin, usable or not, in the order in which they came."""
        return tuple(self._plugins)

    @property
    def strategies(self) -> list[Plugin]:
        """Usable strategies, sorted by name."""
        usable = (plugin for plugin in self.plugins if not plugin.problem and plugin.is_strategy)
        return sorted(usable, key=lambda plugin: plugin.name)

    def serving(self, stage: str) -> list[str]:
        """Names of the usable plugins that have or borrow a stage, sorted."""
        usable = (plugin for plugin in self.plugins if not plugin.problem)
        return sorted({p.name for p in usable if stage in {*p.stages, *p.info.uses}})

    @property
    def strategy_names(self) -> list[str]:
        """A name for each usable strategy that means no other: ``distribution/name`` where two share one."""
        taken = collections.Counter(plugin.name for plugin in self.plugins if plugin.state != State.DISABLED)
        return [p.name if taken[p.name] == 1 else p.key for p in self.strategies]

    @property
    def worth_running(self) -> list[str]:
        """What ``all`` means: the `strategy_names` of all that are more than a part for others."""
        named = zip(self.strategy_names, self.strategies, strict=True)
        return [name for name, plugin in named if not plugin.info.part]

    def plugin(self, name: str, what: str = "plugin") -> Plugin:
        """Finds a usable plugin by ``name``, ``distribution/name``, or else an alias.

        Raises:
            UsageError: no such plugin, a disabled one, or two of that name.
            PluginError: the plugin is broken.
        """
        named = self.named(name)
        if not named:
            known = self.strategies if what == "strategy" else self.plugins
            names = [known_as for plugin in known for known_as in (plugin.name, *plugin.info.aliases)]
            raise unknown_name(what, name, names, "See `alframe list-strategies`; --plugin loads a file's.")
        named = [plugin for plugin in named if plugin.state != State.DISABLED] or named
        if len(named) > 1:
            raise conflict(what, name, [(plugin.key, plugin.provider) for plugin in named])
        plugin = named[0]
        if plugin.state == State.DISABLED:
            raise UsageError(f"{what} {name!r} is {plugin.problem}")
        if plugin.problem:
            raise PluginError(f"plugin {name!r} ({plugin.provider}): {plugin.problem}") from plugin.cause
        return plugin

    def named(self, name: str) -> list[Plugin]:
        """The plugins, usable or not, that ``name`` may mean; a name comes before an alias."""
        return [plugin for plugin in self.plugins if name in (plugin.name, plugin.key)] or [
            plugin for plugin in self.plugins if name in plugin.info.aliases
        ]

    @property
    def files(self) -> list[Path]:
        """The plugins that are files, as they were loaded."""
        return [plugin.path for plugin in self.plugins if plugin.path]

    def remarks(self) -> list[tuple[Plugin, str]]:
        """What imports did that they should not, of plugins that can be used or not."""
        return [(plugin, remark) for plugin in self.plugins for remark in plugin.remarks]

    def problems(self) -> list[tuple[str, str, str]]:
        """Name, provider and reason of all that can't be used."""
        rows = [(p.name, p.provider, p.problem) for p in self.plugins if p.problem]
        return rows + [(e.plugin.name, e.plugin.provider, str(e)) for e in self.offers.failures()]

    # -- calls -----------------------------------------------------------------------------------

    def call_stage(self, stage: str, plugin: Plugin, **arguments: Any) -> Any:
        """Calls one provider of a stage alone, with everybody's wrappers around it."""
        others = [p.module for p in self.plugins if p is not plugin and stage in p.stages]
        return self._pm.subset_hook_caller(f"alframe_{stage}", others)(**arguments)

    def takes(self, stage: str, plugin: Plugin, argument: str) -> bool:
        """Whether a provider of a stage, or a wrapper that stands around it, asks for an argument."""
        others = [p.module for p in self.plugins if p is not plugin and stage in p.stages]
        found = self._pm.subset_hook_caller(f"alframe_{stage}", others).get_hookimpls()
        return any(argument in implementation.argnames for implementation in found)

    def call_alone(self, hook: str, plugin: Plugin, **arguments: Any) -> Any:
        """Calls one plugin's hook alone, with everybody's wrappers around it; None where it has none.

        Args:
            hook: as ``"train_together"``.
            plugin: whose.
            arguments: the hook's.
        """
        name = f"alframe_{hook}"
        others = [p.module for p in self.plugins if p is not plugin and name in p.hooks]
        return self._pm.subset_hook_caller(name, others)(**arguments) if name in plugin.hooks else None

    def is_wrapped(self, stage: str) -> bool:
        """Whether a plugin stands around whoever serves a stage."""
        found = getattr(self._pm.hook, f"alframe_{stage}").get_hookimpls()
        return any(implementation.wrapper or implementation.hookwrapper for implementation in found)

    def send(
        self,
        event: str,
        hears: Callable[[Plugin], bool],
        options: Callable[[Plugin], Any] | None = None,
        /,
        **arguments: Any,
    ) -> Iterator[tuple[Plugin, BaseException]]:
        """Sends an event to each plugin in turn that ``hears`` it; yields who failed, and how.

        Args:
            event: its name.
            hears: whether a plugin is told.
            options: what each is given as ``options``; None: the event has no such argument.
            arguments: the others, the same for all.
        """
        hook = f"alframe_{event}"
        for plugin in self.plugins:
            if hook in plugin.hooks and hears(plugin):
                others = [p.module for p in self.plugins if p is not plugin and hook in p.hooks]
                where = f"plugin {plugin.name!r} ({plugin.provider}), hook {hook}"
                try:
                    with kept_settings(where, leave=FOR_A_WHILE):
                        own = {} if options is None else {"options": options(plugin)}
                        self._pm.subset_hook_caller(hook, others)(**arguments, **own)
                except (KeyboardInterrupt, ChangedSettingsWarning):
                    raise
                except BaseException as error:  # SystemExit too: a listener must not end a run
                    yield plugin, error


@functools.cache
def installed() -> Registry:
    """The registry of the installed plugins and ``ALFRAME_PLUGINS``, discovered once a process."""
    registry = Registry()
    for path in files.from_environment():
        try:
            registry.register_file(path)
        except UsageError as error:
            row = Plugin(path.stem, "local", path=path.absolute())
            registry.add_unusable(row.unusable(str(error), error))
    return registry


def _is_disabled(name: str, distribution: str) -> bool:
    disabled = {part.strip() for part in os.environ.get(DISABLE_VARIABLE, "").split(",")}
    return bool({name, f"{distribution}/{name}"} & disabled) or (
        "*" in disabled and distribution != OWN_DISTRIBUTION
    )
