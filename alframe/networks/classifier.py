"""Networks: a `Classifier` is a body and a head."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor, nn


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


def initial_state(model: nn.Module) -> dict[str, Tensor]:
    """A copy of the weights and buffers as they are now."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def same_state(module: nn.Module, state: dict[str, Tensor], prefix: str = "") -> bool:
    """Whether the weights and buffers are, bit for bit, those in ``state`` under ``prefix``."""
    return all(torch.equal(value, state[prefix + name]) for name, value in module.state_dict().items())
