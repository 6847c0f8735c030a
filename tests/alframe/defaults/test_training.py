import dataclasses

import pytest
import torch
from torch import nn
from torchvision import models

from alframe import Classifier, Context, LabelledView, Normalize, Recipe, TrialError, UsageError
from alframe.data.samples import Samples
from alframe.defaults.training import batches, cross_entropy, train_supervised
from alframe.learning.rows import NetworkRows
from alframe.networks.classifier import initial_state

CPU = torch.device("cpu")


def view(model, x, y, transform=None):
    return LabelledView(NetworkRows(model, Samples(x, CPU, transform), torch.arange(len(x)), 0), y)


def train(model, x, y, recipe, seed=0, validation=None, transform=None, progress=lambda done, total: None):
    ctx = Context(0, 3, CPU, torch.Generator().manual_seed(seed), model, progress=progress)
    held_out = None if validation is None else view(model, *validation, transform)
    return train_supervised(model, view(model, x, y, transform), held_out, recipe, ctx)


def net(batch_norm=False):
    torch.manual_seed(0)
    layers = [nn.Linear(6, 16), nn.BatchNorm1d(16)] if batch_norm else [nn.Linear(6, 16)]
    return nn.Sequential(*layers, nn.ReLU(), nn.Linear(16, 3))


def test_stops_at_the_first_epoch_that_reaches_the_accuracy(toy):
    seen = []
    model = net()
    recipe = Recipe(learning_rate=0.01, stop_accuracy=0.9, epochs=100)
    result = train(
        model, toy.inputs, toy.targets, recipe, progress=lambda done, total: seen.append((done, total))
    )
    assert result.accuracy >= 0.9
    assert 1 < result.epochs < 100
    assert seen == [(epoch, 100) for epoch in range(1, result.epochs + 1)]
    shorter = train(net(), toy.inputs, toy.targets, Recipe(learning_rate=0.01, epochs=result.epochs - 1))
    assert shorter.accuracy < 0.9


def test_none_trains_to_the_end(toy):
    result = train(net(), toy.inputs, toy.targets, Recipe(learning_rate=0.01, stop_accuracy=None, epochs=40))
    assert result.epochs == 40
    assert result.accuracy > 0.95


@pytest.mark.parametrize("size", [1, 2, 64, 65])
def test_a_lone_last_sample_breaks_neither_batch_norm_nor_the_stopping_rule(toy, size):
    recipe = Recipe(learning_rate=0.05, stop_accuracy=1.0, epochs=200)
    result = train(net(batch_norm=True), toy.inputs[:size], toy.targets[:size], recipe)
    assert result.accuracy == 1.0
    assert result.epochs < 200


def test_batches_cover_every_sample_once():
    cut = batches(torch.arange(10), 4)
    assert [len(batch) for batch in cut] == [4, 4, 2]
    assert torch.cat(cut).tolist() == list(range(10))


def test_no_batch_is_a_lone_sample():
    assert [batch.tolist() for batch in batches(torch.arange(5), 2)] == [[0, 1], [2, 3, 4]]
    assert [batch.tolist() for batch in batches(torch.arange(1), 4)] == [[0, 0]]
    assert all(len(batch) > 1 for batch in batches(torch.arange(5), 1))


def test_weight_decay_is_used(toy):
    norms = []
    for decay in (0.0, 0.5):
        model = net()
        train(model, toy.inputs, toy.targets, Recipe(weight_decay=decay, epochs=20, stop_accuracy=None))
        norms.append(sum(p.norm() for p in model.parameters()))
    assert norms[1] < 0.9 * norms[0]


def test_frozen_batch_normalisation_does_not_move():
    torch.manual_seed(0)
    network = models.resnet18(weights=None, num_classes=2)
    head, network.fc = network.fc, nn.Identity()
    model = Classifier(network, head)
    model.freeze(network.conv1, network.bn1, network.layer1)
    before = initial_state(model)
    inputs, targets = 3 + torch.randn(8, 3, 32, 32), torch.arange(8) % 2
    train(model, inputs, targets, Recipe(epochs=2, batch_size=4, stop_accuracy=None))
    after = model.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    frozen = {name for name in before if name.startswith(("body.conv1", "body.bn1", "body.layer1"))}
    assert moved == set(before) - frozen
    assert "body.layer2.0.bn1.running_mean" in moved


def test_one_step_of_sgd_is_the_formula():
    model = nn.Linear(2, 2, bias=False)
    x, y = torch.tensor([[1.0, 2.0], [3.0, 1.0]]), torch.tensor([0, 1])
    weight = model.weight.detach().clone().double()
    residual = (x.double() @ weight.T).softmax(1) - nn.functional.one_hot(y, 2)
    wanted = weight - 0.1 * (residual.T @ x.double() / 2 + 0.01 * weight)
    recipe = Recipe(optimizer="sgd", momentum=0.0, learning_rate=0.1, weight_decay=0.01, epochs=1)
    train(model, x, y, recipe)
    torch.testing.assert_close(model.weight.double(), wanted, atol=1e-6, rtol=1e-6)


def test_a_loss_that_is_no_number_ends_the_trial(toy):
    with pytest.raises(TrialError, match="loss became NaN in epoch 1; try a smaller learning rate"):
        train(net(), toy.inputs * torch.nan, toy.targets, Recipe())


def test_the_model_is_left_in_evaluation_mode(toy):
    model = net()
    train(model, toy.inputs, toy.targets, Recipe(epochs=1))
    assert not model.training


def test_the_schedule_moves_the_learning_rate(toy):
    """One step of plain SGD an epoch: the weights move by the rate times the gradient."""
    recipe = Recipe(
        optimizer="sgd",
        momentum=0.0,
        learning_rate=0.1,
        epochs=3,
        batch_size=200,
        stop_accuracy=None,
        schedule="step",
        step_epochs=1,
        step_factor=0.5,
    )
    scheduled, by_hand = net(), net()
    train(scheduled, toy.inputs, toy.targets, recipe)
    for rate in (0.1, 0.05, 0.025):
        by_hand.zero_grad()
        nn.functional.cross_entropy(by_hand(toy.inputs), toy.targets).backward()
        with torch.no_grad():
            for parameter in by_hand.parameters():
                parameter -= rate * parameter.grad
    for one, other in zip(scheduled.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(one, other)


class TestValidation:
    RECIPE = Recipe(learning_rate=0.05, epochs=30, stop_accuracy=None, validation=0.2)

    @pytest.fixture
    def noisy(self, toy):
        """Half of the training labels are wrong: the longer the training, the worse."""
        generator = torch.Generator().manual_seed(0)
        targets = toy.targets.clone()
        targets[:60] = targets[torch.randperm(60, generator=generator)]
        return toy.inputs, targets, (toy.test_inputs, toy.test_targets)

    def accuracy(self, model, validation):
        return (model(validation[0]).argmax(1) == validation[1]).float().mean().item()

    def test_the_best_epochs_weights_are_kept(self, noisy):
        x, y, validation = noisy
        best = []
        for epochs in range(1, 31):
            model = net()
            recipe = dataclasses.replace(self.RECIPE, epochs=epochs, keep_best=False)
            result = train(model, x, y, recipe, validation=validation)
            assert result.best_epoch == epochs
            assert result.validation_accuracy == pytest.approx(self.accuracy(model, validation))
            best.append(result.validation_accuracy)
        assert best[-1] < max(best)
        model = net()
        result = train(model, x, y, self.RECIPE, validation=validation)
        assert result.epochs == 30
        assert result.validation_accuracy == pytest.approx(max(best))
        assert best[result.best_epoch - 1] == pytest.approx(max(best))
        assert self.accuracy(model, validation) == pytest.approx(max(best))
        assert not model.training

    def test_patience_stops(self, noisy):
        x, y, validation = noisy
        result = train(net(), x, y, dataclasses.replace(self.RECIPE, patience=3), validation=validation)
        assert result.epochs == result.best_epoch + 3 < 30

    def test_it_does_not_change_what_is_learned(self, noisy):
        x, y, validation = noisy
        recipe = dataclasses.replace(self.RECIPE, keep_best=False)
        with_one, without = net(batch_norm=True), net(batch_norm=True)
        train(with_one, x, y, recipe, validation=validation)
        train(without, x, y, recipe)
        for one, other in zip(with_one.state_dict().values(), without.state_dict().values(), strict=True):
            assert torch.equal(one, other)


class TestImages:
    NORMALIZE = Normalize((0.2, 0.4, 0.6), (0.5, 0.5, 0.5))

    @pytest.fixture
    def images(self):
        generator = torch.Generator().manual_seed(0)
        stored = torch.randint(0, 256, (40, 3, 8, 8), generator=generator, dtype=torch.uint8)
        return stored, torch.arange(40) % 3

    def network(self):
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(192, 3))

    def test_bytes_train_as_what_is_made_of_them(self, images):
        stored, targets = images
        of_bytes, of_floats = self.network(), self.network()
        recipe = Recipe(epochs=3)
        train(of_bytes, stored, targets, recipe, transform=self.NORMALIZE)
        train(of_floats, self.NORMALIZE(stored), targets, recipe)
        assert torch.equal(of_bytes[1].weight, of_floats[1].weight)

    def test_what_is_too_large_is_made_batch_by_batch(self, images, monkeypatch):
        stored, targets = images
        at_once, batchwise = self.network(), self.network()
        train(at_once, stored, targets, Recipe(epochs=3), transform=self.NORMALIZE)
        monkeypatch.setattr("alframe.data.samples.KEPT_BYTES", 0)
        train(batchwise, stored, targets, Recipe(epochs=3), transform=self.NORMALIZE)
        torch.testing.assert_close(at_once[1].weight, batchwise[1].weight)

    def test_augmentation_changes_the_images_and_repeats(self, images):
        stored, targets = images
        weights = []
        for seed, augment in ((0, ("crop", "flip")), (0, ("crop", "flip")), (0, ()), (1, ("crop", "flip"))):
            model = self.network()
            recipe = Recipe(epochs=3, augment=augment, stop_accuracy=None)
            train(model, stored, targets, recipe, seed=seed, transform=self.NORMALIZE)
            weights.append(model[1].weight)
        assert torch.equal(weights[0], weights[1])
        assert not torch.equal(weights[0], weights[2])
        assert not torch.equal(weights[0], weights[3])

    def test_augmentation_of_what_is_no_image(self, toy):
        with pytest.raises(UsageError, match="train.augment=flip changes images .* shape \\(6,\\)"):
            train(net(), toy.inputs, toy.targets, Recipe(augment=("flip",)))


def test_mixed_precision_learns_in_bfloat16(toy):
    kinds = set()
    model = net()
    model[0].register_forward_hook(
        lambda module, given, result: kinds.add(result.dtype) if module.training else None
    )
    recipe = Recipe(learning_rate=0.01, epochs=40, stop_accuracy=0.95, precision="bfloat16")
    assert train(model, toy.inputs, toy.targets, recipe).accuracy >= 0.95
    assert kinds == {torch.bfloat16}
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert model(toy.inputs).dtype == torch.float32


class TestPrecisionOfProducts:
    @pytest.fixture
    def seen(self, toy):
        """The precision of products in the network's training and in its evaluation."""

        def seen(precision):
            model, kinds = net(), set()
            model.register_forward_hook(
                lambda module, given, result: kinds.add(
                    (module.training, torch.get_float32_matmul_precision())
                )
            )
            recipe = Recipe(epochs=2, stop_accuracy=None, validation=0.1, precision=precision)
            train(model, toy.inputs, toy.targets, recipe, validation=(toy.test_inputs, toy.test_targets))
            return kinds

        return seen

    def test_tf32_is_for_training_only(self, seen):
        assert seen("tf32") == {(True, "high"), (False, "highest")}
        assert torch.get_float32_matmul_precision() == "highest"

    @pytest.mark.parametrize("precision", ["float32", "bfloat16"])
    def test_others_leave_it(self, seen, precision):
        assert {kind for _, kind in seen(precision)} == {"highest"}

    def test_it_is_put_back_after_an_error(self, toy):
        with pytest.raises(RuntimeError):
            train(net(), torch.zeros(4, 7), toy.targets[:4], Recipe(precision="tf32"))
        assert torch.get_float32_matmul_precision() == "highest"


def test_gradients_take_no_memory_after_training(toy):
    model = net()
    train(model, toy.inputs, toy.targets, Recipe(epochs=1))
    assert all(parameter.grad is None for parameter in model.parameters())


def test_an_objective_is_given_what_its_draws_return(toy):
    class Noisy:
        def __init__(self):
            self.given = []

        def draws(self, size, generator):
            return "a word", torch.rand(size, generator=generator)

        def __call__(self, model, x, y, word, noise):
            self.given.append((len(x), word, noise))
            return cross_entropy(model, x, y)

    model, objective = net(), Noisy()
    ctx = Context(0, 3, CPU, torch.Generator().manual_seed(0), model)
    labelled = view(model, toy.inputs, toy.targets)
    train_supervised(model, labelled, None, Recipe(epochs=1, batch_size=50), ctx, objective=objective)
    assert [size for size, _, _ in objective.given] == [50, 50, 20]
    stream = torch.Generator().manual_seed(0)
    torch.randperm(120, generator=stream)
    for size, word, noise in objective.given:
        assert word == "a word"
        assert torch.equal(noise, torch.rand(size, generator=stream))


class TestBeside:
    """A module of the trainer's own, trained beside the network."""

    def trained(self, toy, recipe, validation=None, beside=None, objective=None, on_epoch=None):
        model = Classifier(net()[:2], net()[2])
        torch.manual_seed(1)
        beside = beside or nn.Sequential(nn.Linear(16, 3), nn.Dropout(0.5))
        ctx = Context(0, 3, CPU, torch.Generator().manual_seed(0), model)
        seen = []

        def both(model, x, y, generator):
            seen.append(beside.training)
            loss, right = cross_entropy(model, x, y)
            return loss + nn.functional.cross_entropy(beside(model.features(x)), y), right

        labelled = view(model, toy.inputs, toy.targets)
        held_out = None if validation is None else view(model, *validation)
        with torch.random.fork_rng():
            result = train_supervised(
                model, labelled, held_out, recipe, ctx, objective or both, beside=beside, on_epoch=on_epoch
            )
        return model, beside, result, seen

    def test_it_learns_with_the_network_and_by_the_same_recipe(self, toy):
        recipe = Recipe(learning_rate=0.01, epochs=30, stop_accuracy=None)
        model, beside, _, seen = self.trained(toy, recipe)
        assert all(seen)
        assert not beside.training
        assert (beside(model.features(toy.inputs)).argmax(1) == toy.targets).float().mean() > 0.9

    def test_the_best_epochs_module_is_kept_with_its_network(self, toy):
        recipe = Recipe(learning_rate=0.01, epochs=6, stop_accuracy=None, validation=0.1, keep_best=True)
        wrong = toy.inputs, (toy.targets + 1) % 3  # the longer it learns, the worse it is
        model, beside, result, _ = self.trained(toy, recipe, wrong)
        _, first, _, _ = self.trained(toy, dataclasses.replace(recipe, epochs=result.best_epoch))
        assert result.best_epoch < 6
        assert torch.equal(beside[0].weight, first[0].weight)
        assert not model.training

    def test_each_epoch_is_told_before_it_begins(self, toy):
        told = []
        recipe = Recipe(epochs=3, stop_accuracy=None)
        self.trained(toy, recipe, on_epoch=lambda epoch, epochs: told.append((epoch, epochs)))
        assert told == [(1, 3), (2, 3), (3, 3)]
