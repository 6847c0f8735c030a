"""What is wrong with a module that wants to be a plugin."""

from __future__ import annotations

import inspect
from typing import Any

import pluggy

from alframe import hookspecs
from alframe.contract.info import PluginInfo
from alframe.contract.needs import NEEDS, unknown_needs
from alframe.contract.options import build, check_declaration
from alframe.contract.scores import RANGES
from alframe.errors import PluginError, UsageError, unknown_name
from alframe.hookspecs import PROJECT, STAGES

_IDLE: list[pluggy.PluginManager] = []  # managers without a plugin, whose hooks need not be read again


def new_manager() -> pluggy.PluginManager:
    """A plugin manager that knows the hooks, and no plugin."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


def vetted(module: Any) -> PluginInfo:
    """Makes sure that a module can be registered; its description of itself.

    Args:
        module: a module, or an object with the hooks on it.

    Raises:
        PluginError: it can't, and why.
        Exception: whatever its own ``alframe_info`` raises.
    """
    if inspect.isclass(module):
        raise PluginError(f"{module.__name__} is a class; wanted a module, or an object of the class")
    info = _info(module)  # before the hooks: of a newer alframe's plugin some may be unknown here
    rehearsal = _IDLE.pop() if _IDLE else new_manager()  # a failed registration leaves traces
    try:
        rehearsal.register(module)
        rehearsal.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(_explain(module) or str(error)) from error
    _require_hooks(module, rehearsal)
    rehearsal.unregister(module)
    _IDLE.append(rehearsal)
    return info


def _info(module: Any) -> PluginInfo:
    hook = getattr(module, "alframe_info", None)
    if hook is None:
        return PluginInfo(summary=(getattr(module, "__doc__", None) or "").strip().partition("\n")[0])
    info = hook()
    if not isinstance(info, PluginInfo):
        raise PluginError(f"alframe_info: wanted a PluginInfo, got {info!r}")
    if odd := [name for name in info.aliases if not isinstance(name, str)]:
        raise PluginError(f"aliases must be texts, got {odd[0]!r}")
    if not isinstance(info.summary, str):
        raise PluginError(f"summary must be a text, got {info.summary!r}")
    if unknown := set(info.uses) - set(STAGES):
        raise PluginError(f"uses names unknown stages {sorted(unknown)}; there are {', '.join(STAGES)}")
    if missing := unknown_needs(info.needs, STAGES):
        raise PluginError(f"needs names {missing}; there are {', '.join(NEEDS)}")
    if odd := [stage for stage in info.rowwise if stage != "score"]:
        raise PluginError(f'rowwise may name "score" alone, as ("score",), got {odd[0]!r}')
    check_declaration(info.options)
    _check_scores(info)
    _check_named_options(info)
    return info


def _check_scores(info: PluginInfo) -> None:
    """Raises `PluginError` for a range of scores that there is not, or an option that there is not."""
    if info.score_range not in ("", *RANGES):
        raise PluginError(f"score_range must be one of {', '.join(RANGES)}, got {info.score_range!r}")
    needs = {"": info.needs_scores} if isinstance(info.needs_scores, str) else info.needs_scores
    for option, range_ in needs.items():
        if range_ not in RANGES:
            raise PluginError(f"needs_scores must be one of {', '.join(RANGES)}, got {range_!r}")
        if option:
            name, _, value = option.partition("=")
            try:
                build(info.options, {name: value}, "needs_scores")
            except UsageError as error:
                raise PluginError(f"needs_scores names {option!r}: {error}") from error


def _check_named_options(info: PluginInfo) -> None:
    """Raises `PluginError` where it names options that it has not, or of another kind than is wanted."""
    named = [("asks", name, "a text or several") for name in info.asks]
    if info.wants_labels_every:
        named.append(("wants_labels_every", info.wants_labels_every, "a whole number"))
    if info.committee:
        named.append(("committee", info.committee, "a whole number"))
    if named and info.api < 4:
        raise PluginError(f"{named[0][0]} came with API 4: declare it, PluginInfo(api=4)")
    declared = vars(build(info.options, {}, "options")) if named else {}
    for field, name, what in named:
        if name not in declared:
            there = ", ".join(declared) or "none"
            raise PluginError(f"{field} names {name!r}, and there is no such option; there are {there}")
        if type(declared[name]) not in ((str, tuple) if field == "asks" else (int,)):
            raise PluginError(f"{field} names {name!r}, an option whose default is not {what}")


def _explain(module: Any) -> str:
    """Which hook of a module there is not, or which argument its hook does not have; "" for neither."""
    known = {name: spec for name, spec in vars(hookspecs).items() if name.startswith("alframe_")}
    for attribute in dir(module):
        hook = getattr(module, attribute)
        if not isinstance(options := getattr(hook, "alframe_impl", None), dict):
            continue
        name = options["specname"] or attribute
        if name not in known and not options["optionalhook"]:
            return str(unknown_name("hook", name, known))
        if name in known:
            arguments = list(inspect.signature(known[name]).parameters)
            for argument in inspect.signature(hook).parameters:
                if argument not in arguments:
                    return f"{name} has no argument {argument!r}; it has {', '.join(arguments) or 'none'}"
    return ""


def _require_hooks(module: Any, manager: pluggy.PluginManager) -> None:
    """Raises `PluginError` for a module without hooks, or with one that pluggy would pass over in silence."""
    marked = {caller.name for caller in manager.get_hookcallers(module) or ()}
    known = [name for name in vars(hookspecs) if name.startswith("alframe_")]
    for name in known:
        if name not in marked and callable(getattr(module, name, None)):
            raise PluginError(f"{name} is not marked with @alframe.hookimpl")
    if not marked:
        raise PluginError("has no hooks: functions as alframe_score, each marked with @alframe.hookimpl")
