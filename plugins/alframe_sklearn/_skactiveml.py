"""A pool-based query strategy of scikit-activeml that asks alframe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from skactiveml.base import SingleAnnotatorPoolQueryStrategy
from skactiveml.utils import MISSING_LABEL, is_labeled
from sklearn.base import clone

import alframe


class AlframeQueryStrategy(SingleAnnotatorPoolQueryStrategy):
    """Any of alframe's strategies, used as one of ``skactiveml.pool``.

    Args:
        strategy: a strategy's name, as ``alframe list-strategies`` shows it.
        missing_label: what stands for a label that is missing.
        random_state: a number, a ``RandomState``, or None. The same number gives the same picks.
        options: the strategy's options.
    """

    def __init__(
        self,
        strategy: str = "margin",
        missing_label: Any = MISSING_LABEL,
        random_state: Any = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(missing_label=missing_label, random_state=random_state)
        self.strategy = strategy
        self.options = options

    def query(
        self,
        X: Any,
        y: Any,
        clf: Any = None,
        fit_clf: bool = True,
        candidates: Any = None,
        batch_size: int = 1,
        return_utilities: bool = False,
    ) -> Any:
        """Chooses samples to label.

        Args:
            X: ``n x D`` samples, labelled and not.
            y: ``n`` labels, some of them ``missing_label``.
            clf: a classifier with ``predict_proba``, as ``SklearnClassifier``; None for strategies that look
                at features alone.
            fit_clf: whether a clone of it is fitted first; it is left as it is.
            candidates: None for the unlabelled samples; or row numbers of ``X``; or ``m x D`` samples.
            batch_size: how many; all candidates where there are fewer.
            return_utilities: whether utilities are returned, too.

        Returns:
            ``batch_size`` positions in ``X``, or in ``candidates`` where those are samples; best first. With
            ``return_utilities`` also ``batch_size x n`` utilities; row ``k`` is what the ``k``-th was chosen
            by: the strategy's scores, NaN for what is no candidate or was chosen before. A strategy without
            scores gives 1 to its choice and 0 to the others.

        Raises:
            UsageError: the strategy lacks something; the message says what.
            ValueError: scikit-activeml refuses the arrays.
        """
        X, y, candidates, batch_size, return_utilities = self._validate_data(
            X, y, candidates, batch_size, return_utilities, reset=True
        )
        pool, rows = self._transform_candidates(candidates, X, y)
        if not len(pool):  # all are labelled, which scikit-activeml has warned of
            nothing = np.empty(0, dtype=np.int64)
            return (nothing, np.empty((0, len(X)))) if return_utilities else nothing
        if clf is not None and fit_clf:
            clf = clone(clf).fit(X, y)
        known = is_labeled(y, self.missing_label)
        labelled = {"labelled_features": X[known], "labelled_targets": y[known]} if known.any() else {}
        result = alframe.query(
            self.strategy,
            features=pool,
            n=batch_size,
            head=_within(clf),
            seed=int(self.random_state_.randint(2**31 - 1)),
            options=self.options,
            **labelled,
        )
        picks = result.indices.numpy()
        chosen = picks if rows is None else rows[picks]
        if not return_utilities:
            return chosen
        scores = None if result.scores is None else result.scores.double().numpy()
        utilities = _by_step(scores, picks, len(pool))
        if rows is not None:
            everywhere = np.full((len(picks), len(X)), np.nan)
            everywhere[:, rows] = utilities
            utilities = everywhere
        return chosen, utilities


def _within(clf: Any) -> Any:
    """The estimator in scikit-activeml's wrapper, which shows its weights, where it knows all classes."""
    inner = getattr(clf, "estimator_", None)
    if inner is None or not getattr(clf, "is_fitted_", False):
        return clf
    classes = getattr(inner, "classes_", None)
    return inner if classes is not None and np.array_equal(classes, clf.classes_) else clf


def _by_step(scores: np.ndarray | None, picks: np.ndarray, size: int) -> np.ndarray:
    """``len(picks) x size`` utilities: what each pick was chosen by, NaN for what was chosen before."""
    utilities = np.zeros((len(picks), size)) if scores is None else np.tile(scores, (len(picks), 1))
    for step, pick in enumerate(picks):
        if scores is None:
            utilities[step, pick] = 1.0
        utilities[step + 1 :, pick] = np.nan
    return utilities
