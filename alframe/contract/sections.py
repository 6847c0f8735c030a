"""The engine's own sections of a configuration, as options. Nothing here imports torch."""

from __future__ import annotations

import dataclasses
from typing import Literal

from alframe.contract.options import option
from alframe.contract.recipe import Recipe
from alframe.contract.stopping import StopOptions


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """The section ``[run]``: what is tried, and how the labels come."""

    strategy: tuple[str, ...] = option(("alfamix",), "strategies to run")
    seeds: tuple[int, ...] = option((1, 2, 3, 4, 5), "one trial a strategy and seed")
    initial_size: int = option(100, "samples labelled at the start")
    initial: Literal["random", "balanced"] = option(
        "random", "how those are drawn: from all, or as evenly as can be from the classes"
    )
    query_size: int = option(100, "samples labelled a round")
    query_growth: float = option(1.0, "factor by which the query size grows each round")
    rounds: int = option(10, "queries")
    jobs: int = option(1, "trials run side by side, each in a process")
    device: str = option("auto", "auto, cpu, cuda, cuda:1, ...")
    out: str = option("runs", "folder that the runs are written to")
    log: tuple[str, ...] = option((), "plugins that write down what happens, csv and tensorboard among them")
    keep_features: bool = option(
        False, "whether the last network's features of all samples are kept, for compare --embedding"
    )

    def __post_init__(self) -> None:
        """Refuses budgets that are none."""
        for name in ("initial_size", "query_size", "jobs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.rounds < 0:
            raise ValueError(f"rounds must not be negative, got {self.rounds}")
        if not 0 < self.query_growth < float("inf"):
            raise ValueError(f"query_growth must be above 0, got {self.query_growth}")
        for name in ("strategy", "seeds"):
            values = getattr(self, name)
            if not values:
                raise ValueError(f"{name} is empty")
            if len(set(values)) < len(values):
                raise ValueError(f"{name} names one twice: {', '.join(map(str, values))}")
        if min(self.seeds) < 0:
            raise ValueError(f"seeds must not be negative, got {min(self.seeds)}")

    def size_of_query(self, number: int) -> int:
        """Samples that query ``number`` (from 1) asks for."""
        return max(1, round(self.query_size * self.query_growth ** (number - 1)))


@dataclasses.dataclass(frozen=True)
class DataSource:
    """The engine's own keys of the section ``[data]``; the others are the data set's options."""

    name: str = option("digits", "data set, as `alframe list-datasets` shows it")
    dir: str = option("data", "folder that holds data sets")
    download: bool = option(False, "whether what is missing may be fetched")


@dataclasses.dataclass(frozen=True)
class ModelSource:
    """The engine's own key of the section ``[model]``; the others are the network's options."""

    name: str = option("mlp", "network, as `alframe list-models` shows it")


@dataclasses.dataclass(frozen=True)
class StageProviders:
    """The section ``[stages]``: plugins that serve a stage in the strategy's place."""

    train: str | None = option(None, "plugin that trains")
    embed: str | None = option(None, "plugin that embeds")
    score: str | None = option(None, "plugin that scores")
    select: str | None = option(None, "plugin that selects")


SECTIONS: dict[str, type] = {
    "run": RunOptions,
    "data": DataSource,
    "model": ModelSource,
    "train": Recipe,
    "stages": StageProviders,
    "stop": StopOptions,
}
