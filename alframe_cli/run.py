"""``run``: strategies on a data set, over seeds, written to a folder."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import click

from alframe_cli import completion
from alframe_cli.params import NameList, SeedList, by_section, option_flags, plugin_files, stage_flags

FLAGS = {  # the key of the configuration that each flag stands for
    "strategy": "run.strategy",
    "dataset": "data.name",
    "data_dir": "data.dir",
    "download": "data.download",
    "model": "model.name",
    "seeds": "run.seeds",
    "initial_size": "run.initial_size",
    "initial": "run.initial",
    "query_size": "run.query_size",
    "query_growth": "run.query_growth",
    "rounds": "run.rounds",
    "epochs": "train.epochs",
    "batch_size": "train.batch_size",
    "learning_rate": "train.learning_rate",
    "embed": "stages.embed",
    "score": "stages.score",
    "select": "stages.select",
    "train": "stages.train",
    "jobs": "run.jobs",
    "device": "run.device",
    "out": "run.out",
    "log": "run.log",
}


def _set_verbose(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    if ctx.obj is not None:  # what `main` reads when an error arrives there
        ctx.obj["verbose"] = value
    return value


@click.command(epilog="Every flag has a key in a configuration file; `--print-config` writes a complete one.")
@click.option(
    "--strategy",
    shell_complete=completion.strategy_list,
    type=NameList(),
    help="Strategies, see list-strategies, or all.  [default: alfamix]",
)
@click.option(
    "--dataset",
    shell_complete=completion.data_set_list,
    type=NameList(),
    help="Data sets, see list-datasets.  [default: digits]",
)
@click.option(
    "--data-dir", metavar="DIR", envvar="ALFRAME_DATA_DIR", help="Folder of data sets.  [default: data]"
)
@click.option("--download", is_flag=True, default=None, help="Fetch what is missing in --data-dir.")
@click.option(
    "--model",
    shell_complete=completion.model_list,
    type=NameList(),
    help="Networks, see list-models.  [default: mlp]",
)
@click.option("--seeds", type=SeedList(), help="One trial a strategy and seed.  [default: 1-5]")
@click.option("--initial-size", metavar="N", help="Samples labelled at the start.  [default: 100]")
@click.option("--initial", metavar="random|balanced", help="How those are drawn.  [default: random]")
@click.option("--query-size", metavar="N", help="Samples labelled a round.  [default: 100]")
@click.option("--query-growth", metavar="X", help="Growth of that each round.  [default: 1.0]")
@click.option("--rounds", metavar="N", help="Queries.  [default: 10]")
@click.option("--epochs", metavar="N", help="Most epochs a round.  [default: 200]")
@click.option("--batch-size", metavar="N", help="Samples a gradient step.  [default: 64]")
@click.option("--learning-rate", metavar="X", help="Learning rate.  [default: 0.001]")
@stage_flags("embed", "score", "select", "train", kind=NameList())
@option_flags("Any other option, as train.weight_decay=5e-4; see show.")
@plugin_files
@click.option(
    "--preset",
    shell_complete=completion.preset_list,
    type=NameList(),
    help="Ready-made settings, see list-presets.",
)
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE.toml", help="A configuration file.")
@click.option("--print-config", is_flag=True, help="Print the complete configuration and stop.")
@click.option("--dry-run", is_flag=True, help="Print the trials and what exists of them, and stop.")
@click.option("--force", is_flag=True, help="Start the trials anew: what exists of them is removed.")
@click.option("--jobs", type=int, metavar="N", help="Trials side by side, each in a process.  [default: 1]")
@click.option("--device", metavar="NAME", help="auto, cpu, cuda, cuda:1, ...  [default: auto]")
@click.option("--out", metavar="DIR", help="Folder for the runs.  [default: runs]")
@click.option(
    "--log",
    type=NameList(),
    shell_complete=completion.listener_list,
    help="Also write csv, tensorboard, or what other plugins offer.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@click.option(
    "--display", type=click.Choice(["auto", "rich", "plain", "none"]), default="auto", help="Progress."
)
@click.option("-q", "--quiet", is_flag=True, help="Print results and errors only.")
@click.option(
    "-v",
    "--verbose",
    is_flag=True,
    is_eager=True,  # before a plugin's file is imported
    callback=_set_verbose,
    help="Print tracebacks of errors.",
)
def run(
    overrides: tuple[tuple[str, str, str], ...],
    preset: list[str] | None,
    config: Path | None,
    print_config: bool,
    dry_run: bool,
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
    from alframe.errors import TrialError
    from alframe.experiments.configuration import merge, read_toml
    from alframe.experiments.data import LoadedData
    from alframe.experiments.plan import plan, suited_plan
    from alframe.experiments.run import executor_for, run_planned
    from alframe.experiments.sweep import as_sections, resolve_presets
    from alframe.records.writing import require_writable
    from alframe.registry.registry import installed
    from alframe_cli.display import make_display
    from alframe_cli.planned import print_left_out, print_plan
    from alframe_cli.results import print_results

    registry = installed()
    given = merge(read_toml(config) if config else {}, _sections(flags, overrides))
    settings = resolve_presets(registry, preset or [], given)
    if print_config:
        import tomli_w

        if len(preset or []) > 1:
            raise click.UsageError("several presets are not one configuration: print one at a time")
        click.echo(tomli_w.dumps(as_sections(settings, given)), nl=False)
        return 0
    asks_for_all = any(one.asks_for_all for one in settings)
    if dry_run and not asks_for_all:
        print_plan(plan(settings), as_json)
        return 0
    if not dry_run:
        for out in {one.run.out for one in settings}:
            require_writable(Path(out))
    data = LoadedData()
    planned, left_out = suited_plan(settings, data)
    if asks_for_all and not quiet:
        print_left_out(left_out, settings, registry)
    if dry_run:
        print_plan(planned, as_json)
        return 0
    unused = {name for one in settings for name in one.unused_sections()}
    for name in [] if quiet else sorted(unused & given.keys()):  # a preset has options for whoever may run
        click.echo(f"note: options of {name!r} are given, but no strategy here uses it", err=True)
    rounds = sum(trial.settings.run.rounds + 1 for trial in planned)
    executor = executor_for(planned, registry, data, force=force)
    try:
        with make_display(display, quiet, len(planned), rounds) as shown:
            result = run_planned(planned, executor, shown, several=len(settings) > 1)
    except KeyboardInterrupt as stop:
        raise click.Abort("the same command continues where this one stopped") from stop
    for trial, failure in result.failed:
        if verbose:
            traceback.print_exception(failure)
        click.echo(f"error: {trial.name}: {failure}", err=True)
    print_results(settings, result.done, result.failed, as_json)
    return TrialError.exit_code if result.failed else 0


def _sections(
    flags: dict[str, Any], overrides: tuple[tuple[str, str, str], ...]
) -> dict[str, dict[str, Any]]:
    from alframe.experiments.configuration import merge

    sections: dict[str, dict[str, Any]] = {}
    for flag, value in flags.items():
        if value is not None:
            section, _, key = FLAGS[flag].partition(".")
            sections.setdefault(section, {})[key] = value
    return merge(sections, by_section(overrides))
