"""The networks themselves."""

from __future__ import annotations

import torch
from torch import nn

from alframe import Classifier, UsageError


def mlp(inputs: int, hidden: int, num_classes: int, dropout: float = 0.0) -> Classifier:
    """Linear, ReLU, linear.

    Args:
        inputs: numbers in one sample, whatever its shape.
        hidden: units of the hidden layer, which are the features.
        num_classes: rows of the head.
        dropout: share of the features dropped before the head in training.
    """
    body = nn.Sequential(nn.Flatten(), nn.Linear(inputs, hidden), nn.ReLU())
    return Classifier(body, nn.Linear(hidden, num_classes), dropout)


def lenet(input_shape: tuple[int, ...], num_classes: int, dropout: float = 0.0) -> Classifier:
    """Two convolutions of 5 x 5 with pooling, then a hidden layer of 500 features; logits are linear.

    Args:
        input_shape: channels, height, width of one sample.
        num_classes: rows of the head.
        dropout: share of the features dropped before the head in training.

    Raises:
        UsageError: samples that are no images, or smaller than 12 x 12.
    """
    if len(input_shape) != 3 or min(input_shape[1:]) < 12:
        raise UsageError(
            f"lenet takes images of shape (channels, height, width) from 12 x 12, got {input_shape}; try mlp"
        )
    convolutions = nn.Sequential(
        nn.Conv2d(input_shape[0], 20, kernel_size=5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(20, 50, kernel_size=3 if min(input_shape[1:]) < 16 else 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
    )
    with torch.no_grad():
        width = convolutions(torch.zeros(1, *input_shape)).shape[1]
    body = nn.Sequential(convolutions, nn.Linear(width, 500), nn.ReLU())
    return Classifier(body, nn.Linear(500, num_classes), dropout)
