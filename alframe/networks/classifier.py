"""Networks: a `Classifier` is a body and a head."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self, TypeVar

import torch
from torch import Tensor, nn

from alframe.errors import unknown_name

Network = TypeVar("Network", bound=nn.Module)


class Classifier(nn.Module):
    """A body that makes features and a head that makes logits of them.

    Args:
        body: maps a batch of inputs to ``n x D`` features.
        head: maps ``n x D`` features to ``n x C`` logits; a linear layer for most strategies to be exact.
        dropout: share of the features that is dropped between the two in training.
    """

    def __init__(self, body: nn.Module, head: nn.Module, dropout: float = 0.0) -> None:
        super().__init__()
        self.body = body
        self.dropout = nn.Dropout(dropout)
        self.head = head
        self._frozen: list[nn.Module] = []  # a list, so that they are not registered a second time

    def features(self, x: Tensor) -> Tensor:
        """Features of a batch: ``n x D``."""
        features: Tensor = self.body(x)
        return features

    def forward(self, x: Tensor) -> Tensor:
        """Logits of a batch: ``n x C``."""
        logits: Tensor = self.head(self.dropout(self.body(x)))
        return logits

    @contextlib.contextmanager
    def taps(self, names: Iterable[str]) -> Iterator[dict[str, Tensor]]:
        """The outputs of modules of the body by name, as each pass through it leaves them.

        Gradients flow through them. A module that is called several times in a pass leaves its last output.

        Args:
            names: as in ``body.named_modules()``; "" is the body itself.

        Raises:
            UsageError: the body has no module of that name.

        Example:
            >>> import torch
            >>> from torch import nn
            >>> from alframe import Classifier
            >>> model = Classifier(nn.Sequential(nn.Linear(4, 3), nn.ReLU()), nn.Linear(3, 2))
            >>> with model.taps(["0"]) as outputs:
            ...     _ = model(torch.zeros(5, 4))
            >>> outputs["0"].shape
            torch.Size([5, 3])
        """
        modules, outputs = dict(self.body.named_modules()), {}

        def tap(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
            return lambda module, inputs, output: outputs.update({name: output})

        with contextlib.ExitStack() as hooks:
            for name in names:
                if name not in modules:
                    raise unknown_name("module of the network's body", name, modules)
                hooks.callback(modules[name].register_forward_hook(tap(name)).remove)
            yield outputs

    def freeze(self, *parts: nn.Module | nn.Parameter) -> None:
        """Keeps parts of the network as they are, whatever trains it.

        Their parameters ask for no gradient. Modules stay in evaluation mode also while the network trains:
        the statistics of their batch normalisation do not move, and their dropout drops nothing, in Monte
        Carlo passes neither. A copy of the network is frozen in the same places.

        Args:
            parts: modules of this network, or single parameters that belong to no module of their own.

        Example:
            >>> from torch import nn
            >>> from alframe import Classifier
            >>> model = Classifier(nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)), nn.Linear(3, 2))
            >>> model.freeze(model.body)
            >>> model.train().body.training, model.head.training
            (False, True)
        """
        for part in parts:
            part.requires_grad_(False)
            if isinstance(part, nn.Module):
                self._frozen.append(part.eval())

    def train(self, mode: bool = True) -> Self:
        """Sets training mode, or evaluation mode; what is frozen stays in evaluation mode."""
        super().train(mode)
        for module in self._frozen:
            module.eval()
        return self

    def dropout_layers(self) -> list[nn.Module]:
        """The layers that drop units at random, at a rate above zero, and are not frozen."""
        frozen = {layer for module in self._frozen for layer in module.modules()}
        kinds = nn.modules.dropout._DropoutNd
        return [m for m in self.modules() if isinstance(m, kinds) and m.p > 0 and m not in frozen]


def initial_state(model: nn.Module, device: torch.device | str | None = None) -> dict[str, Any]:
    """A copy of the weights and buffers as they are now, which nothing changes any more.

    Args:
        model: the network.
        device: where the copy is kept; where the network is by default.
    """

    def copied(
        value: Any,
    ) -> Any:  # a module may keep more than tensors, see `torch.nn.Module.get_extra_state`
        if isinstance(value, Tensor):
            return value.detach().to(device or value.device, copy=True)
        return copy.deepcopy(value)

    return {name: copied(value) for name, value in model.state_dict().items()}


def same_state(module: nn.Module, state: Mapping[str, Any], prefix: str = "") -> bool:
    """Whether the weights and buffers are, bit for bit, those in ``state`` under ``prefix``."""
    return not changes(module, state, prefix)


def changes(module: nn.Module, state: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Names of the weights and buffers that are not, bit for bit, those in ``state``.

    Args:
        module: the network, or a part of it.
        state: what it is compared with, on any device.
        prefix: what its names have before them in ``state``.
    """

    def same(value: Any, other: Any) -> bool:
        return torch.equal(value, other.to(value.device)) if isinstance(value, Tensor) else value == other

    return [name for name, value in module.state_dict().items() if not same(value, state[prefix + name])]


def private_copy(module: Network) -> Network:
    """A copy that shares nothing with a module that could change, so far as its parts can be copied.

    Results that a module keeps, as old weight normalisation does its weights, are copied without their
    history. What can't be copied at all, such as a lock or a torch generator, is shared.
    """
    kept = [value for part in module.modules() for value in vars(part).values()]
    results = {id(value): value.detach().clone() for value in kept if isinstance(value, Tensor)}
    try:
        return copy.deepcopy(module, dict(results))
    except (TypeError, RuntimeError, AttributeError, NotImplementedError):
        known: dict[int, Any] = dict(results)
        for value in kept:
            if id(value) not in known and not isinstance(value, dict | nn.Module):
                try:
                    copy.deepcopy(value)
                except Exception:
                    known[id(value)] = value
        return copy.deepcopy(module, known)
