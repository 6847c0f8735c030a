"""Fitting a clone of an estimator to a labelled set."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from alframe import Classifier, Context, LabelledView, TrainResult, TrialError
from alframe.ops import few_threads
from alframe_estimator.options import said

LARGEST_SEED = 2**31 - 1
FROM_0 = ("xgboost",)  # whose classes must be 0, 1, 2, ... without a gap
ALL_CORES = ("xgboost", "lightgbm")  # which take every core where nobody says how many


def fit(
    model: Classifier, labelled: LabelledView, validation: LabelledView | None, ctx: Context
) -> TrainResult:
    """Fits a clone of ``model.head.prototype``, and has the head answer by it.

    Args:
        model: a network that `alframe.estimator_network` made.
        labelled: ``L`` samples to fit.
        validation: samples whose accuracy is reported, or None.
        ctx: random numbers, for every ``random_state`` that is None; log.

    Raises:
        TrialError: the estimator can't be fitted to these samples.
    """
    head: Any = model.head
    x = head.rows_for(labelled.features).copy()  # what an estimator changes is its own
    y = labelled.targets.cpu().numpy()
    columns = np.unique(y)
    estimator = None
    if len(columns) > 1:  # of one class there is nothing to learn, and many estimators refuse
        estimator = seeded(head.prototype, ctx.generator)
        if any(_made_by(part, FROM_0) for part in parts(estimator).values()):
            y = np.searchsorted(columns, y)
        with _warnings_logged(ctx), few_threads(), _global_seed(ctx.generator):
            _fit(estimator, x, y)
    head.take(estimator, columns)
    return _result(model, labelled, validation)


def seeded(prototype: Any, generator: torch.Generator) -> Any:
    """A clone, every ``random_state`` of which is a number: the user's, or one that is drawn.

    Args:
        prototype: the unfitted estimator.
        generator: a CPU generator.
    """
    from sklearn.base import clone

    estimator = clone(prototype)
    given: dict[str, Any] = estimator.get_params()
    changed: dict[str, Any] = {}
    owners = parts(estimator)
    for name in sorted(given):
        owner, _, key = name.rpartition("__")
        if given[name] is not None:
            continue
        if key == "random_state":
            changed[name] = _drawn(generator)
        if key == "n_jobs" and _made_by(owners.get(owner), ALL_CORES):
            changed[name] = torch.get_num_threads()
    if changed:
        estimator.set_params(**changed)
    return estimator


def parts(estimator: Any) -> dict[str, Any]:
    """The estimator, by the name "", and those in it by the names of `get_params`."""
    inner = {name: value for name, value in estimator.get_params().items() if hasattr(value, "get_params")}
    return {"": estimator, **inner}


def _made_by(estimator: Any, libraries: tuple[str, ...]) -> bool:
    return any(kind.__module__.partition(".")[0] in libraries for kind in type(estimator).__mro__)


def _fit(estimator: Any, x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> None:
    try:
        estimator.fit(x, y)
    except Exception as error:
        raise TrialError(
            f"{type(estimator).__name__} can't be fitted to {len(x)} samples of {len(np.unique(y))} classes: "
            f"{type(error).__name__}: {said(error)}"
        ) from error


@contextlib.contextmanager
def _warnings_logged(ctx: Context) -> Iterator[None]:
    """Counts warnings that a solver did not converge; passes all others on."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    unfinished = [one for one in caught if issubclass(one.category, ConvergenceWarning)]
    if unfinished:
        ctx.log("not_converged", len(unfinished))
    for one in caught:
        if one not in unfinished:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)


@contextlib.contextmanager
def _global_seed(generator: torch.Generator) -> Iterator[None]:
    """Seeds NumPy's global state, for estimators that draw from it, and puts it back."""
    before = np.random.get_state()  # noqa: NPY002 (it is theirs)
    np.random.seed(_drawn(generator))  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002


def _drawn(generator: torch.Generator) -> int:
    return int(torch.randint(LARGEST_SEED, (1,), generator=generator))


@torch.no_grad()
def _result(model: Classifier, labelled: LabelledView, validation: LabelledView | None) -> TrainResult:
    logits = model.head(labelled.features)
    right = (logits.argmax(dim=1) == labelled.targets).double().mean()
    loss = float(functional.cross_entropy(logits, labelled.targets))
    judged = None
    if validation is not None:
        predicted = model.head(validation.features).argmax(dim=1)
        judged = float((predicted == validation.targets).double().mean())
    return TrainResult(1, float(right), loss if math.isfinite(loss) else math.nan, judged)
