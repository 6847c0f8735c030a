"""Writes docs/cli.md, the page of the command line, from what each command's ``--help`` prints.

Run it when a command or a flag has changed: ``python docs/_ext/cli_page.py``.
"""

from __future__ import annotations

from pathlib import Path

import click

from alframe_cli.main import COMMANDS, cli

PAGE = Path(__file__).parents[1] / "cli.md"
WIDTH = 80  # whatever the terminal is
HEAD = """\
<!-- Made by `python docs/_ext/cli_page.py` from the commands themselves: change those, not this page. -->

# The command line

Each command and its flags, as `--help` prints them. Every flag of `alframe run` also has a key in a
[configuration file](guide/running.md#configuration). `alframe show NAME` lists the options of a strategy,
data set, network or section, which `-o` sets. `alframe --version` prints the version.

| command | does |
|---|---|
"""
TAIL = """\
## Exit codes

| code | means |
|---|---|
| 0 | done |
| 1 | a trial or a check of the kit has failed, a file is damaged, or `alframe doctor` has found a problem |
| 2 | usage or configuration: a wrong name, flag or option, or missing data |
| 3 | a plugin is broken |
| 4 | a bug in alframe itself: `alframe -v COMMAND ...` prints where it is |
| 130 | interrupted; `alframe run` goes on where it was with the same command |

Results go to standard output, progress and notes to standard error, and so does whatever plugins print.
`--json` prints results for programs. `alframe -v COMMAND ...` prints tracebacks of errors.

The exit code says what became of the work. A reader that goes away, as in `alframe compare | head -1`, or a
standard output that is closed is no failure; results that can't be written, as on a full disk, are 1.
Progress that can't be written is dropped. Signs that an encoding does not have are written in ASCII, `±` as
`+/-`.

The first Ctrl-C ends a run in good order: processes of `--jobs` that do not end within 5 seconds are killed.
The second ends it at once.

## Environment variables

| variable | says |
|---|---|
| `ALFRAME_DATA_DIR` | the folder of data sets, where `--data-dir` is not given |
| `ALFRAME_PLUGINS` | files of plugins that every command loads, separated as in `PATH` |
| `ALFRAME_DISABLE_PLUGINS` | plugins to leave out, separated by commas; `*` means all third parties' |
| `OMP_NUM_THREADS` | how many threads may be used; see [performance](guide/performance.md#threads) |
| `OMP_WAIT_POLICY` | how threads wait for each other; `alframe` sets `PASSIVE` if it is not set |
"""


def help_of(name: str) -> str:
    """What ``alframe NAME --help`` prints in a terminal of `WIDTH` columns, without colour.

    Args:
        name: a command, or a group and one of its commands.
    """
    context = click.Context(cli, info_name="alframe", **cli.context_settings)
    for word in name.split():
        assert isinstance(context.command, click.Group)
        command = context.command.get_command(context, word)
        if command is None:
            raise KeyError(name)
        settings = command.context_settings | {"terminal_width": WIDTH}
        context = click.Context(command, parent=context, info_name=word, **settings)
    return click.unstyle(context.command.get_help(context))


def names() -> list[str]:
    """The commands, and those of groups."""
    found = []
    context = click.Context(cli)
    for name in COMMANDS:
        found.append(name)
        command = cli.get_command(context, name)
        if isinstance(command, click.Group):
            found += [f"{name} {inner}" for inner in command.list_commands(context)]
    return found


def page() -> str:
    """The whole page."""
    rows = [f"| [`alframe {name}`](#alframe-{name}) | {summary} |" for name, (_, summary) in COMMANDS.items()]
    parts = [f"## alframe {name}\n\n```text\n{help_of(name).rstrip()}\n```\n" for name in names()]
    return "\n".join([HEAD + "\n".join(rows) + "\n", *parts, TAIL])


if __name__ == "__main__":
    PAGE.write_text(page())
