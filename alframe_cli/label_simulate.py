"""``label --simulate DATASET``."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alframe_cli.params import data_dir, plugin_files
from alframe_cli.plain_text import echo

if TYPE_CHECKING:
    from alframe.labelling.loop import Loop
    from alframe.labelling.session import Session
    from alframe.labelling.simulate import Truth

LABELS, BATCH = 200, 20


@dataclasses.dataclass
class Watch:
    """Notes how good each model is on the audit samples, whose classes it was never told.

    Args:
        session: being labelled.
        loop: what the model says.
        truth: the classes.
    """

    session: Session
    loop: Loop
    truth: Truth
    seen: int = 0
    rows: list[tuple[int, float, str]] = dataclasses.field(default_factory=list)

    def __call__(self) -> None:
        """Looks whether there is a newer model."""
        model, predicted = self.loop.model(), dict(self.loop.predicted)
        if model is None or model["version"] == self.seen or not predicted:
            return
        self.seen = model["version"]
        names = [one.name for one in self.session.classes]
        of, samples = self.truth.of, self.session.samples
        right = sum(names[place] == of[samples[n].id] for n, place in predicted.items())
        interval = self.loop.interval()
        said = (
            "" if interval is None else f"{interval.estimate:.3f} ({interval.low:.3f} to {interval.high:.3f})"
        )
        self.rows.append((model["labels"], right / len(predicted), said))
        echo(f"{model['labels']:,} labels learned: accuracy {right / len(predicted):.3f}", err=True)


@click.command()
@click.argument("dataset")
@click.option(
    "--labels", type=click.IntRange(1), default=LABELS, show_default=True, help="Labels in the end."
)
@click.option(
    "--batch",
    type=click.IntRange(1, 32),
    default=BATCH,
    show_default=True,
    help="Labels after which the oracle waits for the model.",
)
@click.option(
    "--pace",
    type=click.FloatRange(0),
    metavar="SECONDS",
    help="Seconds between two keys, as people are who wait for no model.  [default: wait]",
)
@click.option("--session", type=click.Path(path_type=Path), metavar="DIR", help="Keep the session there.")
@click.option("--strategy", default="badge", show_default=True, help="What chooses the next samples.")
@click.option("--model", default="auto", show_default=True, help="The network; none: without a model.")
@click.option("--audit", type=click.IntRange(0), default=100, show_default=True, help="Samples of the audit.")
@click.option("--seed", type=int, default=0, show_default=True, help="Draws the audit and random orders.")
@data_dir
@plugin_files
def simulate(dataset: str, **given: Any) -> None:
    """Let an oracle that knows the labels of DATASET press the keys, and see what becomes of it.

    The training part is written out as PNG files and served as `alframe label` does; the oracle asks the
    server what comes next and answers over HTTP, as the page would.

    \b
    alframe label --simulate digits --strategy margin --labels 300
    alframe label --simulate digits --pace 1
    """  # noqa: D301 - click's mark that keeps lines apart is the character itself
    from alframe.labelling.simulate import write_pictures
    from alframe.learning.loading import load_dataset
    from alframe_cli.label import check_names, needs_extra

    needs_extra()
    check_names(given["strategy"], given["model"])
    with _folder(given["session"]) as folder:
        loaded = load_dataset(dataset, data_dir=given["data_dir"])
        source = folder.with_name(f"{folder.name}-pictures")
        truth = write_pictures(loaded, source)
        with _session(source, folder, truth, given) as session:
            watch, seconds = _run(session, truth, given)
        _report(watch, seconds)


@contextlib.contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    """The session's folder: the user's, or one that is gone in the end."""
    if kept is not None:
        yield kept
        return
    with tempfile.TemporaryDirectory(prefix="alframe-", ignore_cleanup_errors=True) as folder:
        yield Path(folder) / "simulated"


def _session(source: Path, folder: Path, truth: Truth, given: dict[str, Any]) -> Session:
    from alframe.errors import UsageError
    from alframe.labelling.session import Session
    from alframe.labelling.settings import FILE, SessionSettings

    wanted = {name: given[name] for name in ("strategy", "model", "audit", "seed")}
    if not (folder / FILE).is_file():
        return Session.create(
            source, folder, SessionSettings(source=str(source), classes=truth.classes, **wanted)
        )
    session = Session.open(folder)
    for name, value in wanted.items():
        if getattr(session.settings, name) != value:
            session.close()
            stored = getattr(session.settings, name)
            raise UsageError(
                f"{folder} is a session with --{name} {stored}, not {value}; name another folder"
            )
    return session


def _run(session: Session, truth: Truth, given: dict[str, Any]) -> tuple[Watch, list[float]]:
    from alframe.labelling.oracle import Client, Oracle
    from alframe.labelling.server import make_app
    from alframe.labelling.serving import serve, take_place
    from alframe_cli.label import learner_of

    place = take_place(session.folder, session.settings.people, "127.0.0.1", 0, False)
    app = make_app(session, learner_of(session), place.tokens, place.hosts)
    watch = Watch(session, app.state.desk.loop, truth)
    (address,) = place.addresses().values()
    client = Client(address)
    oracle = Oracle(client, truth.of, given["pace"], given["batch"], watch)

    def ready() -> None:
        echo(f"{len(session.samples):,} samples; look on at {address}", err=True)

    def label() -> None:
        with client:
            oracle.label(given["labels"])

    serve(app, place, ready, label)
    return watch, oracle.seconds


def _report(watch: Watch, seconds: list[float]) -> None:
    import statistics

    from alframe.errors import TrialError
    from alframe_cli.output import print_table

    if watch.rows:
        count = len(watch.session.audit)
        rows = [(f"{labels:,}", f"{accuracy:.3f}", said) for labels, accuracy, said in watch.rows]
        title = f"Accuracy on the {count:,} audit samples, and what the page said of it"
        print_table(
            ("labels learned", "accuracy", "the page's estimate"), rows, title, ("labels learned", "accuracy")
        )
    if seconds:
        median, worst = 1000 * statistics.median(seconds), 1000 * max(seconds)
        echo(
            f"{len(seconds):,} keys, answered in {median:.0f} ms (median), {worst:.0f} ms at worst", err=True
        )
    for note in watch.loop.notes:
        echo(f"note: {note}", err=True)
    if watch.loop.failed and not watch.rows:
        raise TrialError(f"no model was trained: {watch.loop.failed}")
