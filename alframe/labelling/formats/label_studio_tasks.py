"""Label Studio's full JSON: tasks with annotations, from anyone's hands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from alframe.labelling.formats.common import Collector
from alframe.labelling.formats.matching import Matcher

if TYPE_CHECKING:
    from alframe.labelling.session import Session

Row = Mapping[str, Any]


def read_tasks(session: Session, tasks: Sequence[Row], found: Collector) -> None:
    """Takes the choices of tasks.

    Args:
        session: where they go.
        tasks: each with ``data`` and ``annotations``.
        found: takes them, and what is left out.
    """
    question = main_question(tasks)
    matcher = Matcher(session)
    for task in tasks:
        data = task.get("data")
        name, position = sample_of(data if isinstance(data, dict) else {}, session, matcher)
        people = data.get("alframe_by") if isinstance(data, dict) else None
        for row, annotation in enumerate(_annotations(task)):
            by = people[row] if isinstance(people, list) and row < len(people) else _person(annotation)
            common: dict[str, Any] = {
                "by": by,
                "at": _text(annotation.get("created_at")),
                "position": position,
            }
            seconds = annotation.get("lead_time")
            common["seconds"] = seconds if isinstance(seconds, int | float) else None
            if annotation.get("was_cancelled"):
                found.add(name, None, event="skip", **common)
                continue
            labels = _choices(annotation, question, name, found)
            if len(labels) > 1:
                found.leave_out("several choices for one sample", f"{name} ({', '.join(labels)})")
            elif labels:
                found.add(name, labels[0], **common)


def main_question(tasks: Sequence[Row]) -> str:
    """Name of the choices that most results are of; "label" where there are any of that name."""
    names: Counter[str] = Counter()
    for task in tasks:
        for annotation in _annotations(task):
            for result in _results(annotation):
                if result.get("type") == "choices":
                    names[str(result.get("from_name"))] += 1
    return "label" if "label" in names or not names else names.most_common(1)[0][0]


def sample_of(data: Row, session: Session, matcher: Matcher) -> tuple[str, int | None]:
    """What a task's data call its sample, and its position where one of them is known."""
    texts = [value for value in data.values() if isinstance(value, str) and value]
    own = data.get("alframe_id")
    if isinstance(own, str) and (position := session.position_of(own)) is not None:
        return own, position
    for text in texts:
        position, _ = matcher.find(text)
        if position is not None:
            return text, position
    return (texts[0] if texts else "a task without data"), None


def _annotations(task: Row) -> Iterator[Row]:
    rows = task.get("annotations") or task.get("completions") or []
    if isinstance(rows, list):
        yield from (row for row in rows if isinstance(row, dict))


def _results(annotation: Row) -> Iterator[Row]:
    rows = annotation.get("result") or []
    if isinstance(rows, list):
        yield from (row for row in rows if isinstance(row, dict))


def _choices(annotation: Row, question: str, name: str, found: Collector) -> list[str]:
    labels: list[str] = []
    for result in _results(annotation):
        kind = result.get("type")
        if kind != "choices":
            found.leave_out(f"results of type {kind} are left out, of", name)
        elif str(result.get("from_name")) != question:
            found.leave_out(f"choices {result.get('from_name')!r} are left out, of", name)
        else:
            value = result.get("value")
            chosen = value.get("choices") if isinstance(value, dict) else None
            labels += [str(label) for label in chosen] if isinstance(chosen, list) else []
    return labels


def _person(annotation: Row) -> str | None:
    by = annotation.get("completed_by")
    if isinstance(by, dict):
        by = by.get("email") or by.get("id")
    return None if by is None else by if isinstance(by, str) and by else f"user {by}"


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
