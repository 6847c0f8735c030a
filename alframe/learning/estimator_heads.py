"""Estimators, as scikit-learn's: a model with ``fit`` and ``predict_proba`` in a network's place."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from alframe.errors import UsageError, one_line
from alframe.learning.estimators import Estimator, has_leaves
from alframe.learning.recent import Recent
from alframe.networks.classifier import Classifier
from alframe.networks.probabilities import ask, logits_of
from alframe.ops.pools import few_threads

TRAINER = "estimator"  # the plugin that fits them
UNSEEN = -40.0  # logit of a class that no label had, beside others whose mean is 0: a probability below 1e-17
WANTED = "fit, predict_proba and get_params, as scikit-learn's estimators and pipelines have"


@dataclasses.dataclass(frozen=True, eq=False)
class Fitted:
    """What a training made.

    Attributes:
        estimator: the fitted estimator; None where all labels were of one class.
        columns: the class numbers of what its ``predict_proba`` gives, column by column.
    """

    estimator: Any
    columns: np.ndarray[Any, Any]


class EstimatorHead(nn.Module):
    """A head that asks an estimator: logarithms of its probabilities, which are logits of them.

    No gradient comes through it. What was fitted is in no ``state_dict``: it would have to be pickled. Who
    loads one fits again, to the same labels by the same seed.

    Args:
        prototype: an estimator; it is cloned, and never fitted itself.
        num_classes: columns of the logits. A class that no label had gets the smallest logit.

    Attributes:
        prototype: the unfitted clone.
        fitted: what the last training made; None before.

    Raises:
        UsageError: no estimator that can be cloned and gives probabilities.
    """

    keeps_weights = False

    def __init__(self, prototype: Any, num_classes: int) -> None:
        super().__init__()
        self.prototype = unfitted(prototype)
        self.out_features = num_classes
        self.fitted: Fitted | None = None
        self._recent = Recent()

    def rows_for(self, features: Tensor) -> np.ndarray[Any, Any]:
        """Features as the estimator takes them: ``n x D``, which may be the same memory.

        Args:
            features: ``n x D``.
        """
        return rows_for(self.prototype, features)

    def take(self, estimator: Any, columns: np.ndarray[Any, Any]) -> None:
        """Answers by another training from now on.

        Args:
            estimator: the fitted estimator; None where all labels are of one class.
            columns: the class numbers of what its ``predict_proba`` gives, ascending.
        """
        self.fitted = Fitted(estimator, columns)
        self._recent.forget()

    def forward(self, features: Tensor) -> Tensor:
        """Logits of features: ``n x C``, float32, all finite; equal ones before anything was fitted.

        Args:
            features: ``n x D``.
        """
        if self.fitted is None or not len(features):
            return features.new_zeros(len(features), self.out_features, dtype=torch.float32)
        if self.fitted.estimator is None:
            return self._placed(torch.ones(len(features), 1)).to(features.device)
        if (known := self._recent.of(features)) is not None:
            return known
        rows = self.rows_for(features)
        with few_threads():
            probs = ask(self.fitted.estimator, rows, len(rows))
        logits = self._placed(probs).to(features.device)
        self._recent.keep(features, logits)
        return logits

    def _placed(self, probs: Tensor) -> Tensor:
        """Logits of the estimator's probabilities, each in its class's column."""
        assert self.fitted is not None
        columns, classes = self.fitted.columns, self.out_features
        if probs.shape[1] == classes:  # as a net's of all classes, be some of them without a label
            columns = np.arange(classes)
        elif probs.shape[1] != len(columns):
            raise UsageError(
                f"{name_of(self.prototype)}.predict_proba gave {probs.shape[1]} columns, and the labels that "
                f"it was fitted to are of {len(columns)} of {classes} classes"
            )
        placed = probs.new_zeros(len(probs), classes)
        placed[:, torch.from_numpy(columns)] = probs
        return logits_of(placed)

    @property
    def members(self) -> int:
        """How many estimators vote, where it is an ensemble of classifiers; else 0."""
        if self.fitted is not None and self.fitted.estimator is not None:
            return Estimator(self.fitted.estimator).members
        return members_to_come(self.prototype)

    def member_probs(self, member: int, features: Tensor) -> Tensor:
        """Probabilities by one member: ``n x C``, on the features' device.

        Args:
            member: which.
            features: ``n x D``.
        """
        if self.fitted is None or self.fitted.estimator is None or not len(features):
            return self.forward(features).softmax(dim=1)
        whole, columns, rows = Estimator(self.fitted.estimator), self.fitted.columns, len(features)
        placed = torch.zeros(rows, self.out_features)
        with few_threads():
            samples = whole.transformed(self.rows_for(features))
            (probs,) = whole.member_probs(samples, rows, len(columns), range(member, member + 1))
        placed[:, torch.from_numpy(columns)] = probs
        return placed.to(features.device)

    @property
    def has_leaves(self) -> bool:
        """Whether it is made of trees that say into which leaf a sample falls."""
        return has_leaves(_last_step(self.prototype))

    def leaves(self, features: Tensor) -> Tensor:
        """The leaf of each tree that a sample falls into: ``n x T`` int64, on the features' device.

        Before anything was fitted, and where all labels are of one class, there is one leaf.

        Args:
            features: ``n x D``.
        """
        if self.fitted is None or self.fitted.estimator is None or not len(features):
            return torch.zeros(len(features), 1, dtype=torch.int64, device=features.device)
        whole = Estimator(self.fitted.estimator)
        with few_threads():
            leaves = whole.leaves(whole.transformed(self.rows_for(features)), len(features))
        return leaves.to(features.device)


class LinearEstimatorHead(nn.Linear):
    """The head of logistic regression: a linear layer that has the estimator's weights once it is fitted.

    Args:
        prototype: scikit-learn's ``LogisticRegression``; it is cloned.
        features: ``D``.
        num_classes: ``C``.
    """

    members = 0

    def __init__(self, prototype: Any, features: int, num_classes: int) -> None:
        super().__init__(features, num_classes)
        self.prototype = unfitted(prototype)
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)

    def rows_for(self, features: Tensor) -> np.ndarray[Any, Any]:
        """As of `EstimatorHead`.

        Args:
            features: ``n x D``.
        """
        return rows_for(self.prototype, features)

    @torch.no_grad()
    def take(self, estimator: Any, columns: np.ndarray[Any, Any]) -> None:
        """Takes over the weights; a class that no label had never wins.

        Args:
            estimator: as of `EstimatorHead.take`.
            columns: as there.
        """
        seen = torch.from_numpy(columns)
        weight, bias = torch.zeros_like(self.weight, device="cpu"), torch.full(self.bias.shape, UNSEEN)
        bias[seen] = 0.0
        if estimator is not None:
            w = torch.from_numpy(np.column_stack([estimator.coef_, estimator.intercept_]))
            if len(w) == 1 and len(seen) == 2:  # of two classes it has one row: the log-odds
                w = torch.cat([-w / 2, w / 2])
            w = w - w.mean(dim=0)  # the same probabilities; the largest logit is not below 0
            weight[seen], bias[seen] = w[:, :-1].float(), w[:, -1].float()
        self.weight.copy_(weight)
        self.bias.copy_(bias)


class Columns(nn.Module):
    """The body: a sample's numbers, flattened, are its features."""

    def forward(self, x: Tensor) -> Tensor:
        """``n x D`` of ``n x ...``.

        Raises:
            UsageError: the samples are bytes, as texts are: as numbers they mean nothing.
        """
        if x.dtype == torch.uint8:
            raise UsageError(
                "an estimator takes columns of numbers, and these samples are texts: take the network "
                "text-static or another of texts, or give alframe.query a fitted pipeline and the texts"
            )
        return x.flatten(1).float()


def estimator_network(estimator: Any, columns: int, num_classes: int) -> Classifier:
    """An estimator as a network: the columns are the features, and its probabilities make the logits.

    Args:
        estimator: anything with ``fit``, ``predict_proba`` and ``get_params``; it is cloned.
        columns: numbers in a sample.
        num_classes: how many classes there are.

    Raises:
        UsageError: it can't be cloned, has no probabilities, or goes on from its last training.

    Example:
        >>> from sklearn.naive_bayes import GaussianNB
        >>> estimator_network(GaussianNB(), 4, 3)
        Classifier(
          (body): Columns()
          (dropout): Dropout(p=0.0, inplace=False)
          (head): EstimatorHead()
        )
    """
    if _has_weights(estimator):
        return Classifier(Columns(), LinearEstimatorHead(estimator, columns, num_classes))
    return Classifier(Columns(), EstimatorHead(estimator, num_classes))


def prototype_of(model: nn.Module) -> Any:
    """The unfitted estimator in a network's head; None where it is a network."""
    return getattr(getattr(model, "head", None), "prototype", None)


def is_estimator(value: Any) -> bool:
    """Whether this is meant as an estimator: an object, and no class, that can be fitted."""
    return hasattr(value, "fit") and not isinstance(value, type | nn.Module)


def unfitted(estimator: Any) -> Any:
    """A clone that shares nothing with the estimator.

    Raises:
        UsageError: as `estimator_network`.
    """
    name = type(estimator).__name__
    if missing := [what for what in ("fit", "predict_proba", "get_params") if not hasattr(estimator, what)]:
        other = (
            "; take one that gives probabilities, or in sklearn.calibration.CalibratedClassifierCV(...)"
            if missing == ["predict_proba"]
            else ""
        )
        raise UsageError(f"{name} has no {' and no '.join(missing)}: a model needs {WANTED}{other}")
    from sklearn.base import clone

    try:
        twin = clone(estimator)
    except Exception as error:
        raise UsageError(f"{name} can't be cloned: {type(error).__name__}: {one_line(error)}") from error
    for key, value in twin.get_params().items():
        if key.rpartition("__")[2] == "warm_start" and value is True:
            raise UsageError(
                f"{name}: {key}=True goes on from the last round's fit, and each round here starts anew"
            )
    if hasattr(twin, "_parameter_constraints"):
        try:
            twin._validate_params()
        except ValueError as error:
            raise UsageError(one_line(error)) from error  # which names the class
    return twin


def rows_for(estimator: Any, features: Tensor) -> np.ndarray[Any, Any]:
    """Features as an estimator takes them, which may be the same memory.

    scikit-learn's own have float64, for what some compute in float32 is far off: naive Bayes finds two
    classes certain. All others have float32, as networks in skorch demand.

    Args:
        estimator: fitted or not.
        features: ``n x D``.
    """
    parts = [estimator, *(value for value in estimator.get_params().values() if hasattr(value, "get_params"))]
    exact = all(map(_is_of_scikit_learn, parts))
    return features.detach().to("cpu", torch.float64 if exact else torch.float32).numpy()


def _is_of_scikit_learn(estimator: Any) -> bool:
    """Whether it is one of scikit-learn's estimators, or inherits from one and not from its base alone."""
    homes = [kind.__module__.split(".") for kind in type(estimator).__mro__]
    return any(home[0] == "sklearn" and home[1] not in ("base", "utils") for home in homes if len(home) > 1)


def name_of(estimator: Any) -> str:
    """What people call it."""
    return type(estimator).__name__


def members_to_come(estimator: Any) -> int:
    """How many members an unfitted ensemble of classifiers will have; 0 where it is none."""
    last = _last_step(estimator)
    if not _is_ensemble(last):
        return 0
    if hasattr(last, "n_estimators"):
        return int(last.n_estimators)
    return sum(one != "drop" for _, one in last.estimators)


def _is_ensemble(estimator: Any) -> bool:
    """Whether its members are classifiers of the same classes."""
    ensemble = sys.modules.get("sklearn.ensemble")
    if ensemble is None:  # then it can't be one
        return False
    names = ("RandomForestClassifier", "ExtraTreesClassifier", "BaggingClassifier", "VotingClassifier")
    return isinstance(estimator, tuple(getattr(ensemble, name) for name in names))


def _last_step(estimator: Any) -> Any:
    return estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator


def _has_weights(estimator: Any) -> bool:
    """Whether its probabilities are the softmax of linear logits, whatever the number of classes."""
    linear = sys.modules.get("sklearn.linear_model")
    if linear is None or type(estimator) is not linear.LogisticRegression:
        return False
    softmax = getattr(estimator, "multi_class", "auto") in ("auto", "deprecated")
    return softmax and estimator.solver != "liblinear"
