"""The engine's own sections of a configuration, as options. Nothing here imports torch."""

from __future__ import annotations

import dataclasses

from alframe.contract.options import MOST, CheckedOptions, option
from alframe.contract.recipe import Recipe
from alframe.contract.stopping import StopOptions

# The plugins that the core knows by name: what is used where the user names none.
STRATEGY = "alfamix"
STRATEGY_OF_ESTIMATORS = "margin"  # in its place where the model is no network
DATA_SET = "digits"
NETWORK = "mlp"
TEXT_NETWORK = "text-static"
AUTO = "auto"  # a network that suits the data, and `NETWORK` where these don't say
LOCAL = "local"  # the executor that is alframe's own: processes of this machine
REFERENCES = ("random", "margin")  # whom `compare` holds the others against
MOST_TRIALS = 100_000  # of one run, and settings of one sweep: more is a slip of the pen


@dataclasses.dataclass(frozen=True)
class RunOptions(CheckedOptions):
    """The section ``[run]``: what is tried, and how the labels come."""

    strategy: tuple[str, ...] = option(
        (STRATEGY,), "strategies, see list-strategies, or all", heading="What is tried"
    )
    seeds: tuple[int, ...] = option((1, 2, 3, 4, 5), "one trial a strategy and seed", least=0)
    initial_size: int = option(100, "samples labelled at the start", least=1, heading="Labels")
    initial: str = option(
        "random",
        "how those are chosen: random, balanced (evenly from the classes, by labels that nobody has yet), "
        "own (by the strategy itself where it can), or by the strategy of this name",
    )
    query_size: int = option(100, "samples labelled a round", least=1)
    query_growth: float = option(1.0, "factor by which the query size grows each round", above=0)
    rounds: int = option(10, "queries", least=0)
    pool_size: int | None = option(
        None, "a query looks at a random part of the pool of so many samples; none: at all", least=1
    )
    retrain_every: int | None = option(
        None,
        "the network is trained after so many queries, which share a round's samples, each with the labels "
        "of those before; none: after one, or as a strategy wants it that looks at labels within a round",
        least=1,
    )
    jobs: int = option(1, "trials run side by side, each in a process", least=1, heading="Machine")
    executor: str = option(
        LOCAL,
        "who runs the trials: local, which is this machine, or a plugin, as slurm or ray",
        added=True,
    )
    together: str = option(
        "auto",
        "trials of a setting that are trained at once, where the trainer can: auto, off, or how many",
        added=True,
    )
    device: str = option("auto", "device: auto, cpu, cuda, cuda:1, ...")
    out: str = option("runs", "folder for the runs", heading="What is written")
    log: tuple[str, ...] = option((), "plugins that also write down what happens, see `alframe show run`")
    keep_features: bool = option(
        False, "whether the last network's features of all samples are kept, for compare --embedding"
    )

    def __post_init__(self) -> None:
        """Refuses budgets that are none, and what is tried never or twice."""
        super().__post_init__()
        for name in ("strategy", "seeds"):
            values = getattr(self, name)
            if not values:
                raise ValueError(f"{name} is empty")
            if len(set(values)) < len(values):
                raise ValueError(f"{name} names one twice: {', '.join(map(str, values))}")
        if self.together not in ("auto", "off") and not _is_count(self.together):
            raise ValueError(f"together must be auto, off, or a number from 2, got {self.together!r}")

    def size_of_query(self, number: int) -> int:
        """Samples that query ``number`` (from 1) asks for."""
        try:
            size = self.query_size * float(self.query_growth) ** (number - 1)  # of whole numbers: for hours
        except OverflowError:
            return MOST
        return max(1, round(min(size, MOST)))


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= 2


@dataclasses.dataclass(frozen=True)
class DataSource:
    """The engine's own keys of the section ``[data]``; the others are the data set's options."""

    name: str = option(DATA_SET, "data set or sets, see list-datasets")
    dir: str = option("data", "folder of data sets")
    download: bool = option(False, "fetch what is missing of the data, or of published weights")


@dataclasses.dataclass(frozen=True)
class ModelSource:
    """The engine's own key of the section ``[model]``; the others are the network's options."""

    name: str = option(
        AUTO,
        "network or networks, see list-models; auto: linear for features in a file, an encoder for texts in "
        "one, else mlp",
    )


@dataclasses.dataclass(frozen=True)
class FeatureSource:
    """The engine's own key of the section ``[features]``; the others are the network's options."""

    name: str | None = option(
        None,
        "network whose body gives fixed features, as it is before any training, for strategies that compare "
        "samples by them; or npy:PATH, an array with a row for each training sample; none: the trained "
        "network's features",
    )


@dataclasses.dataclass(frozen=True)
class StageProviders:
    """The section ``[stages]``: plugins that serve a stage in the strategy's place."""

    train: str | None = option(None, "plugin that trains, in the strategy's place")
    embed: str | None = option(None, "plugin that embeds, in the strategy's place")
    score: str | None = option(None, "plugin that scores, in the strategy's place")
    select: str | None = option(None, "plugin that selects, in the strategy's place")


SECTIONS: dict[str, type] = {
    "run": RunOptions,
    "data": DataSource,
    "model": ModelSource,
    "features": FeatureSource,
    "train": Recipe,
    "stages": StageProviders,
    "stop": StopOptions,
}
