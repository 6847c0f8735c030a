import hashlib
import io
import re
from email.message import Message
from types import SimpleNamespace
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision import models
from torchvision.transforms.v2.functional import resize

from alframe import ActiveLearner, Dataset, ImageModelOptions, ModelRequest, Normalize, Recipe, UsageError
from alframe_vision import NETWORK_NAMES
from alframe_vision._models import build

FILE = "resnet18-f37072fd.pth"
SMALL = ["vgg11", "vgg11_bn", "resnet18", "resnet18-cifar", "densenet121"]


META = torch.device("meta")  # where names and shapes are all that is looked at: there are no numbers to draw


def request(shape=(3, 32, 32), classes=5, download=False, **options):
    return ModelRequest(torch.Size(shape), classes, ImageModelOptions(**options), download)


def test_every_network_of_these_families_is_offered():
    named = [n for n in models.list_models(module=models) if n.startswith(("vgg", "resnet", "densenet"))]
    assert sorted({*NETWORK_NAMES} - {"resnet18-cifar"}) == named


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n.startswith("vgg") else n for n in SMALL]
)
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
    with META:
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
    with META, pytest.raises(UsageError, match=f"vgg11 {message}"):
        build("vgg11", request(shape))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A network, and a file of its weights."""
    whole = models.resnet18(weights=None, num_classes=1000).eval()
    path = tmp_path_factory.mktemp("weights") / "w.pt"
    torch.save(whole.state_dict(), path)
    return whole, path


class TestWeights:
    def test_are_loaded_but_for_a_head_of_other_classes(self, saved):
        whole, path = saved
        model = build("resnet18", request(weights=str(path)))
        assert torch.equal(model.body.layer4[0].conv1.weight, whole.layer4[0].conv1.weight)
        assert model.head.weight.shape == (5, 512)
        same = build("resnet18", request(classes=1000, weights=str(path)))
        assert torch.equal(same.head.weight, whole.fc.weight)

    def test_of_another_network_name_what_is_missing_and_unexpected(self, saved):
        with (
            META,
            pytest.raises(
                UsageError, match=r"for vgg11: 20 missing \(.*, \.\.\.\); \d+ unexpected \(.*, \.\.\.\)"
            ),
        ):
            build("vgg11", request(weights=str(saved[1])))
        with pytest.raises(UsageError, match=r"for resnet18-cifar: 1 of another shape \(conv1.weight\)"):
            build("resnet18-cifar", request(weights=str(saved[1])))

    def test_as_safetensors(self, saved, tmp_path):
        whole, _ = saved
        save_file(whole.state_dict(), tmp_path / "w.safetensors")
        model = build("resnet18", request(weights=str(tmp_path / "w.safetensors")))
        assert torch.equal(model.body.conv1.weight, whole.conv1.weight)

    def test_files_of_densenet_with_the_names_of_old_versions(self, tmp_path):
        whole = models.densenet121(weights=None, num_classes=5)
        old = {re.sub(r"(norm|conv)([12])\.", r"\1.\2.", k): v for k, v in whole.state_dict().items()}
        assert "features.denseblock1.denselayer1.norm.1.weight" in old
        path = tmp_path / "w.pth"
        torch.save({k: v for k, v in old.items() if not k.endswith("num_batches_tracked")}, path)
        model = build("densenet121", request(weights=str(path)))
        key = "features.denseblock1.denselayer1.conv2.weight"
        assert torch.equal(model.body.state_dict()[key], whole.state_dict()[key])

    def test_of_three_channels_on_grey_images_repeat_the_channel(self, saved):
        whole, path = saved
        model = build("resnet18", request((1, 32, 32), classes=1000, weights=str(path))).eval()
        x = torch.randn(2, 1, 32, 32)
        torch.testing.assert_close(model(x), whole.eval()(x.expand(-1, 3, -1, -1)))

    def test_of_one_channel_on_grey_images_are_taken_as_they_are(self, tmp_path):
        first = build("resnet18", request((1, 32, 32)))
        state = {k.removeprefix("body."): v for k, v in first.state_dict().items() if k.startswith("body.")}
        torch.save(state, tmp_path / "w.pt")
        model = build("resnet18", request((1, 32, 32), weights=str(tmp_path / "w.pt")))
        assert torch.equal(model.body.conv1.weight, first.body.conv1.weight)


class Response(io.BytesIO):
    def info(self):
        message = Message()
        message["Content-Length"] = str(len(self.getvalue()))
        return message


class TestPretrained:
    """torchvision's own files, here made in a folder of the test's own."""

    @pytest.fixture
    def hub(self, tmp_path, monkeypatch):
        monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
        monkeypatch.setattr(torch.hub, "urlopen", lambda *_, **__: pytest.fail("the network was asked"))
        return tmp_path / "hub" / "checkpoints"

    @pytest.fixture
    def whole(self, hub, saved):
        hub.mkdir(parents=True)
        (hub / FILE).symlink_to(saved[1])
        return saved[0]

    def test_what_is_there_is_used_without_asking(self, whole):
        model = build("resnet18", request(classes=1000, pretrained=True)).eval()
        x = torch.randn(2, 3, 32, 32)
        torch.testing.assert_close(model(x), whole(x))

    def test_a_head_for_other_classes_starts_at_random(self, whole):
        model = build("resnet18", request(pretrained=True))
        assert torch.equal(model.body.layer4[1].conv2.weight, whole.layer4[1].conv2.weight)
        assert model.head.weight.shape == (5, 512)

    def test_grey_images(self, whole):
        model = build("resnet18", request((1, 28, 28), classes=1000, pretrained=True)).eval()
        x = torch.randn(2, 1, 28, 28)
        torch.testing.assert_close(model(x), whole(x.expand(-1, 3, -1, -1)))

    def test_other_channels_are_refused(self, whole):
        with pytest.raises(UsageError, match="for images of 3 channels .*, and the data have 4"):
            build("resnet18", request((4, 32, 32), pretrained=True))

    def test_the_cifar_stem_is_refused_with_the_way_out(self, whole):
        with pytest.raises(UsageError, match="stem differs .* resnet18; .*-o model.image_size=224"):
            build("resnet18-cifar", request(pretrained=True))

    def test_what_is_missing_is_not_fetched_unless_allowed(self, hub):
        with pytest.raises(UsageError) as caught:
            build("resnet18", request(pretrained=True))
        for part in (FILE, str(hub), "--download"):
            assert part in str(caught.value)

    def test_what_is_fetched_has_the_right_hash(self, hub, monkeypatch):
        monkeypatch.setattr(torch.hub, "urlopen", lambda *_, **__: Response(b"something else"))
        with pytest.raises(UsageError, match="can't be fetched from https://.*: invalid hash value"):
            build("resnet18", request(pretrained=True, download=True))
        assert list(hub.iterdir()) == []

    def test_a_download_that_succeeds_is_kept(self, hub, monkeypatch):
        content = io.BytesIO()
        torch.save(models.resnet18(weights=None).state_dict(), content)
        monkeypatch.setattr(torch.hub, "urlopen", lambda *_, **__: Response(content.getvalue()))
        name = f"resnet18-{hashlib.sha256(content.getvalue()).hexdigest()[:8]}.pth"
        weights = SimpleNamespace(DEFAULT=SimpleNamespace(url=f"https://example.org/{name}"))
        monkeypatch.setattr(models, "get_model_weights", lambda _: weights)
        build("resnet18", request(pretrained=True, download=True))
        assert (hub / name).read_bytes() == content.getvalue()

    def test_a_download_that_fails_is_one_line(self, hub, monkeypatch):
        def fail(*_, **__):
            raise URLError("no route\nto host")

        monkeypatch.setattr(torch.hub, "urlopen", fail)
        with pytest.raises(UsageError, match="can't be fetched from https://.*resnet18.*no route to host"):
            build("resnet18", request(pretrained=True, download=True))

    def test_a_damaged_file_is_named(self, hub):
        hub.mkdir(parents=True)
        (hub / FILE).write_bytes(b"half a file")
        with pytest.raises(UsageError, match=f"weights .*{FILE} can't be read"):
            build("resnet18", request(pretrained=True))

    def test_every_network_has_weights_whose_name_ends_in_a_hash(self):
        for name in {*NETWORK_NAMES} - {"resnet18-cifar"}:
            url = models.get_model_weights(name).DEFAULT.url
            assert re.search(r"-[0-9a-f]{8,}\.pth$", url)


def test_images_are_resized_first():
    torch.manual_seed(0)
    model = build("resnet18", request((3, 32, 32), image_size=64)).eval()
    x = torch.randn(2, 3, 32, 32)
    larger = resize(x, [64, 64], antialias=True)
    torch.testing.assert_close(model.features(x), model.body[-1](larger))
    with META:
        build("vgg11", request((3, 8, 8), image_size=32))  # too small as they are, see above


class TestFineTuning:
    def trained(self, model):
        return {name for name, parameter in model.named_parameters() if parameter.requires_grad}

    def built(self, *arguments, **options):
        with META:
            return build(*arguments, **options)

    @pytest.mark.parametrize(("name", "layers"), [("resnet18", 5), ("densenet121", 5), ("vgg11_bn", 10)])
    def test_all_layers_are_the_whole_network(self, name, layers):
        everything = {name for name, _ in self.built(name, request()).named_parameters()}
        assert self.trained(self.built(name, request(fine_tune_layers=layers))) == everything
        assert self.trained(self.built(name, request(fine_tune_layers=layers - 1))) < everything
        with pytest.raises(UsageError, match=f"fine_tune_layers is {layers + 1}, but {name} has {layers}"):
            self.built(name, request(fine_tune_layers=layers + 1))

    @pytest.mark.parametrize(
        ("name", "layers", "prefixes"),
        [
            ("resnet18", 1, ("body.layer4",)),
            ("resnet18", 2, ("body.layer3", "body.layer4")),
            ("densenet121", 1, ("body.features.denseblock4", "body.features.norm5")),
            ("vgg11_bn", 3, ("body.features.25", "body.features.26", "body.classifier")),
        ],
    )
    def test_the_last_layers_train(self, name, layers, prefixes):
        model = self.built(name, request(fine_tune_layers=layers))
        wanted = {n for n, _ in model.named_parameters() if n.startswith((*prefixes, "head"))}
        assert self.trained(model) == wanted
        assert all({n for n in wanted if n.startswith(prefix)} for prefix in prefixes)

    @pytest.mark.parametrize("name", ["resnet18", "densenet121", "vgg11"])
    def test_no_layer_leaves_the_embedding_layer_and_the_head(self, name):
        model = build(name, request((1, 32, 32), fine_tune_layers=0, embedding_size=7, image_size=40))
        assert self.trained(model) == {"body.1.weight", "body.1.bias", "head.weight", "head.bias"}
        model.train()
        x = torch.randn(2, 1, 32, 32)
        assert torch.equal(model.features(x), model.features(x))  # no dropout, no statistics of the batch
        assert model.dropout_layers() == []


@pytest.mark.parametrize(
    "options",
    [
        {"embedding_size": 0},
        {"dropout": 1.0},
        {"image_size": 0},
        {"fine_tune_layers": -1},
        {"pretrained": True, "weights": "w.pt"},
    ],
)
def test_options_outside_their_range(options):
    with pytest.raises(ValueError, match="must|both"):
        ImageModelOptions(**options)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n.startswith("vgg") else n for n in SMALL]
)
def test_end_to_end(name):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (60, 3, 32, 32), generator=generator, dtype=torch.uint8)
    targets = torch.arange(60) % 3
    data = Dataset("noise", images, targets, 3, images[:9], targets[:9], transform=Normalize.of(images))
    recipe = Recipe(epochs=1, batch_size=16, augment=("crop", "flip"))
    learner = ActiveLearner(data.hide_labels(), name, "alfamix", recipe=recipe, device="cpu")
    for _ in range(2):
        picks = learner.ask(10)
        learner.tell(picks, targets[picks])
        learner.fit()
    assert len(learner.labelled.unique()) == 20
    assert 0 <= learner.evaluate().accuracy <= 1
