"""The command group, and what every error ends with.

A command's module is imported when the command is used, so that ``--help`` is instant.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

from alframe.errors import AlframeError
from alframe_cli.plain_text import echo, print_traceback, print_usage_error

COMMANDS = {
    "run": ("alframe_cli.run:run", "Run strategies on a data set and compare their learning curves."),
    "compare": ("alframe_cli.compare:compare", "Compare the strategies of runs, and say what they show."),
    "query": ("alframe_cli.query:query", "Choose the rows of a pool to label next, by features in files."),
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
FAILED = 1
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
def cli() -> None:
    """Deep active learning: choose which samples to label, and compare the ways to choose."""


def main(args: list[str] | None = None) -> NoReturn:
    """Runs the command line and exits: 0 ok, 1 a trial failed, 2 usage, 3 a plugin, 130 interrupted."""
    # Before torch is imported: its threads then wait asleep. By default they turn in a loop, and beside
    # a busy program hold each other up many times as long as they compute.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    shared: dict[str, Any] = {"verbose": False}
    try:
        code = cli.main(args, prog_name="alframe", obj=shared, standalone_mode=False)
    except AlframeError as error:
        if shared["verbose"]:
            print_traceback(error)
        echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        print_usage_error(error)
        sys.exit(error.exit_code)
    except click.Abort as stop:
        echo(f"interrupted; {stop}" if stop.args else "interrupted", err=True)
        sys.exit(INTERRUPTED)
    except OSError as error:  # standard output is a file on a full disk, say
        if shared["verbose"]:
            print_traceback(error)
        echo(f"error: {error}", err=True)
        sys.exit(FAILED)
    sys.exit(code if isinstance(code, int) else 0)
