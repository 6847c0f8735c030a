"""Training of estimators: a clone of the model is fitted to the labelled set in every round.

It trains the models that are no networks: ``sklearn:NAME``, ``xgboost``, ``lightgbm``, and any object with
``fit`` and ``predict_proba`` that `alframe.ActiveLearner` is given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alframe import PluginInfo, hookimpl

if TYPE_CHECKING:
    from alframe import Classifier, Context, LabelledView, TrainResult


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the plugin."""
    return PluginInfo(
        summary="fits estimators, as scikit-learn's: the trainer of every model that is one",
        needs=("estimator",),
        trains="head",
        api=3,
    )


@hookimpl
def alframe_train(
    model: Classifier, labelled: LabelledView, validation: LabelledView | None, ctx: Context
) -> TrainResult:
    """Fits a clone; of the recipe only ``validation`` counts."""
    from alframe_estimator._fit import fit

    return fit(model, labelled, validation, ctx)
