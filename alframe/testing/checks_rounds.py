"""Checks of rounds with several queries, and of strategies that ask others."""

from __future__ import annotations

import copy
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from alframe.learning.learner import ActiveLearner
from alframe.learning.nested import names_asked
from alframe.learning.pipeline import Pipeline
from alframe.testing.kit import ANSWERS, DESCRIBED, QUERY, REPEATABLE, CheckFailedError, check
from alframe.testing.strangers import blobs
from alframe.testing.subject import RECIPE, Subject

KNOWN = torch.arange(12)
PARTS = (4, 3, 3)


@check(*QUERY, after=(*DESCRIBED, *ANSWERS, *REPEATABLE, "leaves_the_mode", "two_rounds"))
def caches_may_be_lost(subject: Subject) -> None:
    """In a round of several queries the picks are the same, also where the caches are lost between them."""
    kept, lost = _round_in_parts(subject, lose=False), _round_in_parts(subject, lose=True)
    if not torch.equal(kept, lost):
        raise CheckFailedError(
            "other samples are chosen where ctx.cache and ctx.round_cache are lost; keep in ctx.state what "
            "the answer depends on"
        )


@check(*QUERY, after=(*DESCRIBED, *ANSWERS))
def names_whom_it_asks(subject: Subject) -> None:
    """Whatever strategy it asks is named by an option that `PluginInfo.asks` names, and so was looked at."""
    pipeline = subject.pipeline
    named, asked = names_asked(pipeline.providers.values(), pipeline.options), []
    inner = pipeline.inner

    def noted(name: str, options: Any, asker: str) -> Pipeline:
        asked.append(name)
        return inner(name, options, asker)

    with mock.patch.object(pipeline, "inner", noted):
        subject.ask(subject.problem())
    if asked and subject.plugin.info.api < 4:
        raise CheckFailedError("ctx.ask came with API 4: declare it, PluginInfo(api=4)")
    if unnamed := sorted(set(asked) - set(named)):
        raise CheckFailedError(f"it asks {', '.join(unnamed)}, which no option in PluginInfo.asks names")


def _round_in_parts(subject: Subject, *, lose: bool) -> Tensor:
    """The picks of a round of several queries after a training."""
    data = blobs()
    learner = ActiveLearner(
        data.hide_labels(keep=KNOWN),
        subject.network,
        subject.pipeline,
        recipe=RECIPE,
        device="cpu",
        registry=subject.registry,
    )
    learner.fit()
    left, picks = sum(PARTS), []
    for size in PARTS:
        left -= size
        picks.append(learner.ask(size, later=left))
        learner.tell(picks[-1], data.targets[picks[-1]], later=left)
        if lose:
            learner = copy.deepcopy(learner)  # which has none of them
    return torch.cat(picks)
