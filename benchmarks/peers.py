"""The same strategies in scikit-activeml, for `benchmarks/query.py`; installed by the extra ``bench``."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import softmax
from sklearn.preprocessing import normalize

Problem = dict[str, Any]
COMMITTEES = ("batchbald", "epig", "qbc", "variationratio")  # ask several heads
CONFIGURATIONS = 1_000  # of batchbald's peer, which holds N times C times as many numbers


class RepeatedPickError(Exception):
    """A query returned a sample more than once, or fewer than were asked for."""


def names() -> list[str]:
    """Our strategies of which scikit-activeml has the same; none where it is not installed."""
    try:
        import skactiveml.pool  # noqa: F401
    except ImportError:
        return []
    return list(PEERS)


def together(problem: Problem) -> tuple[Any, Any]:
    """``X`` and ``y`` as scikit-activeml wants them: the pool first, NaN for its labels.

    Args:
        problem: ``features``, ``labelled_features`` and ``labelled_targets`` as numpy arrays.
    """
    X = np.concatenate([problem["features"], problem["labelled_features"]])
    y = np.full(len(X), np.nan)
    y[len(problem["features"]) :] = problem["labelled_targets"]
    return X, y


def cost(strategy: str, problem: Problem, n: int) -> dict[str, Any]:
    """Time of one query, and the processor's.

    Args:
        strategy: our name for it.
        problem: ``features``, ``labelled_features``, ``labelled_targets`` and ``head`` as numpy arrays, and
            ``heads`` of a committee.
        n: the budget.

    Raises:
        RepeatedPickError: there are not ``n`` distinct picks.
    """
    X, y = together(problem)
    head = problem["heads" if strategy in COMMITTEES else "head"]
    few = slice(len(problem["features"]) - 50, None)
    PEERS[strategy](X[few], y[few], head, 2)  # pays for imports
    begun, spent = time.perf_counter(), time.process_time()
    picks = PEERS[strategy](X, y, head, n)
    taken = {"seconds": [time.perf_counter() - begun], "cpu_seconds": [time.process_time() - spent]}
    if len(set(map(int, picks))) != n:
        raise RepeatedPickError(f"{len(set(map(int, picks)))} distinct picks of {n}")
    return taken


def _random(X: Any, y: Any, head: Any, n: int) -> Any:
    from skactiveml.pool import RandomSampling

    return RandomSampling(random_state=0).query(X, y, batch_size=n)


def _coreset(X: Any, y: Any, head: Any, n: int) -> Any:
    from skactiveml.pool import CoreSet

    return CoreSet(random_state=0).query(X, y, batch_size=n)


def _badge(X: Any, y: Any, head: Any, n: int) -> Any:
    from skactiveml.pool import Badge

    return Badge(random_state=0).query(X, y, clf=linear_head(head), fit_clf=False, batch_size=n)


def _uncertainty(method: str) -> Callable[..., Any]:
    def query(X: Any, y: Any, head: Any, n: int) -> Any:
        from skactiveml.pool import UncertaintySampling

        strategy = UncertaintySampling(method=method, random_state=0)
        return strategy.query(X, y, clf=linear_head(head), fit_clf=False, batch_size=n)

    return query


def _maxherding(X: Any, y: Any, head: Any, n: int) -> Any:
    from skactiveml.pool import MaxHerding

    # its own width is sqrt(D), that of the paper 1
    return MaxHerding(metric_dict={"gamma": 1.0}, random_state=0).query(X, y, batch_size=n)


def _probcover(X: Any, y: Any, head: Any, n: int) -> Any:
    from skactiveml.pool import ProbCover

    return ProbCover(n_classes=len(head[0]), random_state=0).query(normalize(X), y, batch_size=n)


def _typiclust(X: Any, y: Any, head: Any, n: int) -> Any:
    from skactiveml.pool import TypiClust

    return TypiClust(k=20, random_state=0).query(normalize(X), y, batch_size=n)


def _dropquery(X: Any, y: Any, head: Any, n: int) -> Any:
    from skactiveml.pool import DropQuery

    strategy = DropQuery(n_dropout_samples=3, random_state=0)
    return strategy.query(X, y, clf=linear_head(head), fit_clf=False, batch_size=n)


def _falcun(X: Any, y: Any, head: Any, n: int) -> Any:
    from skactiveml.pool import Falcun

    return Falcun(random_state=0).query(X, y, clf=linear_head(head), fit_clf=False, batch_size=n)


def _cal(X: Any, y: Any, head: Any, n: int) -> Any:
    from skactiveml.pool import ContrastiveAL

    strategy = ContrastiveAL(nearest_neighbors_dict={"n_neighbors": 10}, random_state=0)
    clf = linear_head(head, unit_length=True)
    return strategy.query(X, y, clf=clf, fit_clf=False, batch_size=n)


def _committee(method: str) -> Callable[..., Any]:
    def query(X: Any, y: Any, heads: Any, n: int) -> Any:
        from skactiveml.pool import QueryByCommittee

        strategy = QueryByCommittee(method=method, random_state=0)
        ensemble = [linear_head(head) for head in heads]
        return strategy.query(X, y, ensemble=ensemble, fit_ensemble=False, batch_size=n)

    return query


def _batchbald(X: Any, y: Any, heads: Any, n: int) -> Any:
    from skactiveml.pool import BatchBALD

    strategy = BatchBALD(n_MC_samples=CONFIGURATIONS, random_state=0)
    ensemble = [linear_head(head) for head in heads]
    return strategy.query(X, y, ensemble=ensemble, fit_ensemble=False, batch_size=n)


def linear_head(head: Any, unit_length: bool = False) -> Any:
    """The head as a classifier that is fitted already.

    Args:
        head: ``(W, b)``.
        unit_length: whether it hands over the features at unit length beside the probabilities.
    """
    from skactiveml.base import SkactivemlClassifier

    class LinearHead(SkactivemlClassifier):
        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
            return self

        def predict_proba(self, X: Any) -> Any:
            W, b = head
            probs = softmax(X @ W.T + b, axis=1)
            return (probs, normalize(X)) if unit_length else probs

        def predict(self, X: Any) -> Any:  # as argmax, and not by a matrix of costs
            W, b = head
            return (X @ W.T + b).argmax(axis=1)

    fitted = LinearHead(classes=np.arange(len(head[0])))
    fitted.classes_ = np.arange(len(head[0]))
    return fitted


PEERS: dict[str, Callable[..., Any]] = {
    "badge": _badge,
    "batchbald": _batchbald,
    "cal": _cal,
    "coreset": _coreset,
    "dropquery": _dropquery,
    "entropy": _uncertainty("entropy"),
    "falcun": _falcun,
    "least-confidence": _uncertainty("least_confident"),
    "margin": _uncertainty("margin_sampling"),
    "maxherding": _maxherding,
    "probcover": _probcover,
    "qbc": _committee("KL_divergence"),
    "random": _random,
    "typiclust": _typiclust,
    "variationratio": _committee("variation_ratios"),
}
