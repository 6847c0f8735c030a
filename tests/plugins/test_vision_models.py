import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision import models

from alframe import ModelRequest, UsageError
from alframe_vision import NETWORK_NAMES, NetworkOptions
from alframe_vision._models import build

SMALL = ["vgg11", "vgg11_bn", "resnet18", "resnet18-cifar", "densenet121"]


def request(shape=(3, 32, 32), classes=5, **options):
    return ModelRequest(torch.Size(shape), classes, NetworkOptions(**options))


def test_every_network_of_these_families_is_offered():
    named = [n for n in models.list_models(module=models) if n.startswith(("vgg", "resnet", "densenet"))]
    assert sorted({*NETWORK_NAMES} - {"resnet18-cifar"}) == named


@pytest.mark.parametrize("name", SMALL)
def test_body_and_head_are_the_network(name):
    model = build(name, request()).eval()
    assert isinstance(model.head, nn.Linear)
    x = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(model(x), model.head(model.features(x)))
    assert model(x).shape == (2, 5)
    if name != "resnet18-cifar":
        whole = getattr(models, name)(weights=None, num_classes=5).eval()
        state = list(model.state_dict().values())
        whole.load_state_dict(dict(zip(whole.state_dict(), state, strict=True)))
        torch.testing.assert_close(model(x), whole(x))


@pytest.mark.parametrize("name", SMALL)
def test_other_channels_an_embedding_layer_and_dropout(name):
    model = build(name, request((1, 40, 40), embedding_size=16, dropout=0.5)).eval()
    assert model.features(torch.randn(2, 1, 40, 40)).shape == (2, 16)
    assert model.dropout.p == 0.5


def test_the_cifar_stem_keeps_the_resolution():
    model = build("resnet18-cifar", request())
    assert model.body.conv1(torch.zeros(1, 3, 32, 32)).shape == (1, 64, 32, 32)
    assert model.body.maxpool(torch.zeros(1)).shape == (1,)
    assert model.features(torch.randn(2, 3, 32, 32)).shape == (2, 512)


@pytest.mark.parametrize(
    ("shape", "message"), [((64,), "takes images of shape"), ((3, 8, 8), "can't take images")]
)
def test_what_is_no_image_or_too_small(shape, message):
    with pytest.raises(UsageError, match=f"vgg11 {message}"):
        build("vgg11", request(shape))


class TestWeights:
    @pytest.fixture
    def saved(self, tmp_path):
        whole = models.resnet18(weights=None, num_classes=1000)
        torch.save(whole.state_dict(), tmp_path / "w.pt")
        return whole, tmp_path / "w.pt"

    def test_are_loaded_but_for_a_head_of_other_classes(self, saved):
        whole, path = saved
        model = build("resnet18", request(weights=str(path)))
        assert torch.equal(model.body.layer4[0].conv1.weight, whole.layer4[0].conv1.weight)
        assert model.head.weight.shape == (5, 512)
        same = build("resnet18", request(classes=1000, weights=str(path)))
        assert torch.equal(same.head.weight, whole.fc.weight)

    def test_of_another_network_name_what_is_missing_and_unexpected(self, saved):
        with pytest.raises(
            UsageError, match=r"for vgg11: 20 missing \(.*, \.\.\.\); \d+ unexpected \(.*, \.\.\.\)"
        ):
            build("vgg11", request(weights=str(saved[1])))
        with pytest.raises(UsageError, match=r"for resnet18-cifar: 1 of another shape \(conv1.weight\)"):
            build("resnet18-cifar", request(weights=str(saved[1])))

    def test_as_safetensors(self, saved, tmp_path):
        whole, _ = saved
        save_file(whole.state_dict(), tmp_path / "w.safetensors")
        model = build("resnet18", request(weights=str(tmp_path / "w.safetensors")))
        assert torch.equal(model.body.conv1.weight, whole.conv1.weight)

    @pytest.mark.parametrize("content", [b"", b"no weights", None])
    def test_files_that_cannot_be_read(self, tmp_path, content):
        path = tmp_path / "w.pt"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(UsageError, match="weights .*w.pt can't be read"):
            build("resnet18", request(weights=str(path)))

    def test_a_pickle_that_would_run_a_command_is_refused(self, tmp_path):
        class Attack:
            def __reduce__(self):
                return print, ("harmed",)

        torch.save({"a": Attack()}, tmp_path / "w.pt")
        with pytest.raises(UsageError, match="can't be read"):
            build("resnet18", request(weights=str(tmp_path / "w.pt")))

    def test_a_file_that_holds_no_dictionary_of_tensors(self, tmp_path):
        torch.save([1, 2], tmp_path / "w.pt")
        with pytest.raises(UsageError, match="a dictionary of tensors is needed"):
            build("resnet18", request(weights=str(tmp_path / "w.pt")))


@pytest.mark.parametrize("options", [{"embedding_size": 0}, {"dropout": 1.0}])
def test_options_outside_their_range(options):
    with pytest.raises(ValueError, match="must"):
        NetworkOptions(**options)
