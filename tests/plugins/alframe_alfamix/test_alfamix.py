"""Exact flip thresholds against the paper's equations in float64."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

import alframe
from alframe_alfamix import _alfamix
from alframe_alfamix._alfamix import class_anchors, flip_thresholds

_spec = importlib.util.spec_from_file_location("reference", Path(__file__).with_name("reference.py"))
reference = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(reference)

CAPS = (0.05, 0.2, 0.6, 1.0)
TIE = 1e-4  # relative distance from the cap at which float32 may decide otherwise than float64


def problem(*args, classes=20, missing="mean", **kwargs):
    z, W, b, zl, yl = reference.relu_problem(*args, classes=classes, **kwargs)
    return z, W, b, class_anchors(zl, yl, classes, missing)


def disagreements(thresholds, made, cap, **kwargs):
    """Samples on which thresholds and brute force differ, ties at the cap left out."""
    ours = set((thresholds < cap).nonzero()[:, 0].tolist())
    differing = ours ^ reference.candidate_set(made, cap, **kwargs)
    return {i for i in differing if abs(thresholds[i].item() - cap) > TIE * cap}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("n", "d", "classes"),
    [(200, 32, 20), (200, 128, 2), (100, 1, 3), (60, 64, 100), (3, 512, 5), (30, 32, 300)],
)
def test_candidates_are_those_of_the_equations(n, d, classes, seed, dtype):
    made = problem(n, d, classes=classes, seed=seed, dtype=dtype)
    thresholds = flip_thresholds(*made)
    assert thresholds.dtype == dtype
    assert not thresholds.isnan().any()
    for cap in CAPS:
        assert disagreements(thresholds, made, cap) == set()


@pytest.mark.slow
def test_5000_samples_of_128_features_and_20_classes():
    z, W, b, zl, yl = reference.relu_problem(5000, 128, 20, seed=0)
    result = alframe.query(
        "alfamix", features=z, head=(W, b), n=100, labelled_features=zl, labelled_targets=yl, device="cpu"
    )
    made = (z, W, b, class_anchors(zl, yl, 20, "mean"))
    sizes = []
    for cap in CAPS:
        assert disagreements(-result.scores, made, cap) == set()
        sizes.append(int((-result.scores < cap).sum()))
    assert 0 < sizes[0] < sizes[1] < sizes[2] <= sizes[3]


def test_leaving_out_the_dead_units_makes_a_difference():
    made = problem(300, 64, seed=0)
    thresholds = flip_thresholds(*made)
    assert any(disagreements(thresholds, made, cap, dead_units=False) for cap in CAPS)


def test_dense_features():
    z, W, b, anchors = problem(200, 32, seed=1)
    noise = torch.rand(z.shape, generator=torch.Generator().manual_seed(2)) + 0.1
    made = (z + noise, W, b, anchors + 0.3)
    thresholds = flip_thresholds(*made)
    for cap in CAPS:
        assert disagreements(thresholds, made, cap) == set()


def one_hot(z):
    """Eight features of three values each, in 24 columns."""
    return torch.nn.functional.one_hot((3 * z[:, :8]).long().clamp(0, 2), 3).flatten(1).to(z.dtype)


KINDS = {
    "relu": lambda z: z,
    "one-hot": one_hot,
    "rounded": lambda z: (10 * z).round() / 10,
    "rounded, no zeros": lambda z: (10 * z).round() / 10 + 0.5,
    "offset": lambda z: z + 16,  # a dead unit is 16 everywhere
    "one column constant": lambda z: torch.cat([torch.full_like(z[:, :1], 0.7), z[:, 1:]], dim=1),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("labelled", [12, 60])
@pytest.mark.parametrize("kind", KINDS)
def test_features_that_agree_on_any_value_stay(kind, labelled, dtype):
    """With 12 labelled samples many anchors are samples, with 60 they are means."""
    z, W, b, zl, yl = reference.relu_problem(250, 32, 10, seed=4, labelled=labelled, dtype=dtype)
    z, zl = KINDS[kind](z), KINDS[kind](zl)
    W = W[:, : z.shape[1]]
    b = b - (z @ W.T).mean(0)  # so that no class is far ahead
    made = (z, W, b, class_anchors(zl, yl, 10, "mean"))
    thresholds = flip_thresholds(*made)
    for cap in CAPS:
        assert disagreements(thresholds, made, cap) == set()


def test_holding_agreeing_features_makes_a_difference():
    z, W, b, zl, yl = reference.relu_problem(250, 32, 10, seed=4, labelled=12)
    made = ((10 * z).round() / 10 + 0.5, W, b, class_anchors((10 * zl).round() / 10 + 0.5, yl, 10, "mean"))
    thresholds = flip_thresholds(*made)
    assert any(disagreements(thresholds, made, cap, dead_units=False) for cap in CAPS)


def test_blocks_are_cut_where_many_values_agree(monkeypatch):
    z, W, b, zl, yl = reference.relu_problem(200, 32, 10, seed=4, labelled=30)
    made = ((10 * z).round() / 10, W, b, class_anchors((10 * zl).round() / 10, yl, 10, "mean"))
    whole = flip_thresholds(*made)
    monkeypatch.setattr(_alfamix, "BLOCK_ELEMENTS", 2000)
    torch.testing.assert_close(flip_thresholds(*made), whole, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("scale", [20.0, 100.0, 1000.0])
def test_large_logits_give_no_spurious_candidate(scale):
    """Published code turns a vanished gradient into NaN and the sample into a candidate."""
    small, large = problem(300, 64, seed=3), problem(300, 64, seed=3, scale=scale)
    logits = large[0] @ large[1].T + large[2]
    assert logits.abs().max() > 2 * scale
    thresholds = flip_thresholds(*large)
    assert not thresholds.isnan().any()
    for cap in CAPS:
        assert disagreements(thresholds, large, cap) == set()
    assert not torch.equal(thresholds, flip_thresholds(*small))


def test_no_gradient_means_never():
    z, W, b, anchors = problem(20, 8, seed=0)
    alike = W[:1].expand(20, 8).contiguous()
    assert flip_thresholds(z, alike, b, anchors).isinf().all()
    assert flip_thresholds(z, W[:1], b[:1], anchors).isinf().all()


def test_an_anchor_at_the_point_never_flips_it():
    z, W, b, _ = problem(10, 8, seed=0)
    thresholds = flip_thresholds(z[:1], W, b, z[:1])
    assert thresholds.isinf().all()


def test_a_head_without_bias_is_a_bias_of_zero():
    z, W, b, anchors = problem(50, 16, seed=0)
    zero = torch.zeros_like(b)
    assert torch.equal(flip_thresholds(z, W, None, anchors), flip_thresholds(z, W, zero, anchors))


@pytest.mark.parametrize("elements", [1, 300, 8 * 32 * 7, 8 * 32 * 64])
def test_blocks_do_not_change_the_answer(monkeypatch, elements):
    made = problem(100, 32, seed=0)
    whole = flip_thresholds(*made)
    monkeypatch.setattr(_alfamix, "BLOCK_ELEMENTS", elements)
    cut = flip_thresholds(*made)
    torch.testing.assert_close(cut, whole, rtol=1e-4, atol=1e-5)
    for cap in CAPS:
        assert disagreements(cut, made, cap) == set()


@pytest.mark.parametrize("dead", [False, True], ids=["none dead", "few dead"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_features_of_few_factors_hardly_any_of_them_dead(dtype, dead):
    g = torch.Generator().manual_seed(0)
    mixing = torch.randn(4, 48, generator=g, dtype=dtype)
    draw = lambda n: (torch.randn(n, 4, generator=g, dtype=dtype) @ mixing + 4).relu()  # noqa: E731
    z, zl = draw(200), draw(15)
    if not dead:
        z, zl = z + 0.1, zl + 0.1
    W = torch.randn(15, 48, generator=g, dtype=dtype) / 3
    made = (z, W, -(z @ W.T).mean(dim=0), class_anchors(zl, torch.arange(15), 15, "mean"))
    assert (((z == 0) & (made[3] == 0).any(dim=0)).any()) == dead
    thresholds = flip_thresholds(*made)
    assert thresholds.isfinite().all()
    for cap in CAPS:
        assert disagreements(thresholds, made, cap) == set()


def test_identical_samples_have_one_threshold():
    z, W, b, anchors = problem(1, 16, seed=0)
    thresholds = flip_thresholds(z.expand(30, 16).contiguous(), W, b, anchors)
    torch.testing.assert_close(thresholds, thresholds[:1].expand(30))


class TestAnchors:
    X = torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 5.0]])
    Y = torch.tensor([2, 2, 0])

    def test_are_class_means_with_exact_zeros(self):
        anchors = class_anchors(self.X, self.Y, 3, "none")
        assert anchors.tolist() == [[0.0, 5.0], [2.0, 0.0]]

    @pytest.mark.parametrize("value", [0.1, 0.7, 1000.3])
    def test_a_value_that_all_have_is_the_anchors_exactly(self, value):
        X = torch.full((7, 3), value)
        assert torch.equal(class_anchors(X, torch.zeros(7, dtype=torch.int64), 2, "mean"), X[:2])

    def test_a_class_without_labels_gets_the_mean_of_all(self):
        anchors = class_anchors(self.X, self.Y, 5, "mean")
        np.testing.assert_allclose(anchors[2:], [[4 / 3, 5 / 3]], rtol=1e-6)

    def test_no_class_missing(self):
        assert len(class_anchors(self.X, torch.tensor([0, 1, 1]), 2, "mean")) == 2

    def test_one_labelled_sample(self):
        assert class_anchors(self.X[:1], self.Y[:1], 3, "none").tolist() == [[1.0, 0.0]]

    def test_mistakes(self):
        with pytest.raises(ValueError, match="missing must be"):
            class_anchors(self.X, self.Y, 3, "median")
        with pytest.raises(ValueError, match="at least one sample"):
            class_anchors(self.X[:0], self.Y[:0], 3, "mean")
