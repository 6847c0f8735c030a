import copy
import dataclasses

import pytest
import torch
from torch import nn

from alframe import Classifier, Context, LabelledView, Recipe, Training, TrainResult, TrialError
from alframe.data.samples import Samples
from alframe.defaults.capture import Captured
from alframe.defaults.stacked import pays_together, train_stacked
from alframe.defaults.stacked_layers import Stack
from alframe.defaults.training import train_supervised
from alframe.learning.rows import NetworkRows
from alframe_networks._networks import cnn, lenet, mlp
from graphs import RecorderOnCPU, capture_on_cpu

CPU = torch.device("cpu")
FAST = Recipe(learning_rate=0.01, epochs=4, batch_size=16, stop_accuracy=None)


def one(make, seed, size=41, shape=(6,), held_out=0, transform=None, progress=None, device=CPU):
    """A training on samples of its own, some of whose labels are wrong."""
    generator = torch.Generator().manual_seed(100 + seed)
    torch.manual_seed(seed)
    model = make().to(device)

    def view(size):
        targets = torch.randint(0, 3, (size,), generator=generator)
        x = torch.randn(size, *shape, generator=generator)
        x[..., 0] += targets.view(-1, *[1] * (len(shape) - 1)) * 2
        rows = NetworkRows(
            model, Samples(x.to(device), device, transform), torch.arange(size, device=device), 0
        )
        return LabelledView(rows, targets.to(device))

    said = {} if progress is None else {"progress": lambda done, total: progress.append((seed, done, total))}
    ctx = Context(0, 3, device, torch.Generator().manual_seed(seed), model, **said)
    return Training(model, view(size), view(held_out) if held_out else None, ctx, 1000 + seed)


def alone(training, recipe):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(training.seed)
        return train_supervised(training.model, training.labelled, training.validation, recipe, training.ctx)


def agree(make, recipe, count=3, tolerance=1e-4, **kwargs):
    """Trains each alone and all together, and compares; what they came to together."""
    apart = [one(make, seed, **kwargs) for seed in range(count)]
    wanted = [alone(training, recipe) for training in apart]
    together = [one(make, seed, **kwargs) for seed in range(count)]
    results = train_stacked(together, recipe)
    assert results is not None
    for result, want in zip(results, wanted, strict=True):
        for name, value in dataclasses.asdict(want).items():
            assert getattr(result, name) == pytest.approx(value, abs=tolerance), name
        assert (result.epochs, result.best_epoch) == (want.epochs, want.best_epoch)
    for training, want in zip(together, apart, strict=True):
        state = training.model.state_dict()
        for name, value in want.model.state_dict().items():
            torch.testing.assert_close(state[name], value, atol=tolerance, rtol=tolerance, msg=name)
            assert state[name].untyped_storage().nbytes() == value.untyped_storage().nbytes()
        assert not training.model.training
    return results


def small(dropout=0.0):
    return mlp(6, 16, 3, dropout)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"optimizer": "sgd", "nesterov": True},
        {"optimizer": "sgd", "momentum": 0.0, "weight_decay": 0.1},
        {"optimizer": "adamw", "weight_decay": 0.1},
        {"weight_decay": 0.1},
        {"schedule": "cosine", "warmup": 2},
        {"schedule": "step", "step_epochs": 1, "step_factor": 0.3},
        {"batch_size": 8},  # the lone last sample joins the batch before it
        {"batch_size": 1},
        {"epochs": 1},
    ],
)
def test_each_becomes_what_it_becomes_alone(change):
    agree(small, dataclasses.replace(FAST, **change))


def convolutions():
    return cnn((1, 8, 8), 16, 3)


def batch_norm():
    body = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16, affine=False), nn.Tanh(), nn.Dropout(0.2))
    return Classifier(body, nn.Sequential(nn.Linear(16, 8, bias=False), nn.GELU(), nn.Linear(8, 3)), 0.5)


def several_pools():
    layers = [nn.Conv2d(2, 4, 3, padding="same", groups=2), nn.Dropout(0.3), nn.AvgPool2d(2)]
    layers += [nn.Conv2d(4, 4, 3, stride=2), nn.ReLU(inplace=True), nn.AdaptiveMaxPool2d(2), nn.Flatten()]
    return Classifier(nn.Sequential(*layers), nn.Linear(16, 3))


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (convolutions, (1, 8, 8)),
        (lambda: lenet((1, 12, 12), 3, 0.25), (1, 12, 12)),
        (lambda: mlp(24, 16, 3), (2, 3, 4)),
        (batch_norm, (6,)),
        (several_pools, (2, 12, 12)),
        (lambda: Classifier(nn.Identity(), nn.Linear(6, 3)), (6,)),
        (
            lambda: Classifier(nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Flatten()), nn.Linear(15, 3)),
            (3, 4),
        ),
    ],
    ids=["cnn", "lenet", "mlp", "batch norm", "pools", "linear", "linear on sequences"],
)
def test_every_design(make, shape):
    # sgd, for Adam magnifies the rounding of gradients that are nearly 0
    agree(make, dataclasses.replace(FAST, epochs=2, optimizer="sgd"), shape=shape)


def test_dropout_masks_are_those_drawn_alone():
    agree(lambda: small(0.5), FAST)
    other = train_stacked([dataclasses.replace(one(lambda: small(0.5), 0), seed=7)] * 1, FAST)
    assert other[0].loss != pytest.approx(alone(one(lambda: small(0.5), 0), FAST).loss, abs=1e-3)


@pytest.fixture
def on_cpu(monkeypatch):
    capture_on_cpu(monkeypatch)


@pytest.fixture
def drawn_ahead(monkeypatch):
    """Dropout's masks as on a GPU: those of an epoch at once."""
    monkeypatch.setattr("alframe.defaults.stacked.draws_ahead", lambda device: True)


@pytest.mark.parametrize("augment", [("crop",), ("crop", "flip")])
def test_augmentation_is_drawn_as_alone(augment):
    recipe = dataclasses.replace(FAST, optimizer="sgd", augment=augment, crop_padding=1)
    agree(convolutions, recipe, shape=(1, 8, 8), transform=lambda x: x * 2)


def test_samples_that_are_too_large_to_lie_side_by_side(monkeypatch):
    monkeypatch.setattr("alframe.defaults.stacked.MOST_BYTES", 2 * 41 * 6 * 4 - 1)
    assert train_stacked([one(small, seed) for seed in range(2)], FAST) is None


def test_inputs_that_are_made_in_two_ways():
    trainings = [one(small, seed, transform=lambda x: x) for seed in range(2)]
    assert train_stacked(trainings, FAST) is None
    agree(small, FAST, transform=lambda x: 2 * x)


def test_bfloat16():
    agree(small, dataclasses.replace(FAST, precision="bfloat16"), tolerance=0.02)


@pytest.mark.parametrize(
    ("make", "shape", "change"),
    [
        (small, (6,), {}),
        (small, (6,), {"stop_accuracy": 0.8, "epochs": 30}),
        (small, (6,), {"optimizer": "sgd", "validation": 0.2, "patience": 3, "epochs": 30}),
        (convolutions, (1, 8, 8), {"augment": ("crop", "flip"), "epochs": 12, "stop_accuracy": 0.7}),
        (lambda: small(0.5), (6,), {"stop_accuracy": 0.8, "epochs": 30}),
        (several_pools, (2, 12, 12), {"precision": "bfloat16"}),
        (lambda: lenet((1, 12, 12), 3, 0.25), (1, 12, 12), {"augment": ("flip",), "optimizer": "sgd"}),
    ],
    ids=["all", "stops", "validation", "augmented", "dropout", "two dropouts", "augmented, dropout"],
)
def test_captured_steps_are_the_steps(make, shape, change, on_cpu, drawn_ahead, monkeypatch):
    """Those that have ended go on in the graph until half have, and nobody notices."""
    recipe = dataclasses.replace(FAST, **{"epochs": 8} | change)
    held_out = 12 if recipe.validation else 0

    def train():
        trainings = [one(make, seed, shape=shape, held_out=held_out) for seed in range(5)]
        return train_stacked(trainings, recipe), [training.model.state_dict() for training in trainings]

    wanted, weights = train()
    runners = []

    def runner(self):
        runners.append(Captured(self._steps, CPU))
        return runners[-1]

    monkeypatch.setattr("alframe.defaults.stacked._InStep._runner", runner)
    found, others = train()
    assert RecorderOnCPU.replays > 0
    assert len(runners) < max(2, len({result.epochs for result in wanted}))
    for one_result, other in zip(wanted, found, strict=True):
        assert dataclasses.astuple(one_result)[:5] == pytest.approx(dataclasses.astuple(other)[:5], abs=1e-5)
    for state, other in zip(weights, others, strict=True):
        for name, value in state.items():
            torch.testing.assert_close(value, other[name], atol=1e-4, rtol=1e-4)


class TestMasksOfAnEpoch:
    def stack(self, seeds):
        stack = Stack([Classifier(nn.Identity(), nn.Linear(50, 3), 0.25) for _ in seeds], seeds)
        return stack, stack.widths(torch.zeros(len(seeds), 1, 50))

    def test_a_network_has_its_own_whoever_is_beside_it(self):
        (two, shapes), (three, _) = self.stack([1, 2]), self.stack([3, 2, 1])
        assert shapes == [torch.Size([50])]
        for _ in range(2):
            (one,), (other,) = two.masks(40, shapes), three.masks(40, shapes)
            assert torch.equal(one, other[[2, 1]])
            assert not torch.equal(one[0], one[1])

    def test_they_keep_what_dropout_keeps(self):
        stack, shapes = self.stack([0])
        (first,), (second,) = stack.masks(400, shapes), stack.masks(400, shapes)
        assert not torch.equal(first, second)
        assert first.float().mean().item() == pytest.approx(0.75, abs=0.01)
        stack.train()
        stack.use([first])
        (layer,) = stack._dropouts
        assert torch.allclose(layer(torch.ones(1, 400, 50)), first / 0.75)

    def test_too_many_are_drawn_batch_by_batch(self, drawn_ahead, monkeypatch):
        monkeypatch.setattr("alframe.defaults.stacked.MOST_MASKS", 41 * 16 - 1)
        agree(lambda: small(0.5), FAST)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_on_a_gpu_as_alone(dropout):
    recipe = dataclasses.replace(FAST, optimizer="sgd", epochs=30, stop_accuracy=0.85)
    trainings = [one(lambda: small(dropout), seed, device=torch.device("cuda")) for seed in range(5)]
    results = train_stacked(trainings, recipe)
    assert results is not None
    for seed, result in enumerate(results):
        assert result.accuracy >= 0.85 or result.epochs == 30
        if not dropout:
            wanted = alone(one(small, seed), recipe)
            assert abs(result.epochs - wanted.epochs) <= 1
            assert result.loss == pytest.approx(wanted.loss, abs=0.05)


class TestEnds:
    def test_each_stops_at_its_own_epoch(self):
        heard = []
        recipe = dataclasses.replace(FAST, stop_accuracy=0.8, epochs=30)
        results = agree(small, recipe, count=6, progress=heard)
        assert len({result.epochs for result in results}) > 2
        for seed, result in enumerate(results):
            wanted = [(seed, epoch, 30) for epoch in range(1, result.epochs + 1)]
            assert [told for told in heard if told[0] == seed] == 2 * wanted  # alone, then together

    @pytest.mark.parametrize("keep_best", [True, False])
    @pytest.mark.parametrize("make", [lambda: small(0.3), batch_norm])
    def test_validation(self, make, keep_best):
        recipe = dataclasses.replace(
            FAST, optimizer="sgd", validation=0.2, keep_best=keep_best, patience=3, epochs=30
        )
        results = agree(make, recipe, count=5, held_out=12)
        assert len({result.epochs for result in results}) > 1

    def test_validation_in_blocks(self, monkeypatch):
        monkeypatch.setattr("alframe.ops.blocks.BATCH_SIZE", 15)
        agree(small, dataclasses.replace(FAST, validation=0.2), held_out=12)

    def test_one_that_fails_harms_nobody(self):
        trainings = [one(small, seed) for seed in range(3)]
        with torch.no_grad():
            trainings[1].model.head.weight[0, 0] = torch.nan
        good, error, other = train_stacked(trainings, FAST)
        assert isinstance(error, TrialError)
        with pytest.raises(TrialError) as expected:
            alone(trainings[1], FAST)
        assert str(error) == str(expected.value)
        for seed, result in ((0, good), (2, other)):
            assert isinstance(result, TrainResult)
            assert result.loss == pytest.approx(alone(one(small, seed), FAST).loss, abs=1e-5)

    def test_an_interruption_leaves_networks_of_their_own(self):
        def interrupt(done, total):
            raise KeyboardInterrupt

        trainings = [one(small, seed) for seed in range(2)]
        trainings[1] = dataclasses.replace(
            trainings[1], ctx=dataclasses.replace(trainings[1].ctx, progress=interrupt)
        )
        with pytest.raises(KeyboardInterrupt):
            train_stacked(trainings, FAST)
        for training in trainings:
            for value in training.model.parameters():
                assert value.untyped_storage().nbytes() == 4 * value.numel()


def test_sets_of_several_sizes():
    sizes = [41, 30, 41, 17, 30]
    wanted = [alone(one(small, seed, size), FAST) for seed, size in enumerate(sizes)]
    results = train_stacked([one(small, seed, size) for seed, size in enumerate(sizes)], FAST)
    assert [result.loss for result in results] == pytest.approx([want.loss for want in wanted], abs=1e-5)


def test_a_cpu_trains_as_many_at_once_as_fit(monkeypatch):
    sizes = []

    class Watched(Stack):
        def __init__(self, models, seeds):
            sizes.append(len(models))
            super().__init__(models, seeds)

    monkeypatch.setattr("alframe.defaults.stacked.Stack", Watched)
    monkeypatch.setattr("alframe.defaults.stacked.PARAMETERS_AT_ONCE", 2 * (16 * 7 + 3 * 17))
    agree(small, FAST, count=5)
    assert sizes == [2, 2, 1]


@pytest.mark.parametrize("ahead", [False, True])
def test_a_group_repeats_itself_bit_for_bit_and_its_order_does_not_matter(ahead, monkeypatch):
    monkeypatch.setattr("alframe.defaults.stacked.draws_ahead", lambda device: ahead)
    recipe = dataclasses.replace(FAST, stop_accuracy=0.8, epochs=20)

    def states(seeds):
        trainings = [one(lambda: small(0.2), seed) for seed in seeds]
        train_stacked(trainings, recipe)
        return {seed: training.model.state_dict() for seed, training in zip(seeds, trainings, strict=True)}

    first, again, turned = states([0, 1, 2, 3]), states([0, 1, 2, 3]), states([3, 1, 0, 2])
    for seed, state in first.items():
        for name, value in state.items():
            assert torch.equal(value, again[seed][name])
            torch.testing.assert_close(value, turned[seed][name], atol=1e-4, rtol=1e-4)


class Odd(nn.ReLU):
    pass


def frozen():
    model = small()
    model.freeze(model.body)
    return model


def frozen_without_weights():
    model = Classifier(nn.Sequential(nn.Linear(6, 6), nn.Dropout(0.5)), nn.Linear(6, 3))
    model.freeze(model.body[1])
    return model


def tied():
    layer = nn.Linear(6, 6)
    return Classifier(nn.Sequential(layer, nn.ReLU(), layer), nn.Linear(6, 3))


def hooked():
    model = small()
    model.head.register_forward_hook(lambda layer, x, y: 2 * y)
    return model


def of(*layers):
    return lambda: Classifier(nn.Sequential(*layers, nn.Flatten()), nn.Linear(6, 3))


@pytest.mark.parametrize(
    "make",
    [
        frozen,
        frozen_without_weights,
        tied,
        hooked,
        of(nn.Linear(6, 6), Odd()),
        of(nn.Linear(6, 6), nn.LayerNorm(6)),
        of(nn.Linear(6, 6), nn.Dropout(1.0)),
        of(nn.Linear(6, 6), nn.RReLU()),
        of(nn.BatchNorm1d(6, momentum=None)),
        of(nn.BatchNorm1d(6, track_running_stats=False)),
        of(nn.Flatten(0, -1)),
        of(nn.Conv1d(6, 6, 1)),
        of(nn.Conv2d(1, 1, 3, padding_mode="reflect", padding=1)),
    ],
)
def test_what_cannot_be_stacked_is_left_as_it_is(make):
    models = [make() for _ in range(2)]
    trainings = [dataclasses.replace(one(small, seed), model=model) for seed, model in enumerate(models)]
    assert train_stacked(trainings, FAST) is None


def test_other_designs_are_not_stacked():
    for other in (lambda: mlp(6, 17, 3), lambda: small(0.1), lambda: small().double()):
        assert train_stacked([one(small, 0), one(other, 1)], FAST) is None


@pytest.mark.parametrize(
    ("make", "device", "pays"),
    [
        (lambda: mlp(784, 256, 10), "cpu", True),
        (lambda: mlp(3072, 256, 10), "cpu", False),
        (convolutions, "cpu", False),
        (convolutions, "cuda", True),
        (lambda: mlp(3072, 1024, 10), "cuda", True),
        (lambda: mlp(3072, 2048, 10), "cuda", False),
    ],
)
def test_where_it_pays(make, device, pays):
    assert pays_together(make(), torch.device(device)) is pays


def test_the_default_trainer_offers_it(registry):
    plugin = registry.plugin("default")
    trainings = [one(small, seed) for seed in range(2)]
    wanted = train_stacked(copy.deepcopy(trainings), FAST)
    answer = registry.call_alone("train_together", plugin, trainings=trainings, recipe=FAST, options=None)
    assert answer == wanted
