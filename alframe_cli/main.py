"""The command group, and what every error ends with.

A command's module is imported when the command is used, so that ``--help`` is instant.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

from alframe.errors import AlframeError, UsageError, one_line, reason
from alframe_cli import interrupts, streams
from alframe_cli.plain_text import echo, print_traceback, print_usage_error

COMMANDS = {
    "demo": ("alframe_cli.demo:demo", "See it in a minute: a comparison, a query, a labelled folder."),
    "run": ("alframe_cli.run:run", "Run strategies on a data set and compare their learning curves."),
    "compare": ("alframe_cli.compare:compare", "Compare the strategies of runs, and say what they show."),
    "query": ("alframe_cli.query:query", "Choose the rows of a pool to label next, by what is in files."),
    "embed": ("alframe_cli.embed:embed", "Write features of a data set to files, for `query`."),
    "label": ("alframe_cli.label:label", "Label images or texts in the browser, a model beside you."),
    "work": ("alframe_cli.work:work", "Run trials that `run --write-tasks` wrote down, on any machine."),
    "status": ("alframe_cli.status:status", "Show which trials are queued, run, have failed or are done."),
    "cancel": (
        "alframe_cli.cancel:cancel",
        "End the jobs that `run --executor` started for a folder of runs.",
    ),
    "list-strategies": ("alframe_cli.listing:list_strategies", "List the installed strategies."),
    "list-datasets": ("alframe_cli.listing:list_datasets", "List the data sets."),
    "list-models": ("alframe_cli.listing:list_models", "List the networks."),
    "list-presets": ("alframe_cli.listing:list_presets", "List the ready-made settings."),
    "show": (
        "alframe_cli.show:show",
        "Show a strategy, data set, network, preset or section with its options.",
    ),
    "new-plugin": ("alframe_cli.new_plugin:new_plugin", "Make a package for a plugin of your own."),
    "check": ("alframe_cli.check:check", "Check that a plugin does what plugins promise."),
    "doctor": ("alframe_cli.doctor:doctor", "Say what is wrong with the installation, and what to do."),
    "completion": ("alframe_cli.completion:completion", "Print the script that lets a shell complete."),
}
NO_NAMES = (errno.ENAMETOOLONG, errno.ELOOP)  # what the system says of paths that no file can have
FAILED = 1
BUG = 4
INTERRUPTED = 130


class LazyGroup(click.Group):
    """A group that knows its commands' names and one-line helps without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names, in the order a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports the command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Adds what was probably meant to the error for an unknown command."""
        from alframe.errors import unknown_name

        if args and not ctx.resilient_parsing and not args[0].startswith("-") and args[0] not in COMMANDS:
            raise unknown_name("command", args[0], COMMANDS, "See `alframe --help`.")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Completes commands without importing any, and the group's own flags."""
        found = [
            CompletionItem(name, help=summary)
            for name, (_, summary) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the list of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version

        echo(f"alframe {version('alframe')}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with:  alframe run --strategy alfamix",
)
@click.option(
    "--version",
    is_flag=True,
    callback=_print_version,
    expose_value=False,
    is_eager=True,
    help="Show the version.",
)
@click.option("-v", "verbose", is_flag=True, help="Print tracebacks of errors, of any command.")
@click.pass_context
def cli(ctx: click.Context, verbose: bool) -> None:
    """Deep active learning: choose which samples to label, and compare the ways to choose."""
    if ctx.obj is not None:  # what `main` reads when an error arrives there
        ctx.obj["verbose"] = verbose


def main(args: list[str] | None = None) -> NoReturn:
    """Runs the command line and exits, with one of the codes that docs/cli.md lists."""
    # Before torch is imported: its threads then wait asleep. By default they turn in a loop, and beside
    # a busy program hold each other up many times as long as they compute.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    shared: dict[str, Any] = {"verbose": False}
    with interrupts.second_one_ends_at_once(INTERRUPTED):
        sys.exit(_ended(args, shared))


def _ended(args: list[str] | None, shared: dict[str, Any]) -> int:
    """Runs the command line; the exit code."""
    try:
        with streams.robust(), streams.warnings_as_notes(), streams.faults_as_notes():
            try:
                code = cli.main(args, prog_name="alframe", obj=shared, standalone_mode=False)
                return code if isinstance(code, int) else 0
            except BaseException as error:
                return _told(error, shared["verbose"])
    except OSError as error:  # standard output is a file on a full disk, say, and this shows at the end
        return _told(error, shared["verbose"])


def _answers_a_shell() -> bool:
    """Whether a shell asked what may follow: click answers, and ends the program itself."""
    from alframe_cli.completion import VARIABLE

    return VARIABLE in os.environ


def _told(error: BaseException, verbose: bool) -> int:
    """Says in a line why a command ended; the exit code."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, SystemExit) and _answers_a_shell():
        return error.code if isinstance(error.code, int) else 0
    if isinstance(error, click.ClickException):
        print_usage_error(error)
        return error.exit_code
    if isinstance(error, click.Abort | KeyboardInterrupt):
        echo(f"interrupted; {error}" if error.args else "interrupted", err=True)
        return INTERRUPTED
    if verbose:
        print_traceback(error)
    if isinstance(error, AlframeError):
        echo(f"error: {one_line(error) or reason(error)}", err=True)
        return error.exit_code
    if isinstance(error, OSError) and error.errno in NO_NAMES:
        echo(f"error: {error.filename or 'a path'} can't be read: {error.strerror}", err=True)
        return UsageError.exit_code
    if isinstance(error, MemoryError | OSError):  # standard output is a file on a full disk, say
        echo(f"error: {error}" if one_line(error) else "error: out of memory", err=True)
        return FAILED
    if isinstance(error, SystemExit):  # not click's; with its own exit code a run would pass for done
        echo(f"error: the code of a plugin or a library asked to end the program: {reason(error)}", err=True)
        return FAILED
    advice = "" if verbose else "; `alframe -v COMMAND ...` prints where it is"
    echo(f"error: {reason(error)}. This is a bug in alframe: please report it{advice}", err=True)
    return BUG
