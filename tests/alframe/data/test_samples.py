import torch

from alframe import Normalize
from alframe.data.samples import Samples

CPU = torch.device("cpu")
NORMALIZE = Normalize((0.5,), (0.25,))


def stored(n=6):
    return torch.arange(n * 4, dtype=torch.uint8).reshape(n, 1, 2, 2) * 10


def test_a_batch_is_made_of_some_of_the_samples():
    samples = Samples(stored(), CPU, NORMALIZE)
    rows = torch.tensor([4, 1])
    torch.testing.assert_close(samples.batch(rows), (stored()[rows].float() / 255 - 0.5) / 0.25)
    assert torch.equal(Samples(stored(), CPU).batch(rows), stored()[rows])
    assert len(samples) == 6


def test_what_changes_the_batch_comes_before_the_transform():
    batch = Samples(stored(), CPU, NORMALIZE).batch(torch.tensor([0, 5]), torch.zeros_like)
    assert (batch == -2).all()


def test_a_subset_is_a_copy():
    samples = Samples(stored(), CPU, NORMALIZE)
    part = samples.subset(torch.tensor([2, 3]))
    part.stored.zero_()
    assert samples.stored[2].any()
    assert part.transform is NORMALIZE


def test_network_inputs_are_made_once_where_they_are_small(monkeypatch):
    samples = Samples(stored(), CPU, NORMALIZE)
    made = samples.made()
    assert made.transform is None
    assert torch.equal(made.stored, NORMALIZE(stored()))
    assert made.made() is made
    monkeypatch.setattr("alframe.data.samples.KEPT_BYTES", 24 * 4 - 1)
    assert samples.made() is samples


def test_samples_come_near_where_they_are_small(monkeypatch):
    stored = torch.zeros(3, 2)
    far = Samples(stored, torch.device("meta"), lambda batch: batch + 1)
    near = far.near()
    assert near.stored.device.type == "meta"
    assert near.transform is far.transform
    assert near.near() is near
    monkeypatch.setattr("alframe.data.samples.KEPT_BYTES", stored.nbytes - 1)
    assert far.near() is far
