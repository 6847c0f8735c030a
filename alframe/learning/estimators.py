"""What a fitted estimator gives a query: probabilities, classes, and where it has them weights and members.

Any object with ``predict_proba`` serves: of scikit-learn, XGBoost, LightGBM, skorch, or one's own.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alframe.errors import UsageError, one_line
from alframe.networks.probabilities import ONE_LABEL, ask

PROBED = 5  # rows that show whether weights say what probabilities do
NEAR = 1e-3


class Estimator:
    """A fitted estimator.

    Args:
        given: the object, whose ``predict_proba`` is asked.

    Attributes:
        kind: its name, for messages; a pipeline's last step.
        classes: class labels in the order of columns; None where the estimator does not say.
        last: the classifier that ends a pipeline; the object itself where it is none.

    Raises:
        UsageError: it gives no probabilities, or is a class and no object.
    """

    def __init__(self, given: Any) -> None:
        kind = given.__name__ if inspect.isclass(given) else type(given).__name__
        if inspect.isclass(given):
            raise UsageError(f"head is the class {kind}: give an object of it that was fitted")
        if not callable(getattr(given, "predict_proba", None)):
            raise UsageError(f"{kind} gives no probabilities{_instead(given)}")
        self._given = given
        self._steps, self.last = _steps(given)
        self.kind = type(self.last).__name__
        self.classes = _classes(given)

    def probabilities(self, samples: Any, rows: int, first: int = 0) -> Tensor:
        """``rows x C`` class probabilities, on the CPU.

        Args:
            samples: what the estimator takes; it gets the object itself.
            rows: how many samples there are.
            first: number of the first of them, for messages.

        Raises:
            UsageError: it can't take them, or gives no probabilities.
        """
        if self.classes is not None and len(self.classes) == 1:
            raise UsageError(
                f"{self.kind} knows one class only, {self.classes[0]!r}: fit it to samples of two at least"
            )
        columns = None if self.classes is None else len(self.classes)
        return ask(self._given, samples, rows, columns, first)

    def transformed(self, samples: Any) -> Any:
        """What the last step of a pipeline gets; the samples themselves where there is no other step.

        Raises:
            UsageError: a step can't take them.
        """
        for step in self._steps:
            try:
                with warnings.catch_warnings():
                    warnings.filterwarnings("ignore", "X does not have valid feature names", UserWarning)
                    samples = step.transform(samples)
            except (Exception, SystemExit) as error:
                raise UsageError(
                    f"the pipeline before {self.kind} can't take these samples: {type(error).__name__}: "
                    f"{one_line(error)}"
                ) from error
        return samples

    def weights(self) -> tuple[Any, Any] | None:
        """The last step's weights and biases, where its probabilities are the softmax that they give.

        Returns:
            ``C x D`` or ``1 x D`` weights, one row being the logit of the second of two classes; and as many
            biases, or None.
        """
        model = self.last
        if not (hasattr(model, "coef_") and hasattr(model, "intercept_")):
            return None
        given = model.coef_.toarray() if hasattr(model.coef_, "toarray") else model.coef_
        weight = np.asarray(given, dtype=np.float64)
        bias = np.ravel(np.asarray(model.intercept_, dtype=np.float64))
        if weight.ndim != 2 or not weight.size or len(bias) not in (1, len(weight)):
            return None
        if not _says_the_same(model, weight, bias):
            return None
        return weight, None if len(bias) == 1 and bias[0] == 0 else bias

    @property
    def members(self) -> int:
        """How many members a committee has, as trees of a forest; 0 where it is none."""
        return len(self.last.estimators_) if _is_committee(self.last) else 0

    @property
    def has_leaves(self) -> bool:
        """Whether the last step is made of trees that say into which leaf a sample falls."""
        return has_leaves(self.last)

    def leaves(self, samples: Any, rows: int) -> Tensor:
        """The leaf of each tree that a sample falls into: ``rows x T`` int64, on the CPU.

        Args:
            samples: what the last step takes, as `transformed` gives it.
            rows: how many they are.

        Raises:
            UsageError: it can't say so of these samples.
        """
        of_sklearn = type(self.last).__module__.startswith("sklearn.")
        names = None if of_sklearn else getattr(self.last, "feature_names_in_", None)
        if names is not None and isinstance(samples, np.ndarray) and samples.shape[1] == len(names):
            samples = _named(samples, names)  # XGBoost insists
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "X does not have valid feature names", UserWarning)
                if hasattr(self.last, "apply"):
                    found = self.last.apply(samples)
                else:
                    found = self.last.predict(samples, pred_leaf=True)
        except Exception as error:
            raise UsageError(
                f"{self.kind} can't say into which leaves these samples fall: {type(error).__name__}: "
                f"{one_line(error)}"
            ) from error
        return torch.from_numpy(np.asarray(found, dtype=np.int64).reshape(rows, -1))

    @property
    def is_one_step(self) -> bool:
        """Whether there is no pipeline: the classifier gets the samples as they are."""
        return not self._steps

    def member_probs(
        self, samples: Any, rows: int, classes: int, which: range | None = None
    ) -> Iterator[Tensor]:
        """Members' probabilities of samples, each ``rows x C`` float32 with the columns of the whole.

        Args:
            samples: what the last step takes, as `transformed` gives it.
            rows: how many they are.
            classes: how many classes the whole has.
            which: numbers of the members; all by default.
        """
        whole = self.last
        columns = getattr(whole, "estimators_features_", None)
        if not hasattr(whole, "named_estimators_"):  # members of a vote take what it takes, trees arrays
            samples = _without_names(samples)
        for number in range(self.members) if which is None else which:
            seen = samples if columns is None else samples[:, columns[number]]
            yield _aligned(whole.estimators_[number], seen, rows, classes)


class Committee:
    """Several fitted estimators of the same question, as an `Estimator`: their mean is the answer.

    Args:
        given: them.

    Attributes:
        kind: as `Estimator` has it.
        classes: also.
        members: how many they are.
        is_one_step: always; what strategies see as features are the samples.

    Raises:
        UsageError: one gives no probabilities, or knows other classes than the first.
    """

    is_one_step = True

    def __init__(self, given: Sequence[Any]) -> None:
        self._all = [Estimator(one) for one in given]
        self.kind = f"a committee of {len(self._all)}"
        self.members = len(self._all)
        self.classes = self._all[0].classes
        for one in self._all:
            if one.classes != self.classes:
                raise UsageError(
                    f"the members of a committee know other classes, {self.classes} and {one.classes}: fit "
                    "them to the same ones"
                )

    def probabilities(self, samples: Any, rows: int, first: int = 0) -> Tensor:
        """The mean of the members' probabilities."""
        total = self._all[0].probabilities(samples, rows, first).double()
        for one in self._all[1:]:
            total = total + one.probabilities(samples, rows, first)
        return total / self.members

    def transformed(self, samples: Any) -> Any:
        """The samples themselves: members may have pipelines of their own."""
        return samples

    def weights(self) -> None:
        """A mean of several has none."""

    def member_probs(
        self, samples: Any, rows: int, classes: int, which: range | None = None
    ) -> Iterator[Tensor]:
        """As `Estimator.member_probs`."""
        for number in range(self.members) if which is None else which:
            yield self._all[number].probabilities(samples, rows).float()


def has_leaves(last: Any) -> bool:
    """Whether a classifier, be it fitted or not, says into which leaves of its trees a sample falls."""
    return hasattr(last, "apply") or any(kind.__name__ == "LGBMClassifier" for kind in type(last).__mro__)


def estimator_of(head: Any) -> Estimator | Committee | None:
    """A fitted estimator, or several in a list; None where a head is neither, nor meant to be."""
    if isinstance(head, list | tuple):
        are_all = len(head) > 1 and all(callable(getattr(one, "predict_proba", None)) for one in head)
        return Committee(head) if are_all else None
    return Estimator(head) if _is_estimator(head) else None


def _is_estimator(head: Any) -> bool:
    """Whether a head is for `Estimator` to judge: it was fitted, or is meant to be."""
    names = ("predict_proba", "decision_function", "predict", "fit")
    return any(hasattr(head, name) for name in names)


def _steps(given: Any) -> tuple[list[Any], Any]:
    """The steps of a pipeline before its last one, and that; through a search for parameters, too."""
    from sklearn.pipeline import Pipeline

    before: list[Any] = []
    while True:
        if hasattr(given, "best_estimator_"):
            given = given.best_estimator_
        elif isinstance(given, Pipeline) and len(given.steps):
            if len(given.steps) > 1:
                before.append(given[:-1])
            given = given.steps[-1][1]
        else:
            return before, given


def _classes(given: Any) -> tuple[Hashable, ...] | None:
    try:
        classes = given.classes_
    except Exception:  # not fitted, or a property of another's that fails
        return None
    if isinstance(classes, list) and classes and isinstance(classes[0], np.ndarray):
        raise UsageError(f"{type(given).__name__} knows {len(classes)} labels a sample: {ONE_LABEL}")
    return tuple(classes.tolist() if hasattr(classes, "tolist") else classes)


def _instead(given: Any) -> str:
    """What to do with an object that has no ``predict_proba``."""
    kind = type(given).__name__
    if kind.endswith("Regressor") or getattr(given, "_estimator_type", "") == "regressor":
        return f", it predicts a quantity: {ONE_LABEL}"
    if hasattr(given, "decision_function"):
        return (
            f": pass logits={kind.lower()}.decision_function(X), or fit it inside scikit-learn's "
            "CalibratedClassifierCV"
        )
    if getattr(given, "voting", "") == "hard":
        return ": fit it with voting='soft'"
    if hasattr(given, "predict") or hasattr(given, "fit"):
        return ", it has no predict_proba: pass what it predicts as probs=, N x C probabilities of classes"
    return ", it has no predict_proba"


def _says_the_same(model: Any, weight: Any, bias: Any) -> bool:
    """Whether probabilities are the softmax of a model's weights, on a few rows at several distances."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.linear_model import LogisticRegression

    # others of several classes ask one against the rest, which may look the same on a few rows
    if len(weight) > 1 and not isinstance(model, LogisticRegression | LinearDiscriminantAnalysis):
        return False
    scale = 1 / max(float(np.abs(weight).max()), 1e-30) / np.sqrt(weight.shape[1])
    rows = np.random.default_rng(0).normal(size=(PROBED, weight.shape[1])) * scale
    rows = np.concatenate([rows * distance for distance in (0.1, 1, 10)])
    logits = torch.from_numpy(rows @ weight.T + bias)
    if len(weight) == 1:
        logits = torch.cat([-logits / 2, logits / 2], dim=1)
    try:
        wanted = ask(model, rows, len(rows), logits.shape[1])
    except UsageError:
        return False
    return torch.allclose(logits.softmax(dim=1), wanted.double(), atol=NEAR)


def _is_committee(model: Any) -> bool:
    """Whether members are fitted to the same question side by side, and their mean is the answer."""
    if not len(getattr(model, "estimators_", ())):
        return False
    from sklearn.ensemble import BaggingClassifier, VotingClassifier
    from sklearn.ensemble._forest import ForestClassifier

    return isinstance(model, ForestClassifier | BaggingClassifier | VotingClassifier)


def _named(samples: np.ndarray[Any, Any], names: Any) -> Any:
    import pandas as pd

    return pd.DataFrame(samples, columns=names)


def _without_names(samples: Any) -> Any:
    """Trees are fitted to bare arrays, which a forest makes of a DataFrame."""
    if hasattr(samples, "tocsr"):
        return samples.tocsr()
    return np.asarray(samples)


def _aligned(member: Any, samples: Any, rows: int, classes: int) -> Tensor:
    """A member's probabilities; it knows classes by their numbers, and perhaps not all of them."""
    known = torch.as_tensor(np.asarray(member.classes_).astype(np.int64))
    whole = torch.zeros(rows, classes, dtype=torch.float32)
    if not hasattr(member, "predict_proba"):  # it votes
        voted = torch.as_tensor(np.asarray(member.predict(samples)).astype(np.int64))
        return whole.scatter_(1, voted[:, None], 1.0)
    if len(known) == 1:
        whole[:, known[0]] = 1.0
        return whole
    whole[:, known] = ask(member, samples, rows, len(known)).float()
    return whole
