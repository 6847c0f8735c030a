"""The training recipe: the ``[train]`` section of a configuration."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Literal

from alframe.contract.options import CheckedOptions, option


@dataclasses.dataclass(frozen=True)
class Recipe(CheckedOptions):
    """How the network is trained in each round, whichever trainer does it."""

    epochs: int = option(200, "most epochs a round", least=1, heading="Gradient steps")
    batch_size: int = option(64, "samples a gradient step", least=1)
    learning_rate: float = option(0.001, "learning rate", above=0)
    optimizer: Literal["adam", "adamw", "sgd"] = option("adam", "optimiser")
    momentum: float = option(0.9, "momentum of sgd", least=0, below=1)
    nesterov: bool = option(False, "sgd looks ahead along its momentum, as Nesterov's does", added=True)
    weight_decay: float = option(0.0, "L2 penalty, added to the gradient; with adamw apart from it", least=0)
    schedule: Literal["constant", "cosine", "step"] = option(
        "constant",
        "learning rate over the epochs: as it is, down to 0 by half a cosine, or in steps",
        heading="Schedule",
    )
    warmup: int = option(0, "epochs in which the learning rate rises to its value", least=0)
    step_epochs: int = option(60, "epochs between steps of the schedule", least=1)
    step_factor: float = option(0.1, "factor of each step of the schedule", above=0, most=1)
    stop_accuracy: float | None = option(
        0.99,
        "stop at the first epoch whose training accuracy reaches this; none trains all epochs",
        above=0,
        most=1,
        heading="When it ends",
    )
    validation: float = option(
        0.0,
        "share of the labelled samples that is not trained on but judges each epoch; their labels count",
        least=0,
        below=1,
    )
    patience: int | None = option(
        None, "stop after so many epochs without a better validation accuracy; none goes on", least=1
    )
    keep_best: bool = option(True, "with a validation part, end at the weights of its best epoch")
    calibrate: Literal["none", "temperature"] = option(
        "none",
        "temperature divides the logits, after training, by the number that minimises the validation part's "
        "log loss",
        added=True,
    )
    augment: tuple[Literal["crop", "flip"], ...] = option(
        (),
        "random changes of images in each epoch: crop shifts them by up to crop_padding, flip mirrors them",
        heading="Augmentation",
    )
    crop_padding: int = option(4, "pixels of black around an image that crop cuts from", least=1)
    precision: Literal["float32", "tf32", "bfloat16"] = option(
        "float32",
        "tf32 rounds a GPU's products of matrices, bfloat16 trains in mixed precision; queries and tests are "
        "in float32 always",
        heading="Precision and start",
    )
    warm_start: bool = option(
        False, "go on from the last round's weights, not from the trial's initial weights"
    )
    capture: Literal["auto", "off"] = option(
        "auto",
        "auto has a GPU repeat the steps of a training by itself, as CUDA graphs, where it can",
        added=True,
    )

    def __post_init__(self) -> None:
        """Refuses values that no training can use."""
        super().__post_init__()
        if not isinstance(self.augment, tuple | list):
            raise ValueError(f"augment must be a tuple of names, got {self.augment!r}")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs momentum: set momentum too, as 0.9")
        if self.warmup >= self.epochs:
            raise ValueError(f"warmup must lie below epochs ({self.epochs}), got {self.warmup}")
        if self.patience is not None and not self.validation:
            raise ValueError("patience needs a validation part: set validation too, as 0.1")
        if self.calibrate != "none" and not self.validation:
            raise ValueError("calibrate needs a validation part: set validation too, as 0.1")

    def rate_factor(self, epoch: int) -> float:
        """What the learning rate is multiplied by in an epoch.

        Args:
            epoch: from 0.
        """
        if epoch < self.warmup:
            return (epoch + 1) / (self.warmup + 1)
        done = epoch - self.warmup
        if self.schedule == "cosine":
            return (1 + math.cos(math.pi * done / (self.epochs - self.warmup))) / 2
        if self.schedule == "step":
            return self.step_factor ** (done // self.step_epochs)
        return 1.0


@dataclasses.dataclass(frozen=True)
class TrainResult:
    """How a training went.

    Attributes:
        epochs: epochs trained.
        accuracy: share of the training samples predicted right during the last epoch.
        loss: mean training loss of the last epoch.
        validation_accuracy: share of the validation samples that the final weights predict right, or None.
        best_epoch: the epoch that the final weights are of, where it need not be the last, or None.
        logged: numbers that were logged meanwhile, by plugin name; the engine fills this in.
    """

    epochs: int
    accuracy: float
    loss: float
    validation_accuracy: float | None = None
    best_epoch: int | None = None
    logged: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
