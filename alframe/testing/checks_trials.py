"""Checks of whole trials: rounds, labels, interruptions, events."""

from __future__ import annotations

from alframe.testing import trials
from alframe.testing.kit import ANSWERS, DESCRIBED, REPEATABLE, CheckFailedError, check, once
from alframe.testing.subject import WITNESS, Subject

INITIAL, BUDGET = trials.INITIAL, trials.BUDGET


@check("strategy", "train", after=(*DESCRIBED, *ANSWERS))
def two_rounds(subject: Subject) -> None:
    """A trial of two queries ends with the labels that were asked for."""
    labelled = [record["labelled"] for record in _whole(subject)]
    wanted = [INITIAL, INITIAL + BUDGET, INITIAL + 2 * BUDGET]
    if labelled != wanted:
        raise CheckFailedError(f"wanted {wanted} labels round by round, got {labelled}")


@check("strategy", "train", after=(*ANSWERS, *REPEATABLE, "two_rounds"))
def continued_is_uninterrupted(subject: Subject) -> None:
    """A trial that is stopped and continued, after another trial, ends as one that never was stopped."""
    with trials.folder() as out:
        trials.run(subject, out, stop_after=1)
        trials.run(subject, out, stop_after=1, seed=2)
        parts = trials.run(subject, out).records
    for first, second in zip(_whole(subject), parts, strict=True):
        changed = [name for name in first if first[name] != second.get(name)]
        if changed:
            raise CheckFailedError(
                f"round {first['round']} of the continued trial differs in {', '.join(changed)}; keep what a "
                "later round needs in ctx.state, not in the module"
            )


@check("strategy", "train", after=(*ANSWERS, *REPEATABLE, "two_rounds"))
def hidden_labels_are_not_read(subject: Subject) -> None:
    """With other labels of the samples that are not labelled, training and query have the same answer."""
    first = _whole(subject)
    known = first[0]["queried"]
    if len(subject.pipeline.parts(trials.BUDGET)) > 1:  # told the labels of its picks within the round
        known = known + first[1]["queried"]
    with trials.folder() as out:
        second = trials.run(
            subject, out, stop_after=1, change=lambda data: trials.relabelled(data, known)
        ).records
    for name in ("train_accuracy", "train_loss", "accuracy"):
        if first[0][name] != second[0][name]:
            raise CheckFailedError(f"training depends on labels that are not known: {name} differs")
    if first[1]["queried"] != second[1]["queried"]:
        raise CheckFailedError("the query depends on labels that are not known: it chose other samples")


@check("events", after=DESCRIBED)
def hears_every_event(subject: Subject) -> None:
    """It takes every event of a trial that starts, is stopped, continues and ends, and raises in none."""
    with trials.folder() as out:
        for stop_after in (1, None):
            course = _run_beside(subject, out, stop_after)
            failures = [note for note in course.notes if f"plugin {subject.plugin.name!r}" in note]
            if failures:
                raise CheckFailedError(failures[0])


@check("events", after=("hears_every_event",))
def events_change_nothing(subject: Subject) -> None:
    """The records of a trial are the same with the plugin and without."""
    with trials.folder() as out:
        course = _run_beside(subject, out / "with", None)
        registry = subject.registry.copy(leave_out=subject.plugin.key)
        bare = trials.run(subject, out / "without", registry=registry, strategy=f"local/{WITNESS}")
    if course.records != bare.records:
        raise CheckFailedError(
            "the records of a trial change when the plugin hears of it; leave the trial's files as they are"
        )


@once
def _whole(subject: Subject) -> list[trials.Record]:
    """The records of a trial that nothing disturbs."""
    with trials.folder() as out:
        return trials.run(subject, out).records


def _run_beside(subject: Subject, out: trials.Path, stop_after: int | None) -> trials.Course:
    """A trial of random sampling that the plugin is told of."""
    return trials.run(subject, out, stop_after=stop_after, strategy=f"local/{WITNESS}")
