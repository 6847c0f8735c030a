"""What networks of images share; the plugins' own tests say which networks they build."""

from pathlib import Path

import pytest
import torch
from torch import nn

from alframe import (
    ActiveLearner,
    Dataset,
    ImageModelOptions,
    ModelRequest,
    UsageError,
    image_classifier,
    image_shape,
    pretrained_file,
)
from alframe.contract.sections import NETWORK


def request(shape=(3, 8, 8), classes=4, download=False, **options):
    return ModelRequest(torch.Size(shape), classes, ImageModelOptions(**options), download)


class Body(nn.Module):
    """Three layers, the second with normalisation and dropout; 7 features."""

    def __init__(self, channels=3):
        super().__init__()
        self.stem = nn.Conv2d(channels, 5, 3)
        self.block = nn.Sequential(nn.Conv2d(5, 6, 3), nn.BatchNorm2d(6), nn.Dropout(0.5))
        self.last = nn.Linear(6, 7)

    def forward(self, x):
        return self.last(self.block(self.stem(x)).mean(dim=(2, 3)))


def build(body=None, asked=None, **arguments):
    body = body or Body()
    torch.manual_seed(0)
    return image_classifier("net", body, asked or request(), **arguments)


def trained(model):
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


class TestShape:
    def test_of_an_image_is_given_back(self):
        assert image_shape("net", torch.Size((3, 20, 30))) == (3, 20, 30)
        assert image_shape("net", (1, 12, 12), smallest=12) == (1, 12, 12)

    @pytest.mark.parametrize("shape", [(64,), (28, 28), (3, 8, 8, 8), ()])
    def test_of_no_image(self, shape):
        with pytest.raises(UsageError) as caught:
            image_shape("net", torch.Size(shape))
        assert (
            str(caught.value) == f"net takes images of shape (channels, height, width), got {shape}; try mlp"
        )

    @pytest.mark.parametrize("shape", [(1, 11, 12), (1, 12, 11), (64,)])
    def test_of_a_small_image(self, shape):
        with pytest.raises(UsageError) as caught:
            image_shape("net", shape, smallest=12)
        assert str(caught.value) == (
            f"net takes images of shape (channels, height, width) from 12 x 12, got {shape}; try mlp"
        )

    @pytest.mark.parametrize("shape", [(64,), (2, 1), (3, 2, 2, 2)])
    def test_the_network_that_is_to_be_tried_takes_any(self, shape):
        inputs, targets = torch.rand(4, *shape), torch.tensor([0, 1, 0, 1])
        learner = ActiveLearner(Dataset("any", inputs, targets, 2), NETWORK, "random", device="cpu")
        assert learner.model(inputs).shape == (4, 2)


class TestBuilding:
    def test_body_and_a_head_that_starts_at_random(self):
        body = Body()
        model = build(body)
        assert model.body is body
        assert all(module.training for module in model.modules())
        x = torch.rand(2, 3, 8, 8)
        torch.manual_seed(0)
        head = nn.Linear(7, 4)
        assert torch.equal(model.head.weight, head.weight)
        assert model(x).shape == (2, 4)

    def test_a_head_of_the_networks_own(self):
        head = nn.Linear(7, 4)
        assert build(head=head).head is head

    def test_an_embedding_layer_and_dropout(self):
        own = nn.Linear(7, 4)
        model = build(asked=request(embedding_size=2, dropout=0.25), head=own)
        torch.manual_seed(0)
        embedding, head = nn.Linear(7, 2), nn.Linear(2, 4)
        assert torch.equal(model.body[1].weight, embedding.weight)
        assert torch.equal(model.head.weight, head.weight)
        assert model.dropout.p == 0.25
        assert model.features(torch.rand(3, 3, 8, 8)).shape == (3, 2)

    def test_a_grey_channel_is_repeated(self):
        model = build(asked=request((1, 8, 8)), channels=3).eval()
        x = torch.rand(2, 1, 8, 8)
        torch.testing.assert_close(model.features(x), model.body[1](x.expand(-1, 3, -1, -1)))

    def test_images_are_resized_to_what_is_asked_for_or_needed(self):
        assert build(asked=request(image_size=16)).body[0].size == 16
        assert build(asked=request(image_size=16), size=24).body[0].size == 24
        assert build(size=24).body[0].size == 24
        assert build(asked=request((3, 2, 2), image_size=5)).features(torch.rand(2, 3, 2, 2)).shape == (2, 7)

    def test_images_too_small_are_refused(self):
        with pytest.raises(UsageError, match=r"^net can't take images of shape \(3, 4, 8\): .*Kernel size"):
            build(asked=request((3, 4, 8)))

    def test_what_is_no_image_is_refused(self):
        with pytest.raises(UsageError, match=r"net takes images of shape .*, got \(64,\); try mlp"):
            build(asked=request((64,)))

    def test_a_body_that_raises_what_it_likes(self):
        class Own(nn.Module):
            def forward(self, x):
                raise KeyError("first line\nsecond")

        with pytest.raises(UsageError, match=r"^net can't take images of shape \(3, 8, 8\): .*first line"):
            build(Own())

    def test_a_body_that_makes_no_rows_of_features(self):
        with pytest.raises(UsageError, match=r"net makes no features of shape n x D, but \(1, 3, 8, 8\)"):
            build(nn.Identity())


class TestFineTuning:
    LAST = ("body.last.weight", "body.last.bias")
    HEAD = ("head.weight", "head.bias")

    @staticmethod
    def modules(body):
        return lambda: [[body.stem], [body.block], [body.last]]

    @staticmethod
    def parameters(body):
        return lambda: [list(part.parameters()) for part in (body.stem, body.block, body.last)]

    @pytest.mark.parametrize("kind", ["modules", "parameters"])
    def test_the_last_layers_train(self, kind):
        body = Body()
        model = build(body, request(fine_tune_layers=1), layers=getattr(self, kind)(body))
        assert trained(model) == {*self.LAST, *self.HEAD}
        model.train()
        assert [body.stem.training, body.block.training, body.block[1].training] == [False] * 3
        assert body.last.training
        assert model.dropout_layers() == []  # that of the frozen block drops nothing

    @pytest.mark.parametrize("kind", ["modules", "parameters"])
    @pytest.mark.parametrize("given", [True, False])
    def test_no_layer_leaves_what_follows_the_body(self, kind, given):
        body = Body()
        layers = getattr(self, kind)(body) if given else None
        model = build(body, request(fine_tune_layers=0, embedding_size=2), layers=layers)
        assert trained(model) == {"body.1.weight", "body.1.bias", *self.HEAD}

    def test_parameters_that_fill_no_module_are_frozen_alone(self):
        body = Body()
        model = build(body, request(fine_tune_layers=0), layers=lambda: [[body.stem.bias]])
        assert trained(model) == {n for n, _ in model.named_parameters()} - {"body.stem.bias"}
        assert body.stem.training

    def test_all_layers_are_the_whole_network(self):
        body = Body()
        model = build(body, request(fine_tune_layers=3), layers=self.modules(body))
        assert trained(model) == {n for n, _ in model.named_parameters()}

    @pytest.mark.parametrize(("given", "count"), [(True, 3), (False, 1)])
    def test_more_layers_than_there_are(self, given, count):
        body = Body()
        with pytest.raises(UsageError) as caught:
            build(body, request(fine_tune_layers=9), layers=self.modules(body) if given else None)
        assert str(caught.value) == (
            f"model.fine_tune_layers is 9, but net has {count} layers; none trains all of them"
        )

    def test_layers_are_asked_for_only_where_they_matter(self):
        build(layers=lambda: pytest.fail("asked"))


class TestPretrained:
    @staticmethod
    def file(kept=None, fetch=lambda: pytest.fail("fetched"), shape=(3, 8, 8), download=False):
        return pretrained_file(
            "net",
            request(shape, download=download),
            kept,
            missing="net.pth in the cupboard",
            source="https://example.org/net.pth",
            fetch=fetch,
        )

    @pytest.mark.parametrize("channels", [1, 3])
    def test_what_is_kept_is_used(self, channels):
        path = Path("net.pth")
        assert self.file(path, shape=(channels, 8, 8), download=True) == path

    def test_what_may_be_fetched_is(self):
        path = Path("net.pth")
        assert self.file(fetch=lambda: path, download=True) == path

    def test_what_may_not_be_fetched_is_missing(self):
        with pytest.raises(UsageError) as caught:
            self.file()
        assert str(caught.value) == (
            "the pretrained weights of net are not there: net.pth in the cupboard; --download fetches them"
        )

    @pytest.mark.parametrize("error", [OSError("no route\nto host"), ValueError("no route to  host")])
    def test_what_cannot_be_fetched_is_told_in_one_line(self, error):
        def fetch():
            raise error

        with pytest.raises(UsageError) as caught:
            self.file(fetch=fetch, download=True)
        assert str(caught.value) == (
            "the pretrained weights of net can't be fetched from https://example.org/net.pth: "
            "no route to host"
        )
        assert caught.value.__cause__ is error

    def test_what_fetching_says_to_the_user_is_left_as_it_is(self):
        def fetch():
            raise UsageError("the shop is closed")

        with pytest.raises(UsageError, match="^the shop is closed$"):
            self.file(fetch=fetch, download=True)

    def test_other_channels(self):
        with pytest.raises(UsageError) as caught:
            self.file(Path("net.pth"), shape=(4, 8, 8))
        assert str(caught.value) == (
            "the pretrained weights of net are for images of 3 channels (or 1, which is repeated), "
            "and the data have 4: leave model.pretrained out"
        )
