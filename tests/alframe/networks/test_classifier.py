import copy
import threading

import pytest
import torch
from torch import nn

from alframe import Classifier, UsageError
from alframe.networks.classifier import changes, initial_state, private_copy, same_state


def test_forward_is_head_of_features(linear_model):
    x = torch.randn(4, 3)
    torch.testing.assert_close(linear_model(x), linear_model.head(linear_model.features(x)))


def test_dropout_stands_between_features_and_head():
    model = Classifier(nn.Identity(), nn.Linear(50, 2), dropout=0.5)
    x = torch.ones(1, 50)
    assert not torch.equal(model(x), model(x))
    assert torch.equal(model.features(x), x)
    model.eval()
    assert torch.equal(model(x), model(x))


def test_dropout_layers_leave_out_a_rate_of_zero_and_what_is_frozen():
    body = nn.Sequential(nn.Dropout(0.0), nn.Dropout(0.1), nn.Dropout2d(0.2), nn.ReLU())
    model = Classifier(body, nn.Linear(3, 2), dropout=0.3)
    assert [layer.p for layer in model.dropout_layers()] == [0.1, 0.2, 0.3]
    model.freeze(body)
    assert model.dropout_layers() == [model.dropout]


class TestTaps:
    """Outputs of modules of the body."""

    def test_each_pass_leaves_its_outputs_and_gradients_flow(self):
        model = Classifier(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 5)), nn.Linear(5, 2))
        x = torch.randn(6, 4)
        with model.taps(["0", "1", ""]) as outputs:
            model(torch.zeros(2, 4))
            logits = model(x)
            assert torch.equal(outputs["0"], model.body[0](x))
            assert torch.equal(model.head(outputs[""]), logits)
            outputs["1"].sum().backward()
        assert model.body[0].weight.grad is not None
        assert model.body[2].weight.grad is None
        kept = outputs["0"]
        model(x + 1)
        assert outputs["0"] is kept  # nobody listens any more

    def test_a_name_that_is_not_there_leaves_no_hook(self):
        model = Classifier(nn.Sequential(nn.Linear(4, 3)), nn.Linear(3, 2))
        line = "unknown module of the network's body 'layer1'"
        with pytest.raises(UsageError, match=line), model.taps(["0", "layer1"]):
            pass
        assert not model.body[0]._forward_hooks


class TestFreeze:
    @pytest.fixture
    def model(self):
        torch.manual_seed(0)
        body = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 5))
        return Classifier(body, nn.Linear(5, 3), dropout=0.5)

    def test_what_is_frozen_stays_in_evaluation_mode_and_the_rest_trains(self, model):
        model.freeze(model.body[1], model.body[2])
        assert not model.body[1].training
        assert model.train() is model
        assert [layer.training for layer in model.body] == [True, False, False, True]
        assert model.head.training
        assert [p.requires_grad for p in model.body.parameters()] == [True, True, False, False, True, True]
        assert not any(layer.training for layer in model.eval().modules())

    def test_a_frozen_body_gives_the_same_features_while_the_network_trains(self, model):
        model.freeze(model.body)
        x = torch.randn(4, 6)
        wanted = model.eval().features(x)
        assert torch.equal(model.train().features(x), wanted)
        assert not torch.equal(model(x), model(x))  # the dropout before the head is not frozen

    def test_single_parameters(self, model):
        model.freeze(model.body[0].weight)
        assert [p.requires_grad for p in model.body[0].parameters()] == [False, True]
        assert all(layer.training for layer in model.train().modules())

    def test_a_copy_is_frozen_on_its_own(self, model):
        model.freeze(model.body[1])
        twin = copy.deepcopy(model)
        assert not twin.train().body[1].training
        assert not twin.body[1].weight.requires_grad
        assert twin.body[1] is not model.body[1]
        twin.freeze(twin.body[2])
        assert model.train().body[2].training

    def test_the_names_of_its_weights_stay_as_they_were(self, model):
        names = list(model.state_dict())
        model.freeze(model.body)
        assert list(model.state_dict()) == names


def test_initial_state_is_a_copy(linear_model):
    state = initial_state(linear_model)
    with torch.no_grad():
        linear_model.head.weight.zero_()
    assert state["head.weight"].sum() == 3


def test_the_same_state_is_the_same_bit_for_bit(linear_model):
    state = initial_state(linear_model)
    assert same_state(linear_model, state)
    assert same_state(linear_model.head, state, "head.")
    with torch.no_grad():
        linear_model.head.bias[0] += 1e-7
    assert not same_state(linear_model.head, state, "head.")


class Extra(torch.nn.Module):
    """Keeps more than tensors in its state."""

    def __init__(self):
        super().__init__()
        self.seen = [1]

    def get_extra_state(self):
        return {"seen": self.seen}

    def set_extra_state(self, state):
        self.seen = state["seen"]


def test_a_state_may_hold_more_than_tensors():
    module = Extra()
    state = initial_state(module)
    assert same_state(module, state)
    module.seen.append(2)
    assert state == {"_extra_state": {"seen": [1]}}
    assert changes(module, state) == ["_extra_state"]


def test_a_private_copy_shares_no_weights(linear_model):
    twin = private_copy(linear_model)
    torch.nn.init.zeros_(twin.head.weight)
    assert linear_model.head.weight.sum() == 3


def test_what_cannot_be_copied_is_shared():
    module = torch.nn.Linear(2, 2)
    module.lock, module.kept, module.numbers = threading.Lock(), module.weight * 2, [1]
    twin = private_copy(module)
    assert twin.lock is module.lock
    assert twin.kept.is_leaf
    assert torch.equal(twin.kept, module.kept)
    assert twin.weight is not module.weight
    assert twin.numbers is not module.numbers
