"""Which layers of a network train: the last ones, where not all do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import nn

from alframe.errors import UsageError
from alframe.networks.classifier import Classifier

Layer = Sequence[nn.Module | nn.Parameter]


def freeze_all_but_last(
    model: Classifier, body: nn.Module, layers: Sequence[Layer], k: int, name: str
) -> None:
    """Freezes a body, so that its last ``k`` layers train, and what follows it.

    Args:
        model: the network, which `Classifier.freeze` is called of.
        body: the part of it that has layers.
        layers: its layers, first to last: modules, or parameters that are frozen as the largest modules that
            they fill.
        k: how many train.
        name: what the user calls the network.

    Raises:
        UsageError: there are fewer layers.

    Example:
        >>> from torch import nn
        >>> from alframe import Classifier, freeze_all_but_last
        >>> body = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 3))
        >>> model = Classifier(body, nn.Linear(3, 2))
        >>> freeze_all_but_last(model, body, [[layer] for layer in body], 1, "toy")
        >>> [parameter.requires_grad for parameter in body.parameters()]
        [False, False, True, True]
    """
    if k > len(layers):
        raise UsageError(
            f"model.fine_tune_layers is {k}, but {name} has {len(layers)} layers; none trains all of them"
        )
    parts = [part for layer in layers[: len(layers) - k] for part in layer]
    whole = [part for part in parts if isinstance(part, nn.Module)]
    single = {part for part in parts if isinstance(part, nn.Parameter)}
    model.freeze(*whole, *_largest_parts(body, single))


def _largest_parts(module: nn.Module, frozen: set[nn.Parameter]) -> Iterator[nn.Module | nn.Parameter]:
    """The largest modules whose parameters are all frozen, and the frozen parameters outside of them."""
    parameters = set(module.parameters())
    if parameters and parameters <= frozen:
        yield module
        return
    yield from (parameter for parameter in module.parameters(recurse=False) if parameter in frozen)
    for child in module.children():
        yield from _largest_parts(child, frozen)
