"""``run``: strategies on a data set, over seeds, written to a folder."""

from __future__ import annotations

import contextlib
import traceback
from pathlib import Path
from typing import Any

import click

from alframe_cli import completion
from alframe_cli.params import NameList, Override, SeedList, plugin_files

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
    shell_complete=completion.data_set,
    metavar="NAME",
    help="Data set, see list-datasets.  [default: digits]",
)
@click.option(
    "--data-dir", metavar="DIR", envvar="ALFRAME_DATA_DIR", help="Folder of data sets.  [default: data]"
)
@click.option("--download", is_flag=True, default=None, help="Fetch what is missing in --data-dir.")
@click.option(
    "--model",
    shell_complete=completion.model,
    metavar="NAME",
    help="Network, see list-models.  [default: mlp]",
)
@click.option("--seeds", type=SeedList(), help="One trial a strategy and seed.  [default: 1-5]")
@click.option("--initial-size", type=int, metavar="N", help="Samples labelled at the start.  [default: 100]")
@click.option("--initial", metavar="random|balanced", help="How those are drawn.  [default: random]")
@click.option("--query-size", type=int, metavar="N", help="Samples labelled a round.  [default: 100]")
@click.option("--query-growth", type=float, metavar="X", help="Growth of that each round.  [default: 1.0]")
@click.option("--rounds", type=int, metavar="N", help="Queries.  [default: 10]")
@click.option("--epochs", type=int, metavar="N", help="Most epochs a round.  [default: 200]")
@click.option("--batch-size", type=int, metavar="N", help="Samples a gradient step.  [default: 64]")
@click.option("--learning-rate", type=float, metavar="X", help="Learning rate.  [default: 0.001]")
@click.option(
    "--embed",
    shell_complete=completion.provider("embed"),
    metavar="NAME",
    help="Plugin that embeds, in the strategy's place.",
)
@click.option(
    "--score",
    shell_complete=completion.provider("score"),
    metavar="NAME",
    help="Plugin that scores, in the strategy's place.",
)
@click.option(
    "--select",
    shell_complete=completion.provider("select"),
    metavar="NAME",
    help="Plugin that selects, in the strategy's place.",
)
@click.option(
    "--train",
    shell_complete=completion.provider("train"),
    metavar="NAME",
    help="Plugin that trains, in the strategy's place.",
)
@click.option(
    "-o",
    "overrides",
    shell_complete=completion.option_name,
    type=Override(),
    multiple=True,
    help="Any other option, as train.weight_decay=5e-4; see show.",
)
@plugin_files
@click.option(
    "--preset",
    shell_complete=completion.preset,
    metavar="NAME",
    help="A ready-made setting, see list-presets.",
)
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE.toml", help="A configuration file.")
@click.option("--print-config", is_flag=True, help="Print the complete configuration and stop.")
@click.option("--dry-run", is_flag=True, help="Print the trials and what exists of them, and stop.")
@click.option("--force", is_flag=True, help="Start the trials anew: what exists of them is removed.")
@click.option("--jobs", type=int, metavar="N", help="Trials side by side, each in a process.  [default: 1]")
@click.option("--device", metavar="NAME", help="auto, cpu, cuda, cuda:1, ...  [default: auto]")
@click.option("--out", metavar="DIR", help="Folder for the runs.  [default: runs]")
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
    preset: str | None,
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
    r"""Run strategies on a data set and compare their learning curves.

    The same command continues what was interrupted, and prints the results of what is finished.

    \b
    alframe run --strategy alfamix
    alframe run --strategy alfamix,margin,random --seeds 1-10 --rounds 5
    alframe run --preset mnist-mlp --data-dir data --strategy alfamix,random
    """
    from alframe.experiment import load_data, suited, trials
    from alframe.registry import installed
    from alframe.runs import require_writable
    from alframe.settings import merge, read_toml, resolve

    registry = installed()
    settings = resolve(
        registry,
        merge(
            registry.resource("preset", preset).value.settings if preset else {},
            read_toml(config) if config else {},
            _sections(flags, overrides),
        ),
    )
    if print_config:
        import tomli_w

        click.echo(tomli_w.dumps(settings.sections()), nl=False)
        return 0
    planned = trials(settings)
    if dry_run and not settings.asks_for_all:
        _print_plan(planned, as_json)
        return 0
    if not dry_run:
        require_writable(Path(settings.run.out))
    dataset = load_data(settings)
    planned, left_out = suited(planned, dataset, registry)
    if settings.asks_for_all and not quiet:
        broken = {name: reason for name, _, reason in registry.problems()}
        for name, reason in {**left_out, **broken}.items():
            click.echo(f"note: {name} is left out: {reason}", err=True)
    if dry_run:
        _print_plan(planned, as_json)
        return 0
    for name in [] if quiet else settings.unused_sections():
        click.echo(f"note: options of {name!r} are given, but no strategy here uses it", err=True)
    return _run(
        registry,
        settings,
        planned,
        dataset,
        force=force,
        as_json=as_json,
        display=display,
        quiet=quiet,
        verbose=verbose,
    )


def _sections(
    flags: dict[str, Any], overrides: tuple[tuple[str, str, str], ...]
) -> dict[str, dict[str, Any]]:
    sections: dict[str, dict[str, Any]] = {}
    for flag, value in flags.items():
        if value is not None:
            section, _, key = FLAGS[flag].partition(".")
            sections.setdefault(section, {})[key] = value
    for section, key, text in overrides:
        sections.setdefault(section, {})[key] = text
    return sections


def _run(
    registry: Any,
    settings: Any,
    planned: list[Any],
    dataset: Any,
    *,
    force: bool,
    as_json: bool,
    display: str,
    quiet: bool,
    verbose: bool,
) -> int:
    from alframe.errors import TrialError
    from alframe.jobs import run_in_turn, run_side_by_side
    from alframe_cli.display import make_display
    from alframe_cli.results import print_results

    done = []
    failed = []
    left_out = set()
    jobs = min(settings.run.jobs, len(planned))
    with contextlib.ExitStack() as stack:
        shown = stack.enter_context(make_display(display, quiet, len(planned), settings.run.rounds + 1))
        if jobs > 1:
            outcomes = run_side_by_side(planned, shown, jobs, force=force)
        else:
            outcomes = run_in_turn(planned, dataset, registry, shown, force=force)
        for trial, outcome in stack.enter_context(contextlib.closing(outcomes)):
            if isinstance(outcome, TrialError):
                failed.append((trial, outcome))
                shown.trial_failed(trial, outcome)
            elif not isinstance(outcome, Exception):
                done.append((trial, outcome))
            elif not settings.asks_for_all:  # what nobody asked for by name ends no run
                raise outcome
            elif trial.strategy not in left_out:
                left_out.add(trial.strategy)
                shown.note(f"{trial.strategy} is left out: {outcome}")
    for trial, failure in failed:
        if verbose:
            traceback.print_exception(failure)
        click.echo(f"error: {trial.strategy} seed {trial.seed}: {failure}", err=True)
    print_results(settings, done, failed, as_json)
    return TrialError.exit_code if failed else 0


def _print_plan(planned: list[Any], as_json: bool) -> None:
    from alframe_cli.output import print_json, print_table

    rows = [
        {
            "strategy": trial.strategy,
            "seed": trial.seed,
            "state": _state(trial),
            "folder": str(trial.folder),
        }
        for trial in planned
    ]
    if as_json:
        print_json(rows)
    else:
        print_table(("strategy", "seed", "state", "folder"), [tuple(map(str, row.values())) for row in rows])


def _state(trial: Any) -> str:
    from alframe.errors import TrialError
    from alframe.runs import TrialFolder

    folder = TrialFolder(trial.folder)
    try:
        recorded, finished = folder.progress()
    except TrialError:  # another version of alframe wrote it
        return "not readable"
    total = trial.settings.run.rounds + 1
    state = "finished" if finished else f"{recorded} of {total}" if recorded else "new"
    return f"damaged, {state}" if folder.notes else state
