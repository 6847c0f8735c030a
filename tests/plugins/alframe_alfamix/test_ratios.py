"""Learned and random mixing ratios against the authors' optimisation, step by step, in float64."""

import math

import pytest
import torch
from torch import nn

import alframe
from alframe_alfamix import _ratios
from alframe_alfamix._ratios import smallest_flipping_norms


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def transcription(head, z, anchors, cap, learned, seed):
    """A real Adam, made anew for each step, on the loss as printed; the draws are those of the program."""
    draws, dtype = generator(seed), z.dtype
    head, z, anchors = head.double(), z.double(), anchors.double()
    y = head(z).argmax(1)
    smallest = torch.full((len(z),), math.inf, dtype=torch.float64)
    for anchor in anchors:
        draw = torch.randn(z.shape, generator=draws, dtype=dtype).double()
        a = (cap / 2 + cap / 2 * draw).clamp(1e-8, cap)
        for step in range(6 if learned else 1):
            a = a.detach().requires_grad_()
            logits = head((1 - a) * z + a * anchor)
            norm = a.norm(dim=1)
            flipped = logits.argmax(1) != y
            smallest = torch.where(flipped & (norm < smallest), norm.detach(), smallest)
            if step == 5:
                break
            optimizer = torch.optim.Adam([a], lr=0.1 if step < 4 else 0.01, eps=0)
            loss = -nn.functional.cross_entropy(logits, y, reduction="none") + 0.01 * norm
            loss.sum().backward()
            optimizer.step()
            a = a.detach().clamp(1e-8, cap)
    head.to(dtype)
    return smallest


def problem(n=60, d=8, classes=5, anchors=4, seed=0, scale=1.0, dtype=torch.float64):
    g = generator(seed)
    z = torch.randn(n, d, generator=g, dtype=dtype).relu()
    head = nn.Linear(d, classes, dtype=dtype)
    with torch.no_grad():
        head.weight.copy_(scale * torch.randn(classes, d, generator=g, dtype=dtype))
        head.bias.copy_(0.1 * torch.randn(classes, generator=g, dtype=dtype))
    return head, z, torch.randn(anchors, d, generator=g, dtype=dtype).relu()


CASES = [
    {},
    {"seed": 1},
    {"seed": 2},
    {"classes": 2},
    {"classes": 100},
    {"d": 1},
    {"d": 64},
    {"anchors": 1},
    {"n": 1},
    {"scale": 30.0},
]


@pytest.mark.parametrize("cap", [1 / 32, 0.2, 1.0])
@pytest.mark.parametrize("learned", [True, False], ids=["learned", "random"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_is_the_authors_optimisation_in_float64(case, learned, cap):
    head, z, anchors = problem(**case)
    found = smallest_flipping_norms(head, z, anchors, cap, learned, generator(7))
    torch.testing.assert_close(found, transcription(head, z, anchors, cap, learned, 7))


KINDS = {
    "one-hot": lambda x: nn.functional.one_hot(x.argmax(1), x.shape[1]).to(x.dtype),
    "rounded": lambda x: (2 * x).round() / 2,
    "offset": lambda x: x + 16,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("learned", [True, False], ids=["learned", "random"])
def test_features_on_which_sample_and_anchor_agree(learned, kind):
    head, z, anchors = problem()
    z, anchors = KINDS[kind](z), KINDS[kind](anchors)
    assert ((z[:, None] == anchors) & (z[:, None] != 0)).any()
    found = smallest_flipping_norms(head, z, anchors, 0.2, learned, generator(7))
    torch.testing.assert_close(found, transcription(head, z, anchors, 0.2, learned, 7))


@pytest.mark.parametrize("learned", [True, False], ids=["learned", "random"])
def test_in_float32(learned):
    """Up to samples so near a boundary, or gradients so near a change of sign, that rounding decides."""
    head, z, anchors = problem(n=500, d=32, dtype=torch.float32)
    found = smallest_flipping_norms(head, z, anchors, 0.2, learned, generator(7)).double()
    wanted = transcription(head, z, anchors, 0.2, learned, 7)
    assert 50 < found.isfinite().sum() < 500
    assert ((found - wanted).abs() < 1e-4).logical_or(found == wanted).double().mean() > 0.98


def test_learning_flips_more_than_drawing():
    head, z, anchors = problem(n=300)
    learned, drawn = (
        smallest_flipping_norms(head, z, anchors, 0.1, how, generator(7)).isfinite() for how in (True, False)
    )
    assert (learned | ~drawn).all()  # the draw is looked at in both
    assert learned.sum() > 1.5 * drawn.sum()


def test_the_last_step_is_looked_at(monkeypatch):
    """Trap: the authors' program never evaluates the ratio after its last step."""
    head, z, anchors = problem(n=300)
    all_steps = smallest_flipping_norms(head, z, anchors, 0.1, True, generator(7)).isfinite().sum()
    monkeypatch.setattr(_ratios, "LEARNING_RATES", (0.1,))
    one_step = smallest_flipping_norms(head, z, anchors, 0.1, True, generator(7)).isfinite().sum()
    drawn = smallest_flipping_norms(head, z, anchors, 0.1, False, generator(7)).isfinite().sum()
    assert drawn < one_step <= all_steps


def test_any_head_is_as_good_as_a_linear_one():
    head, z, anchors = problem()
    linear = smallest_flipping_norms(head, z, anchors, 0.2, True, generator(7))
    wrapped = smallest_flipping_norms(nn.Sequential(head), z, anchors, 0.2, True, generator(7))
    torch.testing.assert_close(linear, wrapped)
    assert all(parameter.grad is None for parameter in head.parameters())


def test_logits_of_100_in_float32():
    head, z, anchors = problem(n=200, scale=100.0, dtype=torch.float32)
    found = smallest_flipping_norms(head, z, anchors, 1 / 32, True, generator(7))
    assert not found.isnan().any()
    assert found.isinf().any()


def test_identical_points_and_an_anchor_on_them():
    head, z, _ = problem()
    same = z[:1].repeat(10, 1)
    assert smallest_flipping_norms(head, same, same[:1], 1.0, True, generator(7)).isinf().all()
    assert smallest_flipping_norms(head, same, same[:0], 1.0, True, generator(7)).isinf().all()


@pytest.fixture
def held(monkeypatch):
    """How many samples and anchors are held at once, call by call."""
    sizes = []
    original = _ratios._smallest_norms

    def noting(head, z, label, anchors, *rest):
        sizes.append((len(z), len(anchors)))
        return original(head, z, label, anchors, *rest)

    monkeypatch.setattr(_ratios, "_smallest_norms", noting)
    return sizes


@pytest.mark.parametrize(
    ("elements", "calls"),
    [
        (10 * 8, [(10, 1)] * 4 * 5),
        (50 * 8, [(50, 1)] * 4),
        (50 * 8 * 3, [(50, 3), (50, 1)]),
        (1 << 18, [(50, 4)]),
    ],
)
def test_blocks_are_bounded_and_small_pools_meet_all_anchors_at_once(held, monkeypatch, elements, calls):
    head, z, anchors = problem(n=50)
    monkeypatch.setattr(_ratios, "BLOCK_ELEMENTS", elements)
    found = smallest_flipping_norms(head, z, anchors, 0.2, True, generator(7))
    assert held == calls
    if elements >= 50 * 8:  # smaller blocks draw in another order
        torch.testing.assert_close(found, transcription(head, z, anchors, 0.2, True, 7))


def test_logits_of_many_classes_are_bounded_too(held, monkeypatch):
    head, z, anchors = problem(n=50, classes=100)
    monkeypatch.setattr(_ratios, "BLOCK_ELEMENTS", 50 * 100 * 2)
    smallest_flipping_norms(head, z, anchors, 0.2, True, generator(7))
    assert held == [(50, 2)] * 2


def test_no_samples():
    head, z, anchors = problem()
    assert smallest_flipping_norms(head, z[:0], anchors, 0.2, True, generator(7)).shape == (0,)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_draws_of_the_device_are_repeatable_and_of_the_same_law():
    head, z, anchors = problem(n=2000, dtype=torch.float32)
    on_cpu = smallest_flipping_norms(head, z, anchors, 0.2, True, generator(7))
    on_cuda, again = (
        smallest_flipping_norms(head.cuda(), z.cuda(), anchors.cuda(), 0.2, True, generator(7)).cpu()
        for _ in range(2)
    )
    assert torch.equal(on_cuda, again)
    both = on_cpu.isfinite() & on_cuda.isfinite()
    assert abs(int(on_cpu.isfinite().sum()) - int(on_cuda.isfinite().sum())) < 100
    torch.testing.assert_close(on_cpu[both].mean(), on_cuda[both].mean(), rtol=0.05, atol=0)


class TestQuery:
    @pytest.mark.parametrize("variant", ["learned", "random"])
    def test_every_problem(self, problem, variant):
        torch.manual_seed(0)
        before = torch.random.get_rng_state()
        first, second = (
            alframe.query("alfamix", options={"variant": variant}, **problem.query) for _ in range(2)
        )
        assert torch.equal(torch.random.get_rng_state(), before)
        assert len(first.indices.unique()) == min(problem.n, len(problem.X))
        assert torch.equal(first.indices, second.indices)
        assert not first.scores.isnan().any()

    def test_scores_are_minus_the_norms_at_the_first_cap(self, make):
        case = make(N=300)
        wide = alframe.query("alfamix", options={"variant": "learned", "cap": 0.5}, **case.query)
        narrow = alframe.query("alfamix", options={"variant": "learned"}, **case.query)
        assert (wide.scores[wide.scores > -math.inf] >= -0.5 * 12**0.5).all()
        assert (narrow.scores[narrow.scores > -math.inf] >= -(1 / 32) * 12**0.5).all()
        assert wide.scores.isfinite().sum() > narrow.scores.isfinite().sum()

    def test_the_cap_grows_until_there_are_enough(self, make):
        case = make(N=300, n=200)
        one = alframe.query("alfamix", options={"variant": "learned", "growth": False}, **case.query)
        grown = alframe.query("alfamix", options={"variant": "learned"}, **case.query)
        candidates = grown.logged["alfamix"]["candidates"]
        assert candidates > one.logged["alfamix"]["candidates"] == one.scores.isfinite().sum()
        assert grown.logged["alfamix"]["cap"] > one.logged["alfamix"]["cap"] == 1 / 32
        assert candidates >= 200 or grown.logged["alfamix"]["cap"] == 1
        assert one.topped_up == 200 - one.logged["alfamix"]["candidates"]

    def test_other_scorers_candidates(self, make):
        result = alframe.query(
            "margin",
            stages={"select": "alfamix"},
            options={"alfamix": {"variant": "learned"}},
            **make().query,
        )
        assert result.logged["alfamix"]["candidates"] == 150

    def test_without_a_head_there_is_no_growth(self, make):
        query = make().query
        for key in ("head", "labelled_features", "labelled_targets"):
            del query[key]
        result = alframe.query(
            "random", stages={"select": "alfamix"}, options={"alfamix": {"variant": "random"}}, **query
        )
        assert len(result.indices.unique()) == 20
