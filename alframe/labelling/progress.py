"""How far a session is, in numbers for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from alframe.labelling.events import ANSWERS, Event, moment_of
from alframe.labelling.samples import Sample
from alframe.labelling.state import State

SECONDS = 300.0  # over which answers a minute are counted
MOST = 500  # answers that are looked at


def progress(state: State, samples: Sequence[Sample], audit: Sequence[int], wanted: int) -> dict[str, Any]:
    """What is done, by whom and of which class.

    Args:
        state: what was said so far.
        samples: all of them.
        audit: positions kept apart for the audit.
        wanted: how many of them are to be labelled.
    """
    return {
        "total": len(samples),
        "labelled": state.labelled,
        "skipped": len(state.skipped),
        "unsure": len(state.unsure),
        "missing": sum(sample.missing for sample in samples),
        "disagreements": len(state.disagreements()),
        "classes": state.of_class(),
        "people": dict(state.counts),
        "audit": min(len(audit), wanted),
        "audited": sum(map(state.is_labelled, audit)),
    }


def pace(latest_first: Iterable[Event]) -> float | None:
    """Answers a minute over the last five minutes of labelling; None before the second answer.

    Args:
        latest_first: the events.
    """
    times: list[float] = []
    for event in latest_first:
        if event.event not in ANSWERS or event.why == "import":
            continue
        moment = moment_of(event.at)
        if moment is None or len(times) == MOST or (times and abs(times[0] - moment) > SECONDS):
            break
        times.append(moment)
    seconds = max(times) - min(times) if times else 0
    return 60 * (len(times) - 1) / seconds if seconds else None
