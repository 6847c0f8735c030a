import pytest
from torch import nn

from alframe import Classifier, UsageError
from alframe.contract.layers import freeze_all_but_last


def network():
    body = nn.Sequential(nn.Linear(4, 3), nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5)), nn.Linear(3, 3))
    return Classifier(body, nn.Linear(3, 2)), body


@pytest.mark.parametrize("kind", ["modules", "parameters"])
@pytest.mark.parametrize("k", range(4))
def test_the_last_layers_train_and_the_others_stay_in_evaluation_mode(kind, k):
    model, body = network()
    layers = [[part] if kind == "modules" else list(part.parameters()) for part in body]
    freeze_all_but_last(model, body, layers, k, "toy")
    model.train()
    for number, part in enumerate(body, 1):
        trains = number > 3 - k
        assert {parameter.requires_grad for parameter in part.parameters()} == {trains}
        assert part.training == trains
    assert model.head.weight.requires_grad
    assert len(model.dropout_layers()) == int(k > 1)


def test_more_layers_than_there_are():
    model, body = network()
    with pytest.raises(UsageError, match="fine_tune_layers is 4, but toy has 3 layers; none trains all"):
        freeze_all_but_last(model, body, [[part] for part in body], 4, "toy")
