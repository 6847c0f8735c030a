"""How values look in a notebook: small tables of HTML without scripts, whatever the names in them.

Colours are those of the page around them, light or dark.
"""

from __future__ import annotations

import dataclasses
import html
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

FIRST = 10  # picks that are shown
LONGEST = 80  # characters of a text in a cell
_CELL = "padding:0.15em 0.7em;border:none;background:none;color:inherit;text-align:"


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], note: str = "") -> str:
    """A table as HTML; all texts are escaped, numbers stand to the right.

    Args:
        title: the line above it.
        columns: headings.
        rows: cells; None is an empty one.
        note: the line below it, or "".
    """
    head = "".join(f'<th style="{_CELL}left">{_escaped(name)}</th>' for name in columns)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    below = f'<div style="opacity:0.75">{_escaped(note, most=1000)}</div>' if note else ""
    shown = (
        f'<table style="border-collapse:collapse;margin:0.3em 0"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )
    return f"<div><strong>{_escaped(title, most=200)}</strong>{shown if body else ''}{below}</div>"


def facts(title: str, values: Mapping[str, Any], note: str = "") -> str:
    """Names and values, a row each."""
    return table(title, ("", ""), [(name, written(value)) for name, value in values.items()], note)


def written(value: Any) -> str:
    """A value as text: numbers with four digits behind the point where they are not whole."""
    if value is None:
        return ""
    if isinstance(value, float):
        if not math.isfinite(value):
            return str(value)
        return f"{value:.4f}" if 1e-3 <= abs(value) < 1e6 or value == 0 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _cell(value: Any) -> str:
    side = "right" if isinstance(value, int | float) and not isinstance(value, bool) else "left"
    return f'<td style="{_CELL}{side}">{_escaped(written(value))}</td>'


def _escaped(text: str, most: int = LONGEST) -> str:
    return html.escape(text if len(text) <= most else f"{text[:most]}…")


# -- answers to queries, as attributes of their classes ------------------------------------------------


def query_text(answer: Any) -> str:
    """``repr`` of an answer to a query: the scores of a pool would be a page."""
    indices = answer.indices.tolist()
    first = ", ".join(map(str, indices[:FIRST])) + (", ..." if len(indices) > FIRST else "")
    topped_up = f", {answer.topped_up} of them at random" if answer.topped_up else ""
    return f"{type(answer).__name__}({len(indices)} to label{topped_up}: [{first}])"


def query_html(answer: Any) -> str:
    """An answer to a query, with the scores of its first picks."""
    indices = answer.indices.tolist()
    scores = _scores(answer)
    columns = ("", "sample") if scores is None else ("", "sample", "score")
    beside = [()] * FIRST if scores is None else [(score,) for score in scores[:FIRST]]
    rows = [(k + 1, str(index), *more) for k, (index, more) in enumerate(zip(indices, beside, strict=False))]
    pool = f" of {answer.pool_size:,}" if getattr(answer, "pool_size", 0) else ""
    title = f"{len(indices):,}{pool} samples to label, best first"
    return table(title, columns, rows, "; ".join(_remarks(answer, len(indices))))


def _scores(answer: Any) -> list[float] | None:
    """Of the picks; None where the strategy has no scorer."""
    if answer.scores is None:
        return None
    positions = answer.picks if hasattr(answer, "picks") else answer.indices
    picked: list[float] = answer.scores[positions].tolist()
    return picked


def _remarks(answer: Any, picks: int) -> Iterable[str]:
    if picks > FIRST:
        yield f"the first {FIRST} are shown"
    if answer.topped_up:
        yield f"the last {answer.topped_up:,} were drawn at random"
    if hasattr(answer, "seconds"):
        yield f"{answer.seconds:.2f} s"
    for plugin, numbers in answer.logged.items():
        yield from (f"{plugin} {name}: {written(value)}" for name, value in numbers.items())


# -- other values ----------------------------------------------------------------------------------------


def fields_html(value: Any) -> str:
    """A dataclass of numbers, as an evaluation: a row a field."""
    shown = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    plain = {name: one for name, one in shown.items() if isinstance(one, int | float | str)}
    return facts(type(value).__name__, plain)


def learner_text(learner: Any) -> str:
    """``repr`` of a learner."""
    counts = f"{len(learner.labelled):,} labelled, {len(learner.unlabelled):,} unlabelled"
    return f"{type(learner).__name__}({learner.pipeline.label!r}, {counts}, seed {learner.seed})"


def learner_html(learner: Any) -> str:
    """Where a learner stands."""
    values = {
        "strategy": learner.pipeline.label,
        "labelled": len(learner.labelled),
        "unlabelled": len(learner.unlabelled),
        "classes": learner.num_classes,
        "queries answered": max(0, learner.round),
        "seed": str(learner.seed),
        "device": str(learner.device),
    }
    return facts(type(learner).__name__, values)


def rounds_html(summary: Any) -> str:
    """A finished trial, a row a round."""
    rows = [(one.round, one.labelled, one.accuracy, one.query_seconds) for one in summary.rounds]
    title = f"{len(rows)} rounds"
    return table(title, ("round", "labelled", "accuracy", "seconds of query"), rows, summary.note)


def result_html(result: Any) -> str:
    """What came of a run, a row a trial."""
    rows: list[tuple[Any, ...]] = []
    for trial, summary in result.done:
        last = summary.rounds[-1]
        rows.append((trial.name, last.labelled, last.accuracy, summary.note))
    rows += [(trial.name, None, None, f"failed: {reason}") for trial, reason in result.failed]
    title = f"{len(result.done)} trials done, {len(result.failed)} failed"
    left_out = "; ".join(f"{name} is left out: {reason}" for name, reason in result.left_out.items())
    return table(title, ("trial", "labelled", "accuracy", ""), rows, left_out)
