import pytest
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


@pytest.mark.parametrize("n", [1, 7, 50])
@pytest.mark.parametrize("values", [2, 5, 10_000])
@pytest.mark.parametrize("never", [0, 20, 45, 50])
def test_the_highest_scores_are_those_of_a_stable_sort_of_shuffled_rows(values, never, n):
    scores = torch.randint(values, (50,), generator=torch.Generator().manual_seed(values)).float()
    scores[:never] = -torch.inf
    order = torch.randperm(50, generator=torch.Generator().manual_seed(1))
    wanted = order[scores[order].argsort(descending=True, stable=True)[:n]]
    ctx = Context(1, 3, torch.device("cpu"), torch.Generator().manual_seed(1))
    picks = defaults.alframe_select(range(50), scores, n, ctx)
    assert torch.equal(picks, wanted[scores[wanted] > -torch.inf])
