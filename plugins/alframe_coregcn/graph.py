"""A graph network over labelled and unlabelled samples, linear in their number.

Caramalau et al., CVPR 2021, arXiv 2006.10219, sections 3.2 and 3.3; the settings are those of the paper's
program.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from alframe import AlframeWarning, TrialError, without_compiler
from alframe.ops import dropout_mask

if TYPE_CHECKING:
    from collections.abc import Callable

    from alframe import Context, LabelledView, PoolView
    from alframe_coregcn import GraphOptions

SMALLEST_SUM = 1e-2  # magnitude of a column sum; those of ReLU features are far larger


class GraphNodes(NamedTuple):
    """What the graph network makes of ``n`` samples.

    Attributes:
        hidden: ``n x h`` tensor, the first graph convolution.
        labelled: ``n`` probabilities to be labelled.
    """

    hidden: Tensor
    labelled: Tensor


class Adjacency:
    """``A = (X X^T - I) D^-1 + I`` with ``D`` the column sums of ``X X^T - I``, applied without being built.

    ``A S = X (X^T D^-1 S) - D^-1 S + S`` costs two products with ``X``.

    Args:
        x: ``n x d`` tensor of features; a row that is not zero is scaled to length 1.
    """

    def __init__(self, x: Float[Tensor, "n d"]) -> None:
        self.x = normalize(x)
        sums = self.x @ self.x.sum(dim=0) - 1
        small = sums.abs() < SMALLEST_SUM
        if small.any():
            warnings.warn(
                f"{int(small.sum())} of {len(x)} samples are all but orthogonal to the others together: "
                f"their column sums in the graph are set to {SMALLEST_SUM:g} in magnitude",
                AlframeWarning,
                stacklevel=2,
            )
            sums = torch.where(small, torch.where(sums < 0, -SMALLEST_SUM, SMALLEST_SUM), sums)
        self.sums = sums

    def __matmul__(self, s: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        """``A s`` for a matrix or a vector."""
        scaled = s / self.sums.reshape(-1, *[1] * (s.ndim - 1))
        return self.x @ (self.x.T @ scaled) + (s - scaled)

    def transposed(self, s: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """``A^T s`` for a vector."""
        return (self.x @ (self.x.T @ s) - s).div_(self.sums).add_(s)


class GraphNetwork:
    """Two graph convolutions: ``sigmoid(A relu(A X W1 + b1) W2 + b2)``.

    Args:
        features: number of features of a sample.
        options: sizes and training.
        generator: CPU generator of the weights, uniform in ``+-1/sqrt(outputs of the layer)``, and of the
            dropout masks.
        device: where it is computed.
        dtype: in which precision.
    """

    def __init__(
        self,
        features: int,
        options: GraphOptions,
        generator: torch.Generator,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        shapes = ((features, options.hidden), (options.hidden,), (options.hidden,), ())
        bounds = (options.hidden**-0.5, options.hidden**-0.5, 1.0, 1.0)
        starts = [
            bound * (2 * torch.rand(shape, generator=generator) - 1)
            for shape, bound in zip(shapes, bounds, strict=True)
        ]
        self.weights = [start.to(device, dtype).requires_grad_() for start in starts]
        self._options = options
        self._masks = torch.Generator(device).manual_seed(
            int(torch.randint(2**62, (1,), generator=generator))
        )

    @torch.no_grad()
    def fit(
        self, x: Float[Tensor, "n d"], is_labelled: Bool[Tensor, " n"], progress: Callable[[int, int], None]
    ) -> None:
        """Learns to tell labelled from unlabelled samples.

        Adam on ``-mean log s(labelled) - w mean log(1 - s(unlabelled))``, all samples in each step.

        Args:
            x: ``n x d`` features.
            is_labelled: ``n`` truths.
            progress: told ``(step, steps)`` after each step.

        Raises:
            TrialError: the weights diverged.
        """
        options, kept = self._options, 1 - self._options.dropout
        W1, b1, W2, b2 = self.weights
        adjacency = Adjacency(x)
        smoothed = adjacency @ adjacency.x  # A X does not change in training
        hidden = x.new_empty(len(x), options.hidden)
        shares = _shares(is_labelled, options.unlabelled_weight, x.dtype)
        optimizer = without_compiler(torch.optim.Adam)(
            self.weights, lr=options.learning_rate, weight_decay=options.weight_decay, fused=True
        )
        for step in range(options.steps):
            torch.addmm(b1, smoothed, W1, out=hidden).relu_()
            hidden.mul_(dropout_mask(hidden, options.dropout, self._masks))
            slope = _slope(adjacency @ (hidden @ W2).div_(kept) + b2, shares)
            # The chain rule by hand, in the memory of the hidden layer: autograd would take as much anew five
            # times in each step.
            b2.grad = slope.sum()
            slope = adjacency.transposed(slope).div_(kept)
            W2.grad = slope @ hidden
            hidden.sign_().mul_(slope[:, None])
            # The fused step goes through the memory of both: they must be laid out alike.
            W1.grad = ((hidden.T @ smoothed) * W2[:, None]).T.contiguous()
            b1.grad = hidden.sum(dim=0) * W2
            optimizer.step()
            progress(step + 1, options.steps)
        if not all(weight.isfinite().all() for weight in self.weights):
            raise TrialError(
                f"the graph network's weights became NaN; try a smaller learning rate (it is "
                f"{options.learning_rate:g}) or weight decay (it is {options.weight_decay:g})"
            )

    @torch.no_grad()
    def evaluate(self, x: Float[Tensor, "n d"]) -> GraphNodes:
        """Hidden layer and probabilities of ``n`` samples in one graph, without dropout."""
        adjacency = Adjacency(x)
        W1, b1, W2, b2 = self.weights
        hidden = torch.addmm(b1, adjacency @ adjacency.x, W1).relu_()
        return GraphNodes(hidden, (adjacency @ (hidden @ W2) + b2).sigmoid())


def graph_nodes(pool: PoolView, labelled: LabelledView, options: GraphOptions, ctx: Context) -> GraphNodes:
    """Trains a graph network on the features of pool and labelled set, and evaluates it on all of them.

    Args:
        pool: ``N`` samples.
        labelled: ``L`` samples.
        options: of the network; with ``subset`` it is trained on that many unlabelled samples, drawn at
            random.
        ctx: the hook's context.

    Returns:
        ``N + L`` nodes, those of the pool first.
    """
    x = torch.cat([pool.features, labelled.features])
    is_labelled = torch.arange(len(x), device=x.device) >= len(pool)
    network = GraphNetwork(x.shape[1], options, ctx.generator, x.device, x.dtype)
    if options.subset is None or options.subset >= len(pool):
        network.fit(x, is_labelled, ctx.progress)
    else:
        drawn = torch.randperm(len(pool), generator=ctx.generator)[: options.subset]
        rows = torch.cat([drawn, torch.arange(len(pool), len(x))]).to(x.device)
        network.fit(x[rows], is_labelled[rows], ctx.progress)
    return network.evaluate(x)


def _shares(
    is_labelled: Bool[Tensor, " n"], unlabelled_weight: float, dtype: torch.dtype
) -> Float[Tensor, " n"]:
    """Weight of each sample's part of the loss, below 0 where it is unlabelled; computed on the device."""
    labelled, unlabelled = is_labelled.sum(dtype=dtype), (~is_labelled).sum(dtype=dtype)
    return torch.where(is_labelled, 1 / labelled, -unlabelled_weight / unlabelled)  # 1 / 0 is nobody's


def _slope(logits: Float[Tensor, " n"], shares: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Gradient of the loss in the logits.

    That of ``-c log s(l)`` is ``-c s(-l)``, and of ``-c log(1 - s(l)) = -c log s(-l)`` it is ``c s(l)``.
    """
    return -shares * torch.sigmoid(-shares.sign() * logits)
