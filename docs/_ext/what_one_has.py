"""Writes the table of docs/guide/my-model.md: which strategy works with what one has, as real calls say.

Run it when a strategy has come or needs something else: ``python docs/_ext/what_one_has.py``.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

import alframe
from alframe.registry.registry import installed

PAGE = Path(__file__).parents[1] / "guide" / "my-model.md"
BEGIN, END = "<!-- what one has: made by `python docs/_ext/what_one_has.py` -->", "<!-- end of it -->"
ROWS, LABELLED, CLASSES, MEMBERS = 60, 12, 3, 4


def cases() -> dict[str, dict[str, Any]]:
    """What one may have, as arguments of `alframe.query`, by the heading of its column."""
    rng = np.random.default_rng(0)
    y = np.arange(ROWS + LABELLED) % CLASSES
    X = rng.normal(size=(len(y), 4)) + 2 * np.eye(CLASSES, 4)[y]
    pool, known, labels = X[LABELLED:], X[:LABELLED], y[:LABELLED]
    linear = LogisticRegression().fit(known, labels)
    one = GaussianNB().fit(known, labels)
    forest = RandomForestClassifier(MEMBERS, random_state=0).fit(known, labels)
    passes = np.stack([tree.predict_proba(pool) for tree in forest.estimators_])
    labelled = {"labelled_features": known, "labelled_targets": labels}
    with_all = {"features": pool, **labelled}
    probs = one.predict_proba(X)
    with_probs = {"features": X, "labelled_rows": np.arange(LABELLED), "labelled_targets": labels}
    return {
        "`features=`": with_all,
        "`probs=`": {"probs": probs[LABELLED:]},
        "`T` x `probs=`": {"probs": passes},
        "`probs=`, `features=`": {"probs": probs, **with_probs},
        "any model": {"head": one, **with_all},
        "forest": {"head": forest, **with_all},
        "linear": {"head": (linear.coef_, linear.intercept_), **with_all},
    }


def refusal(strategy: str, given: Mapping[str, Any]) -> str | None:
    """What a strategy says that can't work with what is given, names left out; None where it can."""
    try:
        alframe.query(strategy, n=3, device="cpu", **given)
    except alframe.UsageError as error:
        said = re.sub(rf"\b{strategy}\b", "NAME", str(error))
        model = type(given.get("head")).__name__
        return re.sub(rf"\b(of|and) (probs|{model})\b", r"\1 GIVEN", said)
    return None


def table() -> str:
    """The table, and below it what the refusals say, each once."""
    columns = cases()
    marks: dict[str, str] = {}
    lines = [f"| strategy | {' | '.join(columns)} |", "|---" * (1 + len(columns)) + "|"]
    for name in sorted(plugin.name for plugin in installed().strategies if plugin.distribution == "alframe"):
        cells = []
        for given in columns.values():
            said = refusal(name, given)
            cells.append("ok" if said is None else marks.setdefault(said, string.ascii_lowercase[len(marks)]))
        lines.append(f"| [{name}](../strategies/{name}.md) | {' | '.join(cells)} |")
    notes = [f"| {mark} | {said} |" for said, mark in marks.items()]
    return "\n".join([*lines, "", "| | the line says |", "|---|---|", *notes])


def page() -> str:
    """The whole page, its table made anew."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(page())
