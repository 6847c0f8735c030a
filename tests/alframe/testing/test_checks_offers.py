import torch
from torch import nn

from alframe import Classifier, ModelInfo, PluginInfo
from alframe.registry.registry import Registry
from alframe.testing import checks_of, outcome_of


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
