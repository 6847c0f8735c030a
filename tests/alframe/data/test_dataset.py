import pytest
import torch

from alframe import ActiveLearner, Dataset, Normalize, UsageError
from doubles import FAST


def make(**changes):
    parts = {
        "name": "d",
        "inputs": torch.zeros(4, 2),
        "targets": torch.tensor([0, 1, 0, 1]),
        "num_classes": 2,
        "test_inputs": torch.zeros(2, 2),
        "test_targets": torch.tensor([0, 1]),
    }
    return Dataset(**(parts | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_classes": 1}, "1 class; at least 2"),
        ({"targets": torch.tensor([0, 1])}, "training part: 4 inputs but 2 targets"),
        ({"targets": torch.tensor([0, 1, 2, 0])}, r"targets must lie in -1..1, got 0..2"),
        ({"test_targets": torch.tensor([0, -1])}, r"test part: targets must lie in 0..1"),
        ({"test_targets": None}, "come together or not at all"),
        ({"inputs": torch.zeros(4, 2, dtype=torch.uint8)}, "floating-point"),
        ({"targets": torch.zeros(4)}, "one int64 a sample"),
        ({"inputs": torch.full((4, 2), torch.nan)}, "NaN or infinite"),
        ({"inputs": torch.tensor([[0.0, torch.inf]] * 4)}, "NaN or infinite"),
        ({"test_inputs": torch.zeros(2, 3)}, r"samples have shape \(2,\), test samples \(3,\)"),
        ({"inputs": torch.zeros(0, 2), "targets": torch.zeros(0, dtype=torch.int64)}, "no samples"),
    ],
)
def test_parts_that_do_not_fit_are_named(changes, message):
    with pytest.raises(UsageError, match=message):
        make(**changes)


def test_hide_labels():
    assert make().hide_labels().targets.tolist() == [-1] * 4
    assert make().hide_labels(keep=torch.tensor([1, 2])).targets.tolist() == [-1, 1, 0, -1]


def test_split_test_is_a_partition_drawn_by_the_generator():
    whole = Dataset("d", torch.arange(20.0)[:, None], torch.arange(20) % 2, 2)
    splits = [whole.split_test(0.25, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    first, again, other = splits
    assert len(first.test_inputs) == 5
    assert sorted(torch.cat([first.inputs, first.test_inputs]).flatten().tolist()) == list(range(20))
    assert torch.equal(first.targets, first.inputs.flatten().long() % 2)
    assert torch.equal(first.test_inputs, again.test_inputs)
    assert not torch.equal(first.test_inputs, other.test_inputs)


def test_split_that_leaves_nothing():
    with pytest.raises(UsageError, match="nothing to test"):
        Dataset("d", torch.zeros(2, 1), torch.tensor([0, 1]), 2).split_test(0.1, torch.Generator())


def test_a_long_tail():
    targets = torch.arange(4).repeat_interleave(100)
    whole = Dataset("d", torch.arange(400.0)[:, None], targets, 4, torch.zeros(5, 1), torch.zeros(5).long())
    first, again, other = (whole.long_tailed(0.1, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert first.targets.bincount().tolist() == [100, 46, 22, 10]
    assert torch.equal(first.inputs.flatten().long() // 100, first.targets)
    assert torch.equal(first.inputs, again.inputs)
    assert not torch.equal(first.inputs, other.inputs)
    assert len(first.test_inputs) == 5
    assert len(whole.long_tailed(1.0, torch.Generator())) == 400
    assert whole.long_tailed(1e-9, torch.Generator()).targets.bincount().tolist() == [100, 1, 1, 1]


def test_what_is_learned_from_the_training_part_is_applied_to_both():
    def fit(inputs):
        mean = inputs.mean(0)
        return lambda rows: rows - mean

    whole = Dataset("d", torch.arange(20.0)[:, None], torch.arange(20) % 2, 2, fit=fit)
    assert whole.prepared().inputs.mean() == 0
    split = whole.split_test(0.25, torch.Generator())
    assert split.fit is None
    assert split.inputs.mean().abs() < 1e-6
    shift = torch.arange(20.0).sum() - torch.cat([split.inputs, split.test_inputs]).sum()
    assert shift / 20 != 9.5  # the mean of all would be a leak


def test_gaps_are_allowed_until_then():
    data = Dataset("d", torch.full((4, 2), torch.nan), torch.arange(4) % 2, 2, fit=lambda x: torch.nan_to_num)
    assert (data.prepared().inputs == 0).all()
    with pytest.raises(UsageError, match="NaN or infinite"):
        Dataset("d", torch.full((4, 2), torch.nan), torch.arange(4) % 2, 2, fit=lambda x: abs).prepared()


BYTES = torch.randint(0, 256, (40, 2, 3, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_stays_in_memory_and_networks_get_float32(dtype):
    x = torch.linspace(-1, 1, 12).reshape(4, 3).to(dtype)
    data = make(inputs=x, targets=torch.tensor([0, 1, 0, 1]), test_inputs=None, test_targets=None)
    assert data.inputs.dtype == dtype
    assert torch.equal(data.example(), x[:1].float())
    assert data.hide_labels().inputs.dtype == dtype


def test_half_precision_in_one_part_alone():
    data = make(test_inputs=torch.ones(2, 2, dtype=torch.float16))
    assert data.transform(data.test_inputs).dtype == torch.float32


def test_a_learner_learns_the_same_of_either_precision():
    x = torch.randn(60, 4, generator=torch.Generator().manual_seed(0)).half()
    y = (x[:, 0] > 0).long()

    def accuracies_and_picks(inputs):
        data = Dataset("d", inputs, y, 2, inputs, y).hide_labels(torch.arange(20))
        learner = ActiveLearner(data, "linear", "margin", device="cpu", recipe=FAST)
        learner.fit()
        return learner.evaluate().accuracy, learner.ask(5).tolist()

    assert accuracies_and_picks(x) == accuracies_and_picks(x.float())


class TestBytes:
    def test_normalize_is_the_formula(self):
        made = Normalize((0.1, 0.4), (0.5, 0.25))(BYTES)
        wanted = (BYTES.double() / 255 - torch.tensor([[[0.1]], [[0.4]]])) / torch.tensor([[[0.5]], [[0.25]]])
        torch.testing.assert_close(made.double(), wanted, atol=1e-6, rtol=1e-6)
        assert made.dtype == torch.float32

    def test_statistics_are_those_of_the_images(self):
        made = Normalize.of(BYTES)
        scaled = BYTES.double() / 255
        assert made.mean == pytest.approx(scaled.mean((0, 2, 3)).tolist(), abs=1e-12)
        assert made.std == pytest.approx(scaled.std((0, 2, 3), correction=0).tolist(), abs=1e-12)

    def test_a_constant_channel_becomes_0(self):
        flat = torch.full((4, 1, 2, 2), 7, dtype=torch.uint8)
        assert Normalize.of(flat)(flat).abs().max() < 0.1

    def test_they_stay_bytes_and_what_is_learned_becomes_the_transform(self):
        whole = Dataset("d", BYTES, torch.arange(40) % 2, 2, fit=Normalize.of)
        split = whole.split_test(0.25, torch.Generator().manual_seed(0))
        assert split.inputs.dtype == split.test_inputs.dtype == torch.uint8
        assert split.fit is None
        assert split.transform == Normalize.of(split.inputs)
        assert split.example().shape == (1, 2, 3, 3)
        assert split.example().is_floating_point()
        assert split.hide_labels().transform == split.transform

    def test_without_a_transform_they_are_refused(self):
        with pytest.raises(UsageError, match="or have a transform, got torch.uint8"):
            Dataset("d", BYTES, torch.arange(40) % 2, 2)


def test_data_stay_where_they_are_if_the_gpu_is_too_small(monkeypatch, toy):
    device = torch.device("cuda", 0)
    moved = []
    monkeypatch.setattr(Dataset, "to", lambda self, device: moved.append(device) or self)
    size = toy.inputs.nbytes + toy.test_inputs.nbytes
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda device: (2 * size - 2, 10**12))
    assert toy.near(device) is toy
    assert moved == []
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda device: (2 * size, 10**12))
    toy.near(device)
    assert moved == [device]


def test_the_test_part_is_drawn_from_the_labelled_samples():
    targets = torch.tensor([0, -1, 1, -1, 0, 1, -1, -1, -1, -1])
    data = Dataset("t", torch.arange(10.0)[:, None], targets, 2).split_test(
        0.5, torch.Generator().manual_seed(0)
    )
    assert len(data.test_inputs) == 2
    assert (data.test_targets >= 0).all()
    assert sorted(torch.cat([data.inputs, data.test_inputs]).flatten().tolist()) == list(range(10))
    assert data.targets.tolist() == targets[data.inputs[:, 0].long()].tolist()
    with pytest.raises(UsageError, match="10 samples, 0 of them labelled: test_fraction 0.5 leaves nothing"):
        Dataset("t", torch.zeros(10, 1), torch.full((10,), -1), 2).split_test(
            0.5, torch.Generator().manual_seed(0)
        )


def test_what_is_yet_to_be_made_of_float64_stays_on_the_cpu():
    made = Dataset(
        "t", torch.zeros(4, 1, dtype=torch.float64), torch.tensor([0, 1, 0, 1]), 2, fit=lambda x: x
    )
    assert made.near(torch.device("meta")) is made
