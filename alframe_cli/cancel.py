"""``cancel``: ends the jobs that an executor has for a folder of runs."""

from __future__ import annotations

from pathlib import Path

import click

from alframe_cli.params import plugin_files
from alframe_cli.plain_text import echo


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@plugin_files
def cancel(out: Path) -> int:
    """End the jobs that `alframe run --executor` has started for the folder OUT, and that wait or run.

    What they have written stays, and the command that started them goes on with it.

    \b
    alframe cancel runs
    """  # noqa: D301 - click's mark that keeps lines apart is the character itself
    from alframe.experiments.executors.engine import cancel_all
    from alframe.registry.registry import installed
    from alframe_cli.streams import output_for_results

    with output_for_results():
        ended = cancel_all(out, installed())
    for job in ended:
        echo(job)
    if not ended:
        echo(f"no job of {out} waits or runs", err=True)
    return 0
