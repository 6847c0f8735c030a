"""Posterior samples of a network with dropout: functions of all rows, by masks that rows share.

Joint probabilities of several rows are those of one function at a time: Kirsch et al., "BatchBALD", NeurIPS
2019, arXiv 1906.08158. Monte Carlo dropout with a mask for each row has another function for each.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from alframe import seeds
from alframe.contract.needs import DROPOUT_WANTED
from alframe.errors import UsageError
from alframe.networks.classifier import Classifier
from alframe.ops.dropout import dropout_mask

OF_CHANNELS = (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)


def dropping_layers(model: Classifier) -> list[nn.Module]:
    """The layers of a network that drop units, all of kinds whose masks can be shared by rows.

    Raises:
        UsageError: there is none, or one of another kind.
    """
    layers = model.dropout_layers()
    if not layers:
        raise UsageError(
            "posterior samples need a committee, as of `--train ensemble`, or a network with dropout: "
            + DROPOUT_WANTED
        )
    for layer in layers:
        if not isinstance(layer, (nn.Dropout, *OF_CHANNELS)):
            raise UsageError(
                "posterior samples need dropout whose masks rows can share, nn.Dropout or nn.Dropout1d to "
                f"3d, and the network has {type(layer).__name__}"
            )
    return layers


class SharedMasks:
    """The dropout masks of one posterior sample; drawn on the CPU, so that a GPU has the same.

    Args:
        seed: seed of all samples.
        sample: number of the sample.
    """

    def __init__(self, seed: int, sample: int) -> None:
        self._names = (seed, "posterior", sample)

    def drop(self, features: Tensor, rate: float) -> Tensor:
        """Features behind the body with a share of them dropped, the same in all rows.

        Args:
            features: ``n x D`` tensor.
            rate: the share.
        """
        return features * _factors(features.shape[1:], rate, features, self._stream(0))

    @contextlib.contextmanager
    def in_force(self, layers: list[nn.Module], rows: int) -> Iterator[None]:
        """Has layers in evaluation mode drop by these masks in a block of code, one pass of a network.

        A layer that is called several times in the pass has a mask for each call.

        Args:
            layers: what `dropping_layers` found.
            rows: how many samples pass.
        """
        with contextlib.ExitStack() as hooks:
            for number, layer in enumerate(layers):
                drop = functools.partial(_drop, rows=rows, generator=self._stream(number))
                hooks.callback(layer.register_forward_hook(drop).remove)
            yield

    def _stream(self, layer: int) -> torch.Generator:
        return seeds.generator(*self._names, layer)


def _drop(
    layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor, rows: int, generator: torch.Generator
) -> Tensor:
    """A forward hook of a dropout layer, which returns its input in evaluation mode."""
    if rows and len(output) % rows:
        raise UsageError(
            f"posterior samples need samples in the first dimension of what {type(layer).__name__} is given: "
            f"of {rows} samples came {list(output.shape)}"
        )
    shape = output.shape[1:]
    if isinstance(layer, OF_CHANNELS):
        shape = torch.Size([*shape[:1], *(1 for _ in shape[1:])])
    rate = layer.p
    assert isinstance(rate, float)
    return output * _factors(shape, rate, output, generator)


def _factors(shape: torch.Size, rate: float, like: Tensor, generator: torch.Generator) -> Tensor:
    mask = dropout_mask(torch.empty(shape, dtype=like.dtype), rate, generator)
    return mask.div_(1 - rate).to(like.device)
