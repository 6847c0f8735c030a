"""``work``: trials that were written down as tasks, on whichever machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from alframe_cli.params import as_json as json_flag
from alframe_cli.plain_text import echo, print_traceback
from alframe_cli.streams import output_for_results

if TYPE_CHECKING:
    from alframe.experiments.working import Outcome


@click.command()
@click.argument("tasks", type=click.Path(path_type=Path))
@click.option("--index", type=click.IntRange(min=0), metavar="K", help="Run the task K.json alone.")
@click.option("--any", "any_", is_flag=True, help="Pass over trials that another process runs.")
@json_flag
@click.option(
    "--display", type=click.Choice(["auto", "rich", "plain", "none"]), default="auto", help="Progress."
)
@click.option("-q", "--quiet", is_flag=True, help="Print results and errors only.")
@click.pass_context
def work(
    ctx: click.Context,
    tasks: Path,
    index: int | None,
    any_: bool,
    as_json: bool,
    display: str,
    quiet: bool,
) -> int:
    """Run trials that `alframe run --write-tasks` wrote to the folder TASKS, here.

    All of them one after another, or one. A trial goes on where it was interrupted. A scheduler starts one
    such command for each task, or as many as it likes with --any. What another machine has is waited for,
    with --any at the end: until that gives a sign of life, or its lease of two minutes is over.

    \b
    tasks=$(alframe run --strategy alfamix --seeds 1-10 --write-tasks)
    alframe work $tasks
    alframe work $tasks --index 3
    alframe work $tasks --any
    """  # noqa: D301 - click's mark that keeps lines apart is the character itself
    from alframe.errors import AlframeError
    from alframe.experiments.tasks import read_task, tasks_in
    from alframe.experiments.working import Worker
    from alframe.registry.registry import installed
    from alframe_cli.display import make_display

    if index is not None and any_:
        raise click.UsageError("--index names one task, and --any takes what is free: give one of them")
    paths = tasks_in(tasks) if index is None else [tasks / f"{index}.json"]
    rounds = sum(read_task(path).rounds for path in paths)
    outcomes: list[Outcome] = []
    try:
        with output_for_results(), make_display(display, quiet, len(paths), rounds) as shown:
            outcomes += Worker(installed(), shown).work(paths, any_=any_)
    except KeyboardInterrupt as stop:
        raise click.Abort("the same command continues where this one stopped") from stop
    failures = [
        (one.task, one.end)
        for one in outcomes
        if isinstance(one.end, AlframeError) and not (any_ and one.is_in_use)
    ]
    for task, failure in failures:
        if ctx.obj and ctx.obj["verbose"]:
            print_traceback(failure)
        echo(f"error: {task.name}: {failure}", err=True)
    _print(outcomes, as_json)
    return failures[0][1].exit_code if len(paths) == 1 and failures else int(bool(failures))


def _print(outcomes: Sequence[Outcome], as_json: bool) -> None:
    from alframe_cli.output import print_json, print_table

    rows = [{"trial": one.task.name, "state": one.state, "folder": str(one.task.folder)} for one in outcomes]
    if as_json:
        print_json(rows)
    else:
        print_table(list(rows[0]), [list(row.values()) for row in rows])
