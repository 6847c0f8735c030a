"""XGBoost's classifier as a model.

Chen and Guestrin, "XGBoost: a scalable tree boosting system", KDD 2016, arXiv 1603.02754.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alframe import ModelInfo, ModelRequest, PluginInfo, hookimpl

if TYPE_CHECKING:
    from alframe import Classifier


def options_at(location: str) -> type:
    """The options, which need the library."""
    from alframe_xgboost import _model

    return _model.options_at(location)


def build(request: ModelRequest) -> Classifier:
    """The classifier on the columns of the samples."""
    from alframe_xgboost import _model

    return _model.build(request)


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the plugin."""
    return PluginInfo(summary="xgboost as a model", api=3)


@hookimpl
def alframe_models() -> dict[str, ModelInfo]:
    """Offers the classifier."""
    return {
        "xgboost": ModelInfo(
            summary="gradient-boosted trees of the package xgboost; no network",
            build=build,
            reference="Chen and Guestrin, KDD 2016",
            options_at=options_at,
            trainer="estimator",
        )
    }
