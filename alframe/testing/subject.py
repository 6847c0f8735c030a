"""A plugin under test: asked, trained and run through the engine, in a registry of its own."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from alframe.contract.needs import ESTIMATOR, SAMPLES
from alframe.contract.recipe import Recipe
from alframe.contract.views import LabelledView, PoolView
from alframe.learning.pipeline import Pipeline
from alframe.learning.state import RoundState, Selection
from alframe.ops.geometry import Geometry
from alframe.registry.plugin import Plugin
from alframe.registry.registry import Registry
from alframe.testing.problems import Problem, make_problem
from alframe.testing.strangers import GEOMETRIES, NETWORK, Embedder, Lab, Scorer
from alframe.testing.witness import Call, Witness

WITNESS = "kit-witness"
RECIPE = Recipe(epochs=10, batch_size=8, learning_rate=0.05, stop_accuracy=None)


@dataclasses.dataclass(frozen=True, eq=False)
class Answer:
    """What a plugin made of a problem, as far as it has the stages.

    Attributes:
        picks: what its query chose, the engine's top-up left out; None where it has no stage of a query.
        scores: ``N`` scores, or None.
        pool: the embedding of the pool by its embed stage, or None.
        labelled: that of the labelled set, or None.
        weights: the network's weights and buffers after its train stage, or None.
    """

    picks: Tensor | None = None
    scores: Tensor | None = None
    pool: Geometry | None = None
    labelled: Geometry | None = None
    weights: dict[str, Tensor] | None = None


class Subject:
    """A plugin, and a registry in which the kit watches it among strangers.

    Args:
        plugin: the plugin.
        registry: those that it is installed beside; it is copied, not changed.
        options: plugins' options by plugin name.
        expected_failures: names of checks that are known to fail, and why.

    Attributes:
        verdicts: what came of the checks that were made: a remark, or the exception.
        memory: what checks have worked out and share.
    """

    def __init__(
        self,
        plugin: Plugin,
        registry: Registry,
        options: Mapping[str, Mapping[str, Any]],
        expected_failures: Mapping[str, str],
    ) -> None:
        self.registry = registry.copy()
        self.plugin = self.registry.plugin(plugin.key)
        self.options = options
        self.expected_failures = expected_failures
        self.verdicts: dict[str, str | Exception] = {}
        self.memory: dict[Any, Any] = {}
        self.witness = Witness()
        self.registry.register(self.witness, WITNESS)
        for name in GEOMETRIES:
            self.registry.register(Embedder(name), f"kit-{name}")
        self.registry.register(Scorer(), "kit-scores")
        self.registry.register(Lab(), "kit-lab")

    @functools.cached_property
    def pipeline(self) -> Pipeline:
        """The plugin as a strategy: what it has no stage for, the engine's defaults serve."""
        return Pipeline(self.registry, self.plugin.key, options=self.options)

    def serving(self, *own: str, **stages: str) -> Pipeline:
        """A pipeline in which the plugin serves some stages, strangers others, the defaults the rest."""
        asked = dict.fromkeys(own, self.plugin.key) | stages
        return Pipeline(self.registry, f"local/{WITNESS}", asked, self.options)

    @property
    def network(self) -> str:
        """The kit's network that suits it."""
        kinds = {SAMPLES: "dropout", "dropout": "dropout", ESTIMATOR: ESTIMATOR, "leaves": "leaves"}
        suiting = [f"{NETWORK}-{kind}" for need, kind in kinds.items() if self._needs(need)]
        return suiting[0] if suiting else NETWORK

    def _needs(self, need: str) -> bool:
        return any(need in plugin.info.needs for plugin in self.pipeline.plugins)

    def problem(self, seed: int = 0, **changes: Any) -> Problem:
        """A problem that suits it; see `make_problem`."""
        rate = 0.5 if self._needs("dropout") or self._needs(SAMPLES) else 0.0
        kinds: tuple[Literal["estimator", "leaves", ""], ...] = ("estimator", "leaves", "")
        estimator = next(kind for kind in kinds if not kind or self._needs(kind))
        return make_problem(seed, dropout=rate, estimator=estimator, **changes)

    def ask(self, problem: Problem, seed: int = 0, pipeline: Pipeline | None = None) -> Answer:
        """Its answer to a problem: a query, its embeddings, a training on the labelled set.

        Args:
            problem: what is asked; the train stage fits a copy of its network.
            seed: the trial's seed.
            pipeline: who serves the stages; by default the plugin, wherever it can.

        Raises:
            PluginError: it broke its contract.
        """
        pipeline = pipeline or self.pipeline
        answer = Answer()
        if {"embed", "score", "select"} & set(self.plugin.stages):
            answer = self._query(problem, seed, pipeline)
        if pipeline.providers["train"] is self.plugin:
            answer = dataclasses.replace(answer, weights=self._train(problem, seed, pipeline))
        return answer

    def query(
        self, problem: Problem, seed: int = 0, pipeline: Pipeline | None = None, pending: int = 0
    ) -> Selection:
        """The engine's query, as it is in a round; the last rows of the pool may be pending."""
        state = _round(problem, seed)
        rows = problem.pool(), problem.labelled(), problem.targets
        return (pipeline or self.pipeline).query(*rows, problem.n, state, pending=pending)

    def embed(self, problem: Problem, seed: int, pipeline: Pipeline) -> tuple[Geometry, Geometry]:
        """The embedding of pool and labelled set that a pipeline's query would see."""
        views = PoolView(problem.pool()), LabelledView(problem.labelled(), problem.targets)
        return pipeline.embed(*views, _round(problem, seed))

    def _query(self, problem: Problem, seed: int, pipeline: Pipeline) -> Answer:
        selection = self.query(problem, seed, pipeline)
        pool = labelled = None
        if pipeline.providers["embed"] is self.plugin:  # which a selector need not have looked at
            pool, labelled = self.embed(problem, seed, pipeline)
        chosen = selection.picks[: len(selection.picks) - selection.topped_up]
        return Answer(chosen, selection.scores, pool, labelled)

    def _train(self, problem: Problem, seed: int, pipeline: Pipeline) -> dict[str, Tensor]:
        problem = problem.trainable()
        view = LabelledView(problem.labelled(), problem.targets)
        pool = PoolView(problem.pool())
        pipeline.train(problem.model, view, None, RECIPE, _round(problem, seed), pool)
        return problem.model.state_dict()

    def watched(self, problem: Problem, seed: int = 0) -> tuple[list[Call], Exception | None]:
        """The calls of its own stages while it answers a problem, and what the engine said of the answers."""
        self.witness.calls.clear()
        complaint = None
        try:
            self.ask(problem, seed)
        except Exception as error:
            complaint = error
        calls = [call for call in self.witness.calls if call.stage in self.plugin.stages]
        self.witness.calls.clear()
        return calls, complaint


def _round(problem: Problem, seed: int) -> RoundState:
    number = 1 if len(problem.targets) else 0
    return RoundState(seed, number, problem.num_classes, torch.device(problem.inputs.device), problem.model)
