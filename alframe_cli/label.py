"""``label PATH`` opens a session in the browser; ``label status`` and the others work on one."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alframe.errors import UsageError
from alframe_cli import completion
from alframe_cli.params import files_given, plugin_files
from alframe_cli.plain_text import echo

if TYPE_CHECKING:
    from alframe.labelling.session import Session

STRATEGY, AUTO, NONE = "badge", "auto", "none"
AUDIT, ACTIVE = 100, "active"
COMMANDS = {
    "status": ("alframe_cli.label_session:status", "Say how far a session is."),
    "export": ("alframe_cli.label_session:export", "Write the labels of a session to a file."),
    "import": ("alframe_cli.label_session:import_", "Take labels from a file into a session."),
    "predict": ("alframe_cli.label_predict:predict", "Write what the model says of the unlabelled samples."),
    "simulate": (
        "alframe_cli.label_simulate:simulate",
        "Let an oracle label a data set, to see how it goes.",
    ),
    "backend": ("alframe_cli.label_backend:backend", "Serve a session's model to Label Studio."),
}


class LabelGroup(click.Group):
    """Takes what is no command for the path of what is to be labelled."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names, in order of need."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports the command."""
        if cmd_name == open_session.name:
            return open_session
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Opens a session unless a command is named first; ``--simulate DATASET`` is one, too."""
        if args and args[0].partition("=")[0] == "--simulate":
            args = ["simulate", *([args[0].partition("=")[2]] if "=" in args[0] else []), *args[1:]]
        if args and args[0] not in COMMANDS and args[0] not in ctx.help_option_names:
            args = [open_session.name or "", *args]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Calls what opens a session PATH, so that hints say what can be typed."""
        name, command, rest = super().resolve_command(ctx, args)
        return "PATH" if command is open_session else name, command, rest

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The usual command, and the others."""
        formatter.write_usage(ctx.command_path, "PATH [OPTIONS]")
        formatter.write_usage(ctx.command_path, "COMMAND [OPTIONS] SESSION", prefix="       ")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The flags of ``label PATH``, and the commands, without importing any."""
        open_session.format_options(ctx, formatter)
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(cls=LabelGroup, no_args_is_help=True)
def label() -> None:
    """Label images or texts in the browser; a model beside you chooses what comes next.

    PATH is a folder of images, a file of texts, what a plugin knows, or the folder of an earlier session,
    which goes on. Every answer is on the disk before the next sample comes. The session lies beside PATH, in
    PATH.alframe.

    \b
    alframe label photos --classes cat,dog
    alframe label reviews.csv --text review --classes good,bad
    alframe label photos --per-person ada,bob --overlap 0.1
    alframe label export photos.alframe --to csv
    """  # noqa: D301 - click's mark that keeps lines apart is the character itself


def _names(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(part.strip() for part in value.split(",") if part.strip())


class AuditSize(click.ParamType):
    """A number of samples, or how the usual number of them is drawn."""

    name = "N|active"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """A number, or "active"."""
        if value == ACTIVE or isinstance(value, int):
            return value
        if not (str(value).isascii() and str(value).isdigit() and len(value) < 10):
            self.fail(f"{value!r} is no number of samples, and not {ACTIVE!r}", param, ctx)
        return int(value)


@click.command(name="open", hidden=True)
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--classes", callback=_names, metavar="A,B", help="The classes; more can be added on the page.")
@click.option(
    "--session", type=click.Path(path_type=Path), metavar="DIR", help="Its folder.  [default: PATH.alframe]"
)
@click.option(
    "--kind",
    metavar="NAME",
    shell_complete=completion.source_kind,
    help="What PATH is: images, texts, or a plugin's kind of source.  [default: told by PATH]",
)
@click.option("--text", metavar="COLUMN", help="Column of the texts, where PATH is a table.")
@click.option("--strategy", default=STRATEGY, show_default=True, help="What chooses the next samples.")
@click.option("--model", default=AUTO, show_default=True, help="The network; none: without a model.")
@click.option(
    "--audit",
    type=AuditSize(),
    default=AUDIT,
    show_default=True,
    help="Samples that estimate the accuracy and are never learned; active: as many, by --audit-by active.",
)
@click.option(
    "--audit-by",
    type=click.Choice(["random", ACTIVE]),
    default="random",
    show_default=True,
    help="How those are drawn.",
)
@click.option("--until", type=click.FloatRange(0, 1), metavar="X", help="The accuracy that is enough.")
@click.option(
    "--per-person", "people", callback=_names, metavar="A,B", help="Who labels, each at an own address."
)
@click.option(
    "--overlap",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Share of the samples that two people see.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Draws the audit and random orders.")
@click.option(
    "--notify",
    callback=_names,
    metavar="NAME,NAME",
    shell_complete=completion.session_listeners,
    help="Plugins that hear of each answer.",
)
@plugin_files
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="[default: one that is free]")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--i-trust-this-network", "trusted", is_flag=True, help="Allow another --host than this machine."
)
@click.option("--no-browser", is_flag=True, help="Print the address and open nothing.")
def open_session(path: Path, **given: Any) -> None:
    """Label what is at PATH."""
    from alframe.labelling.serving import serve, take_place

    needs_extra()
    from alframe.labelling.server import make_app

    if given["audit"] == ACTIVE:
        given |= {"audit": AUDIT, "audit_by": ACTIVE}
    ears = _ears(given["notify"] or ())
    with session_of(path, given) as session:
        for note in session.notes:
            echo(f"note: {note}", err=True)
        people = session.settings.people
        telling = telling_of(session, ears)
        place = take_place(session.folder, people, given["host"], given["port"], given["trusted"])
        app = make_app(session, learner_of(session), place.tokens, place.hosts, given["until"], telling)
        try:
            serve(app, place, lambda: _tell(session, place.addresses(), not given["no_browser"]))
        finally:
            if telling is not None:
                telling.close()
    echo(f"every answer is on the disk; `alframe label {session.folder}` goes on", err=True)


def needs_extra() -> None:
    """Says what to install where the extra is not.

    Raises:
        UsageError: it is not.
    """
    from importlib.util import find_spec

    for name in ("starlette", "uvicorn", "PIL"):
        if find_spec(name) is None:
            raise UsageError(
                f'`alframe label` needs {name}, which is not installed: pip install "alframe[label]"'
            )


def session_of(path: Path, given: dict[str, Any]) -> Session:
    """The session of what is at a path: an earlier one, or a new one.

    Raises:
        UsageError: there is nothing at the path, or the session can't be made or opened.
    """
    from alframe.labelling.opening import default_folder
    from alframe.labelling.session import Session
    from alframe.labelling.settings import FILE, SessionSettings
    from alframe.labelling.sources import kind_of

    folder = given["session"] or default_folder(path)
    if (path / FILE).is_file() and given["session"] is None:
        folder = path
    if (folder / FILE).is_file():
        session = Session.open(folder)
        _say_what_stays(session, given)
        return session
    check_names(given["strategy"], given["model"])
    names = ("text", "strategy", "model", "audit", "audit_by", "overlap", "seed")
    settings = {name: given[name] for name in names}
    settings |= {"classes": given["classes"] or (), "people": given["people"] or ("me",)}
    kind = kind_of(path, given["kind"])
    return Session.create(path, folder, SessionSettings(source=str(path), kind=kind, **settings))


def check_names(strategy: str, model: str) -> None:
    """The process that learns would find out later what is no strategy and no network.

    Raises:
        UsageError: there is none of that name.
    """
    if (strategy, model) == (STRATEGY, AUTO):  # nothing that takes time
        return
    from alframe.registry.offers import MODELS
    from alframe.registry.registry import installed

    installed().plugin(strategy, "strategy")
    if model not in (AUTO, NONE):
        installed().offers.located(MODELS, model)


def _say_what_stays(session: Session, given: dict[str, Any]) -> None:
    """An earlier session has its settings; flags that say otherwise are named."""
    context = click.get_current_context()
    default = click.core.ParameterSource.DEFAULT
    for name in (
        "classes",
        "kind",
        "text",
        "strategy",
        "model",
        "audit",
        "audit_by",
        "overlap",
        "seed",
        "people",
    ):
        stored = getattr(session.settings, name)
        if context.get_parameter_source(name) != default and given[name] != stored:
            said = ",".join(stored) if isinstance(stored, tuple) else stored
            flag = {"people": "per-person", "audit_by": "audit-by"}.get(name, name)
            echo(f"note: --{flag} is that of the session, {said}: it was there before", err=True)


def learner_of(session: Session) -> Any:
    """The process that learns; None where the session goes without a model."""
    if not session.learns:
        return None
    from alframe.labelling.learner_process import LearnerProcess

    return LearnerProcess(session.folder, plugins=files_given())


def _ears(names: Sequence[str]) -> frozenset[str]:
    """The plugins that are to hear of each answer; none is looked up where none is named.

    Raises:
        UsageError: there is no such plugin, or it has no ear for answers.
        PluginError: it can't be used.
    """
    if not names:
        return frozenset()
    from alframe.registry.listeners import require_listeners
    from alframe.registry.registry import installed

    return require_listeners(installed(), names, "--notify")


def telling_of(session: Session, ears: frozenset[str]) -> Any:
    """What tells plugins of each answer; None where there are none."""
    if not ears:
        return None
    from alframe.labelling.telling import Telling
    from alframe.registry.registry import installed

    return Telling(session, installed(), ears, lambda note: echo(f"note: {note}", err=True))


def _tell(session: Session, addresses: dict[str, str], browser: bool) -> None:
    """Prints where the page is."""
    count = len(session.samples)
    counts = f"{count:,} {'sample' if count == 1 else 'samples'}, {len(session.labels()):,} labelled"
    echo(f"{counts}; the session is {session.folder}", err=True)
    for person, address in addresses.items():
        echo(address if len(addresses) == 1 else f"{person}: {address}")
    echo("Ctrl-C ends it", err=True)
    if browser and len(addresses) == 1:
        import webbrowser

        webbrowser.open(next(iter(addresses.values())))
