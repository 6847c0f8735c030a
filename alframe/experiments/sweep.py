"""Sweeps: where one value is expected, a list makes a setting of each of its values; lists are crossed."""

from __future__ import annotations

import dataclasses
import itertools
import math
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alframe.contract.sections import MOST_TRIALS, SECTIONS
from alframe.errors import UsageError
from alframe.experiments.configuration import merge
from alframe.experiments.fixed import located
from alframe.experiments.settings import Sections, Settings, resolve
from alframe.registry.offers import DATASETS, EXECUTORS, MODELS, PRESETS
from alframe.registry.registry import Registry

NAMES: dict[str, dict[str, Any]] = {"data": {"name": str}, "model": {"name": str}, "features": {"name": str}}
NO_AXES = {
    "run": ("jobs", "executor", "together", "device", "out", "keep_features"),
    "data": ("name", "dir", "download"),
    "model": ("name",),
    "features": ("name",),
}
Axis = tuple[str, str, list[Any]]  # section, key, values


def resolve_sweep(
    registry: Registry,
    sections: Mapping[str, Mapping[str, Any]],
    varied: Mapping[str, str] | None = None,
) -> list[Settings]:
    """Validates a configuration whose values may be lists.

    A list, or text with commas where a number, a truth value or one of given words is expected, makes a
    setting of each value. An option that takes a list, as ``train.augment``, has one value.

    Args:
        registry: the plugins.
        sections: the configuration.
        varied: what tells all of these settings from others, as the preset that they are of.

    Returns:
        A setting for each combination, those of one data set one after the other.

    Raises:
        UsageError: as `resolve`, or a list that is empty or names a value twice.
        PluginError: as `resolve`.
    """
    found = []
    for named, names in _crossed(sections, _axes(sections, NAMES)):
        for one, others in _crossed(named, _axes(named, _hints(registry, named))):
            found.append(resolve(registry, one, {**(varied or {}), **names, **others}))
    return found


def resolve_presets(
    registry: Registry, presets: Sequence[str], given: Mapping[str, Mapping[str, Any]]
) -> list[Settings]:
    """As `resolve_sweep`, of each preset in turn with ``given`` laid over it; without presets of ``given``.

    Raises:
        UsageError: as `resolve_sweep`, or an unknown preset.
    """
    found = []
    for preset in presets or [""]:
        below = registry.offers.named(PRESETS, preset).value.settings if preset else {}
        named = {"preset": preset} if len(presets) > 1 else {}
        found += resolve_sweep(registry, merge(below, given), named)
    return found


def as_sections(settings: Sequence[Settings], given: Mapping[str, Mapping[str, Any]]) -> Sections:
    """The configuration of a sweep, complete but for defaults that differ from setting to setting.

    Args:
        settings: what `resolve_sweep` made.
        given: of what.
    """
    everything = [one.sections() for one in settings]
    keys = dict.fromkeys((name, key) for one in everything for name, part in one.items() for key in part)
    sections: Sections = {}
    for name, key in keys:
        values: list[Any] = []
        for one in everything:
            if key in one.get(name, {}) and one[name][key] not in values:
                values.append(one[name][key])
        shared = len(values) == 1 and all(key in one.get(name, {}) for one in everything)
        if shared or key in given.get(name, {}):
            sections.setdefault(name, {})[key] = values[0] if len(values) == 1 else values
    return sections


def _hints(registry: Registry, sections: Sections) -> dict[str, dict[str, Any]]:
    """The declared type of every option that can vary, by section and key."""
    types: dict[str, list[type]] = {name: [section] for name, section in SECTIONS.items()}
    dataset = registry.offers.located(DATASETS, _name(sections, "data"))[0]
    network = registry.offers.network_for(_name(sections, "model"), _name(sections, "data"))
    model, location = registry.offers.located(MODELS, network)
    types["data"].append(dataset.value.options)
    types["model"].append(model.value.options_for(location))
    if (features := located(registry, sections.get("features", {}).get("name"))) and features[0]:
        types["features"].append(features[0].value.options_for(features[1]))
    for name in sections.keys() - types.keys():
        if registry.named(name) and EXECUTORS.hook not in registry.plugin(name).hooks:
            types[name] = [registry.plugin(name).info.options]
    return {
        name: {
            key: hint
            for declared in both
            for key, hint in typing.get_type_hints(declared).items()
            if key not in NO_AXES.get(name, ())
        }
        for name, both in types.items()
    }


def _name(sections: Sections, section: str) -> str:
    default = {field.name: field.default for field in dataclasses.fields(SECTIONS[section])}["name"]
    return str(sections.get(section, {}).get("name", default))


def _axes(sections: Mapping[str, Mapping[str, Any]], hints: Mapping[str, Mapping[str, Any]]) -> list[Axis]:
    """What is to vary, in the order of declaration."""
    axes = []
    for name, section in hints.items():
        for key, hint in section.items():
            values = _values(sections.get(name, {}).get(key), hint)
            if values is None:
                continue
            if not values:
                raise UsageError(f"{name}.{key} is empty")
            texts = [_text(value) for value in values]
            if len(set(texts)) < len(texts):
                raise UsageError(f"{name}.{key} names one twice: {', '.join(texts)}")
            axes.append((name, key, values))
    return axes


def _values(value: Any, hint: Any) -> list[Any] | None:
    """The values of a list, or None where there is one value."""
    parts = typing.get_args(hint) or (hint,)
    if typing.get_origin(hint) is tuple or any(typing.get_origin(part) is tuple for part in parts):
        return None
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, str) and "," in value and str not in parts:  # a path may have a comma
        return [part.strip() for part in value.split(",") if part.strip()]
    return None


def _crossed(
    sections: Mapping[str, Mapping[str, Any]], axes: Sequence[Axis]
) -> Iterator[tuple[Sections, dict[str, str]]]:
    """Every combination, and of it what tells settings apart; a strategy's folder tells its options.

    The options of a trainer that the user names are the setting's.
    """
    number = math.prod(len(values) for _, _, values in axes)
    if number > MOST_TRIALS:
        counts = " x ".join(
            f"{len(values):,} of {name}.{key}" for name, key, values in axes if len(values) > 1
        )
        raise UsageError(
            f"the values make {number:,} settings ({counts}); a run has at most {MOST_TRIALS:,}: give fewer"
        )
    for values in itertools.product(*(values for _, _, values in axes)):
        one = {name: dict(section) for name, section in sections.items()}
        varied = {}
        for (name, key, choices), value in zip(axes, values, strict=True):
            one[name][key] = value
            trainer = one.get("stages", {}).get("train")
            in_folder = name == trainer or (name in SECTIONS and (name != "stages" or key == "train"))
            if len(choices) > 1 and in_folder:
                varied[f"{name}.{key}"] = _text(value)
        yield one, varied


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
