import contextlib
import random
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from alframe import ActiveLearner, Classifier, Context, LabelledView, Normalize, Recipe
from alframe.data.samples import Samples
from alframe.defaults import capture, training
from alframe.defaults.capture import WARM_UP, Captured, NotCapturedWarning, hindrances
from alframe.defaults.steps import OneByOne
from alframe.defaults.training import cross_entropy, train_supervised
from alframe.learning.rows import NetworkRows
from alframe_mixup._mixup import Mixup
from graphs import GraphOfOperations, RecorderOnCPU, capture_on_cpu

CPU = torch.device("cpu")
CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


class FailingRecorder(RecorderOnCPU):
    def record(self, run):
        raise RuntimeError("operation not permitted\nand more lines")


class WrongRecorder(RecorderOnCPU):
    """Its graphs leave something out."""

    def record(self, run):
        graph = GraphOfOperations(run)
        moved = [one for one in graph.operations if "fused" in str(one[0])]
        graph.operations.remove(moved[0])
        return graph.replay


@pytest.fixture
def on_cpu(monkeypatch):
    capture_on_cpu(monkeypatch)


def train(model, recipe, captured, objective=cross_entropy, size=75, images=False, device=CPU, seed=0):
    """Trains on 75 samples: two kinds of batches, where the batch size is 16."""
    generator = torch.Generator().manual_seed(1)
    targets = torch.arange(size) % 3
    if images:
        inputs = torch.randint(0, 256, (size, 3, 8, 8), generator=generator, dtype=torch.uint8)
        inputs[:, 0] = 100 * targets[:, None, None]
    else:
        inputs = torch.randn(size, 6, generator=generator) + 2 * torch.eye(3, 6)[targets]
    transform = Normalize((0.5,) * 3, (0.5,) * 3) if images else None
    inputs, targets, model = inputs.to(device), targets.to(device), model.to(device)
    samples = Samples(inputs, device, transform)

    def view(rows):
        positions = torch.arange(size, device=device)[rows]
        return LabelledView(NetworkRows(model, samples, positions, 0), targets[rows])

    held_out = int(size * recipe.validation)
    ctx = Context(0, 3, device, torch.Generator().manual_seed(seed), model)
    made = objective(model, ctx.generator) if isinstance(objective, type) else objective
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng():
        if device == CPU:
            runner = Captured if captured else OneByOne
            patch.setattr(
                training,
                "_runner",
                lambda step, size, recipe, ctx: contextlib.nullcontext(runner(step, ctx.device)),
            )
        patch.setattr(training, "WORTH", 1)
        torch.manual_seed(0)
        result = train_supervised(
            model,
            view(slice(held_out, None)),
            view(slice(held_out)) if held_out else None,
            recipe,
            ctx,
            objective=made,
        )
    return result, [value.cpu() for value in model.state_dict().values()], ctx.generator.get_state()


def mlp(dropout=0.0):
    torch.manual_seed(0)
    body = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(dropout))
    return Classifier(body, nn.Linear(16, 3), dropout)


def convolutions():
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.Flatten())
    return Classifier(body, nn.Linear(128, 3)).to(memory_format=torch.channels_last)


class Mixed(Mixup):
    def __init__(self, model, generator):
        super().__init__(model, 1.0, manifold=False, generator=generator)


class ManifoldMixed(Mixup):
    def __init__(self, model, generator):
        super().__init__(model, 1.0, manifold=True, generator=generator)


LONG = {"batch_size": 16, "epochs": 8, "stop_accuracy": None}
CASES = {
    "adam": {},
    "adamw": {"recipe": {"optimizer": "adamw", "weight_decay": 0.1}},
    "sgd": {"recipe": {"optimizer": "sgd", "learning_rate": 0.05}},
    "plain sgd": {"recipe": {"optimizer": "sgd", "momentum": 0.0}},
    "cosine": {"recipe": {"schedule": "cosine", "warmup": 2}},
    "steps": {"recipe": {"schedule": "step", "step_epochs": 2}},
    "batches of one size": {"size": 64},
    "a last batch of one": {"size": 65},
    "one small batch": {"size": 3},
    "stops": {"recipe": {"stop_accuracy": 0.8, "learning_rate": 0.02, "epochs": 60}},
    "validation": {"recipe": {"validation": 0.2, "patience": 2, "epochs": 60}},
    "dropout": {"network": lambda: mlp(0.3)},
    "augmented": {"network": convolutions, "images": True, "recipe": {"augment": ("crop", "flip")}},
    "bfloat16": {"network": convolutions, "images": True, "recipe": {"precision": "bfloat16"}},
    "tf32": {"recipe": {"precision": "tf32"}},
    "mixup": {"objective": Mixed},
    "manifold mixup": {"objective": ManifoldMixed, "recipe": {"epochs": 25}},
    "mixup of augmented images": {
        "network": convolutions,
        "images": True,
        "objective": ManifoldMixed,
        "recipe": {"augment": ("flip",), "precision": "bfloat16", "epochs": 25},
    },
}


def both(case, device=CPU):
    given = dict(CASES[case])
    network, recipe = given.pop("network", mlp), LONG | given.pop("recipe", {})
    for how in ("off", "auto"):
        yield train(network(), Recipe(**recipe, capture=how), how == "auto", device=device, **given)


@pytest.mark.parametrize("case", CASES)
def test_captured_steps_are_the_steps_bit_for_bit(case, on_cpu):
    (one_by_one, weights, stream), (captured, others, other_stream) = both(case)
    assert captured == one_by_one
    assert all(torch.equal(one, other) for one, other in zip(weights, others, strict=True))
    assert torch.equal(stream, other_stream)
    assert RecorderOnCPU.replays > 0


def test_all_but_the_first_steps_of_each_kind_are_replayed(on_cpu):
    train(mlp(), Recipe(**LONG), captured=True)
    assert RecorderOnCPU.replays == 8 * 5 - 2 * WARM_UP


def test_what_can_not_be_captured_goes_on_and_says_so_once(on_cpu, monkeypatch):
    monkeypatch.setattr("alframe.defaults.capture.Recorder", FailingRecorder)
    wanted, weights, _ = train(mlp(), Recipe(**LONG), captured=False)
    with pytest.warns(NotCapturedWarning) as caught:
        result, others, _ = train(mlp(), Recipe(**LONG), captured=True)
    assert [str(warning.message) for warning in caught] == [
        "training is not captured in a CUDA graph: operation not permitted. It goes on step by step, with "
        "the same numbers; train.capture=off silences this"
    ]
    assert result == wanted
    assert all(torch.equal(one, other) for one, other in zip(weights, others, strict=True))


class OldTorch(RecorderOnCPU):
    """As a torch that lacks what capturing calls."""

    def record(self, run):
        raise AttributeError("module 'torch.cuda' has no attribute 'graph_pool_handle'")


class DeadRecorder(RecorderOnCPU):
    """Its graphs can't be launched."""

    def record(self, run):
        def replay():
            raise RuntimeError("CUDA error: invalid argument")

        return replay


@pytest.mark.parametrize(
    ("recorder", "reason"),
    [(OldTorch, "has no attribute"), (DeadRecorder, "the graph of a step gives other numbers")],
)
def test_whatever_fails_in_capturing_the_steps_go_on(on_cpu, monkeypatch, recorder, reason):
    recipe = Recipe(**LONG)
    _, wanted, _ = train(mlp(0.3), recipe, captured=False)
    monkeypatch.setattr("alframe.defaults.capture.Recorder", recorder)
    with pytest.warns(NotCapturedWarning, match=reason) as told:
        _, found, _ = train(mlp(0.3), recipe, captured=True)
    assert len(told) == 1
    assert all(map(torch.equal, found, wanted))


def test_a_graph_that_gives_other_numbers_is_not_used(on_cpu, monkeypatch):
    recipe = Recipe(**LONG)
    _, wanted, _ = train(mlp(0.3), recipe, captured=False)
    monkeypatch.setattr("alframe.defaults.capture.Recorder", WrongRecorder)
    with pytest.warns(
        NotCapturedWarning, match="the graph of a step gives other numbers than the step"
    ) as told:
        _, found, _ = train(mlp(0.3), recipe, captured=True)
    assert len(told) == 1
    assert all(map(torch.equal, found, wanted))


def test_a_failure_after_some_captures_goes_on_with_all_steps(on_cpu, monkeypatch):
    record, calls = RecorderOnCPU.record, []

    def second_fails(recorder, run):
        calls.append(run)
        return record(recorder, run) if len(calls) < 2 else FailingRecorder.record(recorder, run)

    monkeypatch.setattr(RecorderOnCPU, "record", second_fails)
    wanted, weights, _ = train(mlp(), Recipe(**LONG), captured=False)
    with pytest.warns(NotCapturedWarning):
        result, others, _ = train(mlp(), Recipe(**LONG), captured=True)
    assert len(calls) == 2
    assert result == wanted
    assert all(torch.equal(one, other) for one, other in zip(weights, others, strict=True))


class Reading(nn.Module):
    """A network that reads a number of its own."""

    def __init__(self):
        super().__init__()
        self.network = mlp()

    def forward(self, x):
        return self.network(x) * (1 if x.sum().item() > -1e9 else 0)


def test_a_network_that_reads_numbers_is_not_captured(on_cpu):
    with pytest.warns(NotCapturedWarning, match="stream is capturing"):
        train(Reading(), Recipe(**LONG), captured=True)


def test_a_network_that_draws_on_the_processor_is_not_captured(monkeypatch):
    """Its masks would be those of the captured step for ever. On the CPU, dropout is such a network."""
    monkeypatch.setattr("alframe.defaults.capture.Recorder", RecorderOnCPU)
    wanted, weights, _ = train(mlp(0.3), Recipe(**LONG), captured=False)
    with pytest.warns(NotCapturedWarning, match="draws random numbers on the processor") as caught:
        result, others, _ = train(mlp(0.3), Recipe(**LONG), captured=True)
    assert len(caught) == 1
    assert result == wanted
    assert all(torch.equal(one, other) for one, other in zip(weights, others, strict=True))


@pytest.mark.parametrize(
    "draw",
    [lambda: torch.rand(1), random.random, lambda: np.random.rand()],  # noqa: NPY002
    ids=["torch", "python", "numpy"],
)
def test_random_numbers_of_the_processor_are_seen(draw):
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()  # noqa: NPY002
    with hindrances() as found:
        pass
    assert found == []
    with hindrances() as found:
        draw()
    assert found == ["a step draws random numbers on the processor"]
    torch.set_rng_state(states[0])
    random.setstate(states[1])
    np.random.set_state(states[2])  # noqa: NPY002


def test_waiting_for_the_device_is_seen_and_other_warnings_pass():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with hindrances() as found:
            warnings.warn("called a synchronizing CUDA operation", UserWarning, stacklevel=1)
            warnings.warn("something else", UserWarning, stacklevel=1)
    assert found == ["a step waits for the GPU, as .item() does"]
    assert [str(warning.message) for warning in caught] == ["something else"]


class TestWhoIsCaptured:
    """On a device that is none: what would run the steps."""

    def runner(self, monkeypatch, device="cuda", objective=cross_entropy, size=100, **recipe):
        monkeypatch.setattr("alframe.defaults.capture.Recorder", RecorderOnCPU)
        monkeypatch.setattr("alframe.defaults.capture.give_memory_back", lambda device: None)
        model, where = mlp(), torch.device(device)
        step = training.Step(
            model, Samples(torch.zeros(2, 6), CPU), torch.zeros(2), None, objective, None, torch.Generator()
        )
        ctx = Context(0, 3, where, torch.Generator(), model)
        with training._runner(step, size, Recipe(**recipe), ctx) as run:
            return type(run)

    def test_a_long_training_on_a_gpu(self, monkeypatch):
        assert self.runner(monkeypatch) is Captured

    def test_none_on_the_cpu(self, monkeypatch):
        assert self.runner(monkeypatch, "cpu") is OneByOne

    def test_none_where_it_is_off(self, monkeypatch):
        assert self.runner(monkeypatch, capture="off") is OneByOne

    def test_no_training_of_a_few_steps(self, monkeypatch):
        assert self.runner(monkeypatch, epochs=24) is OneByOne
        assert self.runner(monkeypatch, epochs=25) is Captured

    def test_no_objective_that_draws_what_nobody_sees(self, monkeypatch):
        def objective(model, x, y, generator):
            return cross_entropy(model, x, y)

        with pytest.warns(NotCapturedWarning, match="the objective has no `draws`"):
            assert self.runner(monkeypatch, objective=objective) is OneByOne


@pytest.mark.cuda
@CUDA
class TestOnCuda:
    DEVICE = torch.device("cuda", 0)

    @pytest.fixture(autouse=True)
    def _deterministic(self):
        with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
            yield

    @pytest.fixture
    def captures(self, monkeypatch):
        """Counts, and lets no training go on step by step."""
        record, calls = capture.Recorder.record, []

        def counted(recorder, run):
            calls.append(run)
            return record(recorder, run)

        monkeypatch.setattr(capture.Recorder, "record", counted)
        with warnings.catch_warnings():
            warnings.simplefilter("error", NotCapturedWarning)
            yield calls

    @pytest.mark.parametrize("case", CASES)
    def test_captured_and_one_by_one_learn_the_same(self, case, captures):
        (one_by_one, weights, stream), (captured, others, other_stream) = both(case, self.DEVICE)
        assert captures
        assert captured.loss == pytest.approx(one_by_one.loss, rel=0.02, abs=0.01)
        assert captured.epochs == pytest.approx(one_by_one.epochs, abs=3)
        if captured.epochs == one_by_one.epochs:
            assert torch.equal(stream, other_stream)
            tolerance = 0.1 if "bfloat16" in str(CASES[case]) else 1e-2
            for one, other in zip(weights, others, strict=True):
                torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)

    @pytest.mark.parametrize("case", CASES)
    def test_captured_repeats_bit_for_bit(self, case, captures):
        (_, (first, weights, _)), (_, (second, others, _)) = both(case, self.DEVICE), both(case, self.DEVICE)
        assert captures
        assert first == second
        assert all(torch.equal(one, other) for one, other in zip(weights, others, strict=True))

    def test_dropout_moves_on_from_step_to_step(self, captures):
        """Losses of a network that does not learn: the same masks in each epoch would give the same."""
        losses = []
        for epochs in (20, 21, 22):
            recipe = Recipe(**LONG | {"epochs": epochs, "learning_rate": 1e-30, "batch_size": 75})
            losses.append(train(mlp(0.5), recipe, True, device=self.DEVICE)[0].loss)
        assert captures
        assert len(set(losses)) == 3

    def test_a_network_that_waits_is_seen_before_it_is_captured(self):
        with pytest.warns(NotCapturedWarning, match="waits for the GPU"):
            train(Reading(), Recipe(**LONG), captured=True, device=self.DEVICE)

    def test_random_streams_live_after_a_capture_that_failed(self, monkeypatch):
        monkeypatch.setattr("alframe.defaults.capture.hindrances", lambda: contextlib.nullcontext([]))
        with pytest.warns(NotCapturedWarning):
            train(Reading(), Recipe(**LONG), captured=True, device=self.DEVICE)
        layer, x = nn.Dropout(0.5).train(), torch.ones(1000, device=self.DEVICE)
        assert not torch.equal(layer(x), layer(x))
        result, _, _ = train(mlp(0.3), Recipe(**LONG), captured=True, device=self.DEVICE)
        assert result.epochs == 8

    def test_a_learner_that_goes_on_is_one_that_was_never_interrupted(self, toy, captures):
        def learner():
            return ActiveLearner(
                toy.hide_labels(), "mlp", "margin", recipe=Recipe(epochs=60), device=self.DEVICE
            )

        def rounds(learner, number):
            for _ in range(number):
                picks = learner.ask(20)
                learner.tell(picks, toy.targets[picks])
                learner.fit()
            return learner

        whole, first, second = rounds(learner(), 3), rounds(learner(), 2), learner()
        second.load_state_dict(first.state_dict())
        rounds(second, 1)
        assert captures
        assert torch.equal(whole.ask(20), second.ask(20))
        for one, other in zip(whole.model.parameters(), second.model.parameters(), strict=True):
            assert torch.equal(one, other)
