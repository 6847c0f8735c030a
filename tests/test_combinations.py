"""Stages of different strategies combine: the whole product, on a small problem."""

import itertools

import pytest
import torch

from alframe import ActiveLearner, Dataset, UsageError
from alframe.learning.pipeline import Pipeline
from alframe.registry.plugin import DEFAULT
from alframe.registry.registry import Registry

EMBEDDERS = ["default", "alfamix", "badge", "cdal", "coregcn"]
SCORERS = [
    None,
    "alfamix",
    "bald",
    "batchbald",
    "cal",
    "deepfool",
    "dropquery",
    "entropy",
    "epig",
    "learningloss",
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
    "activeft",
    "alfamix",
    "anchoral",
    "badge",
    "bait",
    "balanced",
    "base",
    "batchbald",
    "centroids",
    "clustermargin",
    "coreset",
    "direct",
    "dal",
    "dcom",
    "dropquery",
    "falcun",
    "galaxy",
    "freesel",
    "lcmd",
    "maxdet",
    "maxherding",
    "probcover",
    "refine",
    "seals",
    "selectal",
    "stochastic",
    "tcm",
    "typiclust",
    "uherding",
]
READING = ("default", "alfamix", "badge", "coreset", "lcmd", "maxdet")  # embeddings


def test_these_are_all_providers(registry):
    """But for those that need a model of trees, whose own tests combine them."""
    serving = [p for p in registry.plugins if not p.problem and "leaves" not in p.info.needs]
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
    """All pairs of stages; of three that are all some plugin's, those whose selector reads the embedding.

    Each scorer and each selector is there by itself and in every fourth pair; the other pairs are slow.
    """
    for embed, score, select in itertools.product(EMBEDDERS, SCORERS, SELECTORS):
        three = embed != "default" and score is not None
        if not three:
            fourth = (SCORERS.index(score) + SELECTORS.index(select)) % 4 == 0
            alone = score is None or select == "default"
            marks = () if alone or fourth else pytest.mark.slow
            yield pytest.param(embed, score, select, marks=marks)
        elif score in ("alfamix", "entropy", "margin") and select in READING:
            yield pytest.param(embed, score, select, marks=pytest.mark.slow)


def suits(score, select, registry):
    """What weighs samples by their scores can't have negative ones; the draw's form here takes any."""
    weighs = registry.plugin(select if select != "default" else DEFAULT).info.needs_scores == "nonnegative"
    return not (weighs and score and registry.plugin(score).info.score_range == "any")


def test_every_built_in_scorer_declares_its_range_and_some_do_not_suit(registry):
    assert all(registry.plugin(score).info.score_range for score in SCORERS if score)
    pairs = itertools.product(SCORERS, SELECTORS)
    refused = {(score, select) for score, select in pairs if not suits(score, select, registry)}
    negative = ("alfamix", "deepfool", "learningloss", "margin", "uncertaingcn")
    assert refused == set(itertools.product(negative, ("maxherding", "uherding")))


@pytest.mark.parametrize(("embed", "score", "select"), list(product()))
def test_every_embedder_scorer_and_selector_combine(
    embed, score, select, trained, trained_registry, monkeypatch
):
    """A selector does not know whose embedding it got, nor whose scores."""
    stages = {"embed": embed, "score": score, "select": select}
    options = {"coregcn": {"steps": 3, "hidden": 8}, "uncertaingcn": {"steps": 3, "hidden": 8}}
    options["learningloss"] = {"steps": 3}
    options["activeft"] = {"steps": 3}
    options["stochastic"] = {"form": "softrank"}  # of scores of any sign
    options["refine"] = {"depth": 1, "subsets": 1}
    options["selectal"] = {"repeats": 1, "draws": 1}
    asked = {stage: name for stage, name in stages.items() if name}
    if not suits(score, select, trained_registry):
        with pytest.raises(
            UsageError, match=f"^{select} needs scores of at least 0, and those of {score} are"
        ):
            Pipeline(trained_registry, "random", asked, options)
        return
    monkeypatch.setattr(trained, "pipeline", Pipeline(trained_registry, "random", asked, options))
    first, second = trained.query(12), trained.query(12)
    assert len(first.picks.unique()) == 12
    assert torch.equal(first.picks, second.picks)
    assert first.topped_up == 0 or "alfamix" in (score, select) or select == "dropquery"
