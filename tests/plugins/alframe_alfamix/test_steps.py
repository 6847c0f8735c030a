import math

import numpy as np
import pytest
import torch
from torch import nn

from alframe_alfamix import _steps
from alframe_alfamix._alfamix import flip_thresholds
from alframe_alfamix._steps import candidates, flip_thresholds_by_steps, growing_caps


def make(seed=0, n=60, d=12, classes=4):
    g = torch.Generator().manual_seed(seed)
    z = torch.randn(n, d, generator=g).relu()
    anchors = torch.randn(5, d, generator=g).relu()
    return z, anchors, torch.randn(classes, d, generator=g), torch.randn(classes, generator=g)


@pytest.mark.parametrize(
    ("cap", "growth", "caps"),
    [
        (0.2, True, [0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.3, True, [0.3, 0.6, 0.9]),
        (1.0, True, [1.0]),
        (1 / 32, True, [i / 32 for i in range(1, 33)]),
        (0.2, False, [0.2]),
    ],
)
def test_growing_caps(cap, growth, caps):
    assert growing_caps(cap, growth) == pytest.approx(caps)


SCORES = -torch.tensor([0.1, 0.3, 0.5, 0.95, math.inf, 0.2])


@pytest.mark.parametrize(
    ("budget", "growth", "found"),
    [
        (1, True, [0]),
        (2, True, [0, 1, 5]),  # 0.2 is no candidate at a cap of 0.2, but at 0.4
        (4, True, [0, 1, 2, 5]),
        (6, True, [0, 1, 2, 3, 5]),  # never the one that no anchor flips
        (6, False, [0]),
    ],
)
def test_candidates(budget, growth, found):
    assert candidates(SCORES, budget, 0.2, growth).tolist() == found


def test_no_candidate_at_all():
    assert candidates(torch.full((3,), -math.inf), 2, 0.2, True).tolist() == []


@pytest.mark.parametrize("seed", range(3))
def test_a_linear_head_gives_the_exact_thresholds_to_the_step(seed):
    z, anchors, W, b = make(seed)
    head = nn.Linear(12, 4)
    head.weight.data, head.bias.data = W, b
    exact = flip_thresholds(z, W, b, anchors)
    caps = growing_caps(0.1, True)
    steps = flip_thresholds_by_steps(head, z, anchors, caps)
    for cap in caps:
        clear = (exact - cap).abs() > 1e-4
        assert torch.equal((steps < cap)[clear], (exact < cap)[clear])


@pytest.mark.parametrize("seed", range(3))
def test_a_head_that_is_not_linear_against_autograd_in_float64(seed):
    z, anchors, _, _ = make(seed)
    torch.manual_seed(seed)
    head = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 4)).double()
    z, anchors = z.double(), anchors.double()
    caps = [0.2, 0.6, 1.0]
    thresholds = flip_thresholds_by_steps(head, z, anchors, caps)
    for i, point in enumerate(z):
        leaf = point.clone().requires_grad_()
        logits = head(leaf)
        y = logits.argmax()
        (g,) = torch.autograd.grad(nn.functional.cross_entropy(logits[None], y[None]), leaf)
        for cap in caps:
            flips = False
            for anchor in anchors:
                a = cap / math.sqrt(12) * (anchor - point).norm() * g / g.norm() / (anchor - point)
                mixed = torch.where(anchor == point, point, (1 - a) * point + a * anchor)
                flips |= bool(head(mixed).argmax() != y)
            reached = bool(thresholds[i] < cap)
            earlier = any(bool(thresholds[i] < smaller) for smaller in caps if smaller < cap)
            assert reached == (flips or earlier)


def test_blocks_do_not_change_the_answer(monkeypatch):
    z, anchors, _, _ = make()
    torch.manual_seed(0)
    head = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 4))
    whole = flip_thresholds_by_steps(head, z, anchors, [0.2, 1.0])
    monkeypatch.setattr(_steps, "BLOCK_ROWS", 7)
    assert torch.equal(flip_thresholds_by_steps(head, z, anchors, [0.2, 1.0]), whole)


def test_saturated_logits_of_a_non_linear_head_are_no_nan():
    z, anchors, _, _ = make()
    torch.manual_seed(0)
    head = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 4))
    head[2].weight.data *= 1000
    thresholds = flip_thresholds_by_steps(head, z, anchors, [0.2, 1.0])
    assert set(np.unique(thresholds)) <= {np.float32(0.0), np.float32(0.2), np.float32(np.inf)}


def test_the_heads_parameters_get_no_gradient():
    z, anchors, _, _ = make()
    head = nn.Sequential(nn.Linear(12, 4), nn.Tanh())
    flip_thresholds_by_steps(head, z, anchors, [0.5])
    assert head[0].weight.grad is None
