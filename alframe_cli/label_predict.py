"""``label predict``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alframe.errors import TrialError, UsageError
from alframe_cli.label_session import beside, folder_of, say_notes, session_argument, written
from alframe_cli.params import plugin_files
from alframe_cli.plain_text import echo

if TYPE_CHECKING:
    from alframe.labelling.session import Session

COLUMNS = ("sample", "predicted", "p", "score", "model")
LOOK = 0.1  # seconds between looks at the process that learns


@click.command()
@session_argument
@click.option(
    "--to",
    "format_",
    type=click.Choice(["csv", "label-studio"]),
    default="csv",
    show_default=True,
    help="The format.",
)
@click.option("--out", type=click.Path(path_type=Path), metavar="PATH", help="[default: beside the session]")
@plugin_files
def predict(session: Path, format_: str, out: Path | None) -> None:
    """Train on the labels of SESSION, and write what the model says of the unlabelled samples.

    Those that the strategy would label next come first. For Label Studio they are tasks with predictions,
    which its free edition can order by data.alframe_score.
    """
    from alframe.labelling.session import Session
    from alframe_cli.label import learner_of

    opened = Session.read(folder_of(session))
    say_notes(opened)
    learner = learner_of(opened)
    if learner is None:
        why = "--model none" if opened.settings.model == "none" else "its source gives no features"
        raise UsageError(f"{opened.folder} goes without a model ({why}): there is nothing to predict with")
    try:
        answer = first_answer(opened, learner)
    finally:
        learner.close()
    predictions = predictions_of(opened, answer)
    if format_ == "csv":
        path = out or beside(opened, "predictions.csv")
        write_predictions(opened, path, predictions)
        echo(str(path))
    else:
        written(opened, format_, out, predictions)


def write_predictions(session: Session, path: Path, predictions: dict[int, Any]) -> None:
    """Writes a table; the class is in no column "label", so that nothing takes it for somebody's.

    Raises:
        AlframeError: it can't be written.
    """
    from alframe.labelling.table import write_table
    from alframe.records.writing import unwritable

    order = sorted(predictions, key=lambda position: (-predictions[position].score, position))
    found = [(position, predictions[position]) for position in order]
    rows = [
        (session.samples[n].id, of.label, f"{of.p:.6g}", f"{of.score:.6g}", str(of.model)) for n, of in found
    ]
    try:
        write_table(path, COLUMNS, rows)
    except OSError as error:
        raise unwritable(path.parent, error) from error


def first_answer(session: Session, learner: Any) -> Any:
    """What the process says once it has learned the session's labels.

    Raises:
        UsageError: there are no two classes to learn.
        TrialError: the process failed.
    """
    positions, classes = session.training()
    if len(set(classes)) < 2:
        raise UsageError(f"{session.folder} has labels of {len(set(classes))} classes; a model needs two")
    learner.send(positions, classes, len(session.classes), [], len(session.samples), [])
    while True:
        for answer in learner.poll():
            if answer.kind == "model" and answer.suggestions:
                return answer
            if answer.kind == "failure":
                raise TrialError(answer.text)
            if answer.text:
                echo(f"note: {answer.text}", err=True)
        if learner.failed:
            raise TrialError(f"the model failed: {learner.failed}")
        time.sleep(LOOK)


def predictions_of(session: Session, answer: Any) -> dict[int, Any]:
    """The predictions of samples without a label, by position."""
    from alframe.contract.labelling import Prediction

    names = [one.name for one in session.classes]
    labels = session.labels()
    scores = dict(zip(answer.picks, answer.scores, strict=False))
    return {
        position: Prediction(names[place], p, scores.get(position, 1 - p), answer.version)
        for position, (place, p) in answer.suggestions.items()
        if position not in labels and place < len(names)
    }
