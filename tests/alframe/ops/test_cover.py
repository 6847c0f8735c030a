import numpy as np
import pytest
import torch
from scipy import stats
from scipy.spatial.distance import cdist
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from alframe import Euclidean, OuterProduct, SymmetricKL
from alframe.ops import Kernel, blocks, cover_greedy, gains, kernels

FORMULAS = {
    "gaussian": lambda d, h: np.exp(-((d / h) ** 2)),
    "laplace": lambda d, h: np.exp(-d / h),
    "top-hat": lambda d, h: (d < h).astype(float),
}
WIDTHS = [("gaussian", 1.0), ("gaussian", 0.03), ("laplace", 0.5), ("top-hat", 0.7), ("top-hat", 0.05)]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def unit_rows(n, d=6, seed=0):
    x = torch.rand(n, d, generator=generator(seed))
    return x / x.norm(dim=1, keepdim=True)


def pick(x, centres=None, n=20, seed=0, weights=None, shape="gaussian", width=1.0):
    centres = x[:0] if centres is None else centres
    kernel = Kernel(shape, width)
    return cover_greedy(Euclidean(x), Euclidean(centres), n, generator(seed), kernel=kernel, weights=weights)


class Reference:
    """The sum that is maximised, in float64; labelled points are among those that are covered."""

    def __init__(self, x, centres, shape, width, weights=None):
        x, centres = x.double().numpy(), centres.double().numpy()
        everything, formula = np.concatenate([x, centres]), FORMULAS[shape]
        self.kernel = formula(cdist(x, everything), width)
        self.kernel[:, : len(x)][np.eye(len(x), dtype=bool)] = 1
        self.covered = np.zeros(len(everything))
        if len(centres):
            self.covered = formula(cdist(everything, centres), width).max(axis=1)
            self.covered[len(x) :] = 1
        self.weights = np.ones(len(everything))
        if weights is not None:
            self.weights[: len(x)] = weights.double().numpy()
        self.picks = []

    def gains(self):
        gains = np.maximum(self.kernel - self.covered, 0) @ self.weights
        gains[self.picks] = -1
        return gains

    def pick(self, position):
        self.covered = np.maximum(self.covered, self.kernel[position])
        self.picks.append(position)

    def value(self):
        return self.covered @ self.weights

    def is_greedy(self, picks, tolerance=2e-6):
        for position in picks:
            gains = self.gains()
            assert gains[position] >= gains.max() * (1 - tolerance)
            before = self.value()
            self.pick(position)
            assert before <= self.value() <= self.weights.sum() * (1 + 1e-12)
        return True


@pytest.fixture(params=["kept", "in blocks"])
def anyhow(request, monkeypatch):
    """The kernel kept, and in small blocks."""
    if request.param == "in blocks":
        monkeypatch.setattr(kernels, "STORED_BYTES", 0)
        monkeypatch.setattr(blocks, "BLOCK_ELEMENTS", 700)
        monkeypatch.setattr(gains, "LOOKED_AT", 8)


@pytest.mark.parametrize(("shape", "width"), WIDTHS)
@pytest.mark.parametrize(
    ("labelled", "weighted", "kind"),
    [(0, False, "plain"), (9, True, "plain"), (9, False, "pairs"), (0, True, "pairs"), (1, True, "float64")],
)
@pytest.mark.usefixtures("anyhow")
def test_each_pick_is_the_one_that_brute_force_picks(shape, width, labelled, weighted, kind):
    x = unit_rows(109)
    centres, x = x[:labelled], x[9:]
    if kind == "pairs":
        x[50:] = x[:50].clone()
    if kind == "float64":
        x, centres = x.double(), centres.double()
    weights = torch.rand(len(x), generator=generator(3)) if weighted else None
    result = pick(x, centres, 40, weights=weights, shape=shape, width=width)
    assert len(result.picks.unique()) == len(result.picks)
    reference = Reference(x, centres, shape, width, weights)
    assert reference.is_greedy(result.picks.tolist())
    if len(result.picks) < 40:  # all are covered
        assert reference.gains().max() < 1e-6
    np.testing.assert_allclose(
        result.values.numpy(), reference.covered[: len(x)], atol=2e-3 * (width < 0.1) + 2e-6
    )


@pytest.mark.parametrize(
    ("weights", "picks", "wanted"),
    [(None, [1, 2, 0], [1.3680, 1.3862, 1.0184]), ([0.9, 0.1, 0.2], [0], [0.9368, 0.4348, 0.2019])],
)
def test_three_points_on_a_line(weights, picks, wanted):
    x = torch.tensor([[0.0], [1.0], [3.0]])
    weights = None if weights is None else torch.tensor(weights)
    found = Reference(x, x[:0], "gaussian", 1.0, weights).gains()
    np.testing.assert_allclose(found, wanted, atol=5e-5)
    assert pick(x, n=len(picks), weights=weights).picks.tolist() == picks


def test_balls_on_a_line():
    x = torch.tensor([[0.0], [0.1], [0.2], [0.3], [1.0], [1.1], [5.0]])
    result = pick(x, n=7, shape="top-hat", width=0.15)
    picks = result.picks.tolist()
    assert picks[0] in (1, 2)  # three points each
    assert picks[1] in (4, 5)  # two
    assert len(picks) == 4  # one each, and then all are covered
    assert Reference(x, x[:0], "top-hat", 0.15).is_greedy(picks)
    assert result.values.tolist() == [1.0] * 7


@pytest.mark.parametrize(("shape", "width"), WIDTHS)
def test_twenty_at_once_are_ten_and_ten(shape, width):
    x = unit_rows(200)
    at_once = pick(x, n=20, shape=shape, width=width).picks
    first = at_once[:10]
    left = torch.ones(200, dtype=torch.bool).index_fill_(0, first, False).nonzero()[:, 0]
    second = pick(x[left], x[first], 10, seed=5, shape=shape, width=width).picks
    reference = Reference(x, x[first], shape, width)
    assert reference.is_greedy(left[second].tolist())
    if shape != "top-hat" and width > 0.1:  # else gains are equal now and then
        assert left[second].tolist() == at_once[10:].tolist()


def test_narrow_and_equal_weights_are_uncertainty_sampling():
    x, weights = unit_rows(300), torch.rand(300, generator=generator(1))
    picks = pick(x, n=30, weights=weights, width=1e-6).picks
    assert picks.tolist() == weights.argsort(descending=True)[:30].tolist()


def test_the_order_of_the_rows_does_not_matter():
    x, order = unit_rows(300), torch.randperm(300, generator=generator(9))
    picks = pick(x, n=30).picks
    assert order[pick(x[order], n=30, seed=4).picks].tolist() == picks.tolist()


@pytest.mark.parametrize(("shape", "width"), WIDTHS)
def test_blocks_change_no_pick(shape, width, monkeypatch):
    x, weights = unit_rows(200), torch.rand(200, generator=generator(1))
    x[150:] = x[:50].clone()
    answers = []
    for size in (1 << 20, 3000, 500):
        monkeypatch.setattr(kernels, "STORED_BYTES", 0)
        monkeypatch.setattr(blocks, "BLOCK_ELEMENTS", size)
        answers.append(
            [pick(x, n=20, weights=w, shape=shape, width=width).picks.tolist() for w in (None, weights)]
        )
    assert answers[0] == answers[1] == answers[2]


def test_what_is_covered_is_never_picked_and_the_answer_is_shorter():
    """Trap: the largest of nothing but zeros is position 0, again and again."""
    x = torch.eye(3).repeat_interleave(20, 0)
    for shape in FORMULAS:
        result = pick(x, n=10, shape=shape, width=1e-3)
        assert sorted((result.picks // 20).tolist()) == [0, 1, 2]
        assert result.values.tolist() == [1.0] * 60
        assert len(pick(x, x[:1], 10, shape=shape, width=1e-3).picks) == 2


def test_equal_gains_are_equally_likely():
    x = torch.eye(3).repeat_interleave(10, 0)
    first = np.bincount([int(pick(x, n=1, seed=seed).picks) for seed in range(300)], minlength=30)
    assert stats.chisquare(first).pvalue > 1e-3


def test_a_kernel_that_is_wider_than_all_covers_all_by_one():
    picks = {int(pick(unit_rows(50), n=5, seed=seed, width=1e9).picks) for seed in range(30)}
    assert len(picks) > 10


def test_nothing_to_choose():
    x = unit_rows(5)
    assert pick(x[:0], n=3).picks.tolist() == []
    assert pick(x[:0], x, n=3).picks.tolist() == []
    assert pick(x, n=0).picks.tolist() == []
    assert pick(x, x[:2], n=0).values[:2].tolist() == [1.0, 1.0]
    assert sorted(pick(x, n=9).picks.tolist()) == list(range(5))


def test_weights_of_zero_add_nothing():
    x = unit_rows(50)
    assert pick(x, n=5, weights=torch.zeros(50)).picks.tolist() == []
    weights = torch.zeros(50).index_fill_(0, torch.tensor([7]), 1e-30)
    assert pick(x, n=5, weights=weights, shape="top-hat", width=1e-3).picks.tolist() == [7]


def test_weights_may_be_of_any_size():
    x, weights = unit_rows(50), torch.rand(50, generator=generator(1))
    wanted = pick(x, n=10, weights=weights).picks.tolist()
    for factor in (1e30, 2.0**-100):
        assert pick(x, n=10, weights=weights * factor).picks.tolist() == wanted


def test_points_much_nearer_than_32_bits_can_tell():
    """The width is a distance at which float32 knows no digit of `|x|^2 + |y|^2 - 2 x.y`."""
    x = unit_rows(120)
    x[60:] = x[:60] + 1e-4 * torch.randn(60, 6, generator=generator(2))
    width = 3e-4
    result = pick(x, x[:10], 60, width=width)
    assert Reference(x, x[:10], "gaussian", width).is_greedy(result.picks.tolist(), 1e-5)


@pytest.mark.parametrize("kind", ["outer product", "divergence"])
def test_other_geometries(kind):
    p = (2 * torch.randn(80, 4, generator=generator(2))).softmax(1)
    points = OuterProduct(p, unit_rows(80)) if kind == "outer product" else SymmetricKL(p)
    values = Kernel("gaussian", 0.5)(points.squared_distances(points).double()).fill_diagonal_(1).numpy()
    reference = Reference(torch.eye(80), torch.eye(80)[:0], "gaussian", 0.5)
    reference.kernel = values
    picks = cover_greedy(points, points[:0], 20, generator(), kernel=Kernel("gaussian", 0.5)).picks
    assert reference.is_greedy(picks.tolist(), 1e-5)


class Counting(Euclidean):
    """Counts the distances that are asked for."""

    asked = 0

    def squared_distances(self, other):
        Counting.asked += len(self) * len(other)
        return super().squared_distances(other)

    def __getitem__(self, positions):
        return Counting(self.x[positions])


@pytest.mark.parametrize(("shape", "width", "passes"), [("top-hat", 0.4, 1.6), ("gaussian", 1.0, 6.0)])
def test_how_many_distances_a_query_takes(shape, width, passes, monkeypatch):
    """Of a top-hat at most one more pass than the first; of another kernel about `log n` more."""
    monkeypatch.setattr(kernels, "STORED_BYTES", 0)
    monkeypatch.setattr(blocks, "BLOCK_ELEMENTS", 10_000)
    monkeypatch.setattr(Counting, "asked", 0)
    points = Counting(unit_rows(1500))
    result = cover_greedy(points, points[:0], 150, generator(), kernel=Kernel(shape, width))
    rows = 1500 * len(result.picks)  # each pick's own
    assert Counting.asked - rows < passes * 1500**2


class Largest(TorchDispatchMode):
    """Numbers of the largest tensor that is made."""

    numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        answer = func(*args, **(kwargs or {}))
        made = [one.numel() for one in tree_leaves(answer) if isinstance(one, torch.Tensor)]
        self.numbers = max(self.numbers, *made, 0)
        return answer


@pytest.mark.parametrize(("shape", "width"), [("top-hat", 0.4), ("gaussian", 1.0)])
def test_no_more_than_a_block_is_held(shape, width, monkeypatch):
    monkeypatch.setattr(kernels, "STORED_BYTES", 0)
    monkeypatch.setattr(blocks, "BLOCK_ELEMENTS", 10_000)
    x = unit_rows(1500)
    with Largest() as largest:
        pick(x, x[:5], 20, shape=shape, width=width)
    assert largest.numbers <= 10_000


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize(("shape", "width"), WIDTHS)
def test_cuda_picks_as_the_cpu_does(shape, width, monkeypatch):
    x, weights = unit_rows(3000), torch.rand(3000, generator=generator(1))
    wanted = pick(x, n=50, weights=weights, shape=shape, width=width).picks
    monkeypatch.setattr(kernels, "STORED_BYTES", 0)
    found = pick(x.cuda(), n=50, weights=weights.cuda(), shape=shape, width=width).picks
    assert found.device.type == "cuda"
    assert found.tolist() == wanted.tolist()
