"""`ActiveLearner`: a network, what is labelled so far, and the next samples to label."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from alframe import seeds
from alframe.contract.recipe import Recipe, TrainResult
from alframe.contract.sections import NETWORK, STRATEGY, STRATEGY_OF_ESTIMATORS
from alframe.contract.views import LabelledView, PoolView, View
from alframe.data.dataset import UNKNOWN, Dataset
from alframe.data.samples import Samples
from alframe.errors import UsageError
from alframe.learning.answers import require_answer
from alframe.learning.calibration import calibrate, require_scalable, uncalibrate
from alframe.learning.diagnostics import describe_picks
from alframe.learning.fit import Fit, held_out
from alframe.learning.frozen import frozen_features
from alframe.learning.initial import BALANCED, RANDOM, start_named
from alframe.learning.inputs import class_numbers, fixed_rows, whole_number
from alframe.learning.inputs import positions as as_positions
from alframe.learning.lasting import Lasting
from alframe.learning.loading import build_model, network_for, trainer_of
from alframe.learning.metrics import Evaluation, evaluate, samples_to_test_on
from alframe.learning.pipeline import Pipeline
from alframe.learning.pool import drawn, parted
from alframe.learning.refitting import fit_again, is_fitted_again, require_fresh_start
from alframe.learning.rows import Members, NetworkRows, members_of
from alframe.learning.snapshots import copied, require_fitting, require_same_body, undone_unless_finished
from alframe.learning.state import RoundState, Selection
from alframe.networks.classifier import initial_state, private_copy
from alframe.networks.devices import on_device, resolve_device
from alframe.notebooks import learner_html, learner_text, query_html, query_text
from alframe.ops.blocks import by_blocks
from alframe.registry.registry import Registry, installed
from alframe.watching import told

# Trainers and strategies take gradients, in whichever mode the caller is; what is kept must be fit for them.
ALWAYS_GRADIENTS = torch.inference_mode(False)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Query(Selection):
    """The answer to one query of an `ActiveLearner`: a `Selection` that knows the data set.

    Attributes:
        indices: the picks as positions in the data set, best first: int64, on the CPU.
    """

    indices: Tensor
    __repr__, _repr_html_ = query_text, query_html


class ActiveLearner:
    """Fit, ask, tell: the active learning loop with you as the oracle.

    Learners in several threads give the answers that each gives alone, as long as no two share a network: one
    trains at a time, for layers draw from torch's global random state. One learner belongs to one thread at a
    time. `copy.deepcopy` and `pickle` keep a learner with its data, and the copy goes on with the same picks.

    Args:
        dataset: samples; those whose target is -1 are the unlabelled pool, the others are labelled.
            Only what is labelled is kept: `Dataset.hide_labels` makes a pool of a labelled data set.
        model: a network's name (see ``alframe list-models``); a `Classifier`, whose weights are then the
            initial ones; or an estimator, as scikit-learn's, clones of which are fitted to the columns.
        strategy: a strategy's name (see ``alframe list-strategies``), or a resolved `Pipeline`; None:
            ``"alfamix"``, and of an estimator ``"margin"``.
        seed: everything random derives from it.
        start: who chooses when nothing is labelled yet: ``"random"``, ``"own"`` (the strategy, where it can)
            or a strategy's name. It sees the features of the network as it is before any training.
        pool_size: a query looks at a random part of the pool of so many samples, or of as many as are
            asked for; None: at all.
        recipe: how the network is trained.
        stages: other providers for stages, as ``{"select": "alfamix"}``.
        options: plugins' options by plugin name, as ``{"alfamix": {"cap": 0.1}}``.
        model_options: options of the network, where it is given by name.
        device: ``"auto"``, or what `torch.device` takes.
        registry: where plugins are looked up; the installed ones by default.
        fixed: features of all samples by another network, ``M x D``, which strategies see as ``view.fixed``,
            also before anything is trained; None: those of ``model``.
        feature_folder: where the features of a frozen body are kept for other learners, or None.
        progress: told ``(stage, done, total)`` during long work; True: shown in a notebook or a terminal.

    Raises:
        UsageError: a name or a value that can't be used, or a strategy that does not suit network or data.

    Example:
        >>> import alframe
        >>> digits = alframe.load_dataset("digits", test_fraction=0.2)
        >>> learner = alframe.ActiveLearner(digits.hide_labels(), "mlp", strategy="margin")
        >>> for _ in range(2):
        ...     picks = learner.ask(50)
        ...     learner.tell(picks, digits.targets[picks])  # your labels
        ...     result = learner.fit()
        >>> learner.evaluate().accuracy > 0.6
        True
    """

    @ALWAYS_GRADIENTS
    def __init__(
        self,
        dataset: Dataset,
        model: Any = NETWORK,
        strategy: str | Pipeline | None = None,
        *,
        seed: int = 0,
        start: str | Pipeline = RANDOM,
        pool_size: int | None = None,
        recipe: Recipe | None = None,
        stages: Mapping[str, str] | None = None,
        options: Mapping[str, Mapping[str, Any]] | None = None,
        model_options: Mapping[str, Any] | None = None,
        device: str | torch.device = "auto",
        registry: Registry | None = None,
        fixed: Any = None,
        feature_folder: Path | None = None,
        progress: Callable[[str, int, int], None] | bool = False,
    ) -> None:
        dataset = dataset.prepared()
        trainer = trainer_of(registry or installed(), model, model_options)
        strategy = strategy or (STRATEGY_OF_ESTIMATORS if trainer else STRATEGY)
        if not isinstance(strategy, Pipeline):
            strategy = Pipeline(registry or installed(), strategy, stages, options, trainer=trainer)
        elif stages or options:
            raise UsageError(
                "stages and options are a Pipeline's own: give them to Pipeline, or a strategy's name"
            )
        self.pipeline = strategy.trained_by(trainer)
        if start == BALANCED:
            raise UsageError("start: a balanced start needs labels that are not known yet; try random")
        self.start = start if isinstance(start, Pipeline) else start_named(start, strategy, options or {})
        strategy.require_used(options or {}, () if self.start is None else self.start.options)
        self.pool_size = None if pool_size is None else whole_number(pool_size, "pool_size", least=1)
        self.seed = seed = whole_number(seed, "seed")
        self.recipe = recipe or Recipe()
        self.device = resolve_device(device)
        self.num_classes = dataset.num_classes
        self.progress = told(progress)
        dataset = dataset.near(self.device)
        self._samples = Samples(dataset.inputs, self.device, dataset.transform)
        self._test = samples_to_test_on(dataset, self.device)
        if isinstance(model, str):
            model = build_model(registry or installed(), model, dataset, model_options or {}, seed)
        else:
            model = network_for(model, dataset, seed, self.device)
        require_fresh_start(model, self.recipe)
        if reason := self.pipeline.why_unsuited(model, dataset.example()):
            raise UsageError(reason)
        self.model = on_device(model, self.device).eval()
        require_scalable(self.recipe, self.model, dataset, self.device)
        self._body_is_frozen = self.pipeline.providers["train"].info.trains == "head"
        self._fixed = None if fixed is None else fixed_rows(fixed, len(dataset), self.device)
        self._feature_folder = feature_folder
        self._initial_state = initial_state(self.model)
        known = (dataset.targets != UNKNOWN).cpu()
        self.labelled = known.nonzero().squeeze(1)
        self.targets = dataset.targets.cpu()[known]
        self.round = 0 if len(self.labelled) else -1
        self._states: dict[str, dict[str, Any]] = {}
        self._caches: dict[str, dict[str, Any]] = {}
        self._lasting = Lasting()
        self.validation_size = 0
        self.temperature: float | None = None
        self._fitted = False
        self._fitted_to = (0, 0)  # how many of the labelled samples, and in which round

    __repr__, _repr_html_ = learner_text, learner_html

    @property
    def unlabelled(self) -> Tensor:
        """Positions of the unlabelled pool in the data set, ascending: ``N`` int64 numbers."""
        free = torch.ones(len(self._samples), dtype=torch.bool)
        free[self.labelled] = False
        return free.nonzero().squeeze(1)

    @ALWAYS_GRADIENTS
    def fit(self) -> TrainResult:
        """Trains the network on the labelled set.

        What ends it early, Ctrl-C or an error, leaves the learner as it was before.

        Raises:
            UsageError: nothing is labelled yet.
        """
        with self.fitting() as fit:
            views = fit.labelled, fit.validation
            return self.pipeline.train(fit.model, *views, self.recipe, fit.state, fit.pool)

    @contextlib.contextmanager
    def fitting(self) -> Iterator[Fit]:
        """What a trainer is given, for a block that trains. It is undone unless the block ends well.

        Raises:
            UsageError: nothing is labelled yet.
            PluginError: the trainer has changed what it said that it leaves alone.
        """
        if not len(self.labelled):
            raise UsageError(
                "nothing is labelled yet: ask(n), label the samples, and tell(indices, labels) first"
            )
        trainer = self.pipeline.providers["train"]
        before = self.validation_size, self.temperature, self.round, self._lasting
        try:
            if self._lasting.step:  # the labels that were to come later did not
                self._end_round()
            with undone_unless_finished(self.model, self._initial_state, self._states, trainer.name):
                uncalibrate(self.model, self.temperature)
                if not self.recipe.warm_start:
                    self.model.load_state_dict(self._initial_state)
                judges = self._held_out()
                self.validation_size = int(judges.sum())
                yield Fit(
                    self.model,
                    self._labelled_view(~judges),
                    self._labelled_view(judges) if self.validation_size else None,
                    self._round_state(self.round),
                    PoolView(self._rows(self.unlabelled)),
                )
                if self._body_is_frozen:
                    require_same_body(self.model, self._initial_state, trainer)
                validation = self._labelled_view(judges)
                self.temperature = calibrate(self.recipe, self.model, validation, self._members())
        except BaseException:
            self.validation_size, self.temperature, self.round, self._lasting = before
            raise
        self._lasting = Lasting()
        self._fitted = True
        self._fitted_to = len(self.labelled), self.round

    def _held_out(self) -> Tensor:
        """Which of the labelled samples are the validation part: a round's are mostly those of the last."""
        return held_out(self.labelled, self.recipe.validation, len(self._samples), self.seed)

    def _labelled_view(self, which: Tensor) -> LabelledView:
        return LabelledView(self._rows(self.labelled[which]), self.targets[which].to(self.device))

    def ask(self, n: int, pending: Any = (), without: Any = (), later: int = 0) -> Tensor:
        """Chooses samples to label; the same answer to the same question until the next `tell` or `fit`.

        The first query, when nothing is labelled, is uniformly random whatever the strategy, or `start`'s. So
        are those after it while one class alone is labelled and nothing was trained: `fit` would learn to
        answer that class.

        Args:
            n: how many; the whole pool where that is smaller.
            pending: samples that somebody is labelling now, as `tell` takes them: they are out of the pool,
                and selectors that ask for them keep away from them. Those labelled by now do no harm.
            without: samples that are not to be asked for, as those of an audit: out of the pool, unseen.
            later: how many more of this round are asked for when these have labels, see `tell`.

        Returns:
            Positions in the data set, best first: int64, on the CPU.

        Raises:
            UsageError: ``n`` below 1, an empty pool, a wrong position, or no `fit` so far.
        """
        return self.query(n, pending, without, later).indices

    @ALWAYS_GRADIENTS
    def query(self, n: int, pending: Any = (), without: Any = (), later: int = 0) -> Query:
        """As `ask`, with the scores, and what plugins logged.

        Args:
            n: how many; the whole pool where that is smaller.
            pending: as in `ask`.
            without: as in `ask`.
            later: as in `ask`.

        Raises:
            UsageError: as `ask`.
        """
        n = whole_number(n, "n, the number of samples to ask for,", least=1)
        later = whole_number(later, "later", least=0)
        given = {"pending": pending, "without": without}
        parts = [as_positions(values, name, len(self._samples)) for name, values in given.items()]
        pool, taken = parted(self.unlabelled, *parts)
        labelled, targets = self.labelled, self.targets.to(self.device)
        n = min(n, len(pool))
        knows_nothing = not self._fitted and len(self.targets.unique()) < min(2, self.num_classes)
        pipeline = self.start if knows_nothing else self.pipeline
        if pipeline is None:
            names = (self.round,) if len(labelled) else ()
            picks = torch.randperm(len(pool), generator=seeds.generator(self.seed, "initial", *names))[:n]
            return Query(picks=picks, scores=None, topped_up=0, indices=pool[picks])
        if not self._fitted and not knows_nothing:
            raise UsageError("the network has not been trained yet: fit() before ask()")
        if knows_nothing:  # a start is never shown labels
            labelled, targets, taken = labelled[:0], targets[:0], torch.cat([labelled, taken])
        if self.pool_size is not None:
            wanted = max(n + later, self.pool_size)
            pool = self._lasting.part(pool, lambda: drawn(pool, wanted, self.seed, self.round + 1))
            n = min(n, len(pool))
        if later and not self._body_is_frozen:
            self._lasting.hold(self._rows(torch.arange(len(self._samples))).features)
        state = self._round_state(0 if knows_nothing else self.round + 1, n + later)
        rows = self._rows(torch.cat([pool, taken])), self._rows(labelled)
        chosen = pipeline.query(*rows, targets, n, state, pending=len(taken))
        return Query(**vars(chosen), indices=pool[chosen.picks])

    @ALWAYS_GRADIENTS
    def tell(self, indices: Any, labels: Any, later: int = 0) -> None:
        """Adds labels; all of them, or where one can't be used none.

        Samples that nobody could label are left out of both: they stay in the pool.

        Args:
            indices: positions in the data set, none of them labelled yet, or a boolean for each sample of it.
            labels: their class numbers in the same order. Both may be arrays, tensors, lists or Series, and
                of any type that holds whole numbers; a Series' index is not looked at.
            later: how many more of this round come before the network is trained again: the round goes on,
                and its next query has these labels and the same network.

        Raises:
            UsageError: lengths differ, a position is wrong, repeated or labelled, or a label is missing, no
                class number, or out of range.
        """
        later = whole_number(later, "later", least=0)
        positions = as_positions(indices, "indices", len(self._samples))
        targets = class_numbers(labels, "labels")
        require_answer(positions, targets, self.labelled, self.num_classes)
        self.labelled = torch.cat([self.labelled, positions])
        self.targets = torch.cat([self.targets, targets])
        self._lasting.step += 1
        if not later:
            self._end_round()

    def _end_round(self) -> None:
        self.round += 1
        self._lasting = Lasting()

    @torch.no_grad()
    def evaluate(self) -> Evaluation:
        """Scores the network on the test part.

        Raises:
            UsageError: the data set has no test part.
        """
        rows, targets = self._test_rows()
        return evaluate(rows.logits(rows.features()), targets)

    @torch.no_grad()
    def evaluate_committee(self) -> float | None:
        """Accuracy on the test part of the mean of a committee's probabilities; None where there is none."""
        if not self._members():
            return None
        rows, targets = self._test_rows()
        mean = View(rows).members_by_rows(lambda members: sum(members, torch.zeros(())))
        return float((mean.argmax(dim=1) == targets).double().mean())

    def _test_rows(self) -> tuple[NetworkRows, Tensor]:
        if self._test is None:
            raise UsageError("the data set has no test part: Dataset.split_test() holds one out")
        samples, targets = self._test
        positions = torch.arange(len(samples), device=self.device)
        known = self._known_of_test if self._body_is_frozen else None
        return NetworkRows(self.model, samples, positions, self.seed, known, self._members()), targets

    def _members(self) -> Members:
        return members_of(self._states.get(self.pipeline.providers["train"].name, {}))

    @torch.no_grad()
    def predict(self, indices: Any) -> Tensor:
        """The class that the network gives each sample: ``n`` int64 numbers, on the device.

        Args:
            indices: ``n`` positions in the data set, as `tell` takes them.
        """
        rows = self._rows(as_positions(indices, "indices", len(self._samples)))
        return by_blocks(lambda block: rows.logits(block).argmax(dim=1), rows.features())

    @torch.no_grad()
    def probabilities(self, indices: Any) -> Tensor:
        """The probability that the network gives each class: ``n x C`` numbers, on the device.

        Args:
            indices: ``n`` positions in the data set, as `tell` takes them.
        """
        rows = self._rows(as_positions(indices, "indices", len(self._samples)))
        return by_blocks(lambda block: rows.logits(block).softmax(dim=1), rows.features())

    @torch.no_grad()
    def diagnose(self, indices: Any, labels: Any) -> dict[str, float]:
        """What `describe_picks` says of samples, by the network as it is.

        Args:
            indices: positions in the data set, as `tell` takes them.
            labels: their class numbers.
        """
        rows = self._rows(as_positions(indices, "indices", len(self._samples)))
        features = rows.features()
        return describe_picks(
            features, rows.logits(features), class_numbers(labels, "labels").to(self.device)
        )

    def features(self) -> Tensor:
        """Features of all ``M`` samples, labelled or not, by the network as it is: ``M x D``."""
        return self._rows(torch.arange(len(self._samples))).features()

    def state_dict(self) -> dict[str, Any]:
        """All that `load_state_dict` needs to go on as if never interrupted: a copy, on the CPU.

        What the learner does afterwards does not change it.
        """
        return {
            "labelled": self.labelled.clone(),
            "targets": self.targets.clone(),
            "round": self.round,
            "fitted": self._fitted,
            "temperature": self.temperature,
            "seed": self.seed,
            "samples": len(self._samples),
            "model": initial_state(self.model, "cpu"),
            "plugins": copied(self._states),
            **self._lasting.state(),
            **({"fitted_to": list(self._fitted_to)} if is_fitted_again(self.model) else {}),
        }

    @ALWAYS_GRADIENTS
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes up where `state_dict` was called, on a learner made with the same arguments.

        Raises:
            UsageError: it is no such state, or a learner's with another seed, other data or another network;
                nothing has changed then.
        """
        body = self._initial_state if self._body_is_frozen else None
        require_fitting(state, self.model, len(self._samples), self.num_classes, self.seed, body)
        fit_again(self, state)
        self.model.load_state_dict(state["model"])
        self.labelled, self.targets = state["labelled"].clone(), state["targets"].clone()
        self.round, self._fitted = state["round"], state["fitted"]
        self.temperature = state.get("temperature")
        self._states, self._caches = copied(state["plugins"]), {}
        self._lasting = Lasting(state.get("step", 0), state.get("drawn"))

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """A learner that goes on on its own; it shares what neither changes, the data above all."""
        twin = object.__new__(type(self))
        memo[id(self)] = twin
        twin.__dict__ |= self.__dict__
        twin.model = private_copy(self.model)
        twin._states, twin._caches = copied(self._states), {}
        twin._lasting = self._lasting.alone()
        return twin

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled: all but the display, and features that are computed anew."""
        left_out = ("progress", "_known", "_known_of_test", "_caches")
        kept = {name: value for name, value in self.__dict__.items() if name not in left_out}
        return kept | {"_lasting": self._lasting.alone()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state | {"progress": told(False), "_caches": {}}

    def _rows(self, positions: Tensor) -> NetworkRows:
        seed = seeds.derive(self.seed, self.round, "views")
        known = self._known if self._body_is_frozen else None
        which, more = positions.to(self.device), (self._members(), self._fixed, self._lasting.features)
        return NetworkRows(self.model, self._samples, which, seed, known, *more)

    @functools.cached_property
    def _known(self) -> Tensor:
        return self._frozen_features(self._samples)

    @functools.cached_property
    def _known_of_test(self) -> Tensor:
        assert self._test is not None
        return self._frozen_features(self._test[0])

    @ALWAYS_GRADIENTS
    def _frozen_features(self, samples: Samples) -> Tensor:
        return frozen_features(
            self.model,
            samples,
            self._feature_folder,
            functools.partial(self.progress, "features"),
        )

    def _round_state(self, number: int, left: int = 0) -> RoundState:
        return RoundState(
            seed=self.seed,
            number=number,
            num_classes=self.num_classes,
            device=self.device,
            model=self.model,
            states=self._states,
            caches=self._caches if self._body_is_frozen or self._fixed is not None else {},
            progress=self.progress,
            step=self._lasting.step,
            left=left,
            round_caches=self._lasting.caches,
        )
