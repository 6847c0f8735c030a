"""Other people's plugins, as one may meet them: embeddings of every geometry, scores, data, a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from alframe.contract.options import NoOptions
from alframe.contract.resources import DatasetInfo, ModelInfo, ModelRequest
from alframe.data.dataset import Dataset
from alframe.hookspecs import hookimpl
from alframe.learning.estimator_heads import estimator_network
from alframe.networks.classifier import Classifier
from alframe.ops.geometry import Embeddings, Euclidean, Geometry, OuterProduct, SymmetricKL, Vectors

DATA, NETWORK = "kit-blobs", "kit-network"
CLASSES = 3


class Own:
    """A geometry of a plugin's own: the points of a `Euclidean`, and no more than a geometry promises.

    Args:
        points: what is hidden behind it.
    """

    def __init__(self, points: Euclidean) -> None:
        self._points = points

    def __len__(self) -> int:
        return len(self._points)

    def __getitem__(self, positions: Tensor | slice) -> Own:
        """The points at ``positions``."""
        return Own(self._points[positions])

    def squared_norms(self) -> Tensor:
        """Squared distance of each from the origin."""
        return self._points.squared_norms()

    def squared_distances(self, other: Own) -> Tensor:
        """Squared distances to each point of ``other``."""
        return self._points.squared_distances(other._points)

    def vectors(self, generator: torch.Generator) -> Vectors:
        """The points as rows."""
        return self._points.vectors(generator)


def _wide(view: Any) -> Euclidean:
    return Euclidean(view.features.repeat(1, 3))


GEOMETRIES: dict[str, Callable[[Any], Geometry]] = {
    "wide": _wide,
    "outer": lambda view: OuterProduct(view.probs, view.features),
    "divergence": lambda view: SymmetricKL(view.probs),
    "own": lambda view: Own(_wide(view)),
}


class Embedder:
    """Embeds in one of the `GEOMETRIES`.

    Args:
        name: which.
    """

    def __init__(self, name: str) -> None:
        self._of = GEOMETRIES[name]

    @hookimpl
    def alframe_embed(self, pool: Any, labelled: Any) -> Embeddings:
        """The pool and the labelled set."""
        return Embeddings(self._of(pool), self._of(labelled))


class Scorer:
    """Says never of every second sample."""

    @hookimpl
    def alframe_score(self, pool: Any) -> Tensor:
        """The sum of the features, or ``-inf``."""
        scores: Tensor = pool.features.sum(dim=1)
        scores[self.never(torch.arange(len(scores)))] = -torch.inf
        return scores

    @staticmethod
    def never(positions: Tensor) -> Tensor:
        """Which of some samples may not be chosen."""
        return positions % 2 == 0


class Lab:
    """The data set and the network of the kit's trials."""

    @hookimpl
    def alframe_datasets(self) -> dict[str, DatasetInfo]:
        """Offers the data set."""
        return {DATA: DatasetInfo(summary="three blobs", load=lambda request: blobs())}

    @hookimpl
    def alframe_models(self) -> dict[str, ModelInfo]:
        """Offers the network, the same with dropout, and an estimator in its place."""
        return {
            NETWORK: ModelInfo(summary="one small layer", build=build_network, options=NoOptions),
            f"{NETWORK}-dropout": ModelInfo(summary="the same with dropout", build=build_with_dropout),
            f"{NETWORK}-estimator": ModelInfo(summary="logistic regression", build=build_estimator),
            f"{NETWORK}-leaves": ModelInfo(summary="a forest", build=build_forest, trainer="estimator"),
        }


def blobs() -> Dataset:
    """45 samples of three separable classes, and 30 for testing."""
    generator = torch.Generator().manual_seed(0)
    targets = torch.arange(75) % CLASSES
    inputs = torch.randn(75, 6, generator=generator) + 4 * torch.eye(CLASSES, 6)[targets]
    return Dataset(DATA, inputs[:45], targets[:45], CLASSES, inputs[45:], targets[45:])


def build_network(request: ModelRequest, dropout: float = 0.0) -> Classifier:
    """A hidden layer of 8 with batch normalisation."""
    body = nn.Sequential(nn.Linear(request.input_shape.numel(), 8), nn.BatchNorm1d(8), nn.ReLU())
    return Classifier(body, nn.Linear(8, request.num_classes), dropout)


def build_with_dropout(request: ModelRequest) -> Classifier:
    """The same with dropout."""
    return build_network(request, 0.5)


def build_estimator(request: ModelRequest) -> Classifier:
    """An estimator."""
    from sklearn.linear_model import LogisticRegression

    return estimator_network(LogisticRegression(), request.input_shape.numel(), request.num_classes)


def build_forest(request: ModelRequest) -> Classifier:
    """An estimator of trees."""
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(4)
    return estimator_network(forest, request.input_shape.numel(), request.num_classes)
