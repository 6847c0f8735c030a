import dataclasses
import sys

import pytest
import timm
import torch
from huggingface_hub.utils import EntryNotFoundError
from safetensors.torch import save_file
from torch import nn

from alframe import ActiveLearner, Dataset, ImageModelOptions, ModelRequest, Recipe, UsageError
from alframe.experiments.settings import resolve
from alframe.registry.offers import MODELS
from alframe.registry.registry import Registry
from alframe_timm import TimmOptions, VitOptions, build_named, build_vit
from alframe_timm._networks import build
from alframe_timm._presets import DINOV2, PRESETS

TINY = "vit_tiny_patch16_224"


def named(name, shape=(3, 32, 32), classes=5, download=False, **options):
    request = ModelRequest(torch.Size(shape), classes, TimmOptions(**options), download, name)
    return build_named(request)


def vit(shape=(3, 32, 32), classes=5, download=False, **options):
    options = {"image_size": 32} | options
    return build_vit("vit_small", ModelRequest(torch.Size(shape), classes, VitOptions(**options), download))


def trained(model):
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


@pytest.fixture(scope="module")
def small():
    """A transformer with DINO's features, at random weights."""
    torch.manual_seed(0)
    return vit(blocks=3, patches=True).eval()


class TestClassTokens:
    def test_are_those_of_the_last_blocks_after_the_norm(self, small):
        x = torch.randn(2, 3, 32, 32)
        network = small.body[1].network
        layers = network.get_intermediate_layers(x, 3, norm=True, return_prefix_tokens=True)
        wanted = [prefix[:, 0] for _, prefix in layers] + [layers[-1][0].mean(dim=1)]
        features = small.features(x)
        assert features.shape == (2, 4 * 384)
        torch.testing.assert_close(features, torch.cat(wanted, dim=1))
        final = network.forward_features(x)  # after the final norm: class token, then 4 patches
        torch.testing.assert_close(features[:, 2 * 384 : 3 * 384], final[:, 0])
        torch.testing.assert_close(features[:, 3 * 384 :], final[:, 1:].mean(dim=1))

    def test_of_four_blocks_without_patches_by_default(self):
        model = vit()
        assert model.head.in_features == 4 * 384
        assert model(torch.randn(2, 3, 32, 32)).shape == (2, 5)

    def test_more_blocks_than_there_are(self):
        with pytest.raises(UsageError, match="model.blocks is 13, but the network has 12 blocks"):
            vit(blocks=13)

    def test_the_gradient_reaches_the_image(self, small):
        x = torch.randn(1, 1, 32, 32, requires_grad=True)
        small(x).sum().backward()
        assert x.grad.abs().sum() > 0


class TestImages:
    def test_small_ones_are_enlarged_by_default(self):
        """Images of 32 x 32 as they are would be 4 patches."""
        assert VitOptions().image_size == 224
        model = vit(image_size=224)
        assert model.body[0].size == 224
        assert model.body[1].network.patch_embed.num_patches == 14 * 14

    def test_a_fixed_size_is_the_networks_own_unless_given(self):
        assert named("test_vit").body[0].size == 160
        model = named("test_vit", image_size=64)
        assert model.body[0].size == 64
        assert model.body[1].network.patch_embed.num_patches == 4 * 4
        assert model.features(torch.randn(2, 3, 20, 30)).shape == (2, 64)

    def test_without_a_fixed_size_they_stay_as_they_are(self):
        assert named("resnet10t").body[0].size is None
        assert named("resnet10t", image_size=40).body[0].size == 40

    def test_position_embeddings_are_resampled(self):
        torch.manual_seed(0)
        own = named(TINY).body[1].network.pos_embed
        torch.manual_seed(0)
        resampled = named(TINY, image_size=112).body[1].network.pos_embed
        assert torch.equal(resampled[:, 0], own[:, 0])
        # timm resamples the grid of 14 x 14 to 7 x 7 by smoothed bicubic interpolation
        grid = own[:, 1:].reshape(1, 14, 14, -1).permute(0, 3, 1, 2)
        smaller = nn.functional.interpolate(grid, size=(7, 7), mode="bicubic", antialias=True)
        torch.testing.assert_close(resampled[:, 1:], smaller.flatten(2).transpose(1, 2))

    def test_grey_ones_have_their_channel_repeated(self, small):
        x = torch.randn(2, 1, 32, 32)
        torch.testing.assert_close(small(x), small(x.expand(-1, 3, -1, -1)))
        assert named("resnet10t", (1, 32, 32)).features(x).shape == (2, 512)

    def test_other_channels(self):
        model = named("resnet10t", (4, 32, 32))
        assert model(torch.randn(2, 4, 32, 32)).shape == (2, 5)
        with pytest.raises(UsageError, match="for images of 3 channels .* the data have 4"):
            named("resnet10t", (4, 32, 32), pretrained=True)

    @pytest.mark.parametrize(
        ("name", "shape", "size", "message"),
        [
            ("resnet10t", (64,), None, "timm:resnet10t takes images of shape .* got \\(64,\\); try mlp"),
            ("test_vit", (3, 32, 32), 40, "image_size of timm:test_vit must be a multiple of 16, got 40"),
            ("mixer_s32_224", (3, 32, 32), 64, "takes images of 224 x 224 alone: leave model.image_size out"),
            ("resnet10t", (3, 32, 0), None, r"timm:resnet10t can't take images of shape \(3, 32, 0\)"),
        ],
    )
    def test_what_does_not_suit_is_refused(self, name, shape, size, message):
        with pytest.raises(UsageError, match=message):
            named(name, shape, image_size=size)

    def test_what_makes_no_rows_of_features_is_refused(self):
        request = ModelRequest(torch.Size((3, 32, 32)), 5, TimmOptions())
        with pytest.raises(UsageError, match=r"odd makes no features of shape n x D, but \(1, 3, 32, 32\)"):
            build("odd", "resnet10t", request, lambda network: nn.Identity())


class TestNames:
    def test_features_are_what_the_networks_own_head_takes(self):
        torch.manual_seed(0)
        model = named("resnet10t").eval()
        network = model.body[1].network
        x = torch.randn(2, 3, 32, 32)
        torch.testing.assert_close(model.features(x), network(x))
        torch.testing.assert_close(model.features(x), network.forward_features(x).mean(dim=(2, 3)))
        torch.testing.assert_close(model(x), model.head(model.features(x)))

    def test_an_embedding_layer_and_dropout(self):
        model = named("resnet10t", embedding_size=7, dropout=0.5)
        assert model.features(torch.randn(2, 3, 32, 32)).shape == (2, 7)
        assert model.head.in_features == 7
        assert model.dropout.p == 0.5
        assert all(module.training for module in model.modules())

    def test_an_unknown_name_brings_the_closest(self):
        with pytest.raises(UsageError, match="timm has no network 'resnet10tt'; the closest are resnet10t"):
            named("resnet10tt")
        with pytest.raises(UsageError, match="timm has no network 'hf-hub:me/mine'; the closest are"):
            named("hf-hub:me/mine")

    def test_without_timm_the_extra_is_named(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "timm", None)
        with pytest.raises(UsageError, match=r"pip install 'alframe\[timm\]'"):
            named("resnet10t")

    def test_listing_them_does_not_need_timm(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "timm", None)
        names = {offer.name for offer in Registry().offers.of(MODELS)}
        assert {"timm", "vit_small", "vit_base"} <= names


class TestFineTuning:
    def test_the_last_blocks_and_the_final_norm_train(self):
        model = vit(fine_tune_layers=2)
        prefixes = tuple(f"body.1.network.{part}." for part in ("blocks.10", "blocks.11", "norm"))
        assert trained(model) == {
            n for n, _ in model.named_parameters() if n.startswith((*prefixes, "head."))
        }
        modes = [block.training for block in model.train().body[1].network.blocks]
        assert modes == [False] * 10 + [True] * 2
        assert not model.body[1].network.patch_embed.training

    def test_no_layer_leaves_the_embedding_layer_and_the_head(self):
        model = named("resnet10t", fine_tune_layers=0, embedding_size=3)
        assert trained(model) == {"body.1.weight", "body.1.bias", "head.weight", "head.bias"}
        x = torch.randn(4, 3, 32, 32)
        assert torch.equal(model.train().features(x), model.eval().features(x))

    @pytest.mark.parametrize(("name", "layers"), [("resnet10t", 5), ("test_vit", 7), ("test_convnext", 5)])
    def test_all_layers_are_the_whole_network(self, name, layers):
        everything = {n for n, _ in named(name).named_parameters()}
        assert trained(named(name, fine_tune_layers=layers)) == everything
        last = {n.split("network.")[1] for n in trained(named(name, fine_tune_layers=1)) if "network" in n}
        starts = {
            "resnet10t": "layer4",
            "test_vit": ("blocks.5", "norm"),
            "test_convnext": ("stages.3", "head"),
        }
        assert len(last) > 2
        assert all(n.startswith(starts[name]) for n in last)
        with pytest.raises(UsageError, match=f"is {layers + 1}, but timm:{name} has {layers} layers"):
            named(name, fine_tune_layers=layers + 1)


class TestWeights:
    def test_of_a_file(self, tmp_path):
        whole = timm.create_model("resnet10t", num_classes=1000).eval()
        torch.save(whole.state_dict(), tmp_path / "w.pt")
        model = named("resnet10t", weights=str(tmp_path / "w.pt")).eval()
        x = torch.randn(2, 3, 32, 32)
        torch.testing.assert_close(model.features(x), whole.forward_head(whole.forward_features(x), True))
        with pytest.raises(UsageError, match=r"w.pt does not hold weights for timm:test_vit: \d+ missing"):
            named("test_vit", weights=str(tmp_path / "w.pt"))


class MissingEntryError(EntryNotFoundError):
    def __init__(self):  # the client's own takes what the server answered
        Exception.__init__(self, "not there")


class TestPretrained:
    """The hub's cache, here in a folder of the test's own."""

    @pytest.fixture
    def cache(self, tmp_path, monkeypatch):
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda *_, **__: pytest.fail("hub was asked"))
        return tmp_path / "hub"

    @staticmethod
    def put(cache, repository, name, state):
        folder = cache / f"models--{repository.replace('/', '--')}"
        (folder / "refs").mkdir(parents=True)
        (folder / "refs" / "main").write_text("abc")
        (folder / "snapshots" / "abc").mkdir(parents=True)
        path = folder / "snapshots" / "abc" / name
        (save_file if name.endswith(".safetensors") else torch.save)(state, path)
        return path

    @pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
    def test_what_is_in_the_cache_is_used_without_asking(self, cache, file):
        whole = timm.create_model("resnet10t", num_classes=1000).eval()
        self.put(cache, "timm/resnet10t.c3_in1k", file, whole.state_dict())
        for shape in ((3, 32, 32), (1, 32, 32)):
            model = named("resnet10t", shape, pretrained=True).eval()
            x = torch.randn(2, *shape)
            wanted = whole.forward_head(whole.forward_features(x.expand(-1, 3, -1, -1)), pre_logits=True)
            torch.testing.assert_close(model.features(x), wanted)
        assert "state_dict" not in model.body[1].network.pretrained_cfg

    def test_dinos_at_another_size(self, cache):
        whole = timm.create_model("vit_small_patch16_224.dino").eval()
        self.put(cache, "timm/vit_small_patch16_224.dino", "model.safetensors", whole.state_dict())
        network = vit(image_size=64, pretrained=True, fine_tune_layers=1).body[1].network
        assert torch.equal(network.blocks[3].attn.qkv.weight, whole.blocks[3].attn.qkv.weight)
        assert network.pos_embed.shape == (1, 1 + 4 * 4, 384)
        assert not network.pos_embed.requires_grad

    def test_what_is_missing_is_not_fetched_unless_allowed(self, cache):
        with pytest.raises(UsageError) as caught:
            vit(pretrained=True)
        for part in ("vit_small", "timm/vit_small_patch16_224.dino", str(cache), "--download"):
            assert part in str(caught.value)

    def test_what_may_be_fetched_is(self, cache, monkeypatch):
        whole = timm.create_model("resnet10t", num_classes=0)
        asked = []

        def fetch(repository, file, revision):
            asked.append(file)
            if file == "model.safetensors":
                raise MissingEntryError
            return str(self.put(cache, repository, file, whole.state_dict()))

        monkeypatch.setattr("huggingface_hub.hf_hub_download", fetch)
        model = named("resnet10t", pretrained=True, download=True)
        assert asked == ["model.safetensors", "pytorch_model.bin"]
        assert torch.equal(model.body[1].network.conv1[0].weight, whole.conv1[0].weight)

    @pytest.mark.parametrize("error", [OSError("no route\nto host"), RuntimeError("no route\nto host")])
    def test_a_download_that_fails_is_one_line(self, cache, monkeypatch, error):
        def fetch(*_, **__):
            raise error

        monkeypatch.setattr("huggingface_hub.hf_hub_download", fetch)
        with pytest.raises(
            UsageError, match="can't be fetched from timm/resnet10t.c3_in1k: no route to host"
        ):
            named("resnet10t", pretrained=True, download=True)

    def test_a_repository_without_weights(self, cache, monkeypatch):
        def fetch(*_, **__):
            raise MissingEntryError

        monkeypatch.setattr("huggingface_hub.hf_hub_download", fetch)
        with pytest.raises(
            UsageError, match="has no weights of timm:resnet10t: none of model.safetensors, py"
        ):
            named("resnet10t", pretrained=True, download=True)

    def test_other_weights_under_its_name(self, cache):
        whole = timm.create_model("test_vit", num_classes=0)
        whole.patch_embed.proj = nn.Conv2d(3, 9, 16)
        self.put(cache, "timm/test_vit.r160_in1k", "model.safetensors", whole.state_dict())
        with pytest.raises(UsageError, match="model.safetensors does not hold weights for timm:test_vit"):
            named("test_vit", pretrained=True)

    def test_a_network_without_published_weights(self, cache):
        with pytest.raises(UsageError, match="timm publishes no weights of timm:test_vit4"):
            named("test_vit4", pretrained=True)


def test_the_loop_by_name():
    generator = torch.Generator().manual_seed(0)
    targets = torch.arange(24) % 2
    inputs = torch.randn(24, 3, 32, 32, generator=generator) + 2 * targets[:, None, None, None]
    data = Dataset("images", inputs, targets, 2, inputs, targets).hide_labels()
    options = {"image_size": 64, "fine_tune_layers": 1}
    recipe = Recipe(epochs=10, learning_rate=0.01)
    for strategy in ("alfamix", "deepfool"):
        learner = ActiveLearner(
            data, "timm:test_vit", strategy, recipe=recipe, model_options=options, device="cpu"
        )
        for _ in range(2):
            picks = learner.ask(6)
            learner.tell(picks, targets[picks])
            learner.fit()
        assert len(learner.labelled) == 12
    before, after = learner._initial_state, learner.model.state_dict()
    moved = {n for n in before if not torch.equal(before[n], after[n])}
    assert moved == {n for n, p in learner.model.named_parameters() if p.requires_grad}


def test_options_shared_with_torchvisions_networks_read_the_same():
    shared = {field.name: field for field in dataclasses.fields(ImageModelOptions)}
    for options in (TimmOptions, VitOptions):
        own = {field.name: field for field in dataclasses.fields(options)}
        assert all(own[name] is shared[name] for name in set(shared) - {"image_size"})


def test_features_of_no_block_are_refused():
    with pytest.raises(ValueError, match="blocks must be at least 1, got 0"):
        VitOptions(blocks=0)


class TestProtocols:
    def test_their_weights_are_ones_that_timm_knows(self):
        names = {preset.settings["model"]["name"].removeprefix("timm:") for preset in PRESETS.values()}
        assert len(names) == 2
        assert names <= set(timm.list_pretrained())

    def test_the_transformer_takes_images_of_the_size_that_is_said(self):
        model = named(DINOV2["name"].removeprefix("timm:"), image_size=DINOV2["image_size"])
        assert model.head.in_features == 384
        assert model.body(torch.zeros(1, 3, 32, 32)).shape == (1, 384)

    def test_a_round_is_a_label_a_class_or_a_thousand(self, registry):
        for name, preset in PRESETS.items():
            settings = resolve(registry, preset.settings)
            classes = settings.dataset.value.classes
            wanted = (1000, 9) if name.endswith("clip") else (classes, 20)
            assert (settings.run.query_size, settings.run.rounds) == wanted
            assert settings.run.initial_size == settings.run.query_size
            assert settings.pipelines[0].providers["train"].name == "linear-probe"
