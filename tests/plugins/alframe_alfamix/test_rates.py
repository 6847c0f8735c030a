"""Bounds leave out no class that matters, and many classes take as many operations as few."""

import importlib.util
from collections import Counter
from pathlib import Path

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from alframe_alfamix import _rates
from alframe_alfamix._agreement import Agreements
from alframe_alfamix._alfamix import _Head, class_anchors, flip_thresholds

_spec = importlib.util.spec_from_file_location("reference", Path(__file__).with_name("reference.py"))
reference = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(reference)


def problem(n=150, d=32, classes=20, seed=0, dead=0.4, dtype=torch.float64, digits=None):
    z, W, b, zl, yl = reference.relu_problem(n, d, classes, seed, labelled=3 * classes, dtype=dtype)
    silent = torch.rand(d, generator=torch.Generator().manual_seed(seed)) < dead - 0.4
    z[:, silent], zl[:, silent] = 0, 0
    if digits is not None:
        z, zl = z.round(decimals=digits), zl.round(decimals=digits)
    return z, W, b, class_anchors(zl, yl, classes, "mean")


def literally(z, W, b, anchors):
    """``b x c x k`` rates: every anchor's slope towards every class."""
    head = _Head.of(W, b, anchors)
    step = head.step(z)
    moving = step.direction[:, None] * (z[:, None] != anchors)
    slope = moving @ W.T
    slope -= slope.gather(2, step.label[:, None].expand(-1, len(anchors), 1))
    return (slope * step.distance[:, :, None] / step.gap[:, None]).transpose(1, 2)


def fastest(z, W, b, anchors, at_once=1000):
    head = _Head.of(W, b, anchors)
    pairs = head.pairs.and_more(*Agreements(anchors).among(z))
    return _rates.fastest_rates(z, head.step(z), head.relative, pairs, at_once)


KINDS = {
    "some dead": {},
    "most dead": {"dead": 1.2},
    "shared values": {"digits": 1},
    "300 classes": {"n": 40, "classes": 300},
    "two classes": {"classes": 2},
}


@pytest.mark.parametrize("at_once", [1, 7, 1000])
@pytest.mark.parametrize("kind", KINDS)
def test_is_the_largest_of_all_rates(kind, at_once):
    made = problem(**KINDS[kind])
    wanted, anchor = literally(*made).amax(dim=1).max(dim=1)
    rate, first = fastest(*made, at_once)
    torch.testing.assert_close(rate, wanted)
    assert torch.equal(first, anchor)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_bounds_are_bounds_and_leave_out_most(kind, dtype, monkeypatch):
    made = problem(**KINDS[kind], dtype=dtype)
    kept = []
    original = _rates._bounds

    def keeping(*args):
        kept.append(original(*args))
        return kept[0].clone()

    monkeypatch.setattr(_rates, "_bounds", keeping)
    rate, _ = fastest(*made)
    (bound,) = kept
    made = [part.double() for part in made]
    exact = literally(*made).amax(dim=2)
    label = (made[0] @ made[1].T + made[2]).argmax(dim=1, keepdim=True)
    assert (bound * (1 + 1e-4) + 1e-6 >= exact.scatter(1, label, 0.0)).all()
    assert (bound > rate[:, None]).sum() <= 5 * len(rate)


def test_an_unlucky_first_class_is_made_good(monkeypatch):
    """Bounds that say nothing: each sample begins with class 0 and must be tried with all."""
    made = problem()
    expected = fastest(*made)
    assert (literally(*made).amax(dim=2).argmax(dim=1) != 0).any()
    nothing = lambda step, *_: torch.full_like(step.gap, torch.inf)  # noqa: E731
    monkeypatch.setattr(_rates, "_bounds", nothing)
    torch.testing.assert_close(fastest(*made), expected)
    torch.testing.assert_close(fastest(*made, at_once=11), expected)


class Counted(TorchDispatchMode):
    """Counts the operations that torch is asked for."""

    def __init__(self):
        super().__init__()
        self.names = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.names[function.name()] += 1
        return function(*args, **(kwargs or {}))


WAITING = {  # for a GPU
    "aten::nonzero",
    "aten::_local_scalar_dense",
    "aten::_unique2",
    "aten::masked_select",
    "aten::is_nonzero",
    "aten::equal",
}


@pytest.mark.parametrize("digits", [None, 1], ids=["dead", "shared values"])
def test_the_number_of_operations_does_not_grow_with_classes_and_anchors(digits):
    counts = []
    for classes in (10, 200):
        made = problem(n=60, classes=classes, dtype=torch.float32, digits=digits)
        with Counted() as counted:
            flip_thresholds(*made)
        counts.append(counted.names)
    assert counts[0] == counts[1]
    assert sum(counts[0][name] for name in WAITING) <= 8
    assert sum(counts[0].values()) < 250


def test_boolean_masks_are_no_indices():
    """They wait for a GPU unseen: ``x[mask]`` is ``index``, whose mask is turned to positions."""

    class Masks(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            if function.name().startswith(("aten::index.", "aten::index_put")):
                assert all(i is None or i.dtype != torch.bool for i in args[1])
            return function(*args, **(kwargs or {}))

    made = problem(n=60, digits=1)
    head, agreements = _Head.of(*made[1:]), Agreements(made[3])
    with Masks():
        pairs = head.pairs.and_more(*agreements.among(made[0]))
        _rates.fastest_rates(made[0], head.step(made[0]), head.relative, pairs, 1000)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("kind", KINDS)
def test_the_device_does_not_change_the_thresholds(kind):
    made = problem(**KINDS[kind], dtype=torch.float32)
    on_cuda = flip_thresholds(*(part.cuda() for part in made)).cpu()
    torch.testing.assert_close(on_cuda, flip_thresholds(*made), rtol=1e-3, atol=1e-5)
