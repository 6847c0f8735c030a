import pytest
import torch
from torch import nn

from alframe import Classifier, UsageError
from alframe.learning.snapshots import copied, require_fitting, undone_unless_finished
from alframe.networks.classifier import initial_state


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Classifier(nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)), nn.Linear(3, 2)).eval()


@pytest.fixture
def state(model):
    labels = {"labelled": torch.tensor([3, 0]), "targets": torch.tensor([1, 0])}
    rest = {"round": 1, "fitted": True, "seed": 0, "samples": 10, "plugins": {}}
    return labels | rest | {"model": initial_state(model)}


def check(state, model, frozen=None):
    require_fitting(state, model, samples=10, classes=2, seed=0, frozen_body=frozen)


def test_what_fits_is_accepted_also_of_earlier_versions(state, model):
    check(state, model)
    check(state, model, initial_state(model))
    check({key: value for key, value in state.items() if key not in ("seed", "samples")}, model)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 1}, "another learner's: its seed is 1, this one's 0"),
        ({"samples": 11}, "its number of samples is 11, this one's 10"),
        ({"labelled": [3, 0]}, "'labelled' must be whole numbers"),
        ({"labelled": torch.tensor([3.0, 0.0])}, "'labelled' must be whole numbers"),
        (
            {"labelled": torch.tensor([3, 10])},
            r"of other data: 'labelled' lie in 3..10, and here must in 0..9",
        ),
        ({"targets": torch.tensor([0, 2])}, r"of other data: 'targets' lie in 0..2, and here must in 0..1"),
        ({"targets": torch.tensor([0])}, "positions are repeated, or lack labels"),
        ({"labelled": torch.tensor([3, 3])}, "positions are repeated"),
        ({"round": {"x": 1}}, "'round' must be a whole number, got dict"),
        ({"fitted": torch.zeros(3)}, "'fitted' must be a truth value, got Tensor"),
        ({"plugins": None}, "'plugins' must be a dictionary, got NoneType"),
        ({"model": {}}, "another network's: its weights have other names"),
        ({"model": None}, "another network's"),
    ],
)
def test_what_does_not_fit_is_one_line(state, model, changes, message):
    with pytest.raises(UsageError, match=message):
        check(state | changes, model)


def test_weights_of_another_shape(state, model):
    state["model"]["head.weight"] = torch.zeros(5, 3)
    with pytest.raises(UsageError, match=r"'head.weight' has shape \[5, 3\], here it has \[2, 3\]"):
        check(state, model)


def test_another_body_where_the_body_stays_as_it_is(state, model):
    frozen = initial_state(model)
    state["model"]["body.0.bias"] += 1
    check(state, model)
    with pytest.raises(UsageError, match=r"its body's '0.bias' has other numbers"):
        check(state, model, frozen)


@pytest.mark.parametrize("foreign", [None, 3, {}, {"labelled": 1}])
def test_what_is_no_state_at_all(model, foreign):
    with pytest.raises(UsageError, match="this is no state of an ActiveLearner"):
        check(foreign, model)


class TestUndone:
    @pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
    def test_whatever_ends_the_block(self, model, error):
        initial = initial_state(model)
        nn.init.ones_(model.head.weight)  # of an earlier fit
        before = initial_state(model)
        states = {"trainer": {"count": [1]}, "other": {}}

        def work():
            with undone_unless_finished(model, initial, states, "trainer"):
                model.train()(torch.randn(6, 4)).sum().backward()
                nn.init.zeros_(model.head.weight)
                nn.init.zeros_(model.body[0].weight)
                states["trainer"]["count"].append(2)
                raise error

        with pytest.raises(error):
            work()
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
        assert not any(part.training for part in model.modules())
        assert all(parameter.grad is None for parameter in model.parameters())
        assert states == {"trainer": {"count": [1]}, "other": {}}

    def test_a_trainers_first_state_is_forgotten(self, model):
        states = {}

        def work():
            with undone_unless_finished(model, initial_state(model), states, "t"):
                states["t"] = {"count": 1}
                raise ValueError("x")

        with pytest.raises(ValueError, match="x"):
            work()
        assert states == {}

    def test_a_block_that_finishes(self, model):
        states = {}
        with undone_unless_finished(model, initial_state(model), states, "t"):
            nn.init.zeros_(model.head.weight)
            states["t"] = {"count": 1}
        assert model.head.weight.abs().sum() == 0
        assert states == {"t": {"count": 1}}


def test_a_copy_of_what_a_plugin_keeps():
    leaf = torch.ones(2, requires_grad=True)
    kept = {"a": [leaf * 2, (1, "x")], "b": {"c": leaf}}
    twin = copied(kept)
    kept["a"].append(3)
    with torch.no_grad():
        leaf.zero_()
    assert twin["a"][0].tolist() == [2, 2]
    assert twin["a"][1:] == [(1, "x")]
    assert twin["b"]["c"].tolist() == [1, 1]
    assert twin["b"]["c"].requires_grad
