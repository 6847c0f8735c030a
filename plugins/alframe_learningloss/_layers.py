"""Which layers of a network the losses are predicted from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from alframe import Classifier, UsageError
from alframe_learningloss._module import averaged

WHOLE = ("",)  # the body's output, which are the features


@torch.no_grad()
def layers_of(model: Classifier, sample: Tensor) -> tuple[str, ...]:
    """Names of modules of the body: the last of each stage.

    ResNets have ``layer1`` to ``layer4``. Of other bodies a stage begins with a part whose parameters make an
    output of another shape, and lasts to the next such part: a convolution with its normalisation and
    pooling, a hidden layer with its ReLU, a transformer's blocks. A body without parameters has its features
    alone.

    Args:
        model: the network, in evaluation mode.
        sample: one network input or more.
    """
    names = [name for name, _ in model.body.named_modules()]
    for name in names:
        before, _, last = name.rpartition("layer1")
        stages = tuple(f"{before}layer{number}" for number in range(1, 5))
        if not last and before[-1:] in ("", ".") and set(stages) <= set(names):
            return stages
    shape, found = sample.shape[1:], list[str]()
    for name, shape_there in _outputs(model, sample):
        has_parameters = any(True for _ in model.body.get_submodule(name).parameters())
        if has_parameters and shape_there != shape:
            found.append(name)
        elif found and len(shape_there) == len(shape):  # flattening begins nothing, and averages nothing
            found[-1] = name
        shape = shape_there
    return tuple(found) or WHOLE


def _outputs(model: Classifier, sample: Tensor) -> Iterator[tuple[str, torch.Size]]:
    """Names and shapes of the outputs of the body's parts, as they follow each other."""
    calls: list[tuple[str, torch.Size]] = []

    def heard(name: str) -> Callable[[nn.Module, object, object], None]:
        def hook(module: nn.Module, given: object, output: object) -> None:
            if isinstance(output, Tensor) and output.dim() > 1:
                calls.append((name, output.shape[1:]))

        return hook

    hooks = [part.register_forward_hook(heard(name)) for name, part in parts(model.body)]
    try:
        model.features(sample)
    finally:
        for hook in hooks:
            hook.remove()
    yield from dict(calls).items()


def parts(body: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """The body's children by name; of a sequence, and of a network that is all there is, its children.

    Args:
        body: a module.
        prefix: its name, with a dot after it.
    """
    children = list(body.named_children())
    with_parameters = [child for _, child in children if any(True for _ in child.parameters())]
    for name, child in children:
        is_all = with_parameters == [child] and any(True for _ in child.children())
        if isinstance(child, nn.Sequential) or is_all:
            yield from parts(child, f"{prefix}{name}.")
        else:
            yield prefix + name, child


@torch.no_grad()
def sizes_of(model: Classifier, layers: Sequence[str], sample: Tensor) -> list[int]:
    """How many numbers each layer's output has once it is averaged.

    Args:
        model: the network, in evaluation mode.
        layers: names of modules of the body.
        sample: one network input or more.

    Raises:
        UsageError: there is no module of a name, or its output is no tensor.
    """
    with model.taps(layers) as outputs:
        model.features(sample)
    for name in layers:
        if not isinstance(outputs.get(name), Tensor) or outputs[name].dim() < 2:
            raise UsageError(
                f"learningloss.layers names {name!r}, which gives no tensor of numbers for each sample: name "
                "a layer that does, as a convolution, a block or a linear layer"
            )
    return [averaged(outputs[name]).shape[1] for name in layers]
