import dataclasses

import pytest
import torch

from alframe import PluginInfo, UsageError, option
from alframe.learning.initial import initial_set, start_named
from alframe.learning.pipeline import Pipeline
from doubles import fast_learner

ORDER = torch.tensor([4, 0, 5, 1, 3, 2])
LABELS = torch.tensor([0, 0, 0, 1, 0, 2])


def test_at_random_is_the_order():
    assert initial_set(ORDER, LABELS, 3, "random").tolist() == [4, 0, 5]
    assert initial_set(ORDER, LABELS, 99, "random").tolist() == ORDER.tolist()


@pytest.mark.parametrize(("size", "wanted"), [(3, [4, 5, 3]), (5, [4, 5, 3, 0, 1]), (6, [4, 5, 3, 0, 1, 2])])
def test_balanced_takes_the_classes_in_turn_and_fills_short_ones_up(size, wanted):
    assert initial_set(ORDER, LABELS, size, "balanced").tolist() == wanted


class TestStart:
    def test_who_it_is(self, registry):
        margin, coreset = Pipeline(registry, "margin"), Pipeline(registry, "coreset")
        assert start_named("random", coreset, {}) is None
        assert start_named("balanced", coreset, {}) is None
        assert start_named("own", margin, {}) is None
        assert start_named("own", coreset, {}) is coreset
        assert start_named("coreset", margin, {}).strategy.name == "coreset"

    def test_one_that_needs_labels_is_refused(self, registry):
        pipeline = Pipeline(registry, "margin")
        with pytest.raises(
            UsageError, match="margin can't choose before anything is labelled; these can: .*coreset"
        ):
            start_named("margin", pipeline, {})
        with pytest.raises(UsageError, match="unknown start 'corset'. Did you mean 'coreset'?"):
            start_named("corset", pipeline, {})


class TestFirstQuery:
    @pytest.fixture
    def seen(self, registry, make_plugin):
        """A strategy that starts with the largest first feature, and what it saw."""
        views = []

        def select(pool, labelled, n, ctx):
            views.append((len(pool), len(labelled), tuple(labelled.features.shape), ctx.round))
            return pool.features[:, 0].topk(n).indices

        def info():
            return PluginInfo(summary="x", cold_start=True, api=3)

        registry.register(make_plugin(alframe_info=info, alframe_select=select), "largest")
        return views

    def test_a_start_chooses_by_features_with_nothing_labelled(self, toy, registry, seen):
        learner = fast_learner(toy.hide_labels(), "margin", start="largest", registry=registry)
        picks = learner.ask(5)
        assert seen == [(120, 0, (0, learner.features().shape[1]), 0)]
        assert torch.equal(picks, learner.features()[:, 0].topk(5).indices.cpu())
        assert torch.equal(picks, learner.ask(5))
        learner.tell(picks, toy.targets[picks])
        learner.fit()
        assert not set(learner.ask(5).tolist()) & set(picks.tolist())
        assert len(seen) == 2  # later queries are margin's

    def test_by_default_it_is_random_whatever_the_strategy(self, toy, registry, seen):
        first = fast_learner(toy.hide_labels(), "largest", registry=registry).ask(5)
        assert torch.equal(first, fast_learner(toy.hide_labels(), "margin", registry=registry).ask(5))
        assert seen == []
        own = fast_learner(toy.hide_labels(), "largest", start="own", registry=registry).ask(5)
        assert not torch.equal(first, own)

    def test_its_options_are_no_strategys(self, toy, registry, make_plugin):
        @dataclasses.dataclass(frozen=True)
        class Options:
            column: int = option(0, "feature")

        def select(pool, n, options):
            return pool.features[:, options.column].topk(n).indices

        def info():
            return PluginInfo(summary="x", cold_start=True, options=Options, api=3)

        registry.register(make_plugin(alframe_info=info, alframe_select=select), "by-feature")
        arguments = {"registry": registry, "options": {"by-feature": {"column": 3}}}
        learner = fast_learner(toy.hide_labels(), start="by-feature", **arguments)
        assert torch.equal(learner.ask(5), learner.features()[:, 3].topk(5).indices.cpu())
        with pytest.raises(UsageError, match="options for 'by-feature' are of no use here"):
            fast_learner(toy.hide_labels(), **arguments)

    def test_balanced_is_for_those_who_have_labels(self, toy):
        with pytest.raises(UsageError, match="a balanced start needs labels"):
            fast_learner(toy.hide_labels(), start="balanced")


class TestPartOfThePool:
    def learner(self, toy, **changes):
        learner = fast_learner(toy.hide_labels(torch.arange(20)), **changes)
        learner.fit()
        return learner

    def test_a_query_looks_at_so_many(self, toy, registry, make_plugin):
        seen = []

        def score(pool):
            seen.append(len(pool))
            return pool.features.sum(dim=1)

        registry.register(make_plugin(alframe_score=score), "sums")
        learner = self.learner(toy, strategy="sums", registry=registry, pool_size=30)
        picks = learner.ask(10)
        assert seen == [30]
        assert torch.equal(picks, learner.ask(10))
        assert not set(picks.tolist()) & set(range(20))
        assert len(learner.ask(40)) == 40  # as many as are asked for
        learner.tell(picks, toy.targets[picks])
        learner.fit()
        assert set(learner.ask(30).tolist()) != set(picks.tolist())
        assert seen == [30, 30, 40, 30]

    def test_the_part_is_the_seeds_whatever_the_strategy(self, toy):
        parts = [
            set(self.learner(toy, strategy=name, pool_size=30).ask(30).tolist())
            for name in ("margin", "random")
        ]
        assert parts[0] == parts[1]
        assert parts[0] != set(self.learner(toy, strategy="margin", pool_size=30, seed=1).ask(30).tolist())
        everything = self.learner(toy, pool_size=1000).ask(10)
        assert torch.equal(everything, self.learner(toy).ask(10))
