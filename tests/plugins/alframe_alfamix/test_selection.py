import pytest
import torch
from torch import nn

import alframe
from alframe import Euclidean, OuterProduct, SymmetricKL, UsageError
from alframe.ops import geometry
from alframe_alfamix._selection import drawn_from, one_a_cluster, thresholds

GROUPS = torch.arange(5.0).repeat_interleave(20)[:, None] * torch.full((1, 4), 10.0)
GROUPS += torch.rand(100, 4, generator=torch.Generator().manual_seed(0)) / 100


def generator():
    return torch.Generator().manual_seed(0)


def test_one_of_each_cluster():
    picks, _ = one_a_cluster(Euclidean(GROUPS), torch.arange(100), None, 5, generator())
    assert sorted((picks // 20).tolist()) == [0, 1, 2, 3, 4]


def test_candidates_alone_are_chosen_and_ordered_by_score():
    scores = torch.rand(100, generator=generator())
    chosen = torch.arange(0, 100, 2)
    picks, _ = one_a_cluster(Euclidean(GROUPS), chosen, scores, 5, generator())
    assert (picks % 2 == 0).all()
    assert scores[picks].tolist() == sorted(scores[picks].tolist(), reverse=True)


def test_up_to_the_budget_all_are_taken():
    picks, _ = one_a_cluster(Euclidean(GROUPS), torch.tensor([7, 3]), torch.arange(100.0), 5, generator())
    assert picks.tolist() == [7, 3]
    none = torch.tensor([], dtype=torch.int64)
    assert one_a_cluster(Euclidean(GROUPS), none, None, 5, generator())[0].tolist() == []


def test_each_candidate_is_as_likely_to_be_drawn():
    candidates, g = torch.arange(3, 23), generator()
    assert torch.equal(drawn_from(candidates, 20, g), candidates)
    drawn = torch.stack([drawn_from(candidates, 5, g) for _ in range(2000)])
    assert (drawn.diff(dim=1) > 0).all()
    counts = drawn.flatten().bincount(minlength=23)[3:]
    assert ((counts - 500).abs() < 5 * 500**0.5).all()


def test_identical_points_still_give_the_budget():
    """Empty clusters made published code return fewer."""
    picks, _ = one_a_cluster(Euclidean(torch.ones(50, 3)), torch.arange(50), None, 20, generator())
    assert len(picks.unique()) == 20


def test_the_seed_decides_among_equals():
    """A file sorted by class, of one row a class."""
    answers = []
    for seed in (0, 0, 1, 2):
        x = torch.eye(4).repeat_interleave(50, 0)
        draw = torch.Generator().manual_seed(seed)
        picks, _ = one_a_cluster(Euclidean(x), torch.arange(200), torch.zeros(200), 20, draw)
        assert (picks // 50).bincount(minlength=4).max() < 15
        answers.append(picks.tolist())
    assert answers[0] == answers[1]
    assert len(set(map(tuple, answers))) == 3


def test_a_geometry_without_vectors():
    class Other:
        def __getitem__(self, positions):
            return self

    with pytest.raises(UsageError, match="geometry Other offers none"):
        one_a_cluster(Other(), torch.arange(100), None, 5, generator())


@pytest.mark.parametrize("bound", [geometry.VECTOR_ELEMENTS, 100 * 8])
def test_outer_products_are_built_within_the_bound_and_sketched_beyond(bound, monkeypatch):
    monkeypatch.setattr(geometry, "VECTOR_ELEMENTS", bound)
    monkeypatch.setattr(geometry, "SKETCH_COLUMNS", 64)
    points = OuterProduct(torch.eye(5).repeat_interleave(20, 0), GROUPS + 1)
    picks, exact = one_a_cluster(points, torch.arange(100), None, 5, generator())
    assert exact == (bound > 800)
    assert len(picks.unique()) == 5


def test_probabilities_are_clustered_and_said_to_be_approximate():
    points = SymmetricKL(torch.eye(5).repeat_interleave(20, 0))
    picks, exact = one_a_cluster(points, torch.arange(100), None, 5, generator())
    assert not exact
    assert sorted((picks // 20).tolist()) == [0, 1, 2, 3, 4]


def test_heads():
    z = torch.rand(30, 6, generator=generator())
    linear = nn.Linear(6, 3)
    exact = thresholds(linear, z, z[:3], 0.2, True)
    steps = thresholds(nn.Sequential(linear), z, z[:3], 0.2, True)
    clear = ((exact / 0.2) - (exact / 0.2).round()).abs() > 1e-3
    for cap in (0.2, 0.4, 0.6, 0.8, 1.0):
        assert torch.equal((exact < cap)[clear], (steps < cap)[clear])
    assert thresholds(linear, z, z[:0], 0.2, True).isinf().all()


class TestQuery:
    """The traps of METHODS by name, through the public function."""

    def ask(self, scale=1.0, n=20, options=None, targets=None, strategy="alfamix", seed=0, **kwargs):
        g = torch.Generator().manual_seed(seed)
        X = torch.randn(200, 16, generator=g).relu()
        W = torch.randn(4, 16, generator=g) * scale
        XL = torch.randn(12, 16, generator=g).relu()
        targets = torch.arange(12) % 4 if targets is None else targets
        return alframe.query(
            strategy,
            features=X,
            head=(W, None),
            n=n,
            labelled_features=XL,
            labelled_targets=targets,
            options=options,
            device="cpu",
            **kwargs,
        )

    def test_too_few_candidates_are_filled_up_without_replacement(self):
        result = self.ask(n=100, options={"cap": 0.05, "growth": False})
        assert result.topped_up == 100 - result.logged["alfamix"]["candidates"] > 0
        assert len(result.indices.unique()) == 100

    def test_no_candidate_is_no_crash(self):
        result = self.ask(options={"cap": 1e-6, "growth": False})
        assert result.topped_up == 20
        assert len(result.indices.unique()) == 20

    def test_growth_finds_more(self):
        small = self.ask(options={"growth": False}, n=150)
        grown = self.ask(n=150)
        assert grown.logged["alfamix"]["candidates"] > small.logged["alfamix"]["candidates"]
        assert grown.topped_up < small.topped_up

    def test_a_class_without_labels_both_ways(self):
        targets = torch.arange(12) % 3
        changed = 0
        for seed in range(5):  # torch's normal numbers differ from processor to processor
            mean = self.ask(targets=targets, options={"missing_anchor": "mean"}, seed=seed)
            none = self.ask(targets=targets, options={"missing_anchor": "none"}, seed=seed)
            assert (mean.scores >= none.scores - 1e-6).all()  # one anchor more can only lower a threshold
            changed += not torch.equal(mean.scores, none.scores)
        assert changed

    def test_one_labelled_sample(self):
        X = torch.rand(20, 4, generator=generator())
        one = {"labelled_features": X[:1], "labelled_targets": [2]}
        result = alframe.query("alfamix", features=X, head=(torch.eye(4), None), n=5, **one)
        assert len(result.indices) == 5

    def test_without_labels_or_head_it_says_what_it_needs(self):
        X = torch.rand(20, 4, generator=generator())
        with pytest.raises(UsageError, match="needs a head and labelled samples"):
            alframe.query("alfamix", features=X, head=(torch.eye(4), None), n=5)

    def test_it_selects_from_other_scorers(self):
        for strategy in ("margin", "random"):
            result = self.ask(strategy=strategy, stages={"select": "alfamix"})
            assert len(result.indices.unique()) == 20

    def test_few_candidates_are_drawn_from_many_and_never_fewer_than_the_budget(self):
        every = self.ask()
        candidates = every.logged["alfamix"]["candidates"]
        assert candidates > 40
        few = self.ask(options={"candidates_at_most": 30})
        assert few.logged["alfamix"] == {"candidates": candidates, "clustered": 30}
        assert torch.equal(few.scores, every.scores)
        assert self.ask(options={"candidates_at_most": 1}).logged["alfamix"]["clustered"] == 20
        assert torch.equal(self.ask(options={"candidates_at_most": 10**6}).indices, every.indices)

    def test_seeds(self):
        assert torch.equal(self.ask(seed=1).indices, self.ask(seed=1).indices)

    @pytest.mark.parametrize("cap", [0.0, -1.0, 1.5])
    def test_a_cap_outside_its_range(self, cap):
        with pytest.raises(UsageError, match="cap must lie above 0 and up to 1 or be none"):
            self.ask(options={"cap": cap})

    def test_a_cap_of_more_steps_than_anybody_means(self):
        with pytest.raises(UsageError, match="cap must be at least 0.0001 where it grows, got 5e-324"):
            self.ask(n=5, options={"cap": 5e-324})
        assert len(self.ask(n=5, options={"cap": 1e-300, "growth": False}).indices) == 5
