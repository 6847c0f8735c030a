"""Which strategies, plugins and options there are: those that are installed, so that new ones are tried."""

from __future__ import annotations

import functools
from typing import Any

REPEATED = (".passes", ".steps", ".members", ".iterations")  # options that say how often: more take longer


@functools.cache
def strategies() -> tuple[str, ...]:
    """Names of all strategies."""
    from alframe.registry.registry import installed

    return tuple(installed().strategy_names)


@functools.cache
def cold_starts() -> tuple[str, ...]:
    """Names of the strategies that can begin without labels."""
    from alframe.registry.registry import installed

    registry = installed()
    return tuple(name for name in strategies() if registry.plugin(name).info.cold_start)


def starts() -> tuple[str, ...]:
    """What ``--initial`` takes, and a few names that it does not."""
    return ("random", "balanced", "own", *cold_starts(), "margin", "Typiclust", "none")


@functools.cache
def trainers() -> tuple[str, ...]:
    """Names of the plugins that train."""
    from alframe.registry.registry import installed

    return tuple(installed().serving("train"))


@functools.cache
def flags_for(name: str) -> tuple[str, ...]:
    """The flags that make a run use a plugin's options; none where no run of a strategy does.

    Args:
        name: of the plugin.
    """
    from alframe.learning.pipeline import Pipeline
    from alframe.registry.registry import installed

    registry = installed()
    if name not in strategies():
        return ("--strategy", "margin", "--train", name) if name in trainers() else ()
    providers = Pipeline(registry, name).providers.values()
    dropout = any("dropout" in provider.info.needs for provider in providers)
    return ("--strategy", name, *(("-o", "model.dropout=0.5") if dropout else ()))


@functools.cache
def known_options() -> list[tuple[str, str]]:
    """Every option of the engine, the plugins, the data sets and the networks, with its type."""
    from alframe.contract.options import describe
    from alframe.contract.sections import SECTIONS
    from alframe.registry.offers import DATASETS, MODELS
    from alframe.registry.registry import installed

    registry = installed()
    types: list[tuple[str, Any]] = list(SECTIONS.items())
    types += [(plugin.name, plugin.info.options) for plugin in registry.plugins if not plugin.problem]
    for kind in (DATASETS, MODELS):
        types += [(kind.section, offer.value.options) for offer in registry.offers.of(kind)]
    found = {f"{section}.{field.name}": field.type for section, one in types for field in describe(one)}
    return sorted(found.items())
