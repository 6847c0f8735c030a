"""``run``: strategies on a data set, over seeds, written to a folder."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alframe_cli import completion
from alframe_cli.flags import GroupedCommand, group, key_flag, keys_of
from alframe_cli.params import NameList, SeedList, by_section, option_flags, plugin_files, stage_flags
from alframe_cli.plain_text import echo, print_traceback
from alframe_cli.streams import output_for_results

if TYPE_CHECKING:
    from alframe.experiments.run import PreparedRun
    from alframe.experiments.settings import Settings


def _set_verbose(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    if ctx.obj is not None:  # what `main` reads when an error arrives there
        ctx.obj["verbose"] |= value
    return bool(ctx.obj and ctx.obj["verbose"]) or value


@click.command(
    cls=GroupedCommand,
    epilog="Every flag has a key in a configuration file; `--print-config` writes a complete one.",
)
@group(
    "What is run",
    key_flag("run.strategy", type=NameList(), shell_complete=completion.strategy_list),
    key_flag("data.name", "dataset", type=NameList(), shell_complete=completion.data_set_list),
    key_flag("data.dir", "data_dir", metavar="DIR", envvar="ALFRAME_DATA_DIR"),
    key_flag("data.download", is_flag=True),
    key_flag("model.name", "model", type=NameList(), shell_complete=completion.model_list),
    key_flag("run.seeds", type=SeedList()),
)
@group(
    "How labels come",
    key_flag("run.initial_size", metavar="N"),
    key_flag("run.initial", type=NameList(), metavar="HOW", shell_complete=completion.start_list),
    key_flag("run.query_size", metavar="N"),
    key_flag("run.query_growth", metavar="X"),
    key_flag("run.rounds", metavar="N"),
)
@group(
    "How the network is trained",
    key_flag("train.epochs", metavar="N"),
    key_flag("train.batch_size", metavar="N"),
    key_flag("train.learning_rate", metavar="X"),
)
@group("Who serves a stage", stage_flags("embed", "score", "select", "train", kind=NameList()))
@group(
    "Further settings",
    click.option(
        "--preset",
        shell_complete=completion.preset_list,
        type=NameList(),
        help="Ready-made settings, see list-presets.",
    ),
    click.option(
        "--config", type=click.Path(path_type=Path), metavar="FILE.toml", help="A configuration file."
    ),
    option_flags("Any other option, as train.weight_decay=5e-4; see show."),
    plugin_files,
)
@group(
    "Where it runs, and what is written",
    key_flag("run.jobs", type=int, metavar="N"),
    key_flag("run.executor", metavar="NAME", shell_complete=completion.executor_list),
    key_flag("run.device", metavar="NAME"),
    key_flag("run.out", metavar="DIR"),
    click.option("--force", is_flag=True, help="Start the trials anew: what exists of them is removed."),
    key_flag("run.log", type=NameList(), shell_complete=completion.listener_list),
)
@group(
    "What is shown",
    click.option("--print-config", is_flag=True, help="Print the complete configuration and stop."),
    click.option("--dry-run", is_flag=True, help="Print the trials and what exists of them, and stop."),
    click.option(
        "--write-tasks",
        is_flag=True,
        help="Write the trials down for `alframe work`, print the folder, and stop.",
    ),
    click.option(
        "--detach", is_flag=True, help="Start the trials by the executor, print their jobs, and stop."
    ),
    click.option("--json", "as_json", is_flag=True, help="Print the results as JSON."),
    click.option(
        "--display", type=click.Choice(["auto", "rich", "plain", "none"]), default="auto", help="Progress."
    ),
    click.option("-q", "--quiet", is_flag=True, help="Print results and errors only."),
    click.option(
        "-v",
        "--verbose",
        is_flag=True,
        is_eager=True,  # before a plugin's file is imported
        callback=_set_verbose,
        help="Print tracebacks of errors, and what was made of each part of the data.",
    ),
)
def run(
    overrides: tuple[tuple[str, str, str], ...],
    preset: list[str] | None,
    config: Path | None,
    print_config: bool,
    dry_run: bool,
    write_tasks: bool,
    detach: bool,
    force: bool,
    as_json: bool,
    display: str,
    quiet: bool,
    verbose: bool,
    **flags: Any,
) -> int:
    """Run strategies on data sets and compare their learning curves.

    The same command continues what was interrupted, and prints the results of what is finished. Several data
    sets, networks, sizes or other values, separated by commas, are settings, and each is run.

    \b
    alframe run --strategy alfamix
    alframe run --strategy alfamix,margin,random --seeds 1-10 --rounds 5
    alframe run --preset mnist-mlp --data-dir data --strategy alfamix,random
    alframe run --strategy margin,random --dataset digits,mnist --query-size 10,100 --dry-run
    """  # noqa: D301 - click's mark that keeps lines apart is the character itself
    from alframe.experiments.configuration import merge, read_toml
    from alframe.experiments.plan import plan
    from alframe.experiments.run import prepare
    from alframe.experiments.sweep import resolve_presets
    from alframe.registry.registry import installed
    from alframe_cli.planned import print_config as print_sections
    from alframe_cli.planned import print_left_out, print_plan, print_unused

    given = merge(read_toml(config) if config else {}, _sections(flags, overrides))
    with output_for_results():
        registry = installed()
        settings = resolve_presets(registry, preset or [], given)
    if print_config:
        if len(preset or []) > 1:
            raise click.UsageError("several presets are not one configuration: print one at a time")
        print_sections(settings, given)
        return 0
    asks_for_all = any(one.asks_for_all for one in settings)
    if dry_run and not asks_for_all:
        print_plan(plan(settings), as_json)
        return 0
    with output_for_results():
        prepared = prepare(settings, registry, force=force, dry=dry_run)
    if asks_for_all and not quiet:
        print_left_out(prepared.left_out, settings, registry)
    if dry_run:
        print_plan(prepared.planned, as_json, prepared.data)
        return 0
    if not quiet:
        print_unused(settings, given)
    if write_tasks:
        return _write_tasks(prepared, force)
    if detach:
        return _detach(prepared)
    for line in prepared.data.details if verbose else ():
        echo(line, err=True)
    return _run(prepared, settings, display=display, quiet=quiet, verbose=verbose, as_json=as_json)


def _write_tasks(prepared: PreparedRun, force: bool) -> int:
    from alframe.errors import UsageError
    from alframe.experiments.tasks import write_tasks

    if not prepared.planned:
        raise UsageError("there are no trials to write down: every strategy is left out")
    echo(str(write_tasks(prepared.planned, force=force)))
    return 0


def _detach(prepared: PreparedRun) -> int:
    """Starts what has work left, and leaves it to its engine."""
    started = prepared.start()
    if started is None:
        echo("every trial is finished; the same command without --detach prints the results", err=True)
        return 0
    out = shlex.quote(prepared.planned[0].settings.run.out)
    echo(started.told, err=True)
    echo(
        f"`alframe status {out}` shows how they go, `alframe cancel {out}` ends them; "
        "the same command without --detach watches them, and prints the results",
        err=True,
    )
    for job in dict.fromkeys(one.job for one in started.watched):
        echo(job)
    return 0


def _run(
    prepared: PreparedRun,
    settings: Sequence[Settings],
    *,
    display: str,
    quiet: bool,
    verbose: bool,
    as_json: bool,
) -> int:
    """Runs what is prepared, shows how it goes, and prints what came of it."""
    from alframe.errors import TrialError
    from alframe_cli.display import make_display
    from alframe_cli.results import print_results

    rounds = sum(trial.settings.run.rounds + 1 for trial in prepared.planned)
    try:
        with output_for_results(), make_display(display, quiet, len(prepared.planned), rounds) as shown:
            result = prepared.run(shown)
    except KeyboardInterrupt as stop:
        raise click.Abort(_what_goes_on(settings[0])) from stop
    for trial, failure in result.failed:
        if verbose:
            print_traceback(failure)
        echo(f"error: {trial.name}: {failure}", err=True)
    print_results(settings, result.done, result.failed, as_json)
    return TrialError.exit_code if result.failed else 0


def _what_goes_on(settings: Settings) -> str:
    if settings.executor is None or not settings.executor.value.outlives:
        return "the same command continues where this one stopped"
    out = shlex.quote(settings.run.out)
    return f"the jobs go on: the same command watches them again, `alframe cancel {out}` ends them"


def _sections(
    flags: dict[str, Any], overrides: tuple[tuple[str, str, str], ...]
) -> dict[str, dict[str, Any]]:
    from alframe.experiments.configuration import merge

    sections: dict[str, dict[str, Any]] = {}
    keys = keys_of(run)
    for flag, value in flags.items():
        if value is not None:
            section, _, key = keys[flag].partition(".")
            sections.setdefault(section, {})[key] = value
    return merge(sections, by_section(overrides))
