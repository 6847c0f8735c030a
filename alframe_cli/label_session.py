"""``label status``, ``label export``, ``label import``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alframe_cli import completion
from alframe_cli.params import as_json, plugin_files
from alframe_cli.plain_text import echo

if TYPE_CHECKING:
    from alframe.labelling.session import Session

session_argument = click.argument("session", type=click.Path(path_type=Path))


@click.command()
@session_argument
@plugin_files
@as_json
def status(session: Path, as_json: bool) -> None:
    """Say how far SESSION is: labels by class and by person, speed, agreement."""
    from alframe.labelling.session import Session
    from alframe_cli.output import print_json, print_table

    opened = Session.read(folder_of(session))
    say_notes(opened)
    progress = opened.progress()
    if as_json:
        print_json(progress)
        return
    left = progress["total"] - progress["labelled"] - progress["skipped"] - progress["unsure"]
    echo(f"{opened.folder}: {progress['labelled']:,} of {progress['total']:,} labelled, {left:,} to go")
    echo(f"{progress['skipped']:,} skipped, {progress['unsure']:,} unsure")
    echo(f"{progress['audited']:,} of {progress['audit']:,} audit samples labelled")
    for title, numbers in (("class", progress["classes"]), ("person", progress["people"])):
        if numbers:
            rows = [(name, f"{number:,}") for name, number in numbers.items()]
            print_table((title, "labels"), rows, right=("labels",))
    if (together := progress["agreement"]) is not None:
        value = "none" if together["value"] is None else f"{together['value']:.3f}"
        echo(
            f"{together['measure']} of {together['samples']:,} samples that several people labelled: {value}"
        )
    if progress["disagreements"]:
        differing = f"{progress['disagreements']:,} samples on which people differ"
        echo(f"{differing}: open the session, press a, and settle them")


def folder_of(path: Path) -> Path:
    """The session's folder, also where what it labels is named."""
    beside = path.with_name(f"{path.name}.alframe")
    return beside if not (path / "session.toml").is_file() and beside.is_dir() else path


def say_notes(session: Session) -> None:
    """Notes are not results."""
    for note in session.notes:
        echo(f"note: {note}", err=True)


@click.command()
@session_argument
@click.option(
    "--to",
    "format_",
    default="csv",
    show_default=True,
    metavar="FORMAT",
    shell_complete=completion.written_format,
    help="csv, jsonl, imagefolder, coco, label-studio, dataset, or a plugin's.",
)
@click.option("--out", type=click.Path(path_type=Path), metavar="PATH", help="[default: beside the session]")
@plugin_files
def export(session: Path, format_: str, out: Path | None) -> None:
    """Write the labels of SESSION to a file: the latest of each sample, without what people differ on."""
    from alframe.labelling.session import Session

    opened = Session.read(folder_of(session))
    say_notes(opened)
    written(opened, format_, out, None)


def written(session: Session, format_: str, out: Path | None, predictions: dict[int, Any] | None) -> None:
    """Writes a format, and says where."""
    from alframe.labelling.formats.catalogue import writing

    write, suffix = writing(format_)
    path = out or beside(session, file_name(format_, suffix))
    if predictions is None and not session.labels():
        echo("note: there are no labels yet", err=True)
    for note in write(session, path, predictions):
        echo(f"note: {note}", err=True)
    echo(str(path))


def file_name(format_: str, suffix: str) -> str:
    """Of the labels in a format; no two formats have one, so that none overwrites another's."""
    return f"labels{suffix}" if suffix == f".{format_}" else f"labels-{format_}{suffix}"


def beside(session: Session, name: str) -> Path:
    """A file beside the session, called as what it labels."""
    folder = session.folder.resolve()
    return folder.with_name(f"{folder.name.removesuffix('.alframe')}-{name}")


@click.command(name="import")
@session_argument
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--from",
    "format_",
    metavar="FORMAT",
    shell_complete=completion.read_format,
    help="csv, jsonl, imagefolder, coco, label-studio, or a plugin's.  [default: told by the file]",
)
@plugin_files
def import_(session: Path, file: Path, format_: str | None) -> None:
    """Take the labels in FILE into SESSION, which no page may have open.

    A label that is there already stays what it is; one that differs is overruled, and counted.
    """
    from alframe.labelling.formats.catalogue import import_labels
    from alframe.labelling.session import Session

    with Session.open(folder_of(session)) as opened:
        found = import_labels(opened, file, format_)
        say_notes(opened)
        for note in found.notes:
            echo(f"note: {note}", err=True)
        labels = sum(one["event"] == "label" for one in found.events)
        echo(f"{labels:,} labels were taken in; {opened.progress()['labelled']:,} samples are labelled")
