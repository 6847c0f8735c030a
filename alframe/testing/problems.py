"""Small problems that strategies are asked to solve.

All numbers are small multiples of powers of two, so that features and logits are exact in float32 whatever
the order of the sums: the same for any batch size, order of the rows, or device.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor, nn

from alframe.data.samples import Samples
from alframe.learning.estimator_heads import EstimatorHead, LinearEstimatorHead
from alframe.learning.rows import Members, NetworkRows
from alframe.networks.classifier import Classifier

INPUTS, FEATURES = 8, 16
TINY = 1e-30  # which float32 can't tell from 0 beside 1
SHORT_BATCH = 7
MEMBERS = 3  # of a committee


class ShortBatches(NetworkRows):
    """Rows that come in batches of `SHORT_BATCH` at most, as those of a large pool come in several."""

    def inputs(self, batch_size: int) -> Iterator[Tensor]:
        """Batches of network inputs, in order."""
        return super().inputs(min(batch_size, SHORT_BATCH))


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """A query to answer.

    Attributes:
        inputs: ``(N + L) x 8`` tensor, the unlabelled pool first.
        targets: ``L`` class numbers.
        num_classes: number of classes, ``C``.
        n: the budget.
        model: the network, in evaluation mode.
        members: weights of a committee's heads.
        rows: what makes rows of samples.
    """

    inputs: Tensor
    targets: Tensor
    num_classes: int
    n: int
    model: Classifier
    members: Members = ()
    rows: type[NetworkRows] = NetworkRows

    @property
    def pool_size(self) -> int:
        """``N``."""
        return len(self.inputs) - len(self.targets)

    def pool(self) -> NetworkRows:
        """Rows of the unlabelled pool."""
        return self._rows(torch.arange(self.pool_size))

    def labelled(self) -> NetworkRows:
        """Rows of the labelled set."""
        return self._rows(torch.arange(self.pool_size, len(self.inputs)))

    def permuted(self, order: Tensor) -> Problem:
        """The same with the rows of the pool in another order."""
        inputs = torch.cat([self.inputs[order], self.inputs[self.pool_size :]])
        return dataclasses.replace(self, inputs=inputs)

    def to(self, device: torch.device) -> Problem:
        """The same on another device."""
        moved = self.inputs.to(device), self.targets.to(device)
        return dataclasses.replace(self, inputs=moved[0], targets=moved[1], model=self.model.to(device))

    def trainable(self) -> Problem:
        """The same with a copy of the network that can be trained on identical samples, too."""
        model = copy.deepcopy(self.model)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.eps = 1e-5
        return dataclasses.replace(self, model=model)

    def _rows(self, positions: Tensor) -> NetworkRows:
        device = self.inputs.device
        samples = Samples(self.inputs, device)
        return self.rows(self.model, samples, positions.to(device), seed=0, members=self.members)


def make_problem(
    seed: int = 0,
    *,
    N: int = 40,
    L: int = 12,
    C: int = 4,
    n: int = 6,
    inputs: int = INPUTS,
    features: int = FEATURES,
    dropout: float = 0.0,
    head_scale: float = 1.0,
    estimator: Literal["", "estimator", "leaves"] = "",
) -> Problem:
    """Draws a problem; each call makes a new network of the same numbers.

    Args:
        seed: of all numbers.
        N: unlabelled samples.
        L: labelled samples; their labels are all classes in turn.
        C: classes.
        n: the budget.
        inputs: numbers of a sample.
        features: features of a sample.
        dropout: of the network.
        head_scale: what the head is multiplied by, a power of two or 0.
        estimator: whether the head is an estimator's: logistic regression before it is fitted, or, with
            ``"leaves"``, trees that are fitted to the labelled samples.
    """
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int, scale: float = 1.0, steps: int) -> Tensor:
        numbers = (torch.randn(*shape, generator=generator) * scale).clamp(-3, 3)
        return (numbers * steps).round() / steps

    x = draw(N + L, inputs, steps=8)
    first = nn.Linear(inputs, features, bias=False)
    body = nn.Sequential(
        first,
        nn.BatchNorm1d(features, eps=TINY),  # has buffers; changes nothing as long as they stay as they are
        nn.ReLU(),
    )
    head = nn.Linear(features, C)
    with torch.no_grad():
        first.weight.copy_(draw(features, inputs, scale=0.5, steps=16))
        head.weight.copy_(draw(C, features, scale=0.5, steps=16) * head_scale)
        head.bias.copy_(draw(C, scale=0.5, steps=16) * head_scale)
    targets = torch.arange(L) % C
    members = [
        {
            "head.weight": draw(C, features, scale=0.5, steps=16) * head_scale,
            "head.bias": draw(C, scale=0.5, steps=16) * head_scale,
        }
        for _ in range(MEMBERS)
    ]
    model = Classifier(body, head, dropout).eval()
    if estimator == "estimator":
        from sklearn.linear_model import LogisticRegression

        model.head = LinearEstimatorHead(LogisticRegression(), features, C)
    if estimator == "leaves":
        model.head = _trees(model, x[N:], targets, C)
    return Problem(x, targets, C, n, model, members)


@torch.no_grad()
def _trees(model: Classifier, x: Tensor, targets: Tensor, classes: int) -> EstimatorHead:
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(4, random_state=0)
    head = EstimatorHead(forest, classes)
    seen = targets.unique()
    if len(seen):
        fitted = forest.fit(head.rows_for(model.features(x)), targets.numpy()) if len(seen) > 1 else None
        head.take(fitted, seen.numpy())
    return head


def blank_rows(problem: Problem) -> Problem:
    """Every second sample of pool and labelled set becomes zeros, and so do its features."""
    inputs = problem.inputs.clone()
    inputs[::2] = 0
    return dataclasses.replace(problem, inputs=inputs)


def identical_rows(problem: Problem) -> Problem:
    """Every sample becomes the first."""
    return dataclasses.replace(problem, inputs=problem.inputs[:1].repeat(len(problem.inputs), 1))


def without_a_class(problem: Problem) -> Problem:
    """The last class has no labels."""
    return dataclasses.replace(problem, targets=problem.targets % (problem.num_classes - 1))
