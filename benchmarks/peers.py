"""The same strategies in scikit-activeml, for `benchmarks/query.py`; installed by the extra ``bench``."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import softmax

Problem = dict[str, Any]


def names() -> list[str]:
    """Our strategies of which scikit-activeml has the same; none where it is not installed."""
    try:
        import skactiveml.pool  # noqa: F401
    except ImportError:
        return []
    return list(PEERS)


def seconds(strategy: str, problem: Problem, n: int) -> float:
    """Time of one query.

    Args:
        strategy: our name for it.
        problem: ``features``, ``labelled_features``, ``labelled_targets`` and ``head`` as numpy arrays.
        n: the budget.
    """
    X = np.concatenate([problem["features"], problem["labelled_features"]])
    y = np.full(len(X), np.nan)
    y[len(problem["features"]) :] = problem["labelled_targets"]
    few = slice(len(problem["features"]) - 50, None)
    PEERS[strategy](X[few], y[few], problem["head"], 2)  # pays for imports
    begun = time.perf_counter()
    picks = PEERS[strategy](X, y, problem["head"], n)
    taken = time.perf_counter() - begun
    assert len(set(map(int, picks))) == n
    return taken


def _random(X: Any, y: Any, head: Any, n: int) -> Any:
    from skactiveml.pool import RandomSampling

    return RandomSampling(random_state=0).query(X, y, batch_size=n)


def _coreset(X: Any, y: Any, head: Any, n: int) -> Any:
    from skactiveml.pool import CoreSet

    return CoreSet(random_state=0).query(X, y, batch_size=n)


def _badge(X: Any, y: Any, head: Any, n: int) -> Any:
    from skactiveml.pool import Badge

    return Badge(random_state=0).query(X, y, clf=_linear_head(head), fit_clf=False, batch_size=n)


def _uncertainty(method: str) -> Callable[..., Any]:
    def query(X: Any, y: Any, head: Any, n: int) -> Any:
        from skactiveml.pool import UncertaintySampling

        strategy = UncertaintySampling(method=method, random_state=0)
        return strategy.query(X, y, clf=_linear_head(head), fit_clf=False, batch_size=n)

    return query


def _linear_head(head: Any) -> Any:
    """The head as a classifier that is fitted already."""
    from skactiveml.base import SkactivemlClassifier

    class LinearHead(SkactivemlClassifier):
        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
            return self

        def predict_proba(self, X: Any) -> Any:
            W, b = head
            return softmax(X @ W.T + b, axis=1)

    fitted = LinearHead(classes=np.arange(len(head[0])))
    fitted.classes_ = np.arange(len(head[0]))
    return fitted


PEERS: dict[str, Callable[..., Any]] = {
    "badge": _badge,
    "coreset": _coreset,
    "entropy": _uncertainty("entropy"),
    "least-confidence": _uncertainty("least_confident"),
    "margin": _uncertainty("margin_sampling"),
    "random": _random,
}
