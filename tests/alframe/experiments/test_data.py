import pytest
import torch

from alframe import Classifier, DatasetInfo, ModelInfo, UsageError
from alframe.experiments.data import load_data, network_of
from alframe.experiments.settings import resolve


def test_unlabelled_data_cannot_be_simulated(registry, toy, make_plugin):
    offer = {"hidden": DatasetInfo(summary="", load=lambda request: toy.hide_labels())}
    registry.register(make_plugin(alframe_datasets=lambda: offer), "hidden")
    with pytest.raises(UsageError, match="samples without a label"):
        load_data(resolve(registry, {"data": {"name": "hidden"}}))


def test_the_network_hears_its_location_and_whether_it_may_fetch(registry, toy, make_plugin):
    asked = []

    def build(request):
        asked.append((request.location, request.download))
        return Classifier(torch.nn.Identity(), torch.nn.Linear(*request.input_shape, request.num_classes))

    hooks = {
        "alframe_datasets": lambda: {"toy": DatasetInfo(summary="toy", load=lambda request: toy)},
        "alframe_models": lambda: {"net": ModelInfo(summary="", build=build, location="NAME")},
    }
    registry.register(make_plugin(**hooks), "toys")
    for download in (True, False):
        sections = {"data": {"name": "toy", "download": download}, "model": {"name": "net:x"}}
        network_of(resolve(registry, sections), toy, seed=1)
    assert asked == [("x", True), ("x", False)]
