"""What one fit is of."""

from __future__ import annotations

import dataclasses

from alframe import seeds
from alframe.contract.training import Training
from alframe.contract.views import LabelledView
from alframe.learning.pipeline import RoundState
from alframe.networks.classifier import Classifier
from alframe.registry.plugin import Plugin


@dataclasses.dataclass(frozen=True, eq=False)
class Fit:
    """What is trained, on what, in which round."""

    model: Classifier
    labelled: LabelledView
    validation: LabelledView | None
    state: RoundState

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
