import dataclasses

import numpy as np
import pytest
import torch
from torch.nn import functional

import alframe
from alframe import ActiveLearner, Recipe, UsageError
from alframe_learningloss._module import LossModule

RECIPE = Recipe(epochs=5, batch_size=16, stop_accuracy=None)


def fitted(model="cnn", recipe=RECIPE, **options):
    digits = alframe.load_dataset("digits")
    settings = {"learningloss": options}
    learner = ActiveLearner(
        digits.hide_labels(), model, "learningloss", options=settings, recipe=recipe, device="cpu"
    )
    picks = learner.ask(60)
    learner.tell(picks, digits.targets[picks])
    learner.fit()
    return learner, digits


def test_scores_are_what_the_module_predicts_of_the_images_as_they_are():
    """Traps: augmentation in scoring, dropout or batch statistics of training in scoring."""
    recipe = dataclasses.replace(RECIPE, augment=("crop",))
    learner, digits = fitted(recipe=recipe)
    found = learner.query(10)
    x = digits.inputs[learner.unlabelled]
    kept = learner.state_dict()["plugins"]["learningloss"]
    assert kept["layers"] == ["3", "10"]
    module = LossModule.of_state(kept["module"])
    learner.model.eval()
    with torch.no_grad(), learner.model.taps(kept["layers"]) as outputs:
        learner.model(x)
        wanted = module([outputs[name] for name in kept["layers"]])
    torch.testing.assert_close(found.scores, wanted, atol=1e-5, rtol=1e-5)
    assert found.scores[found.picks].min() >= found.scores.topk(10).values.min()
    assert not any(part._forward_hooks for part in learner.model.modules())


def test_named_layers_are_taken():
    learner, _ = fitted(layers=("0", "6"), width=4)
    kept = learner.state_dict()["plugins"]["learningloss"]
    assert kept["layers"] == ["0", "6"]
    assert kept["module"]["layers.1.weight"].shape == (4, 64)


def test_a_part_of_the_pool_is_drawn():
    learner, _ = fitted("mlp", subset=100)
    found = learner.query(10)
    assert found.scores.isfinite().sum() == 100
    assert found.scores[found.picks].isfinite().all()
    many = learner.query(300)
    assert many.scores.isfinite().sum() == 300
    assert many.topped_up == 0
    whole, _ = fitted("mlp", subset=None)
    scores = whole.query(10).scores
    drawn = found.scores.isfinite()
    torch.testing.assert_close(found.scores[drawn], scores[drawn], atol=1e-5, rtol=1e-5)


def test_a_network_that_another_trainer_trained(make):
    """The module is fitted to the labelled samples' features, and learns which of them are hard."""
    problem = make(L=60, N=300)
    labels = problem.yL
    result = alframe.query("learningloss", **problem.query | {"features": problem.XL, "n": 5})
    losses = functional.cross_entropy(
        torch.tensor(problem.XL @ problem.W.T + problem.b), torch.tensor(labels), reduction="none"
    )
    ranks = [np.argsort(np.argsort(values)) for values in (result.scores.numpy(), losses.numpy())]
    assert np.corrcoef(*ranks)[0, 1] > 0.6


def test_other_stages_may_be_others():
    digits = alframe.load_dataset("digits")
    learner = ActiveLearner(
        digits.hide_labels(), "mlp", "random", stages={"score": "learningloss"}, recipe=RECIPE, device="cpu"
    )
    picks = learner.ask(30)
    learner.tell(picks, digits.targets[picks])
    learner.fit()
    assert learner.query(5).scores.isfinite().all()


def test_every_problem(problem):
    result = alframe.query("learningloss", options={"steps": 3}, **problem.query)
    assert result.scores.isfinite().all()
    assert len(result.indices.unique()) == min(problem.n, len(problem.X))


def test_nothing_labelled_is_one_line(make):
    problem = make()
    with pytest.raises(UsageError, match="learningloss needs labelled samples"):
        alframe.query("learningloss", features=problem.X, head=(problem.W, problem.b), n=5, device="cpu")


@pytest.mark.parametrize(
    "options", [{"width": 0}, {"weight": -1.0}, {"detach_at": 1.5}, {"subset": 0}, {"steps": 0}]
)
def test_options_outside_their_range(options, make):
    with pytest.raises(UsageError, match="options of 'learningloss'"):
        alframe.query("learningloss", options=options, **make().query)
