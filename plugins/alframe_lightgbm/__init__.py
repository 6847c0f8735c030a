"""LightGBM's classifier as a model.

Ke et al., "LightGBM: a highly efficient gradient boosting decision tree", NeurIPS 2017.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alframe import ModelInfo, ModelRequest, PluginInfo, hookimpl

if TYPE_CHECKING:
    from alframe import Classifier


def options_at(location: str) -> type:
    """The options, which need the library."""
    from alframe_lightgbm import _model

    return _model.options_at(location)


def build(request: ModelRequest) -> Classifier:
    """The classifier on the columns of the samples."""
    from alframe_lightgbm import _model

    return _model.build(request)


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the plugin."""
    return PluginInfo(summary="lightgbm as a model", api=3)


@hookimpl
def alframe_models() -> dict[str, ModelInfo]:
    """Offers the classifier."""
    return {
        "lightgbm": ModelInfo(
            summary="gradient-boosted trees of the package lightgbm; no network",
            build=build,
            reference="Ke et al., NeurIPS 2017",
            options_at=options_at,
            trainer="estimator",
        )
    }
