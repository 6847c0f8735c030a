"""The networks themselves."""

from __future__ import annotations

import torch
from torch import nn

from alframe import Classifier, image_shape


def linear(inputs: int, num_classes: int, dropout: float = 0.0) -> Classifier:
    """A linear head on the inputs, flattened: for features that somebody else's network has made.

    Args:
        inputs: numbers in one sample, whatever its shape.
        num_classes: rows of the head.
        dropout: share of the inputs dropped before the head in training.
    """
    return Classifier(nn.Flatten(), nn.Linear(inputs, num_classes), dropout)


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
    channels, height, width = image_shape("lenet", input_shape, smallest=12)
    convolutions = nn.Sequential(
        nn.Conv2d(channels, 20, kernel_size=5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(20, 50, kernel_size=3 if min(height, width) < 16 else 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
    )
    with torch.no_grad():
        pooled = convolutions(torch.zeros(1, channels, height, width)).shape[1]
    body = nn.Sequential(convolutions, nn.Linear(pooled, 500), nn.ReLU())
    return Classifier(body, nn.Linear(500, num_classes), dropout)


def cnn(input_shape: tuple[int, ...], hidden: int, num_classes: int, dropout: float = 0.0) -> Classifier:
    """Blocks of convolution, batch normalisation, ReLU and pooling, then a hidden layer of rectified units.

    There is a block as long as 4 pixels are left, so that 2 or 3 remain of the shorter side whatever the
    images' size: 8 x 8 has two blocks, 28 x 28 three, 32 x 32 four. Their widths are 32, 64, then 128.

    Args:
        input_shape: channels, height, width of one sample.
        hidden: units of the hidden layer, which are the features.
        num_classes: rows of the head.
        dropout: share of the features dropped before the head in training.

    Raises:
        UsageError: samples that are no images, or smaller than 4 x 4.
    """
    channels, height, width = image_shape("cnn", input_shape, smallest=4)
    blocks: list[nn.Module] = []
    while min(height, width) >= 4:
        wider = 32 if not blocks else min(2 * channels, 128)
        # no bias: batch normalisation has its own
        blocks += [nn.Conv2d(channels, wider, kernel_size=3, padding=1, bias=False), nn.BatchNorm2d(wider)]
        blocks += [nn.ReLU(), nn.MaxPool2d(2)]
        channels, height, width = wider, height // 2, width // 2
    body = nn.Sequential(*blocks, nn.Flatten(), nn.Linear(channels * height * width, hidden), nn.ReLU())
    return Classifier(body, nn.Linear(hidden, num_classes), dropout)
