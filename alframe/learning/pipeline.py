"""Which provider serves which stage, and calling it: nothing else in the engine calls a stage."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alframe import seeds
from alframe.contract.context import Context
from alframe.contract.options import build, differences
from alframe.contract.recipe import Recipe, TrainResult
from alframe.contract.scores import needed_scores, why_refused
from alframe.contract.training import Training
from alframe.contract.views import LabelledView, PoolView, Rows
from alframe.errors import PluginError, TrialError, UsageError, unknown_name
from alframe.hookspecs import STAGES
from alframe.learning.blame import blame
from alframe.learning.pool import top_up
from alframe.learning.rows import without_distances
from alframe.learning.stored import blocks_to_score, is_in_files
from alframe.learning.suiting import why_lacking, why_not_trained
from alframe.learning.validation import check_embeddings, check_picks, check_scores, check_training
from alframe.networks.classifier import Classifier
from alframe.ops.crew import gathered, over_rows
from alframe.ops.geometry import Geometry
from alframe.registry.plugin import DEFAULT, Plugin
from alframe.registry.registry import Registry, installed


@dataclasses.dataclass(frozen=True, eq=False)
class RoundState:
    """What the hooks of one round have in common.

    Attributes:
        seed: the trial's seed.
        number: the round, see `Context.round`.
        num_classes: number of classes.
        device: where the tensors are.
        model: the network, or None.
        states: each plugin's dictionary, by plugin name, kept between rounds.
        caches: the same of what may be lost at any time.
        logged: each plugin's numbers for the record, by plugin name.
        progress: told ``(stage, done, total)`` during long work.
    """

    seed: int
    number: int
    num_classes: int
    device: torch.device
    model: Classifier | None
    states: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    caches: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    logged: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None

    def context(self, stage: str, plugin: Plugin) -> Context:
        """The context of one hook call."""
        return Context(
            round=self.number,
            num_classes=self.num_classes,
            device=self.device,
            generator=seeds.generator(self.seed, self.number, stage, plugin.name),
            model=self.model,
            state=self.states.setdefault(plugin.name, {}),
            cache=self.caches.setdefault(plugin.name, {}),
            logged=self.logged.setdefault(plugin.name, {}),
            progress=functools.partial(self.progress, stage),
        )

    def numbers(self) -> dict[str, dict[str, float]]:
        """What plugins have logged so far; nothing of those that logged nothing."""
        return {name: dict(values) for name, values in self.logged.items() if values}


@dataclasses.dataclass(frozen=True, eq=False)
class Selection:
    """The answer to one query of a pool.

    Attributes:
        picks: ``n`` distinct positions in the unlabelled pool, on the CPU, best first.
        scores: ``N`` scores on the CPU, or None where no scorer served.
        topped_up: how many of the last picks the engine drew at random.
        logged: numbers that plugins logged, by plugin name.
    """

    picks: Tensor
    scores: Tensor | None
    topped_up: int
    logged: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)


class Pipeline:
    """A strategy with its four stages resolved.

    Args:
        registry: where plugins are looked up.
        strategy: the strategy's name.
        stages: providers that the user asked for, by stage, as ``{"select": "coreset"}``.
        options: options that the user gave, by plugin name.
        refuse: raise where scores do not suit the selector; else `why_unsuited` says so.
        trainer: the plugin that trains the model where the user names none, whatever the strategy, see
            `ModelInfo.trainer`; "" where the model is a network that any can train.

    Raises:
        UsageError: an unknown name of a stage or of a plugin, a plugin that does not provide the stage, or a
            scorer whose scores the selector can't work with.
        PluginError: a plugin that was asked for is broken.
    """

    def __init__(
        self,
        registry: Registry,
        strategy: str,
        stages: Mapping[str, str] | None = None,
        options: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        refuse: bool = True,
        trainer: str = "",
    ) -> None:
        stages, options = _checked_stages(stages), _checked_options(options)
        self.registry = registry
        self.strategy = registry.plugin(strategy, "strategy")
        names = (self.strategy.name, self.strategy.key)
        self.asked_for = strategy if strategy in names else self.strategy.name  # one folder for all aliases
        self._asked = stages
        self._given = options
        self._trainer = trainer
        self._default = registry.plugin(DEFAULT)
        self.providers: dict[str, Plugin] = {}
        for stage in STAGES:
            provider = self._resolve(stage)
            if provider is not None:
                self.providers[stage] = provider
        self.options = {
            plugin.name: build(plugin.info.options, options.get(plugin.name, {}), plugin.name)
            for plugin in dict.fromkeys((self.strategy, *self.providers.values()))
        }
        if refuse and (reason := self._why_scores_do_not_suit()):
            raise UsageError(reason)

    def __deepcopy__(self, memo: dict[int, Any]) -> Pipeline:
        """Itself: it never changes, and plugins are modules."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by names: plugins are modules, and are looked up among the installed ones."""
        plugins = dict.fromkeys((self.strategy, *self.providers.values()))
        for plugin in plugins:
            if plugin.distribution == "local" and not plugin.path:
                raise UsageError(
                    f"plugin {plugin.name!r} is an object of this process and can't be pickled; a plugin "
                    "in a file or a package can, and copy.deepcopy works"
                )
        paths = [plugin.path for plugin in plugins if plugin.path]
        return _resolved_again, (self.asked_for, self._asked, dict(self._given), paths, self._trainer)

    def trained_by(self, trainer: str) -> Pipeline:
        """The same for a model that wants a trainer of its own; itself where there is nothing to change.

        Args:
            trainer: the plugin's name; "" where any will do.
        """
        if trainer == self._trainer:
            return self
        return Pipeline(
            self.registry, self.asked_for, self._asked, self._given, refuse=False, trainer=trainer
        )

    def _resolve(self, stage: str) -> Plugin | None:
        asked = self._asked.get(stage)
        if asked is not None:
            able = self.registry.serving(stage)
            if not self.registry.named(asked):
                raise unknown_name(f"plugin for --{stage}", asked, able, "See `alframe show stages`.")
            provider = self._follow(stage, self.registry.plugin(asked), ())
            if provider is None:
                raise UsageError(
                    f"--{stage} {asked}: {asked!r} has no {stage} stage; {', '.join(able)} have one"
                )
            return provider
        if stage == "train" and self._trainer:
            return self._of_model()
        provider = self._follow(stage, self.strategy, ())
        if provider is None and stage != "score":
            provider = self._default
        return provider

    def _of_model(self) -> Plugin:
        provider = self.registry.plugin(self._trainer, "trainer of the model")
        if "train" not in provider.stages:
            raise PluginError(f"the model wants to be trained by {self._trainer!r}, which has no train stage")
        return provider

    def _follow(self, stage: str, plugin: Plugin, path: tuple[str, ...]) -> Plugin | None:
        """The plugin itself where it has the stage's code, else the one it borrows the stage from."""
        if stage in plugin.stages:
            return plugin
        lender = plugin.info.uses.get(stage)
        if lender is None:
            return None
        if plugin.name in path:
            raise PluginError(
                f"plugins borrow the {stage} stage in a circle: {' -> '.join((*path, plugin.name))}"
            )
        provider = self._follow(stage, self.registry.plugin(lender), (*path, plugin.name))
        if provider is None:
            raise PluginError(f"plugin {plugin.name!r} uses the {stage} stage of {lender!r}, which has none")
        return provider

    def require_used(self, options: Mapping[str, Mapping[str, Any]]) -> None:
        """Raises `UsageError` where there are options for a plugin that serves no stage here.

        Args:
            options: what the user gave, by plugin name.
        """
        for name in options:
            if name not in self.options:
                serving = ", ".join(sorted(set(self.options) - {"default"}))
                raise UsageError(
                    f"options for {name!r} are of no use here: all stages are those of {serving}"
                )

    def _why_scores_do_not_suit(self) -> str:
        """What the selector needs of scores and the scorer does not promise; "" if nothing."""
        scorer, selector = self.providers.get("score"), self.providers["select"]
        if scorer is None:
            return ""
        needed = needed_scores(selector.info.needs_scores, self.options[selector.name])
        able = [
            plugin.name
            for plugin in self.registry.strategies
            if "score" in plugin.stages and plugin.info.score_range and needed.met_by(plugin.info.score_range)
        ]
        return why_refused(selector.name, needed, scorer.name, scorer.info.score_range, able)

    @property
    def label(self) -> str:
        """The strategy with whatever differs from its defaults, as ``badge+select=coreset+cap=0.1``.

        A trainer that the user names belongs to the setting, with its options.
        """
        parts = [f"{stage}={name}" for stage, name in sorted(self._asked.items()) if stage != "train"]
        asked_trainer = self.providers["train"].name if "train" in self._asked or self._trainer else None
        for name, options in self.options.items():
            if name == asked_trainer != self.strategy.name:
                continue
            prefix = "" if name == self.strategy.name else f"{name}."
            parts += [f"{prefix}{key}={value}" for key, value in differences(options).items()]
        return "+".join([self.asked_for, *parts])

    def train(
        self,
        model: Classifier,
        labelled: LabelledView,
        validation: LabelledView | None,
        recipe: Recipe,
        state: RoundState,
    ) -> TrainResult:
        """Trains ``model`` in place."""
        # Dropout reads torch's global state, which is seeded for the trainer and restored after it.
        with seeds.global_stream(state.seed, state.number, "training", device=state.device):
            result: TrainResult = self._call(
                "train",
                state,
                check_training,
                model=model,
                labelled=labelled,
                validation=validation,
                recipe=recipe,
            )
        model.eval()
        return dataclasses.replace(result, logged=state.numbers())

    @property
    def trains_together(self) -> bool:
        """Whether the trainer may fit several networks at once: it can, and nobody watches it train one."""
        trainer = self.providers["train"]
        return "alframe_train_together" in trainer.hooks and not self.registry.is_wrapped("train")

    def train_together(
        self, trainings: Sequence[Training], recipe: Recipe, state: RoundState
    ) -> list[TrainResult | TrialError] | None:
        """Trains several networks in place, each on its own labelled set; None where they can't be at once.

        Args:
            trainings: of trials of one setting, all at one round.
            recipe: the section ``[train]``.
            state: the round of the first of them.

        Raises:
            PluginError: the trainer broke its contract, as `train` has it.
        """
        trainer = self.providers["train"]
        with (
            seeds.global_stream(state.seed, state.number, "training", device=state.device),
            blame(trainer, "hook alframe_train_together"),
        ):
            answers = self.registry.call_alone(
                "train_together",
                trainer,
                trainings=trainings,
                recipe=recipe,
                options=self.options[trainer.name],
            )
            if answers is None:
                return None
            if len(answers) != len(trainings):
                raise PluginError(f"wanted {len(trainings)} results, got {len(answers)}")
            return [one if isinstance(one, TrialError) else check_training(one) for one in answers]

    def why_unsuited(self, model: Classifier, inputs: Tensor) -> str:
        """Why this strategy can't work with a network and data, and what to do; "" when it can.

        Args:
            model: the network.
            inputs: samples.
        """
        trained = why_not_trained(
            self.strategy, self._follow("train", self.strategy, ()), self.providers["train"], model
        )
        return why_lacking(self.providers, model, inputs) or trained or self._why_scores_do_not_suit()

    def query(
        self, pool: Rows, labelled: Rows, targets: Tensor, n: int, state: RoundState, *, pending: int = 0
    ) -> Selection:
        """Chooses ``n`` of the unlabelled pool.

        Args:
            pool: rows of the unlabelled pool, and after them of what is pending.
            labelled: rows of the labelled set.
            targets: labels of the labelled set, ``L`` int64 numbers.
            n: the budget, at most as many as the pool has.
            state: the round.
            pending: how many of the last rows are pending.
        """
        both, size = pool, len(pool) - pending
        pool, taken = both.part(slice(size)) if pending else both, both.part(slice(size, len(both)))
        keeps_away = self.registry.takes("select", self.providers["select"], "pending")
        embedding = _Embedding(self, both if keeps_away else pool, labelled, targets, state, size)
        unlabelled = PoolView(pool, embedding.of_pool)
        known = LabelledView(labelled, targets, embedding.of_labelled)
        with torch.no_grad():
            scores = None
            if "score" in self.providers:
                scores = self._scores(pool, state, unlabelled, known)
            picks = self._call(
                "select",
                state,
                lambda answer: check_picks(answer, size, n),
                pool=unlabelled,
                labelled=known,
                scores=scores,
                n=n,
                pending=PoolView(taken, embedding.of_pending),
            )
        missing = n - len(picks)
        if missing:
            picks = torch.cat([picks, top_up(picks, missing, size, state.seed, state.number)])
        return Selection(picks, None if scores is None else scores.cpu(), missing, state.numbers())

    def _scores(self, rows: Rows, state: RoundState, pool: PoolView, labelled: LabelledView) -> Tensor:
        """Scores of the pool; of one in files block by block, where the scorer says that this is the same."""
        if "score" not in self.providers["score"].info.rowwise or not is_in_files(rows):
            return self.scores_of(pool, labelled, state)
        asked = (self, rows, labelled, state)
        blocks = over_rows(_scores_of_block, asked, None, blocks_to_score(rows))
        return gathered(_with_logged(blocks, state), len(rows))

    def scores_of(self, pool: PoolView, labelled: LabelledView, state: RoundState) -> Tensor:
        """The scorer's scores of a view, checked."""

        def check(answer: Any) -> Tensor:
            return check_scores(answer, len(pool))

        scores: Tensor = self._call("score", state, check, pool=pool, labelled=labelled)
        return scores

    def embed(self, pool: PoolView, labelled: LabelledView, state: RoundState) -> tuple[Geometry, Geometry]:
        """The embedding of the pool and of the labelled set."""

        def check(answer: Any) -> tuple[Geometry, Geometry]:
            try:
                return check_embeddings(answer, len(pool), len(labelled))
            except PluginError as error:
                for x in (pool.features, labelled.features):
                    largest = float(x.abs().max()) if x.numel() else 0.0
                    if too_large := without_distances(largest, x.shape[1]):
                        raise UsageError(too_large) from error
                raise

        with torch.no_grad():
            embeddings: tuple[Geometry, Geometry] = self._call(
                "embed", state, check, pool=pool, labelled=labelled
            )
        return embeddings

    def _call(self, stage: str, state: RoundState, check: Callable[[Any], Any], **arguments: Any) -> Any:
        """Calls a stage's provider and checks its answer, both in the provider's name."""
        plugin = self.providers[stage]
        with blame(plugin, f"hook alframe_{stage}"):
            answer = self.registry.call_stage(
                stage,
                plugin,
                options=self.options[plugin.name],
                ctx=state.context(stage, plugin),
                **arguments,
            )
            return check(answer)


def _scores_of_block(
    asked: tuple[Pipeline, Rows, LabelledView, RoundState], nothing: None, block: slice
) -> tuple[Tensor, dict[str, dict[str, float]]]:
    """Scores of some rows of the pool, and what was logged."""
    pipeline, rows, labelled, state = asked
    return pipeline.scores_of(PoolView(rows.part(block)), labelled, state), state.numbers()


def _with_logged(
    parts: Iterator[tuple[slice, tuple[Tensor, dict[str, dict[str, float]]]]], state: RoundState
) -> Iterator[tuple[slice, Tensor]]:
    """The scores; what workers have logged is logged here. As in one process the last block's stays."""
    last = -1
    for block, (scores, logged) in parts:
        if block.start > last:
            last = block.start
            for name, numbers in logged.items():
                state.logged.setdefault(name, {}).update(numbers)
        yield block, scores


def _resolved_again(
    strategy: str,
    stages: Mapping[str, str],
    options: Mapping[str, Mapping[str, Any]],
    files: list[Path],
    trainer: str = "",
) -> Pipeline:
    registry = installed()
    if unknown := [path for path in files if path not in registry.files]:
        registry = registry.copy()
        for path in unknown:
            registry.require_file(path)
    return Pipeline(registry, strategy, stages, options, trainer=trainer)


def _checked_stages(stages: Any) -> dict[str, str]:
    if not isinstance(stages, Mapping | None):
        raise UsageError(f"stages must be a dictionary, as {{'select': 'coreset'}}, got {stages!r}")
    for name in stages or {}:
        if name not in STAGES:
            raise unknown_name("stage", name, STAGES, "See `alframe show stages`.")
    return dict(stages or {})


def _checked_options(options: Any) -> Mapping[str, Mapping[str, Any]]:
    if not isinstance(options, Mapping | None) or not all(
        isinstance(values, Mapping) for values in (options or {}).values()
    ):
        raise UsageError(
            f"options must be a dictionary by plugin name, as {{'alfamix': {{'cap': 0.1}}}}, got {options!r}"
        )
    return options or {}


class _Embedding:
    """The embed stage's answer, made when a view first asks for it; after ``size`` rows come the pending."""

    def __init__(
        self, pipeline: Pipeline, pool: Rows, labelled: Rows, targets: Tensor, state: RoundState, size: int
    ) -> None:
        self._make = lambda: pipeline.embed(PoolView(pool), LabelledView(labelled, targets), state)
        self._made: tuple[Geometry, Geometry] | None = None
        self._size = size

    def of_pool(self) -> Geometry:
        whole = self._both()[0]
        return whole if len(whole) == self._size else whole[: self._size]

    def of_pending(self) -> Geometry:
        return self._both()[0][self._size :]

    def of_labelled(self) -> Geometry:
        return self._both()[1]

    def _both(self) -> tuple[Geometry, Geometry]:
        if self._made is None:
            self._made = self._make()
        return self._made
