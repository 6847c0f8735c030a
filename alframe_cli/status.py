"""``status``: how the trials of a folder of runs stand."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from alframe_cli.params import as_json as json_flag

if TYPE_CHECKING:
    from alframe.experiments.status import TrialStatus


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@json_flag
def status(out: Path, as_json: bool) -> int:
    """Show which trials of the folder OUT are queued, run, have failed or are done.

    It reads files alone, so it may run anywhere, whoever runs the trials.

    \b
    alframe status runs
    alframe status runs --json
    """  # noqa: D301 - click's mark that keeps lines apart is the character itself
    from alframe.experiments.status import status_of
    from alframe_cli.output import print_json, print_table

    found = status_of(out)
    if as_json:
        print_json([dataclasses.asdict(one) for one in found])
    else:
        print_table(("trial", "state", "rounds", "where", "last sign", "what"), map(_row, found))
    return 0


def _row(one: TrialStatus) -> list[str]:
    seen = "" if one.seen is None else f"{one.seen:.0f} s ago"
    rounds = f"{one.rounds}" if one.of is None else f"{one.rounds} of {one.of}"
    return [one.trial, one.state, rounds, one.where, seen, one.what]
