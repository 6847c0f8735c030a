"""The rounds of a trial: query, label, train, test, until the last or until a rule says stop."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from alframe import seeds
from alframe.contract.recipe import TrainResult
from alframe.contract.trial import UNWATCHED, Round, Stability
from alframe.experiments.cost import Cost, measured
from alframe.experiments.settings import Settings
from alframe.experiments.stopping import reason_to_stop
from alframe.learning.diagnostics import agreement, class_entropy
from alframe.learning.initial import initial_set
from alframe.learning.learner import ActiveLearner, Query

Logged = Mapping[str, Mapping[str, float]]


@dataclasses.dataclass(frozen=True, eq=False)
class _Begun:
    """A round whose labels have come."""

    query: Query
    cost: Cost
    diagnostics: dict[str, float]


class RoundLoop:
    """Runs the rounds that are left of a trial, and owns all of them.

    A round is begun, then whoever drives the loop fits the learner, then it is tested and ended.

    Args:
        settings: how many rounds, of which size, and when to stop.
        learner: as it is after the last of ``rounds``.
        oracle: every label, ``M`` class numbers on the CPU.
        rounds: the rounds that there are already.

    Attributes:
        rounds: every round so far.
        note: why the trial ended early, or "".
    """

    def __init__(
        self, settings: Settings, learner: ActiveLearner, oracle: Tensor, rounds: Sequence[Round] = ()
    ) -> None:
        self.rounds = tuple(rounds)
        self.note = ""
        self._settings = settings
        self._learner = learner
        self._oracle = oracle
        self._watched = self._stop_set()
        # The last round's network is at hand, also where the trial goes on, and so are its predictions.
        self._predicted = self._predict() if rounds else None

    @property
    def finished(self) -> bool:
        """Whether the last round is done."""
        return bool(self.note) or len(self.rounds) > self._settings.run.rounds

    def begin(self) -> None:
        """Begins a round: the query, and its labels. The learner is to be fitted then."""
        number, learner, oracle = len(self.rounds), self._learner, self._oracle
        with measured(learner.device) as cost:
            query, told = self._query(number)
        if number == 0 and learner.start is None:
            cost = Cost()  # nobody was asked
        diagnostics = learner.diagnose(query.indices, oracle[query.indices]) if number else {}
        rest = query.indices[told:]
        learner.tell(rest, oracle[rest])
        self._begun = _Begun(query, cost, diagnostics)

    def tested(self, result: TrainResult, training: Cost) -> Round:
        """The round that was begun, now that the learner is fitted: tests the network.

        Args:
            result: how the training went.
            training: what it cost.
        """
        begun, learner = self._begun, self._learner
        evaluation = learner.evaluate()
        balance = round(float(class_entropy(learner.targets, learner.num_classes)), 6)
        return Round(
            round=len(self.rounds),
            labelled=len(learner.labelled),
            **dataclasses.asdict(evaluation),
            epochs=result.epochs,
            train_accuracy=result.accuracy,
            train_loss=result.loss,
            validation=learner.validation_size,
            validation_accuracy=result.validation_accuracy,
            best_epoch=result.best_epoch,
            query_seconds=round(begun.cost.seconds, 6),
            query_peak_memory=begun.cost.peak_memory,
            train_seconds=round(training.seconds, 6),
            train_peak_memory=training.peak_memory,
            topped_up=begun.query.topped_up,
            queried=tuple(begun.query.indices.tolist()),
            diagnostics=begun.diagnostics | {"labelled_entropy": balance},
            logged=_merged(begun.query.logged, {**result.logged, **self._of_committee(result.logged)}),
            stability=self._stability(),
            temperature=learner.temperature,
        )

    def end(self, done: Round) -> None:
        """Ends the round.

        Args:
            done: what `tested` gave.
        """
        self.rounds += (done,)
        self.note = self._why_early()

    def _of_committee(self, logged: Logged) -> Logged:
        """A committee's own accuracy, among what its trainer logged; the record's is the first member's."""
        accuracy = self._learner.evaluate_committee()
        if accuracy is None:
            return {}
        name = self._learner.pipeline.providers["train"].name
        return {name: {**logged.get(name, {}), "committee_accuracy": accuracy}}

    def _query(self, number: int) -> tuple[Query, int]:
        """What is to be labelled in this round, and how many of it have been: all but the last part."""
        options, learner = self._settings.run, self._learner
        if number == 0 and learner.start is None:
            order = learner.ask(len(self._oracle))
            chosen = initial_set(order, self._oracle, options.initial_size, options.initial)
            return Query(picks=chosen, scores=None, topped_up=0, indices=chosen), 0
        if number == 0:
            return learner.query(options.initial_size), 0
        total = min(options.size_of_query(number), len(learner.unlabelled))
        parts = learner.pipeline.parts(total, options.retrain_every)
        return self._in_parts(parts) if len(parts) > 1 else (learner.query(total), 0)

    def _in_parts(self, parts: Sequence[int]) -> tuple[Query, int]:
        """A query in parts, each of which is asked for with the labels of those before."""
        queries: list[Query] = []
        later = sum(parts)
        for size in parts:
            if queries:
                done = queries[-1].indices
                self._learner.tell(done, self._oracle[done], later=later)
            later -= size
            queries.append(self._learner.query(size, later=later))
        logged: dict[str, dict[str, float]] = {}
        for query in queries:
            logged = _merged(logged, query.logged)
        name = self._learner.pipeline.providers["select"].name
        logged[name] = {**logged.get(name, {}), "queries": len(queries)}
        indices = torch.cat([query.indices for query in queries])
        topped_up = sum(query.topped_up for query in queries)
        merged = Query(picks=indices, scores=None, topped_up=topped_up, logged=logged, indices=indices)
        return merged, len(indices) - len(queries[-1].indices)

    def _why_early(self) -> str:
        """Why the trial ends with the round that was run last, where it is not the last one."""
        number, last = len(self.rounds) - 1, self._settings.run.rounds
        if number == last:
            return ""
        if not len(self._learner.unlabelled):
            return f"the pool was exhausted after {number} of {last} rounds"
        reason = reason_to_stop(self._settings.stop, self.rounds)
        return f"stopped after {number} of {last} rounds: {reason}" if reason else ""

    def _stop_set(self) -> Tensor | None:
        """The samples whose predictions are compared: the seed's, whatever the strategy."""
        stop = self._settings.stop
        if stop.stability is None:
            return None
        stream = seeds.generator(self._learner.seed, "stop set")
        return torch.randperm(len(self._oracle), generator=stream)[: stop.stability_samples].sort().values

    def _predict(self) -> Tensor | None:
        return None if self._watched is None else self._learner.predict(self._watched)

    def _stability(self) -> Stability:
        before, self._predicted = self._predicted, self._predict()
        if self._predicted is None:
            return UNWATCHED
        return None if before is None else agreement(before, self._predicted)


def _merged(query: Logged, training: Logged) -> dict[str, dict[str, float]]:
    """What plugins logged in a round: a plugin may serve both its query and its training."""
    return {name: {**query.get(name, {}), **training.get(name, {})} for name in {**query, **training}}
