"""Several fits at once, by a trainer that can."""

from __future__ import annotations

import contextlib
import dataclasses
import warnings
from collections.abc import Sequence

import torch

from alframe.contract.recipe import TrainResult
from alframe.errors import AlframeWarning, PluginError, TrialError, one_line
from alframe.learning.learner import ActiveLearner


class TogetherWarning(AlframeWarning):
    """Networks that were to be trained at once are trained one by one."""


class _OneByOne(Exception):  # noqa: N818 (no error: it undoes what was begun)
    """These can't be trained at once."""


@torch.inference_mode(False)
def fit_together(learners: Sequence[ActiveLearner]) -> list[TrainResult | TrialError] | None:
    """Fits learners of one setting, all at one round, at once.

    A learner whose training failed is as it was before, and so are all where none was trained.

    Args:
        learners: at least two, of pipelines with one trainer.

    Returns:
        How each training went, or why it failed; None where the trainer can't train these at once.

    Warns:
        TogetherWarning: the trainer failed at it.
    """
    pipeline = learners[0].pipeline
    try:
        with contextlib.ExitStack() as stack:
            own = [stack.enter_context(contextlib.ExitStack()) for _ in learners]
            fits = [one.enter_context(learner.fitting()) for one, learner in zip(own, learners, strict=True)]
            trainings = [fit.training(pipeline.providers["train"]) for fit in fits]
            answers = pipeline.train_together(trainings, learners[0].recipe, fits[0].state)
            if answers is None:
                raise _OneByOne
            results: list[TrainResult | TrialError] = []
            for one, fit, answer in zip(own, fits, answers, strict=True):
                if isinstance(answer, TrialError):
                    one.__exit__(type(answer), answer, answer.__traceback__)  # undoes this one alone
                    results.append(answer)
                else:
                    fit.model.eval()
                    one.close()
                    results.append(dataclasses.replace(answer, logged=fit.state.numbers()))
            return results
    except _OneByOne:
        return None
    except (PluginError, TrialError) as error:  # each alone tells whose fault it is
        warnings.warn(TogetherWarning(f"trained one by one: {one_line(error)}"), stacklevel=2)
        return None
