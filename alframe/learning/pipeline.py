"""Which provider serves which stage, and calling it: nothing else in the engine calls a stage."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alframe import seeds
from alframe.contract.options import build, differences
from alframe.contract.recipe import Recipe, TrainResult
from alframe.contract.scores import needed_scores, why_refused
from alframe.contract.training import Training
from alframe.contract.views import LabelledView, PoolView, Rows, rows_of
from alframe.errors import PluginError, TrialError, UsageError, unknown_name
from alframe.hookspecs import STAGES
from alframe.learning.blame import blame
from alframe.learning.embedding import Embedding
from alframe.learning.nested import Asked, names_asked, require_no_circle
from alframe.learning.pool import top_up
from alframe.learning.rows import without_distances
from alframe.learning.state import RoundState, Selection
from alframe.learning.stored import blocks_to_score, is_in_files
from alframe.learning.suiting import trains_several, why_lacking, why_not_trained
from alframe.learning.validation import check_embeddings, check_picks, check_scores, check_training
from alframe.learning.wishes import checked_options, checked_stages
from alframe.networks.classifier import Classifier
from alframe.ops.crew import gathered, over_rows
from alframe.ops.geometry import Geometry
from alframe.registry.plugin import DEFAULT, Plugin
from alframe.registry.registry import Registry, installed


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
        within: names of the plugins on whose behalf this one is asked, the outermost first.

    Raises:
        UsageError: an unknown name of a stage or of a plugin, a plugin that does not provide the stage, a
            scorer whose scores the selector can't work with, or strategies that would ask each other in a
            circle.
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
        within: tuple[str, ...] = (),
    ) -> None:
        stages, options = checked_stages(stages), checked_options(options)
        self.registry = registry
        self.strategy = registry.plugin(strategy, "strategy")
        names = (self.strategy.name, self.strategy.key)
        self.asked_for = strategy if strategy in names else self.strategy.name  # one folder for all aliases
        self._asked = stages
        self._given = options
        self._trainer = trainer
        self._within = within
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
        self._asked_for: dict[str, Pipeline] = {}
        named = names_asked(dict.fromkeys(self.providers.values()), self.options)
        self._asked_for = {name: self._asked_by(*of, name) for name, of in named.items()}
        for pipeline in self._asked_for.values():
            self.options = {**self.options, **pipeline.options, **self.options}
        if refuse and (reason := self._why_scores_do_not_suit()):
            raise UsageError(reason)

    def __deepcopy__(self, memo: dict[int, Any]) -> Pipeline:
        """Itself: it never changes, and plugins are modules."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by names: plugins are modules, and are looked up among the installed ones."""
        plugins = self.plugins
        for plugin in plugins:
            if plugin.distribution == "local" and not plugin.path:
                raise UsageError(
                    f"plugin {plugin.name!r} is an object of this process and can't be pickled; a plugin "
                    "in a file or a package can, and copy.deepcopy works"
                )
        paths = [plugin.path for plugin in plugins if plugin.path]
        return _resolved_again, (self.asked_for, self._asked, dict(self._given), paths, self._trainer)

    @property
    def plugins(self) -> list[Plugin]:
        """Its own and those of the strategies that it asks, each once."""
        asked = [plugin for pipeline in self._asked_for.values() for plugin in pipeline.plugins]
        return list(dict.fromkeys((self.strategy, *self.providers.values(), *asked)))

    def inner(self, name: str, options: Mapping[str, Any] | None, asker: str) -> Pipeline:
        """A strategy that this one asks, see `Context.ask`.

        Args:
            name: the strategy's.
            options: its options; None: what the user gave.
            asker: the plugin that asks, which serves a stage here.

        Raises:
            UsageError: there is none of that name, or it would ask this one in turn.
        """
        if options is None and name in self._asked_for:
            return self._asked_for[name]
        if not self.registry.plugin(name, "strategy").is_strategy:
            raise UsageError(f"{name!r} is no strategy: see `alframe list-strategies`")
        given = self._given if options is None else {**self._given, name: options}
        within = (*self._within, asker)
        require_no_circle(within)
        return Pipeline(self.registry, name, None, given, refuse=False, trainer=self._trainer, within=within)

    def _asked_by(self, asker: str, key: str, name: str) -> Pipeline:
        try:
            return self.inner(name, None, asker)
        except UsageError as error:
            raise UsageError(f"{asker}.{key}: {error}") from error

    def parts(self, total: int, count: int | None = None) -> list[int]:
        """Of how many samples each query of a round is, with the labels of those before.

        Args:
            total: samples of the round.
            count: how many queries, where there are samples enough; None: as the selector wants it.
        """
        selector = self.providers["select"]
        if count is not None:
            sizes = [total * (i + 1) // count - total * i // count for i in range(count)]
        elif option := selector.info.wants_labels_every:
            size = max(1, getattr(self.options[selector.name], option))
            sizes = [min(size, total - start) for start in range(0, total, size)]
        else:
            sizes = [total]
        return [size for size in sizes if size]

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

    def require_used(self, options: Mapping[str, Any], but: Container[str] = ()) -> None:
        """Raises `UsageError` where there are options for a plugin that serves no stage here.

        Args:
            options: what the user gave, by plugin name.
            but: names that somebody else uses.
        """
        for name in options:
            if name not in self.options and name not in but:
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
        pool: PoolView,
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
                pool=pool,
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

    def why_unsuited(self, model: Classifier, inputs: Tensor, committee: bool = False) -> str:
        """Why this strategy can't work with a network and data, and what to do; "" when it can.

        Args:
            model: the network.
            inputs: samples.
            committee: whether who asks this strategy has several networks trained.
        """
        trainer, own = self.providers["train"], self._follow("train", self.strategy, ())
        committee = committee or trains_several(trainer, self.options[trainer.name])
        trained = why_not_trained(self.strategy, own, trainer, model)
        lacking = why_lacking(self.providers, model, inputs, committee=committee)
        if reason := lacking or trained or self._why_scores_do_not_suit():
            return reason
        for name, asked in self._asked_for.items():
            own = asked._follow("train", asked.strategy, ())
            if own and own is not trainer and not self._trainer:
                return f"{self.strategy.name} asks {name}, which {own.name} trains: add --train {own.name}"
            if reason := asked.why_unsuited(model, inputs, committee):
                return f"{self.strategy.name} asks {name}, and {reason}"
        return ""

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
        views = PoolView(pool), LabelledView(labelled, targets), PoolView(taken)
        return self.choose(*views, n, state, both)

    def choose(
        self,
        pool: PoolView,
        labelled: LabelledView,
        pending: PoolView,
        n: int,
        state: RoundState,
        both: Rows,
    ) -> Selection:
        """The same for views that somebody has, who may have read them and will know what is read here.

        Args:
            pool: the unlabelled pool.
            labelled: the labelled set.
            pending: what somebody is labelling now.
            n: the budget.
            state: the round.
            both: rows of the pool, and after them of what is pending.
        """
        keeps_away = self.registry.takes("select", self.providers["select"], "pending")
        to_embed = PoolView(both if keeps_away else rows_of(pool)), labelled.twin(None)
        size = len(pool)
        embedding = Embedding(lambda: self.embed(*to_embed, state), size)
        unlabelled, known = pool.twin(embedding.of_pool), labelled.twin(embedding.of_labelled)
        with torch.no_grad():
            scores = None
            if "score" in self.providers:
                scores = self._scores(state, unlabelled, known)
            picks = self._call(
                "select",
                state,
                lambda answer: check_picks(answer, size, n),
                pool=unlabelled,
                labelled=known,
                scores=scores,
                n=n,
                pending=pending.twin(embedding.of_pending),
            )
        pool.take_over(unlabelled)
        labelled.take_over(known)
        missing = n - len(picks)
        if missing:
            picks = torch.cat([picks, top_up(picks, missing, size, state.stream("top-up"))])
        return Selection(picks, None if scores is None else scores.cpu(), missing, state.numbers())

    def _scores(self, state: RoundState, pool: PoolView, labelled: LabelledView) -> Tensor:
        """Scores of the pool; of one in files block by block, where the scorer says that this is the same."""
        rows = rows_of(pool)
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
        asking = None
        if "pool" in arguments and stage != "train":
            asking = Asked(self, plugin, stage, state, arguments["pool"], arguments["labelled"])
        with blame(plugin, f"hook alframe_{stage}"):
            answer = self.registry.call_stage(
                stage,
                plugin,
                options=self.options[plugin.name],
                ctx=state.context(stage, plugin, asking),
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
