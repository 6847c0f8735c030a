"""``label status``, ``label export``, ``label import``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alframe_cli.params import as_json
from alframe_cli.plain_text import echo

if TYPE_CHECKING:
    from alframe.labelling.session import Session

session_argument = click.argument("session", type=click.Path(path_type=Path))
ENDINGS = {"csv": ".csv", "jsonl": ".jsonl", "imagefolder": "", "coco": ".json", "label-studio": ".json", "dataset": ".npz"}


@click.command()
@session_argument
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
    for title in ("class", "person"):
        rows = [(name, f"{number:,}") for name, number in progress[f"by_{title}"].items()]
        if rows:
            print_table((title, "labels"), rows, right=("labels",))
    differing = opened.disagreements()
    if differing:
        echo(f"{len(differing):,} samples on which people differ: `alframe label {opened.folder}`, then a")


def folder_of(path: Path) -> Path:
    """The session's folder, also where what it labels is named."""
    beside = path.with_name(f"{path.name}.alframe")
    return beside if not (path / "session.toml").is_file() and beside.is_dir() else path


def say_notes(session: Session) -> None:
    """Notes are not results."""
    for note in session.notes:
        echo(f"note: {note}", err=True)
