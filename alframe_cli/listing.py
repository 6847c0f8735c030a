"""``list-strategies``, ``list-datasets``, ``list-models``, ``list-presets``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from alframe.registry import Offer, Plugin, Registry, installed
from alframe_cli.output import print_json, print_table

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command()
@as_json
def list_strategies(as_json: bool) -> None:
    """List the installed strategies, and the plugins that can't be used with the reason."""
    registry = installed()
    if as_json:
        print_json(
            {
                "strategies": [strategy_as_data(plugin) for plugin in registry.strategies],
                "problems": problems_as_data(registry),
            }
        )
        return
    print_table(
        ("strategy", "stages", "summary", "paper", "provider"),
        [
            (p.name, describe_stages(p), p.info.summary, p.info.reference, p.provider)
            for p in registry.strategies
        ],
    )
    print_problems(registry)


def _resource_command(kind: str, plural: str, extra: Callable[[Offer[Any]], str]) -> click.Command:
    @click.command(help=f"List the {plural}, with who provides them.")
    @as_json
    def command(as_json: bool) -> None:
        registry = installed()
        offers = registry.offers(kind)
        if as_json:
            rows = [
                {
                    "name": offer.name,
                    "summary": offer.value.summary,
                    "reference": offer.value.reference,
                    "provider": offer.plugin.provider,
                }
                for offer in offers
            ]
            print_json({plural.replace(" ", "_"): rows, "problems": problems_as_data(registry)})
            return
        print_table(
            (kind, "summary", "source", "provider"),
            [
                (offer.name + extra(offer), offer.value.summary, offer.value.reference, offer.plugin.provider)
                for offer in offers
            ],
        )
        print_problems(registry)

    return command


def _location(offer: Offer[Any]) -> str:
    return f":{offer.value.location}" if offer.value.location else ""


list_datasets = _resource_command("data set", "data sets", _location)
list_models = _resource_command("model", "models", lambda offer: "")
list_presets = _resource_command("preset", "presets", lambda offer: "")


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
        "summary": plugin.info.summary,
        "reference": plugin.info.reference,
        "distribution": plugin.distribution,
        "version": plugin.version,
    }


def problems_as_data(registry: Registry) -> list[dict[str, str]]:
    """What can't be used, for ``--json``."""
    return [
        {"name": name, "provider": provider, "problem": problem}
        for name, provider, problem in registry.problems()
    ]


def print_problems(registry: Registry) -> None:
    """What can't be used, and why, where there is any."""
    problems = registry.problems()
    if problems:
        print_table(("can't be used", "provider", "reason"), problems)
