"""The register of checks, and a check bound to the plugin that it is put to."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any, TypeVar

from alframe.contract.options import build
from alframe.errors import PluginError, reason, unknown_name
from alframe.experiments.randomness import random_state
from alframe.learning.pipeline import Pipeline
from alframe.registry.plugin import Plugin
from alframe.registry.process import kept_settings
from alframe.registry.registry import Registry
from alframe.testing.subject import Subject

QUERY = ("embed", "score", "select")
DESCRIBED = ("says_what_it_offers", "options_have_defaults_and_help")
ANSWERS = ("answers", "answers_fit", "answers_are_numbers")
REPEATABLE = ("same_seed_same_answer", "ignores_global_random_state")

T = TypeVar("T")
Function = Callable[[Subject], str | None]


class CheckFailedError(AssertionError):
    """The plugin does not do what the check demands."""


class CheckSkippedError(Exception):
    """The check says nothing of this plugin, or can't be made here."""


@dataclasses.dataclass(frozen=True, eq=False)
class Registered:
    """A check as the kit knows it.

    Attributes:
        name: the function's.
        function: looks at a plugin; returns a remark or None.
        kinds: what a plugin must be, or have one of: see `kinds_of`.
        after: checks that must hold before this one can say anything.
        flag: what must be asked for, ``"scale"`` or ``"cuda"``; "" where the check is always made.
    """

    name: str
    function: Function
    kinds: tuple[str, ...]
    after: tuple[str, ...] = ()
    flag: str = ""

    @property
    def demand(self) -> str:
        """What it demands, in a sentence."""
        return inspect.cleandoc(self.function.__doc__ or "").partition("\n\n")[0].replace("\n", " ")


CHECKS: dict[str, Registered] = {}


def check(*kinds: str, after: tuple[str, ...] = (), flag: str = "") -> Callable[[Function], Function]:
    """Registers a function as a check under its name.

    Args:
        kinds: what a plugin must be, or have one of; see `kinds_of`.
        after: checks that must hold before this one can say anything.
        flag: see `Registered`.
    """

    def register(function: Function) -> Function:
        CHECKS[function.__name__] = Registered(function.__name__, function, kinds, after, flag)
        return function

    return register


def kinds_of(plugin: Plugin) -> set[str]:
    """What a plugin is: ``plugin``, its stages, ``strategy``, and what it offers or hears.

    Those are ``datasets``, ``models``, ``presets`` and ``events``.
    """
    kinds = {"plugin", *plugin.stages}
    if plugin.is_strategy:
        kinds.add("strategy")
    kinds |= {name for name in ("datasets", "models", "presets") if f"alframe_{name}" in plugin.hooks}
    if any(hook.startswith(("alframe_run_", "alframe_round_")) for hook in plugin.hooks):
        kinds.add("events")
    return kinds


def once(function: Callable[[Subject], T]) -> Callable[[Subject], T]:
    """Makes a function of a subject that is worked out once for each, whoever asks."""

    @functools.wraps(function)
    def kept(subject: Subject) -> T:
        if function not in subject.memory:
            subject.memory[function] = function(subject)
        result: T = subject.memory[function]
        return result

    return kept


@dataclasses.dataclass(frozen=True, eq=False)
class Check:
    """One check of one plugin: call it.

    Attributes:
        name: the check's name.
        demand: what it demands, in a sentence.
        subject: the plugin, in a registry of its own.
        expected_failure: why it is known to fail; "" where it should pass.
    """

    name: str
    demand: str
    subject: Subject
    expected_failure: str = ""

    @property
    def id(self) -> str:
        """``plugin-check``, for test reports."""
        return f"{self.subject.plugin.name}-{self.name}"

    def __call__(self) -> str:
        """Makes the check.

        Returns:
            A remark, or "".

        Raises:
            CheckFailedError: the plugin does not do what is demanded; the message says where.
            CheckSkippedError: the check says nothing of this plugin.
        """
        if missing := self._missing(self.name):
            raise CheckSkippedError(f"nothing can be said before {missing} passes")
        verdict = _verdict(self.subject, CHECKS[self.name])
        if isinstance(verdict, Exception):
            raise verdict
        return verdict

    def _missing(self, name: str) -> str:
        """The first check that had to hold before another and does not, or ""."""
        for earlier in CHECKS[name].after:
            if missing := self._missing(earlier):
                return missing
            applies = set(CHECKS[earlier].kinds) & kinds_of(self.subject.plugin)
            if not applies or earlier in self.subject.expected_failures:
                continue
            if isinstance(_verdict(self.subject, CHECKS[earlier]), CheckFailedError):
                return earlier
        return ""


def _verdict(subject: Subject, registered: Registered) -> str | Exception:
    """What came of a check; it is made once, in a random state of its own, whoever asks."""
    if registered.name not in subject.verdicts:
        subject.verdicts[registered.name] = _made(subject, registered)
    return subject.verdicts[registered.name]


def _made(subject: Subject, registered: Registered) -> str | Exception:
    with random_state(0), kept_settings(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a plugin may warn of the odd problems that it is given
        try:
            return registered.function(subject) or ""
        except (CheckFailedError, CheckSkippedError) as error:
            return error
        except (Exception, SystemExit) as error:
            failure = CheckFailedError(reason(error))
            failure.__cause__ = error
            return failure


def checks_of(
    plugin: str | Any,
    *,
    expected_failures: Mapping[str, str] | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    flags: tuple[str, ...] = (),
    registry: Registry | None = None,
) -> Iterator[Check]:
    """Generates the checks that make sense for a plugin.

    Args:
        plugin: its name, or the module (or object with the hooks on it) itself.
        expected_failures: name of a check and why it is known to fail; added to the plugin's own.
        options: plugins' options by plugin name, as ``{"mine": {"steps": 3}}``.
        flags: what else to look at: ``"scale"``, ``"cuda"``.
        registry: where the name is looked up; the installed plugins by default.

    Raises:
        UsageError: no such plugin, check, or option.
        PluginError: the plugin is broken.

    Example:
        >>> from alframe.testing import checks_of
        >>> for check in checks_of("margin"):
        ...     remark = check()
    """
    registry = registry or Registry()
    found = _find(plugin, registry)
    expected = {**found.info.expected_failures, **(expected_failures or {})}
    for name in expected:
        if name not in CHECKS:
            raise unknown_name("check in expected_failures", name, CHECKS, "See docs/kit.md.")
    for name, values in (options or {}).items():
        build(registry.plugin(name).info.options, values, name)
    if options:  # what is wrong with them is not the plugin's fault
        with contextlib.suppress(PluginError):
            Pipeline(registry, found.key, options=options)
    subject = Subject(found, registry, options or {}, expected)
    kinds = kinds_of(found)
    for registered in CHECKS.values():
        if kinds & set(registered.kinds) and (not registered.flag or registered.flag in flags):
            name = registered.name
            yield Check(name, registered.demand, subject, expected.get(name, ""))


def _find(plugin: Any, registry: Registry) -> Plugin:
    if isinstance(plugin, str):
        return registry.plugin(plugin)
    for known in registry.plugins:
        if known.module is plugin:
            return known
    name = plugin.__name__.rpartition(".")[2] if isinstance(plugin, ModuleType) else "plugin"
    registry.register(plugin, name)
    return registry.plugin(f"local/{name}")
