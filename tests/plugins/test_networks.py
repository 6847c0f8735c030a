import pytest
import torch

from alframe import ActiveLearner, Dataset, Recipe, UsageError
from alframe.experiments.settings import resolve
from alframe_networks import alframe_presets
from alframe_networks._networks import cnn, lenet, linear, mlp


def test_linears_features_are_its_inputs():
    model = linear(12, 3)
    x = torch.randn(5, 3, 2, 2)
    assert torch.equal(model.features(x), x.flatten(1))
    assert torch.equal(model(x), model.head(x.flatten(1)))
    assert {name for name, _ in model.named_parameters()} == {"head.weight", "head.bias"}


def test_mlp():
    model = mlp(784, 32, 10)
    x = torch.randn(3, 1, 28, 28)
    assert model.features(x).shape == (3, 32)
    assert (model.features(x) >= 0).all()
    assert model(x).shape == (3, 10)
    assert isinstance(model.head, torch.nn.Linear)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (1, 12, 12), (3, 20, 40)])
def test_lenet(shape):
    model = lenet(shape, 10)
    x = torch.randn(2, *shape)
    assert model.features(x).shape == (2, 500)
    assert model(x).shape == (2, 10)


def test_lenets_logits_are_not_rectified():
    torch.manual_seed(0)
    logits = lenet((1, 28, 28), 10)(torch.randn(20, 1, 28, 28))
    assert (logits < 0).any()


@pytest.mark.parametrize("shape", [(1, 8, 8), (784,), (28, 28)])
def test_lenet_refuses_what_is_no_image(shape):
    with pytest.raises(UsageError, match="lenet takes images"):
        lenet(shape, 10)


@pytest.mark.parametrize(
    ("shape", "widths"),
    [
        ((1, 4, 4), [32]),
        ((1, 8, 8), [32, 64]),
        ((1, 28, 28), [32, 64, 128]),
        ((3, 32, 32), [32, 64, 128, 128]),
        ((5, 7, 84), [32]),
        ((3, 224, 224), [32, 64, 128, 128, 128, 128]),
    ],
)
def test_cnn_is_as_deep_as_the_images_are_large(shape, widths):
    model = cnn(shape, 40, 10)
    x = torch.randn(2, *shape)
    assert [m.out_channels for m in model.body if isinstance(m, torch.nn.Conv2d)] == widths
    assert model.features(x).shape == (2, 40)
    assert (model.features(x) >= 0).all()
    assert model(x).shape == (2, 10)


@pytest.mark.parametrize("shape", [(1, 3, 8), (784,), (28, 28)])
def test_cnn_refuses_what_is_no_image(shape):
    with pytest.raises(UsageError, match="cnn takes images .* from 4 x 4, got .*; try mlp"):
        cnn(shape, 256, 10)


def test_cnn_learns_by_name():
    generator = torch.Generator().manual_seed(0)
    targets = torch.arange(60) % 3
    inputs = torch.randn(60, 2, 6, 6, generator=generator)
    inputs[torch.arange(60), 0, 2 * targets] += 3  # the class is a bright row
    data = Dataset("rows", inputs, targets, 3, inputs, targets)
    options = {"hidden": 16, "dropout": 0.1}
    recipe = Recipe(epochs=20, learning_rate=0.01)
    learner = ActiveLearner(data, "cnn", "random", recipe=recipe, model_options=options, device="cpu")
    learner.fit()
    assert learner.model.head.in_features == 16
    assert learner.evaluate().accuracy > 0.9


def test_dropout_sits_between_features_and_head():
    model = mlp(4, 50, 2, dropout=0.5)
    x = torch.ones(1, 4)
    assert torch.equal(model.features(x), model.features(x))
    assert not torch.equal(model(x), model(x))


def test_the_published_protocol_is_nine_strategies_on_a_linear_head(registry):
    for name, preset in alframe_presets().items():
        settings = resolve(registry, preset.settings)
        classes = int(name.split("-")[1])
        run, recipe = settings.run, settings.recipe
        assert (run.initial_size, run.query_size, run.rounds) == (classes, classes, 20)
        assert len(settings.pipelines) == 9
        assert settings.model_name == "linear"
        assert (recipe.optimizer, recipe.nesterov, recipe.momentum) == ("sgd", True, 0.9)
        assert (recipe.stop_accuracy, recipe.validation, recipe.warm_start) == (
            None,
            0.0,
            False,
        )  # 200 epochs
