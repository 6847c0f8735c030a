import dataclasses
import functools

import pytest
import torch

from alframe import Normalize
from alframe.data import identity as module
from alframe.data.dataset import Dataset
from alframe.data.identity import identity


@pytest.fixture
def pictures():
    draw = torch.Generator().manual_seed(0)
    images = torch.randint(256, (40, 3, 4, 4), dtype=torch.uint8, generator=draw)
    targets = torch.arange(40) % 3
    normalize = Normalize((0.5, 0.4, 0.3), (0.2, 0.2, 0.2))
    return Dataset("a", images[:30], targets[:30], 3, images[30:], targets[30:], transform=normalize)


def changed(one, other):
    first, second = identity(one), identity(other)
    return [part for part in first | second if first.get(part) != second.get(part)]


def one_value(tensor, index=-1):
    other = tensor.clone()
    other.view(-1)[index] += 1
    return other


def swapped(targets):
    other = targets.clone()
    other[[3, 4]] = targets[[4, 3]]
    return other


CHANGES = {
    "rows permuted": (
        lambda d: {"inputs": d.inputs.flip(0), "targets": d.targets.flip(0)},
        ["training inputs", "training labels"],
    ),
    "two labels swapped": (lambda d: {"targets": swapped(d.targets)}, ["training labels"]),
    "the last value of all": (lambda d: {"inputs": one_value(d.inputs)}, ["training inputs"]),
    "a test value": (lambda d: {"test_inputs": one_value(d.test_inputs)}, ["test inputs"]),
    "a test label": (lambda d: {"test_targets": (d.test_targets + 1) % 3}, ["test labels"]),
    "no test part": (lambda d: {"test_inputs": None, "test_targets": None}, ["test inputs", "test labels"]),
    "a class more": (lambda d: {"num_classes": 4}, ["number of classes"]),
    "a mean": (lambda d: {"transform": Normalize((0.5, 0.4, 0.3001), (0.2, 0.2, 0.2))}, ["transform"]),
    "as numbers": (
        lambda d: {"inputs": d.inputs.float(), "test_inputs": d.test_inputs.float()},
        ["training inputs", "test inputs"],
    ),
}


@pytest.mark.parametrize(("change", "parts"), CHANGES.values(), ids=CHANGES.keys())
def test_what_is_found(pictures, change, parts):
    assert changed(pictures, dataclasses.replace(pictures, **change(pictures))) == parts


def test_what_is_the_same(pictures):
    copy = dataclasses.replace(
        pictures,
        name="another name",
        inputs=pictures.inputs.clone(),
        transform=Normalize((0.5, 0.4, 0.3), (0.2, 0.2 + 1e-15, 0.2)),  # as another processor sums
        notes=("a note",),
        details=("a detail",),
    )
    assert changed(pictures, copy) == []


def test_it_is_computed_once_for_a_data_set(pictures, monkeypatch, count_calls):
    counted = count_calls(module.digest_of)
    monkeypatch.setattr(module, "digest_of", counted)
    assert identity(pictures) is identity(pictures)
    assert counted.counter.calls == 4  # a part each


def scaled(by, rows):
    return rows.float() * by


def learned(by, rows):
    mean = rows.float().mean(dim=0)
    return lambda images: (images.float() - mean) * by


def broken(rows):
    raise RuntimeError("needs a device of its own")


@pytest.mark.parametrize("which", ["transform", "fit"])
def test_functions_are_told_by_name_and_by_what_they_do(pictures, which):
    make = {"transform": scaled, "fit": learned}[which]

    def with_(function):
        return dataclasses.replace(pictures, **{"transform": None, which: function})

    part = {"transform": "transform", "fit": "preparation"}[which]
    one = with_(functools.partial(make, 1.0))
    assert changed(one, with_(functools.partial(make, 1.0))) == []
    assert changed(one, with_(functools.partial(make, 1.0 + 1e-7))) == []  # float32's last digits
    assert changed(one, with_(functools.partial(make, 1.01))) == [part]
    assert changed(one, with_(lambda rows: make(1.0, rows))) == [part]
    assert changed(with_(broken), with_(broken)) == []


def test_a_function_that_moves_pixels_is_found(pictures):
    def turned(rows):
        return rows.float()

    there = dataclasses.replace(pictures, transform=turned)
    first = identity(there)["transform"]

    def turned(rows):
        return rows.float().flip(3)

    assert identity(dataclasses.replace(pictures, transform=turned))["transform"] != first


def test_no_global_random_state_is_used(pictures):
    state = torch.random.get_rng_state()
    noisy = dataclasses.replace(pictures, transform=lambda rows: rows.float() + torch.rand(rows.shape))
    again = dataclasses.replace(noisy)
    assert changed(noisy, again) == []
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_it_is_the_same_on_another_device(pictures):
    assert changed(pictures, pictures.to("cuda")) == []
