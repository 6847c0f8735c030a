"""What one fit is of."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from alframe import seeds
from alframe.contract.training import Training
from alframe.contract.views import LabelledView, PoolView
from alframe.learning.state import RoundState
from alframe.networks.classifier import Classifier
from alframe.registry.plugin import Plugin


@dataclasses.dataclass(frozen=True, eq=False)
class Fit:
    """What is trained, on what, in which round."""

    model: Classifier
    labelled: LabelledView
    validation: LabelledView | None
    state: RoundState
    pool: PoolView

    def training(self, trainer: Plugin) -> Training:
        """What a trainer of several is told of it.

        Args:
            trainer: the plugin.
        """
        state = self.state
        return Training(
            self.model,
            self.labelled,
            self.validation,
            state.context("train", trainer),
            seeds.derive(state.seed, state.number, "training"),
        )


def held_out(labelled: Tensor, share: float, samples: int, seed: int) -> Tensor:
    """Which of the labelled samples are the validation part: a round's are mostly those of the last.

    Args:
        labelled: their positions in the data set.
        share: of them; at least one sample, and never all.
        samples: how many the data set has.
        seed: the learner's.
    """
    chosen = torch.zeros(len(labelled), dtype=torch.bool)
    if share:
        count = min(max(1, round(len(chosen) * share)), len(chosen) - 1)
        ranks = torch.randperm(samples, generator=seeds.generator(seed, "validation"))
        chosen[ranks[labelled].argsort()[:count]] = True
    return chosen
