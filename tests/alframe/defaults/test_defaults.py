import torch

from alframe import Classifier, Recipe, defaults
from alframe.contract.context import Context
from alframe.contract.views import LabelledView
from alframe.data.samples import Samples
from alframe.learning.rows import NetworkRows


def test_training_uses_the_contexts_generator(toy):
    def train(seed):
        torch.manual_seed(0)
        model = Classifier(torch.nn.Linear(6, 8), torch.nn.Linear(8, 3))
        rows = NetworkRows(model, Samples(toy.inputs, torch.device("cpu")), torch.arange(100), seed=0)
        ctx = Context(0, 3, torch.device("cpu"), torch.Generator().manual_seed(seed), model)
        labelled = LabelledView(rows, toy.targets[:100])
        result = defaults.alframe_train(model, labelled, None, Recipe(epochs=3), ctx)
        assert result.epochs == 3
        return model.head.weight.detach()

    assert torch.equal(train(0), train(0))
    assert not torch.equal(train(0), train(1))
