"""What `alframe.query` adds to a fitted model's own ``predict_proba``: seconds of both, and the share.

    python benchmarks/heads.py
    python benchmarks/heads.py --rows 200000 --repeats 3 --strategies margin

The pool is a DataFrame of columns around one direction a class; models are fitted to 2,000 rows beside it.
"alone" is the median time of ``predict_proba``, "query" that of the whole query, in turn. The machine may be
busy, so the share is of one and the same query: its time without the call of ``predict_proba`` in it, by the
time of that call. Models whose library is not installed are left out.
"""

from __future__ import annotations

import importlib.util
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import click
import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

import alframe
from alframe_cli.params import NameList

FITTED = 2_000  # rows that models are fitted to
BUDGET = 100
LIBRARIES = {"XGBoost": "xgboost", "LightGBM": "lightgbm"}


def models() -> Iterator[tuple[str, Callable[[], Any]]]:
    """Names of models, and what makes them."""
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    yield "HistGradientBoosting", lambda: HistGradientBoostingClassifier(random_state=0)
    yield "RandomForest", lambda: RandomForestClassifier(random_state=0)
    yield "LogisticRegression", lambda: LogisticRegression(max_iter=1000)
    if importlib.util.find_spec("xgboost"):
        from xgboost import XGBClassifier

        yield "XGBoost", lambda: XGBClassifier(n_jobs=1)
    if importlib.util.find_spec("lightgbm"):
        from lightgbm import LGBMClassifier

        yield "LightGBM", lambda: LGBMClassifier(n_jobs=1, verbose=-1)


def problem(rows: int, columns: int, classes: int) -> tuple[pd.DataFrame, Any]:
    """Samples and class numbers.

    Args:
        rows: of the pool; those that models are fitted to come before.
        columns: features.
        classes: how many there are.
    """
    rng = np.random.default_rng(0)
    targets = rng.integers(0, classes, FITTED + rows)
    X = rng.normal(size=(len(targets), columns)) + 2 * rng.normal(size=(classes, columns))[targets] / 3
    return pd.DataFrame(X, columns=[f"x{number}" for number in range(columns)]), targets


class Timed:
    """Takes the place of a model's ``predict_proba``, and remembers how long it took.

    Args:
        model: whose method it is.
    """

    def __init__(self, model: Any) -> None:
        self._ask = model.predict_proba
        self.seconds = 0.0
        model.predict_proba = self

    def __call__(self, samples: Any) -> Any:
        """The probabilities."""
        start = time.perf_counter()
        found = self._ask(samples)
        self.seconds = time.perf_counter() - start
        return found


def measured(model: Any, pool: pd.DataFrame, strategy: str, repeats: int) -> tuple[float, float, float]:
    """Median seconds of the model alone and of a query, and the median share that the query adds.

    Args:
        model: fitted.
        pool: what it is asked about.
        strategy: which is asked.
        repeats: how often each.
    """
    alone, whole, shares = [], [], []
    timed = Timed(model)
    for turn in range(repeats + 1):
        start = time.perf_counter()
        model.predict_proba(pool)
        one = time.perf_counter() - start
        start = time.perf_counter()
        alframe.query(strategy, features=pool, head=model, n=BUDGET, device="cpu")
        query = time.perf_counter() - start
        if turn:  # the first pays for what is imported
            alone.append(one)
            whole.append(query)
            shares.append((query - timed.seconds) / timed.seconds)
    return statistics.median(alone), statistics.median(whole), statistics.median(shares)


@click.command(help=__doc__)
@click.option("--rows", default=20_000, show_default=True, help="Of the pool.")
@click.option("--columns", default=50, show_default=True, help="Features.")
@click.option("--classes", default=10, show_default=True, help="Classes.")
@click.option("--strategies", type=NameList(), default="margin,entropy", show_default=True, help="Which.")
@click.option("--repeats", default=7, show_default=True, help="Of each query.")
def main(rows: int, columns: int, classes: int, strategies: tuple[str, ...], repeats: int) -> None:
    X, targets = problem(rows, columns, classes)
    pool = X.iloc[FITTED:]
    table = Table("model", "strategy", "alone, s", "query, s", "added", title=f"{rows:,} x {columns}")
    for name, make in models():
        model = make().fit(X.iloc[:FITTED], targets[:FITTED])
        for strategy in strategies:
            alone, whole, share = measured(model, pool, strategy, repeats)
            table.add_row(name, strategy, f"{alone:.4f}", f"{whole:.4f}", f"{share:.1%}")
            del model.predict_proba  # the instance's, which is the timed one
    Console().print(table)


if __name__ == "__main__":
    main()
