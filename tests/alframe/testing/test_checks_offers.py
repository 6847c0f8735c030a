import torch
from torch import nn

from alframe import Classifier, ModelInfo, PluginInfo, texts_of
from alframe.registry.registry import Registry
from alframe.testing import checks_of, outcome_of


def test_a_network_of_texts_is_given_texts(make_plugin):
    class Lengths(nn.Module):
        def forward(self, x):
            return torch.tensor([[float(len(text))] for text in texts_of(x)])

    def build(request):
        assert len(request.input_shape) == 1
        return Classifier(Lengths(), nn.Linear(1, request.num_classes))

    registry = Registry(entry_points=[])
    for takes in ("texts", "numbers"):
        offers = {"net": ModelInfo(summary="net", build=build, takes=takes)}
        hooks = {
            "alframe_info": lambda: PluginInfo(summary="nets"),
            "alframe_models": lambda offers=offers: offers,
        }
        registry.register(make_plugin(**hooks), takes)
    verdicts = [
        {o.check: o.verdict for o in map(outcome_of, checks_of(takes, registry=registry))}
        for takes in ("texts", "numbers")
    ]
    assert [found["networks_fit_the_data"] for found in verdicts] == ["passed", "failed"]
    assert verdicts[0]["initial_weights_follow_the_seed"] == "passed"


def test_a_network_may_read_a_number_while_it_is_built(make_plugin):
    """As some of timm do: such a network can't be built without numbers."""

    def build(request):
        widths = [int(width.item()) for width in torch.linspace(4, 8, 2)]
        first = nn.Linear(request.input_shape.numel(), widths[1])
        return Classifier(nn.Sequential(nn.Flatten(), first), nn.Linear(widths[1], request.num_classes))

    registry = Registry(entry_points=[])
    offers = {"net": ModelInfo(summary="net", build=build)}
    registry.register(
        make_plugin(alframe_info=lambda: PluginInfo(summary="nets"), alframe_models=lambda: offers), "nets"
    )
    outcomes = {o.check: o.verdict for o in map(outcome_of, checks_of("nets", registry=registry))}
    assert outcomes["networks_fit_the_data"] == outcomes["initial_weights_follow_the_seed"] == "passed"
