"""What is labelled, in an order that shows what may be wrong."""

from __future__ import annotations

from typing import Any

from alframe.errors import unknown_name
from alframe.labelling.loop import Loop

ORDERS = ("newest", "oldest", "doubtful")


def grid(
    session: Any,
    loop: Loop,
    name: str | None,
    order: str,
    start: int,
    count: int,
    by: str | None = None,
) -> dict[str, Any]:
    """A part of what is labelled.

    Args:
        session: the session.
        loop: what the model says of it.
        name: a class, or None for all.
        order: "newest", "oldest", or "doubtful": first what the model would label otherwise, the surest
            first. Audit samples are never called into question so: who corrects an audit by the model's
            word lets it judge itself.
        start: how many to leave out.
        count: how many there may be.
        by: whose labels, or None for everybody's.

    Returns:
        ``total``, and ``samples``: each with its number, id, label and who gave it.

    Raises:
        UsageError: there is no such class or order.
    """
    if order not in ORDERS:
        raise unknown_name("order", order, ORDERS)
    names = [one.name for one in session.classes]
    if name is not None and name not in names:
        raise unknown_name("class", name, names)
    chosen = [
        (position, one)
        for position, one in session.labels().items()
        if name in (None, one.label) and by in (None, one.by)
    ]
    chosen.sort(key=lambda pair: pair[1].n, reverse=order != "oldest")
    if order == "doubtful":
        chosen.sort(key=lambda pair: -_doubt(loop, *pair))  # stable: the newest first among equals
    return {
        "total": len(chosen),
        "samples": [
            {
                "sample": position,
                "id": session.samples[position].id,
                "label": one.label,
                "by": one.by,
                "at": one.at,
                "suggestion": loop.suggestion(position) if _doubt(loop, position, one) else None,
            }
            for position, one in chosen[start : start + count]
        ],
    }


def _doubt(loop: Loop, position: int, labelled: Any) -> float:
    """The probability of the class that the model would give, where it is another; else 0."""
    found = loop.suggestion(position)
    return 0.0 if found is None or found["label"] == labelled.label else float(found["p"])
