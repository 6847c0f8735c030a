"""``show NAME``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from alframe.contract.needs import in_words as needs_in_words
from alframe.contract.resources import ModelInfo
from alframe.contract.scores import RANGES, in_words
from alframe.contract.sections import SECTIONS
from alframe.errors import UsageError, unknown_name
from alframe.hookspecs import STAGE_DEFAULTS, STAGES
from alframe.installation.data_files import on_disk
from alframe.registry.listeners import listeners
from alframe.registry.offers import DATASETS, KINDS, Kind, Offer
from alframe.registry.plugin import Plugin
from alframe.registry.registry import installed
from alframe_cli import completion
from alframe_cli.listing import describe_state, strategy_as_data
from alframe_cli.output import options_as_data, print_json, print_options, print_table
from alframe_cli.params import as_json, data_dir, plugin_files
from alframe_cli.plain_text import echo

HELP = f"""Show NAME: what it is, where it comes from, and its options.

NAME is a strategy or another plugin, a data set, a network, a preset, or a section of a configuration:
{", ".join(SECTIONS)}.

\b
alframe show alfamix
alframe show mnist --data-dir data
alframe show sklearn:RandomForest
alframe show train
"""


@click.command(help=HELP)
@click.argument("name", shell_complete=completion.anything)
@data_dir
@plugin_files
@as_json
def show(name: str, data_dir: str, as_json: bool) -> None:
    """Prints everything that has the name."""
    registry = installed()
    plugins = registry.named(name)
    short, _, location = name.partition(":")
    offers = [
        (kind, offer)
        for kind in KINDS
        for offer in registry.offers.of(kind)
        if offer.name == name or (location and offer.location and offer.name == short)
    ]
    if not (plugins or offers or name in SECTIONS):
        known = {p.name for p in registry.plugins} | {
            o.name for kind in KINDS for o in registry.offers.of(kind)
        }
        raise unknown_name("name", name, known | set(SECTIONS))
    if as_json:
        found = [_plugin_as_data(p) for p in plugins] + [
            _offer_as_data(kind, offer, data_dir, location) for kind, offer in offers
        ]
        if name in SECTIONS:
            section: dict[str, Any] = {
                "kind": "section",
                "name": name,
                "options": options_as_data(SECTIONS[name]),
            }
            if name == "run":
                section["log"] = listeners(registry)
            if name == "stages":
                section["plugins"] = {stage: registry.serving(stage) for stage in STAGES}
            found.append(section)
        print_json(found)
        return
    for plugin in plugins:
        _show_plugin(plugin)
    for kind, offer in offers:
        _show_offer(kind, offer, data_dir, location)
    if name in SECTIONS:
        echo(f"section [{name}] of a configuration")
        if name in {kind.section for kind in KINDS}:
            echo(f"Each {name} has more options of its own: `alframe show NAME`.")
        if name == "features":
            echo("The options of the network stand here, too: `alframe show NAME` lists them under model.")
        print_options(SECTIONS[name], name)
        if name == "stages":
            rows = [(stage, ", ".join(registry.serving(stage))) for stage in STAGES]
            print_table(("stage", "plugins that can serve it"), rows)
        if name == "run":
            rows = [(plugin, registry.plugin(plugin).info.summary) for plugin in listeners(registry)]
            print_table(("plugin for --log", "summary"), rows)


def _show_plugin(plugin: Plugin) -> None:
    kind = "strategy" if plugin.is_strategy else "plugin"
    _show_head(kind, plugin.name, plugin.info.summary, plugin.info.reference, plugin)
    if plugin.info.aliases:
        echo(f"also called {', '.join(plugin.info.aliases)}")
    for line in needs_in_words(plugin.info.needs, STAGES):
        echo(line)
    if plugin.info.score_range:
        echo(f"its scores are {RANGES[plugin.info.score_range]}")
    if "score" in plugin.info.rowwise:
        echo("its score of a sample depends on no other unlabelled one: a pool in files is scored by blocks")
    if scores := in_words(plugin.info.needs_scores):
        echo(f"its selector needs scores {scores}")
    if plugin.info.part:
        echo("a part for others: --strategy all leaves it out")
    if plugin.problem:
        echo(f"can't be used: {plugin.problem}")
        return
    if plugin.hears_events:
        when = f"where --log {plugin.name} asks for it" if plugin.info.on_request else "of every run"
        echo(f"hears of events, {when}")
    if plugin.is_strategy:
        print_table(("stage", "served by"), [(stage, _server(plugin, stage)) for stage in STAGES])
    print_options(plugin.info.options, plugin.name)


def _show_offer(kind: Kind[Any], offer: Offer[Any], data_dir: str, location: str) -> None:
    info = offer.value
    _show_head(kind.name, offer.name, info.summary, info.reference, offer.plugin)
    if kind is DATASETS:
        if info.classes:
            echo(f"{info.classes} classes")
        if info.files:
            echo(f"in {data_dir}: {describe_state(*on_disk(info.files, Path(data_dir)))}")
    if kind.section:
        options, why = _options_of(offer, location)
        if why:
            echo(why)
        print_options(options, kind.section)
        return
    import tomli_w

    echo()
    echo(tomli_w.dumps(info.settings))


def _options_of(offer: Offer[Any], location: str) -> tuple[type, str]:
    """The options of what an offer has at a location, and why there are none of its own."""
    info = offer.value
    if not isinstance(info, ModelInfo) or info.options_at is None:
        return info.options, ""
    if offer.location and not location:
        return info.options, f"each has options of its own: `alframe show {offer.name}:{offer.location}`"
    try:
        return info.options_for(location), ""
    except UsageError as error:
        return info.options, str(error)


def _show_head(kind: str, name: str, summary: str, reference: str, plugin: Plugin) -> None:
    echo(f"{kind} {name}: {summary}")
    if reference:
        echo(f"source: {reference}")
    echo(f"provided by {plugin.provider}")


def _server(plugin: Plugin, stage: str) -> str:
    if stage in plugin.stages:
        return f"{plugin.name} (its own)"
    lender = plugin.info.uses.get(stage)
    return lender if lender else f"default: {STAGE_DEFAULTS[stage]}"


def _plugin_as_data(plugin: Plugin) -> dict[str, Any]:
    return strategy_as_data(plugin) | {
        "kind": "strategy" if plugin.is_strategy else "plugin",
        "problem": plugin.problem,
        "hears_events": plugin.hears_events,
        "on_request": plugin.info.on_request,
        "served_by": {stage: _server(plugin, stage) for stage in STAGES},
        "options": options_as_data(plugin.info.options),
    }


def _offer_as_data(kind: Kind[Any], offer: Offer[Any], data_dir: str, location: str) -> dict[str, Any]:
    data = {
        "kind": kind.name,
        "name": offer.name,
        "summary": offer.value.summary,
        "reference": offer.value.reference,
        "distribution": offer.plugin.distribution,
        "version": offer.plugin.version,
    }
    if kind is DATASETS:
        state, size = on_disk(offer.value.files, Path(data_dir))
        data |= {"classes": offer.value.classes, "on_disk": state, "bytes": size}
    if kind.section:
        return data | {"options": options_as_data(_options_of(offer, location)[0])}
    return data | {"settings": offer.value.settings}
