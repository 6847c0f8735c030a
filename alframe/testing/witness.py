"""A wrapper around the stages that notes what the engine gives them, and what they return."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator
from typing import Any

from torch import Tensor

from alframe.contract.info import PluginInfo
from alframe.hookspecs import hookimpl


@dataclasses.dataclass(frozen=True, eq=False)
class Call:
    """One call of a stage.

    Attributes:
        stage: which.
        answer: what it returned, before the engine checked it; the exception where it raised one.
        pool: the view of the pool, or None in training.
        labelled: the view of the labelled set.
        scores: the scores that the selector was given, as they were before, and as they are after.
    """

    stage: str
    answer: Any
    pool: Any
    labelled: Any
    scores: tuple[Tensor, Tensor] | None = None


class Witness:
    """A plugin that serves no stage and sees all, but for what strategies are asked by others.

    Attributes:
        calls: what was seen.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._running = 0  # scorers and selectors, one within another

    @hookimpl
    def alframe_info(self) -> PluginInfo:
        """Describes the plugin."""
        return PluginInfo(summary="notes what stages are given and return")

    @hookimpl(wrapper=True)
    def alframe_train(self, labelled: Any) -> Generator[None, Any, Any]:
        """Watches a trainer."""
        return (yield from self._watch("train", None, labelled))

    @hookimpl(wrapper=True)
    def alframe_embed(self, pool: Any, labelled: Any) -> Generator[None, Any, Any]:
        """Watches an embedder."""
        return (yield from self._watch("embed", pool, labelled))

    @hookimpl(wrapper=True)
    def alframe_score(self, pool: Any, labelled: Any) -> Generator[None, Any, Any]:
        """Watches a scorer."""
        return (yield from self._watch("score", pool, labelled))

    @hookimpl(wrapper=True)
    def alframe_select(self, pool: Any, labelled: Any, scores: Any) -> Generator[None, Any, Any]:
        """Watches a selector."""
        return (yield from self._watch("select", pool, labelled, scores))

    def _watch(
        self, stage: str, pool: Any, labelled: Any, scores: Tensor | None = None
    ) -> Generator[None, Any, Any]:
        both = None if scores is None else (scores.clone(), scores)
        lazily = stage == "embed"  # within whoever reads the embedding first
        is_inner = self._running > lazily
        self._running += not lazily
        try:
            answer = yield
        except BaseException as error:
            answer = error
            raise
        finally:
            self._running -= not lazily
            if not is_inner:
                self.calls.append(Call(stage, answer, pool, labelled, both))
        return answer
