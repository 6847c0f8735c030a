"""One of several trainings that a trainer does at once."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alframe.contract.context import Context
    from alframe.contract.views import LabelledView
    from alframe.networks.classifier import Classifier


@dataclasses.dataclass(frozen=True, eq=False)
class Training:
    """What `alframe_train` would be called with for one trial, and the random stream of its layers.

    Attributes:
        model: the network, to be fitted in place; left in evaluation mode.
        labelled: the labelled set.
        validation: labelled samples held out, or None.
        ctx: the trial's own: generator, state, log, progress.
        seed: what seeds torch's global state on the device where this training is done alone: layers draw
            their dropout masks from it.
    """

    model: Classifier
    labelled: LabelledView
    validation: LabelledView | None
    ctx: Context
    seed: int
