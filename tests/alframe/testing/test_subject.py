import pytest
import torch

from alframe import PluginInfo
from alframe.experiments.randomness import random_state, random_states
from alframe.registry.registry import Registry
from alframe.testing.subject import Subject


@pytest.fixture
def subject(registry):
    def make(name, options=None):
        return Subject(registry.plugin(name), registry, options or {}, {})

    return make


def test_a_scorers_answer(subject):
    scorer = subject("margin")
    answer = scorer.ask(scorer.problem())
    assert len(answer.picks.unique()) == 6
    assert answer.scores.shape == (40,)
    assert answer.pool is None
    assert answer.weights is None


def test_an_embedders_answer(subject):
    answer = subject("badge").ask(subject("badge").problem())
    assert (len(answer.pool), len(answer.labelled)) == (40, 12)


def test_a_trainers_answer(subject):
    trainer = subject("mixup")
    problem = trainer.problem()
    before = {name: value.clone() for name, value in problem.model.state_dict().items()}
    answer = trainer.ask(problem)
    assert answer.picks is None
    assert not torch.equal(answer.weights["head.weight"], before["head.weight"])
    assert all(torch.equal(value, before[name]) for name, value in problem.model.state_dict().items())


def test_who_needs_dropout_gets_it(subject):
    assert subject("bald").problem().model.dropout.p == 0.5
    assert subject("margin").problem().model.dropout.p == 0


def test_who_trains_estimators_gets_one(subject):
    assert subject("estimator").problem().model.head.prototype is not None
    assert subject("estimator").network == "kit-network-estimator"


def test_the_witness_sees_what_the_engine_refuses(make_plugin):
    registry = Registry(entry_points=[])
    registry.register(make_plugin(alframe_score=lambda pool: "all of them"), "bad")
    calls, complaint = (subject := Subject(registry.plugin("bad"), registry, {}, {})).watched(
        subject.problem()
    )
    assert [(call.stage, call.answer) for call in calls] == [("score", "all of them")]
    assert "wanted a floating-point tensor" in str(complaint)


def test_a_selector_among_strangers(subject):
    selector = subject("coreset")
    pipeline = selector.serving("select", embed="kit-outer", score="kit-scores")
    assert pipeline.providers["embed"].name == "kit-outer"
    assert (selector.ask(selector.problem(n=20), pipeline=pipeline).picks % 2 == 1).all()


def test_a_copy_of_a_registry(registry, make_plugin):
    registry.register(make_plugin(alframe_info=lambda: PluginInfo(summary="x")), "extra")
    registry.register(make_plugin(alframe_scroe=lambda: None), "broken")
    copy = registry.copy(leave_out="local/extra")
    keys = {plugin.key: plugin.problem for plugin in registry.plugins if plugin.name != "extra"}
    assert {plugin.key: plugin.problem for plugin in copy.plugins} == keys


def test_random_states_are_put_back():
    before = random_states()
    with random_state(1):
        first, state = torch.rand(1), random_states()
    with random_state(1):
        assert torch.equal(first, torch.rand(1))
        assert random_states() == state
    assert random_states() == before
