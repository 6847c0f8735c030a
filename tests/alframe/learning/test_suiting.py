import dataclasses

import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from alframe import ActiveLearner, Classifier, PluginError, PluginInfo, UsageError, option
from alframe.learning.estimator_heads import estimator_network
from alframe.learning.pipeline import Pipeline
from alframe.registry.registry import installed


def why(strategy, estimator, toy, registry=None, **given):
    pipeline = Pipeline(registry or installed(), strategy, trainer="estimator", **given)
    return pipeline.why_unsuited(estimator_network(estimator, 2, 2), toy.example())


@pytest.mark.parametrize(
    "strategy", ["margin", "coreset", "typiclust", "cal", "falcun", "uherding", "badge", "bait"]
)
def test_who_needs_no_weights_suits(strategy, toy):
    assert why(strategy, HistGradientBoostingClassifier(), toy) == ""


@pytest.mark.parametrize("strategy", ["base", "alfamix", "dropquery"])
def test_weights_are_those_of_logistic_regression(strategy, toy):
    reason = why(strategy, HistGradientBoostingClassifier(), toy)
    assert reason.startswith(
        f"{strategy} needs a head with weights, and HistGradientBoostingClassifier has none"
    )
    assert "sklearn:LogisticRegression" in reason
    assert why(strategy, LogisticRegression(), toy) == ""
    assert why(strategy, LogisticRegression(solver="liblinear"), toy)  # one against the rest: no softmax


@pytest.mark.parametrize("strategy", ["qbc", "variationratio", "bald"])
def test_a_committee_is_a_forest(strategy, toy):
    assert "several trained models" in why(strategy, HistGradientBoostingClassifier(), toy)
    assert why(strategy, RandomForestClassifier(), toy) == ""


def test_gradients_in_the_inputs_are_a_networks(toy):
    assert "gradients in the inputs" in why("deepfool", LogisticRegression(), toy)


def test_a_strategy_with_a_trainer_of_its_own_has_networks(toy, make_plugin):
    registry = installed().copy()
    registry.register(
        make_plugin(
            alframe_info=lambda: PluginInfo(summary="trains"),
            alframe_train=lambda: None,
            alframe_score=lambda pool: None,
        ),
        "learnsloss",
    )
    reason = why("learnsloss", LogisticRegression(), toy, registry)
    assert reason == "learnsloss is trained by learnsloss, and LogisticRegression can't be: take a network"


def test_trainers_of_networks_are_refused_and_that_of_estimators_for_networks(toy):
    reason = why("margin", LogisticRegression(), toy, stages={"train": "linear-probe"})
    assert reason == "linear-probe trains networks, and LogisticRegression is none: leave --train out"
    with pytest.raises(UsageError, match="estimator needs a model that is an estimator, .*: leave"):
        ActiveLearner(toy.hide_labels(), "mlp", "margin", stages={"train": "estimator"})


def test_the_trainer_must_be_there():
    with pytest.raises(UsageError, match="unknown trainer of the model 'nobody'"):
        Pipeline(installed(), "random", trainer="nobody")
    with pytest.raises(PluginError, match="wants to be trained by 'margin', which has no train stage"):
        Pipeline(installed(), "random", trainer="margin")


@pytest.mark.parametrize("strategy", ["batchbald", "epig", "asking"])
def test_samples_of_a_posterior_are_dropouts_or_a_committees(strategy, toy, registry, make_plugin):
    options = dataclasses.make_dataclass("Options", [("of", str, option("epig", "asked"))], frozen=True)
    info = PluginInfo(summary="asks", options=options, asks=("of",), api=4)
    asks = make_plugin(alframe_info=lambda: info, alframe_select=lambda pool, n: None)
    registry.register(asks, "asking")

    def reason(rate=0.0, **given):
        model = Classifier(torch.nn.Identity(), torch.nn.Linear(6, 3), rate)
        return Pipeline(registry, strategy, **given).why_unsuited(model, toy.example())

    assert "needs samples of a posterior: several networks, as `--train ensemble`" in reason()
    assert reason(0.5) == ""
    assert reason(stages={"train": "ensemble"}) == ""
    probe = {"stages": {"train": "linear-probe"}}
    assert reason(**probe)
    assert reason(**probe, options={"linear-probe": {"members": 3}}) == ""
