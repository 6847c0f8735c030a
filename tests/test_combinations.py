"""Stages of different strategies combine: the whole product, on a small problem."""

import itertools

import pytest
import torch

from alframe import ActiveLearner, Dataset, UsageError
from alframe.learning.pipeline import Pipeline
from alframe.registry.registry import Registry

EMBEDDERS = ["default", "alfamix", "badge", "cdal", "coregcn"]
SCORERS = [
    None,
    "alfamix",
    "bald",
    "cal",
    "deepfool",
    "dropquery",
    "entropy",
    "least-confidence",
    "margin",
    "powermargin",
    "qbc",
    "randomweighted",
    "uherding",
    "uncertaingcn",
    "variationratio",
]
SELECTORS = [
    "default",
    "alfamix",
    "badge",
    "bait",
    "base",
    "centroids",
    "coreset",
    "dropquery",
    "falcun",
    "lcmd",
    "maxdet",
    "maxherding",
    "probcover",
    "stochastic",
    "typiclust",
    "uherding",
]
READING = ("default", "alfamix", "badge", "coreset", "lcmd", "maxdet")  # embeddings
WEIGHING = ("maxherding", "uherding")  # samples by their scores, which can't be those of
NEGATIVE = ("alfamix", "deepfool", "margin", "uncertaingcn")


def test_these_are_all_providers(registry):
    serving = [plugin for plugin in registry.plugins if not plugin.problem]
    for stage, names in (("embed", EMBEDDERS), ("score", SCORERS[1:]), ("select", SELECTORS)):
        assert sorted(p.name for p in serving if stage in p.stages) == sorted(names)


@pytest.fixture(scope="module")
def trained_registry():
    return Registry()


@pytest.fixture(scope="module")
def trained(trained_registry):
    """A learner with dropout, trained; its pipeline is exchanged for each combination."""
    generator = torch.Generator().manual_seed(0)
    targets = torch.arange(80) % 4
    inputs = torch.randn(80, 6, generator=generator) + 2 * torch.eye(4, 6)[targets]
    learner = ActiveLearner(
        Dataset("toy", inputs, targets, 4).hide_labels(),
        "mlp",
        "random",
        model_options={"dropout": 0.3, "hidden": 16},
        device="cpu",
        registry=trained_registry,
    )
    picks = learner.ask(15)
    learner.tell(picks, targets[picks])
    learner.fit()
    heads = [torch.randn(4, 16, generator=generator) for _ in range(3)]
    learner._states["default"]["members"] = [
        {"head.weight": head, "head.bias": torch.zeros(4)} for head in heads
    ]
    return learner


def product():
    """All pairs of stages; of three that are all some plugin's, those whose selector reads the embedding."""
    for embed, score, select in itertools.product(EMBEDDERS, SCORERS, SELECTORS):
        three = embed != "default" and score is not None
        if not three:
            yield embed, score, select
        elif score in ("alfamix", "entropy", "margin") and select in READING:
            yield pytest.param(embed, score, select, marks=pytest.mark.slow)


@pytest.mark.parametrize(("embed", "score", "select"), list(product()))
def test_every_embedder_scorer_and_selector_combine(
    embed, score, select, trained, trained_registry, monkeypatch
):
    """A selector does not know whose embedding it got, nor whose scores."""
    stages = {"embed": embed, "score": score, "select": select}
    options = {"coregcn": {"steps": 3, "hidden": 8}, "uncertaingcn": {"steps": 3, "hidden": 8}}
    options["stochastic"] = {"form": "softrank"}  # of scores of any sign
    pipeline = Pipeline(trained_registry, "random", {k: v for k, v in stages.items() if v}, options)
    monkeypatch.setattr(trained, "pipeline", pipeline)
    if select in WEIGHING and score in NEGATIVE:
        with pytest.raises(UsageError, match="weighed by their scores"):
            trained.query(12)
        return
    first, second = trained.query(12), trained.query(12)
    assert len(first.picks.unique()) == 12
    assert torch.equal(first.picks, second.picks)
    assert first.topped_up == 0 or "alfamix" in (score, select) or select == "dropquery"
