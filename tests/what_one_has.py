"""What a user may have, and what each strategy says to it: `python tests/what_one_has.py` prints a table.

`answers` gives it to tests and to pages: "ok", or the line of the refusal.
"""

from __future__ import annotations

import functools

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from alframe import UsageError, query
from alframe.registry.registry import installed

NAMES = np.array(["bird", "cat", "dog"])
N, LABELLED = 80, 20
FEW_STEPS = {"coregcn": {"steps": 3, "hidden": 8}, "uncertaingcn": {"steps": 3, "hidden": 8}}
FEW_STEPS["refine"] = {"depth": 1, "subsets": 1}
FEW_STEPS["selectal"] = {"repeats": 1, "draws": 1}
FEW_STEPS["activeft"] = {"steps": 3}
FEW_STEPS["learningloss"] = {"steps": 3}


@functools.cache
def what() -> dict[str, dict]:
    """Arguments of `alframe.query` by what a user has; the first samples are labelled."""
    rng = np.random.default_rng(0)
    y = np.arange(N) % 3
    X = (rng.normal(size=(N, 6)) + 2 * np.eye(3, 6)[y]).astype(np.float32)
    texts = [f"{NAMES[label]} {rng.integers(9)} {NAMES[rng.integers(3)]}" for label in y]
    known, labels = slice(LABELLED), NAMES[y[:LABELLED]]
    linear = LogisticRegression().fit(X[known], labels)
    forest = RandomForestClassifier(5, random_state=0).fit(X[known], labels)
    boosted = HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=3).fit(X[known], labels)
    of_texts = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts[known], labels)
    by_member = np.stack([tree.predict_proba(X) for tree in forest.estimators_])
    weights = {"head": (linear.coef_, linear.intercept_)}
    return {
        "probs": {"probs": linear.predict_proba(X)},
        "probs of members": {"probs": by_member},
        "logits": {"logits": linear.decision_function(X)},
        "features": {"features": X},
        "features, probs": {"features": X, "probs": linear.predict_proba(X)},
        "features, (W, b)": {"features": X} | weights,
        "features, linear model": {"features": X, "head": linear},
        "features, forest": {"features": X, "head": forest},
        "features, boosted trees": {"features": X, "head": boosted},
        "texts, linear pipeline": {"features": texts, "head": of_texts},
    }


def strategies() -> list[str]:
    """The names of all that are installed with alframe."""
    return sorted(plugin.name for plugin in installed().strategies if not plugin.problem)


def answer(strategy: str, kind: str) -> str:
    """What a strategy says: "ok", or why not."""
    labels = NAMES[np.arange(N) % 3][:LABELLED]
    options = FEW_STEPS.get(strategy, {})
    try:
        result = query(
            strategy,
            n=5,
            labelled_rows=range(LABELLED),
            labelled_targets=labels,
            options=options,
            device="cpu",
            **what()[kind],
        )
    except UsageError as error:
        return str(error)
    assert len(set(result.indices.tolist())) == 5
    assert min(result.indices.tolist()) >= LABELLED
    assert result.topped_up == 0 or strategy not in ("margin", "entropy"), strategy
    return "ok"


def answers(kinds: tuple[str, ...] = ()) -> dict[str, dict[str, str]]:
    """What each strategy says to each, or to some, by strategy and what one has."""
    asked = kinds or tuple(what())
    return {strategy: {kind: answer(strategy, kind) for kind in asked} for strategy in strategies()}


def main() -> None:
    """Prints the table, and below it the refusals, each once."""
    found, notes = answers(), dict[str, int]()
    print("| strategy |", " | ".join(what()), "|")
    print("|" + "---|" * (len(what()) + 1))
    for strategy, said in found.items():
        lines = [line.replace(f"{strategy} ", "it ", 1) for line in said.values()]
        cells = ["ok" if line == "ok" else f"{notes.setdefault(line, len(notes) + 1)}" for line in lines]
        print(f"| {strategy} |", " | ".join(cells), "|")
    for line, number in notes.items():
        print(f"{number}. {line}")


if __name__ == "__main__":
    main()
