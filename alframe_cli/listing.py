"""``list-strategies``, ``list-datasets``, ``list-models``, ``list-presets``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

import click
from rich.filesize import decimal

from alframe.contract.info import PluginInfo
from alframe.installation.data_files import on_disk
from alframe.registry.offers import DATASETS, MODELS, PRESETS, Kind, Offer
from alframe.registry.plugin import Plugin
from alframe.registry.registry import Registry, installed
from alframe_cli.output import print_json, print_table
from alframe_cli.params import as_json, data_dir, plugin_files
from alframe_cli.plain_text import echo

PART = "part"
HEADINGS = {"": "others", PART: "parts"}
NOTES = {PART: "(for others to use; --strategy all leaves them out)"}


@click.command()
@plugin_files
@as_json
def list_strategies(as_json: bool) -> None:
    """List the installed strategies, and the plugins that can't be used with the reason."""
    registry = installed()
    note_remarks(registry)
    if as_json:
        print_json(
            {
                "strategies": [strategy_as_data(plugin) for plugin in registry.strategies],
                "problems": problems_as_data(registry),
            }
        )
        return
    rows = []
    for family, members in by_family(registry.strategies):
        rows.append((f"{HEADINGS.get(family, family)}:", "", NOTES.get(family, ""), "", ""))
        rows += [
            (f"  {p.name}", describe_stages(p), p.info.summary, p.info.reference, p.provider) for p in members
        ]
    print_table(("strategy", "stages", "summary", "paper", "provider"), rows)
    print_problems(registry)


def by_family(strategies: Iterable[Plugin]) -> list[tuple[str, list[Plugin]]]:
    """Strategies that go by the same thing, together; then those that don't say, and parts for others."""
    order = [*get_args(get_type_hints(PluginInfo)["family"])[1:], "", PART]
    members: dict[str, list[Plugin]] = {family: [] for family in order}
    for plugin in strategies:
        family = PART if plugin.info.part else plugin.info.family
        members[family if family in members else ""].append(plugin)
    return [(family, plugins) for family, plugins in members.items() if plugins]


def _resource_command(kind: Kind[Any], plural: str) -> click.Command:
    @click.command(help=f"List the {plural}, with who provides them.")
    @plugin_files
    @as_json
    def command(as_json: bool) -> None:
        registry = installed()
        note_remarks(registry)
        offers = registry.offers.of(kind)
        if as_json:
            found = [_offer_as_row(offer) for offer in offers]
            print_json({plural: found, "problems": problems_as_data(registry)})
            return
        with_source = kind is not PRESETS  # a preset's source is long: `show` prints it
        rows = [
            (
                _shown_name(offer),
                offer.value.summary,
                *([offer.value.reference] if with_source else []),
                offer.plugin.provider,
            )
            for offer in offers
        ]
        print_table((kind.name, "summary", *(["source"] if with_source else []), "provider"), rows)
        print_problems(registry)

    return command


list_models = _resource_command(MODELS, "models")
list_presets = _resource_command(PRESETS, "presets")


@click.command()
@data_dir
@plugin_files
@as_json
def list_datasets(data_dir: str, as_json: bool) -> None:
    """List the data sets, with what of them is in the folder of data sets."""
    registry = installed()
    note_remarks(registry)
    offers = registry.offers.of(DATASETS)
    states = [on_disk(offer.value.files, Path(data_dir)) for offer in offers]
    if as_json:
        rows = [
            _offer_as_row(offer) | {"classes": offer.value.classes, "on_disk": state, "bytes": size}
            for offer, (state, size) in zip(offers, states, strict=True)
        ]
        print_json({"data_sets": rows, "problems": problems_as_data(registry)})
        return
    print_table(
        ("data set", f"in {data_dir}", "classes", "summary", "source", "provider"),
        [
            (
                _shown_name(offer),
                describe_state(state, size),
                str(offer.value.classes or "-"),
                offer.value.summary,
                offer.value.reference,
                offer.plugin.provider,
            )
            for offer, (state, size) in zip(offers, states, strict=True)
        ],
    )
    print_problems(registry)


def describe_state(state: str, size: int) -> str:
    """What `on_disk` found, in words."""
    return f"{state}, {decimal(size)}" if size else state


def _shown_name(offer: Offer[Any]) -> str:
    """The name, with what must follow a colon, as ``npz:PATH``."""
    return f"{offer.name}:{offer.location}" if offer.location else offer.name


def _offer_as_row(offer: Offer[Any]) -> dict[str, Any]:
    return {
        "name": offer.name,
        "summary": offer.value.summary,
        "reference": offer.value.reference,
        "provider": offer.plugin.provider,
    }


def describe_stages(plugin: Plugin) -> str:
    """The stages a strategy brings, and whose it borrows, in a few words."""
    borrowed = [f"{stage} of {lender}" for stage, lender in plugin.info.uses.items()]
    return ", ".join([*plugin.stages, *borrowed]) or "-"


def strategy_as_data(plugin: Plugin) -> dict[str, Any]:
    """A strategy for ``--json``."""
    return {
        "name": plugin.name,
        "stages": list(plugin.stages),
        "uses": dict(plugin.info.uses),
        "aliases": list(plugin.info.aliases),
        "needs": list(plugin.info.needs),
        "family": plugin.info.family,
        "cold_start": plugin.info.cold_start,
        "part": plugin.info.part,
        "score_range": plugin.info.score_range,
        "needs_scores": _as_data(plugin.info.needs_scores),
        "rowwise": list(plugin.info.rowwise),
        "summary": plugin.info.summary,
        "reference": plugin.info.reference,
        "distribution": plugin.distribution,
        "version": plugin.version,
    }


def _as_data(needs_scores: str | Mapping[str, str]) -> str | dict[str, str]:
    return needs_scores if isinstance(needs_scores, str) else dict(needs_scores)


def problems_as_data(registry: Registry) -> list[dict[str, str]]:
    """What can't be used, for ``--json``."""
    states = {(plugin.name, plugin.provider): plugin.state for plugin in registry.plugins if plugin.problem}
    return [
        {
            "name": name,
            "provider": provider,
            "state": states.get((name, provider), "broken"),  # or it failed when asked what it offers
            "problem": problem,
        }
        for name, provider, problem in registry.problems()
    ]


def note_remarks(registry: Registry) -> None:
    """Says on standard error what imports of plugins did that they should not."""
    for plugin, remark in registry.remarks():
        echo(f"note: plugin {plugin.name!r} ({plugin.provider}) {remark}", err=True)


def print_problems(registry: Registry) -> None:
    """What can't be used, and why, where there is any."""
    problems = registry.problems()
    if problems:
        print_table(("can't be used", "provider", "reason"), problems)
