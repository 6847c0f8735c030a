"""``check NAME``: the conformance kit."""

from __future__ import annotations

import dataclasses
import sys
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import click

from alframe.errors import UsageError
from alframe.registry.offers import KINDS
from alframe.registry.registry import installed
from alframe_cli import completion
from alframe_cli.output import console, print_json, print_table
from alframe_cli.params import as_json, by_section, option_flags, plugin_files
from alframe_cli.plain_text import echo
from alframe_cli.streams import output_for_results

if TYPE_CHECKING:
    from alframe.testing import Check, Outcome

Verdict = Literal["passed", "failed", "skipped", "expected failure"]
VERDICTS: tuple[Verdict, ...] = ("passed", "failed", "skipped", "expected failure")


@click.command(epilog="Exit codes: 0 no check failed, 1 one did, 2 usage, 3 the plugin can't be loaded.")
@click.argument("name", shell_complete=completion.plugin_name)
@option_flags("An option of a plugin, as coregcn.steps=3.")
@click.option("--scale", is_flag=True, help="Also a query on 20,000 samples: its time and memory.")
@click.option("--cuda", is_flag=True, help="Also a query on a GPU, compared with the CPU.")
@plugin_files
@as_json
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def check(
    name: str,
    overrides: tuple[tuple[str, str, str], ...],
    scale: bool,
    cuda: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Check that the plugin NAME does what plugins promise; docs/kit.md lists the checks."""
    registry = installed()
    for kind in KINDS:
        for offer in registry.offers.of(kind):
            if offer.name == name and not registry.named(name):
                raise UsageError(
                    f"{name!r} is a {kind.name} of the plugin {offer.plugin.name!r}; plugins are checked: "
                    f"`alframe check {offer.plugin.name}`"
                )
    registry.plugin(name)  # an unknown or a broken one ends here, before torch is imported
    from alframe.testing import checks_of

    flags = tuple(flag for flag, wanted in (("scale", scale), ("cuda", cuda)) if wanted)
    checks = list(checks_of(name, registry=registry, options=by_section(overrides), flags=flags))
    outcomes = list(_made(checks, quiet))
    counts = Counter(outcome.verdict for outcome in outcomes)
    if as_json:
        print_json({"plugin": name, "checks": [dataclasses.asdict(outcome) for outcome in outcomes]})
    else:
        print_table(
            ("check", "outcome", "seconds", "remark"),
            [(o.check, o.verdict, f"{o.seconds:.2f}", o.reason) for o in outcomes],
            right=("seconds",),
        )
        for outcome in outcomes:
            if outcome.verdict == "failed":
                echo(f"{outcome.check} failed: {outcome.demand}\n    {outcome.reason}\n")
        echo(f"{name}: " + ", ".join(f"{counts[v]} {v}" for v in VERDICTS if counts[v]))
    return 1 if counts["failed"] else 0


def _made(checks: list[Check], quiet: bool) -> Iterator[Outcome]:
    """Makes the checks, with a bar on a terminal and a line each elsewhere."""
    from rich.progress import track

    if not quiet and sys.stderr.isatty():
        checks_shown = track(checks, "checks", console=console(stderr=True), transient=True)
        yield from map(_outcome_of, checks_shown)
        return
    for number, made in enumerate(checks, start=1):
        outcome = _outcome_of(made)
        if not quiet:
            echo(f"{number}/{len(checks)} {outcome.check}: {outcome.verdict}", err=True)
        yield outcome


def _outcome_of(made: Check) -> Outcome:
    from alframe.testing import outcome_of

    try:
        with output_for_results():
            return outcome_of(made)
    except KeyboardInterrupt as stop:  # from the keyboard, or from the plugin: then this is where
        raise click.Abort(f"in the check {made.name}") from stop
