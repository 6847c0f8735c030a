"""Several networks of one design as one network, each of whose layers is that layer of all of them.

Everything that passes through it has the networks as its first dimension: ``T x b x ...``. Its parameters and
buffers have a single network's names and are ``T`` times as large; the networks' own are views of them.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from alframe.networks.classifier import Classifier


class Stack(nn.Module):
    """Networks of one design as one: of ``T x b x ...`` inputs it makes ``T x b x C`` logits.

    Each network is at any time what it has become: its tensors are views of the stack's until it leaves.

    Args:
        models: ``T`` networks that `stackable` finds fit.
        seeds: of each network's dropout masks, which on a CPU are those that it draws alone.
    """

    def __init__(self, models: Sequence[Classifier], seeds: Sequence[int]) -> None:
        super().__init__()
        self._models: list[Classifier | None] = list(models)  # a list, so that they are no parts of this one
        device = next(models[0].parameters()).device
        self._generators = [torch.Generator(device).manual_seed(seed) for seed in seeds]
        self.all = _stacked(models)
        self._dropouts = [
            layer for layer in self.all.modules() if isinstance(layer, _Dropout) and layer.rate > 0
        ]
        for layer in self._dropouts:
            layer.generators = self._generators
        self._share()

    def forward(self, x: Tensor) -> Tensor:
        """Logits of a batch for each network."""
        logits: Tensor = self.all(x)
        return logits

    @property
    def draws(self) -> bool:
        """Whether a layer draws random numbers."""
        return bool(self._dropouts)

    @torch.no_grad()
    def widths(self, x: Tensor) -> list[torch.Size]:
        """The shape of what each layer of dropout keeps or drops of a sample.

        Args:
            x: inputs of any number of samples, for each network.
        """
        self.eval()
        self(x)
        return [layer.seen for layer in self._dropouts]

    def masks(self, size: int, shapes: Sequence[torch.Size]) -> list[Tensor]:
        """Draws for each layer of dropout what it keeps of some samples, ``T x size x ...`` booleans.

        Args:
            size: how many samples each network has.
            shapes: what `widths` gave.
        """
        drawn = []
        for layer, shape in zip(self._dropouts, shapes, strict=True):
            masks = torch.empty(
                (len(self._generators), size, *shape), dtype=torch.bool, device=self._generators[0].device
            )
            for mask, generator in zip(masks, self._generators, strict=True):
                mask.bernoulli_(1 - layer.rate, generator=generator)
            drawn.append(masks)
        return drawn

    def use(self, masks: Iterable[Tensor]) -> None:
        """Lets the layers of dropout keep what masks say, in place of drawing.

        Args:
            masks: one for each, of a batch: a part of what `masks` gave.
        """
        for layer, mask in zip(self._dropouts, masks, strict=True):
            layer.mask = mask

    def _share(self) -> None:
        for name, values in itertools.chain(self.all.named_parameters(), self.all.named_buffers()):
            for model, value in zip(self._models, values.detach(), strict=True):
                if model is not None:
                    _tensor(model, name).data = value

    def leave(self, places: Iterable[int]) -> None:
        """Gives networks tensors of their own: what the stack does in their places concerns them no more.

        Args:
            places: which; those that have left already stay as they are.
        """
        for place in places:
            model = self._models[place]
            if model is not None:
                for tensor in itertools.chain(model.parameters(), model.buffers()):
                    tensor.data = tensor.data.clone()
            self._models[place] = None

    @torch.no_grad()
    def shrink(self) -> list[int]:
        """Gives up the places of those that have left, in which the last of the others go on.

        Returns:
            For each place that there still is, where the network stood that has it now: see `closed_up`.
        """
        count = sum(model is not None for model in self._models)
        order = list(range(count))
        moving = (place for place in range(count, len(self._models)) if self._models[place] is not None)
        for place in range(count):
            if self._models[place] is None:
                order[place] = next(moving)
        for layer in self.all.modules():
            for name, parameter in list(layer.named_parameters(recurse=False)):
                setattr(layer, name, nn.Parameter(closed_up(parameter.detach(), order)))
            for name, buffer in list(layer.named_buffers(recurse=False)):
                setattr(layer, name, closed_up(buffer, order))
        self._models = [self._models[place] for place in order]
        self._generators[:] = [self._generators[place] for place in order]
        self._share()
        return order


def closed_up(values: Tensor, order: Sequence[int]) -> Tensor:
    """Of something that a stack's networks have, ``T x ...``, what is left: a view, into which others moved.

    Args:
        values: the tensor.
        order: what `Stack.shrink` returned.
    """
    for place, last in enumerate(order):
        if place != last:
            values[place] = values[last]
    return values[: len(order)]


def stackable(models: Sequence[nn.Module]) -> bool:
    """Whether networks are of one design, all of whose layers can be stacked, and nothing of them is frozen.

    Args:
        models: the networks; in evaluation mode afterwards.
    """
    designs = [
        (repr(model), [(name, value.shape, value.dtype) for name, value in model.state_dict().items()])
        for model in models
    ]
    return all(design == designs[0] for design in designs) and all(map(_is_plain, models))


def _is_plain(model: nn.Module) -> bool:
    layers = list(model.train().modules())
    trains = all(layer.training for layer in layers) and all(p.requires_grad for p in model.parameters())
    model.eval()
    tensors = itertools.chain(
        model.named_parameters(remove_duplicate=False), model.named_buffers(remove_duplicate=False)
    )
    shared = len({id(tensor) for _, tensor in tensors}) < len(model.state_dict())
    return trains and not shared and all(map(_is_known, layers))


def _is_known(layer: nn.Module) -> bool:
    kind = type(layer)
    hooks = (layer._forward_hooks, layer._forward_pre_hooks, layer._backward_hooks, layer._backward_pre_hooks)
    if (kind not in KINDS and kind not in CONTAINERS) or any(hooks) or "forward" in vars(layer):
        return False
    match layer:
        case nn.Flatten():
            return (layer.start_dim, layer.end_dim) == (1, -1)
        case nn.Conv2d():
            return layer.padding_mode == "zeros"
        case nn.BatchNorm1d() | nn.BatchNorm2d():
            return layer.track_running_stats and layer.momentum is not None
        case nn.Dropout():
            return layer.p < 1
    return not getattr(layer, "return_indices", False)


def _stacked(layers: Sequence[nn.Module]) -> nn.Module:
    if type(layers[0]) not in CONTAINERS:
        return KINDS[type(layers[0])](layers)
    names = layers[0]._modules  # named_children() leaves out what stands there a second time
    parts = {name: _stacked([layer.get_submodule(name) for layer in layers]) for name in names}
    return nn.Sequential(OrderedDict(parts))


def _tensor(model: nn.Module, name: str) -> Tensor:
    """A parameter or buffer."""
    path, _, last = name.rpartition(".")
    tensor: Tensor = getattr(model.get_submodule(path), last)
    return tensor


def _as_channels(x: Tensor) -> Tensor:
    """``T x b x C x ...`` as ``b x TC x ...``: no copy where `_apart` made it."""
    return x.transpose(0, 1).flatten(1, 2)


def _apart(x: Tensor, networks: int) -> Tensor:
    """``b x TC x ...`` as ``T x b x C x ...``, without a copy."""
    return x.unflatten(1, (networks, -1)).transpose(0, 1)


class _Layer(nn.Module):
    """A layer of ``T`` networks; where it has no code of its own, that of one network does for all.

    Attributes:
        one: the first network's layer, which has the settings of all; in a tuple, to be no part of this one.
    """

    weight: Tensor | None
    bias: Tensor | None

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.one = (layers[0],)
        self.register_parameter("weight", None)
        self.register_parameter("bias", None)
        for name, _ in layers[0].named_parameters(recurse=False):
            values = torch.stack([_tensor(layer, name).detach() for layer in layers])
            setattr(self, name, nn.Parameter(values))
        for name, _ in layers[0].named_buffers(recurse=False):
            self.register_buffer(name, torch.stack([_tensor(layer, name) for layer in layers]))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.one[0](x)
        return y


class _Linear(_Layer):
    def forward(self, x: Tensor) -> Tensor:
        assert self.weight is not None
        # weights on the left: their gradient comes in the layout that they have, which saves a copy
        right = x.flatten(1, -2).mT
        if self.bias is None:
            y = torch.bmm(self.weight, right).mT
        else:
            y = torch.baddbmm(self.bias.unsqueeze(2), self.weight, right).mT
        return y if x.dim() == 3 else y.unflatten(1, x.shape[1:-1])


class _Conv2d(_Layer):
    def forward(self, x: Tensor) -> Tensor:
        (one,) = self.one
        assert isinstance(one, nn.Conv2d)
        assert self.weight is not None
        bias = None if self.bias is None else self.bias.flatten()
        y = functional.conv2d(
            _as_channels(x),
            self.weight.flatten(0, 1),
            bias,
            one.stride,
            one.padding,
            one.dilation,
            one.groups * len(x),
        )
        return _apart(y, len(x))


class _BatchNorm(_Layer):
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def forward(self, x: Tensor) -> Tensor:
        (one,) = self.one
        assert isinstance(one, nn.BatchNorm1d | nn.BatchNorm2d)
        assert one.momentum is not None
        if self.training:
            self.num_batches_tracked.add_(1)
        y = functional.batch_norm(
            _as_channels(x),
            self.running_mean.flatten(),  # a view, so that it moves
            self.running_var.flatten(),
            None if self.weight is None else self.weight.flatten(),
            None if self.bias is None else self.bias.flatten(),
            self.training,
            one.momentum,
            one.eps,
        )
        return _apart(y, len(x))


class _Pool(_Layer):
    def forward(self, x: Tensor) -> Tensor:
        return _apart(self.one[0](_as_channels(x)), len(x))


class _Flatten(_Layer):
    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(2)


class _Dropout(_Layer):
    """Draws each network's mask from its own generator, as `torch.nn.Dropout` does alone on a CPU.

    Attributes:
        generators: of the networks.
        mask: what is kept, where it was drawn beforehand.
        seen: the shape of a sample that passed.
    """

    generators: Sequence[torch.Generator]
    mask: Tensor | None = None
    seen: torch.Size

    @property
    def rate(self) -> float:
        (one,) = self.one
        assert isinstance(one, nn.Dropout)
        return one.p

    def forward(self, x: Tensor) -> Tensor:
        self.seen = x.shape[2:]
        if not self.training or not self.rate:
            return x
        if self.mask is not None:
            return x * (self.mask * (1 / (1 - self.rate))).to(x.dtype)
        masks = torch.empty(x.shape, dtype=x.dtype, device=x.device)
        for mask, generator in zip(masks, self.generators, strict=True):
            mask.bernoulli_(1 - self.rate, generator=generator)
        return x * masks.div_(1 - self.rate)


CONTAINERS = (Classifier, nn.Sequential)
POOLING = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveMaxPool2d, nn.AdaptiveAvgPool2d)  # each channel on its own
# each number on its own; they draw nothing and keep nothing
ELEMENTWISE = (nn.Identity, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid)
KINDS: dict[type[nn.Module], type[_Layer]] = {
    nn.Linear: _Linear,
    nn.Conv2d: _Conv2d,
    nn.BatchNorm1d: _BatchNorm,
    nn.BatchNorm2d: _BatchNorm,
    nn.Flatten: _Flatten,
    nn.Dropout: _Dropout,
    **dict.fromkeys(POOLING, _Pool),
    **dict.fromkeys(ELEMENTWISE, _Layer),
}
