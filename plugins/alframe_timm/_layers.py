"""Layers of timm's networks, and fine-tuning the last ones alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn

from alframe import Classifier, UsageError


def freeze_all_but(name: str, model: Classifier, network: Any, k: int) -> None:
    """Leaves the last ``k`` layers of a network of timm to be trained, and what follows the network.

    Layers are timm's coarse ones: the stem, then each block of a transformer or each stage of a convolutional
    network, with the final norm in the last. The last ``k`` blocks train as a whole; the program of the
    ALFA-Mix authors trains their layer normalisations alone.

    Args:
        name: what the user calls the network.
        model: the classifier that it is the body of.
        network: the network.
        k: how many layers; with 0 the whole network is frozen.

    Raises:
        UsageError: more layers than there are.
    """
    layers = layers_of(network)
    if k > len(layers):
        raise UsageError(
            f"model.fine_tune_layers is {k}, but {name} has {len(layers)} layers; none trains all of them"
        )
    frozen = {parameter for layer in layers[: len(layers) - k] for parameter in layer}
    model.freeze(*_parts(network, frozen))


def layers_of(network: Any) -> list[list[nn.Parameter]]:
    """The parameters of each layer, from the stem to the last."""
    from timm.models import group_parameters

    matcher = network.group_matcher(coarse=True)
    if isinstance(matcher, dict):  # what belongs to no layer, as a norm before the head, joins the last one
        matcher = matcher | {"rest": [(r".", (99999,))]}
    groups = group_parameters(network, matcher, return_values=True)
    return [groups[number] for number in sorted(groups)]


def _parts(module: nn.Module, frozen: set[nn.Parameter]) -> Iterator[nn.Module | nn.Parameter]:
    """The largest modules whose parameters are all frozen, and the frozen parameters outside of them."""
    parameters = set(module.parameters())
    if parameters and parameters <= frozen:
        yield module
        return
    yield from (parameter for parameter in module.parameters(recurse=False) if parameter in frozen)
    for child in module.children():
        yield from _parts(child, frozen)
