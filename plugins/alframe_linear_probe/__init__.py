"""Training of the head alone: multinomial logistic regression on the features of a body that stays as it is.

The features of all samples are computed once, and kept on disk for all rounds, seeds and strategies. Alain
and Bengio, "Understanding intermediate layers using linear classifier probes", arXiv 1610.01644.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from alframe import CheckedOptions, PluginInfo, hookimpl, option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alframe import Classifier, Context, LabelledView, Training, TrainResult, TrialError


@dataclasses.dataclass(frozen=True)
class Options(CheckedOptions):
    """Options of the linear probe."""

    c: float = option(1.0, "inverse of the penalty's weight, as scikit-learn's C", above=0)
    iterations: int = option(200, "most iterations of Newton's method", least=1)
    members: int = option(
        0, "heads fitted to bootstrap samples besides, for strategies that ask a committee", least=0
    )


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the plugin."""
    return PluginInfo(
        summary="trains the head alone, on features that are computed once",
        reference="Alain and Bengio, 2016, arXiv 1610.01644",
        options=Options,
        trains="head",
        committee="members",
        api=4,
    )


@hookimpl
def alframe_train(
    model: Classifier,
    labelled: LabelledView,
    validation: LabelledView | None,
    options: Options,
    ctx: Context,
) -> TrainResult:
    """Fits the head by Newton's method; of the recipe only ``validation`` counts."""
    from alframe_linear_probe._probe import bootstrap, probe

    result = probe(model, labelled, validation, options.c, options.iterations, ctx)
    if options.members:
        ctx.state["members"] = bootstrap(model, labelled, options, ctx.generator)
    return result


@hookimpl
def alframe_train_together(
    trainings: Sequence[Training], options: Options
) -> Sequence[TrainResult | TrialError] | None:
    """Fits several heads of one size; a committee's trial is fitted alone."""
    if options.members:
        return None
    from alframe_linear_probe._probe import probe_together

    return probe_together(trainings, options.c, options.iterations)
