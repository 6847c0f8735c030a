"""Several learners fitted at once by a trainer that can; what befalls one, or all, is undone."""

import pytest
import torch

from alframe import ActiveLearner, PluginInfo, TrainResult, TrialError, UsageError, seeds
from alframe.learning.together import TogetherWarning, fit_together
from alframe.registry.registry import Registry

RESULT = TrainResult(1, 1.0, 0.0)


def changed(model):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
    model.train()


@pytest.fixture
def learners(toy, make_plugin):
    """Three learners with ten labels, whose trainer adds 1 to each weight and then answers as it is told."""

    def make(answer, number=3):
        def together(trainings):
            for one in trainings:
                changed(one.model)
                one.ctx.log("seed", one.seed % 2**40)
                one.ctx.state["fitted"] = 1
            return answer(trainings)

        registry = Registry()
        plugin = make_plugin(alframe_train=lambda model: RESULT, alframe_train_together=together)
        registry.register(plugin, "team")
        made = [
            ActiveLearner(
                toy.hide_labels(torch.arange(10)),
                "mlp",
                "margin",
                seed=seed,
                stages={"train": "team"},
                registry=registry,
                device="cpu",
            )
            for seed in range(number)
        ]
        return made, [one.state_dict() for one in made]

    return make


def same(learner, state):
    now = learner.state_dict()
    return (
        all(torch.equal(now["model"][name], value) for name, value in state["model"].items())
        and now["plugins"].get("team", {}) == {}
        and not learner.model.training
    )


def test_each_is_fitted_with_what_it_logged(learners):
    made, states = learners(lambda trainings: [RESULT] * len(trainings))
    results = fit_together(made)
    assert not any(map(same, made, states))
    assert len({result.logged["team"]["seed"] for result in results}) == 3
    assert not any(one.model.training for one in made)
    assert all(len(one.ask(5)) == 5 for one in made)  # fitted


def test_one_that_failed_is_as_it_was(learners):
    made, states = learners(lambda trainings: [RESULT, TrialError("no number"), RESULT])
    results = fit_together(made)
    assert str(results[1]) == "no number"
    assert [same(one, state) for one, state in zip(made, states, strict=True)] == [False, True, False]
    with pytest.raises(UsageError, match="has not been trained yet"):
        made[1].ask(5)


def raised(error):
    def answer(trainings):
        raise error

    return answer


def test_where_the_trainer_declines_all_are_as_they_were(learners):
    made, states = learners(lambda trainings: None)
    assert fit_together(made) is None
    assert all(map(same, made, states))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            raised(ZeroDivisionError("by zero")),
            "hook alframe_train_together raised ZeroDivisionError: by zero",
        ),
        (raised(MemoryError()), "hook alframe_train_together: out of memory"),
        (lambda trainings: [RESULT] * 2, "hook alframe_train_together: wanted 3 results, got 2"),
        (lambda trainings: [RESULT, RESULT, 1], "hook alframe_train_together: wanted a TrainResult, got int"),
    ],
)
def test_a_trainer_that_fails_is_named_and_all_are_as_they_were(learners, answer, message):
    made, states = learners(answer)
    with pytest.warns(TogetherWarning, match="trained one by one: plugin 'team'") as warned:
        assert fit_together(made) is None
    assert message in str(warned[0].message)
    assert all(map(same, made, states))


def test_an_interrupt_undoes_all(learners):
    made, states = learners(raised(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        fit_together(made)
    assert all(map(same, made, states))


def test_the_global_random_state_is_left_alone(learners):
    made, _ = learners(lambda trainings: [RESULT for _ in trainings if torch.rand(()) >= 0])
    before = torch.get_rng_state()
    fit_together(made)
    assert torch.equal(torch.get_rng_state(), before)


def test_each_hears_the_seed_that_its_layers_have_alone(learners):
    made, _ = learners(lambda trainings: [RESULT] * len(trainings))
    results = fit_together(made)
    wanted = [seeds.derive(one.seed, one.round, "training") % 2**40 for one in made]
    assert [result.logged["team"]["seed"] for result in results] == wanted


def test_a_body_that_is_to_stay_may_not_change(toy, make_plugin):
    def together(trainings):
        changed(trainings[0].model)
        return [RESULT] * 2

    registry = Registry()
    info = PluginInfo(summary="heads", trains="head")
    plugin = make_plugin(
        alframe_info=lambda: info, alframe_train=lambda model: RESULT, alframe_train_together=together
    )
    registry.register(plugin, "team")
    made = [
        ActiveLearner(
            toy.hide_labels(torch.arange(10)), stages={"train": "team"}, registry=registry, device="cpu"
        )
        for _ in range(2)
    ]
    with pytest.warns(TogetherWarning, match="has changed the body's weights"):
        assert fit_together(made) is None
