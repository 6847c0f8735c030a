"""Training of the network with the module beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn import functional

from alframe import Classifier, Context, LabelledView, Recipe, TrainResult, train_supervised
from alframe_learningloss._layers import layers_of, sizes_of
from alframe_learningloss._module import LossModule, pair_losses

if TYPE_CHECKING:
    from alframe_learningloss import Options


class Objective:
    """The network's cross-entropy plus ``weight`` times the module's loss, equation 1.

    Args:
        module: predicts losses.
        outputs: what the layers make of a batch, by name, once the network has seen it.
        layers: names in the order that the module takes them in.
        options: weight, margin, and when the module changes the network no more.
    """

    def __init__(
        self, module: LossModule, outputs: Mapping[str, Tensor], layers: Sequence[str], options: Options
    ) -> None:
        self._module = module
        self._outputs = outputs
        self._layers = layers
        self._options = options
        self.is_detached = False

    def begin(self, epoch: int, epochs: int) -> None:
        """Told before each epoch, from 1."""
        self.is_detached = epoch > self._options.detach_at * epochs

    def draws(self, size: int, generator: object) -> tuple[()]:
        """It needs no random numbers."""
        return ()

    def __call__(self, model: Classifier, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """The loss of a batch, and how many of it are predicted right."""
        logits = model(x)
        losses = functional.cross_entropy(logits, y, reduction="none")
        outputs = [self._outputs[name] for name in self._layers]
        if self.is_detached:
            outputs = [output.detach() for output in outputs]
        ranked = pair_losses(self._module(outputs), losses, self._options.margin)
        loss = losses.mean() + self._options.weight * ranked.sum() / max(1, len(ranked))
        return loss, (logits.detach().argmax(dim=1) == y).sum()


def train(
    model: Classifier,
    labelled: LabelledView,
    validation: LabelledView | None,
    recipe: Recipe,
    options: Options,
    ctx: Context,
) -> TrainResult:
    """Trains both, and leaves the module in ``ctx.state`` for the score stage.

    With ``warm_start`` the module goes on from the last round, too.

    Raises:
        UsageError: the body has no module of a name in ``options.layers``, or its output is no tensor.
    """
    model.eval()
    sample = next(iter(labelled.inputs(1)))[:1]
    layers = tuple(options.layers) or layers_of(model, sample)
    module = LossModule(sizes_of(model, layers, sample), options.width, ctx.generator).to(ctx.device)
    if recipe.warm_start and ctx.state.get("layers") == list(layers):  # and the options are the trial's
        module.load_state_dict(ctx.state["module"])
    with model.taps(layers) as outputs:
        objective = Objective(module, outputs, layers, options)
        result = train_supervised(
            model,
            labelled,
            validation,
            recipe,
            ctx,
            objective=objective,
            beside=module,
            on_epoch=objective.begin,
        )
    ctx.state["layers"] = list(layers)
    ctx.state["module"] = {name: value.detach().clone() for name, value in module.state_dict().items()}
    return result
