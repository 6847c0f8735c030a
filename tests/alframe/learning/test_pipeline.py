import dataclasses
import re

import pytest
import torch
from torch import nn

from alframe import (
    ActiveLearner,
    Classifier,
    Embeddings,
    PluginError,
    PluginInfo,
    TrialError,
    UsageError,
    hookimpl,
    option,
)
from alframe.learning.pipeline import Pipeline
from alframe.learning.rows import FeatureRows
from alframe.learning.state import RoundState

N, L = 20, 4


@dataclasses.dataclass(frozen=True)
class Options:
    power: float = option(1.0, "a power")


@pytest.fixture
def add(bare_registry, make_plugin):
    def register(name, uses=None, options=None, score_range="", needs_scores="any", **hooks):
        described = {"summary": name, "uses": uses or {}}
        described |= {"score_range": score_range, "needs_scores": needs_scores}
        if options:
            described["options"] = options
        hooks = {f"alframe_{stage}": function for stage, function in hooks.items()}
        return bare_registry.register(
            make_plugin(alframe_info=lambda: PluginInfo(**described), **hooks), name
        )

    return register


@pytest.fixture
def ask(bare_registry):
    def query(strategy, n=5, seed=0, **kwargs):
        features = torch.arange(float(N))[:, None]
        state = RoundState(seed, 1, 2, torch.device("cpu"), None)
        rows = FeatureRows(features, None), FeatureRows(features[:L], None)
        return Pipeline(bare_registry, strategy, **kwargs).query(
            *rows, torch.zeros(L, dtype=torch.int64), n, state
        )

    return query


def by_position(pool):
    return pool.features[:, 0]


def first_ones(pool, n):
    return torch.arange(n)


def served(registry, strategy, stages=None):
    pipeline = Pipeline(registry, strategy, stages)
    return {stage: plugin.name for stage, plugin in pipeline.providers.items()}


class TestWhoServes:
    def test_the_strategys_own_hook_before_the_default(self, bare_registry, add):
        add("mine", score=by_position)
        assert served(bare_registry, "mine") == {
            "train": "default",
            "embed": "default",
            "score": "mine",
            "select": "default",
        }

    def test_a_borrowed_stage_and_one_borrowed_by_the_lender(self, bare_registry, add):
        add("owner", select=first_ones)
        add("lender", uses={"select": "owner"})
        add("mine", uses={"select": "lender"})
        assert served(bare_registry, "mine")["select"] == "owner"

    def test_a_flag_before_everything(self, bare_registry, add):
        add("other", select=first_ones)
        add("mine", select=first_ones)
        assert served(bare_registry, "mine", {"select": "other"})["select"] == "other"

    def test_the_default_can_be_asked_for(self, bare_registry, add):
        add("mine", select=first_ones)
        assert served(bare_registry, "mine", {"select": "default"})["select"] == "default"

    def test_a_flag_for_a_plugin_without_the_stage(self, bare_registry, add):
        add("mine")
        add("able", score=by_position)
        with pytest.raises(UsageError, match="--score mine: 'mine' has no score stage; able have one"):
            Pipeline(bare_registry, "mine", {"score": "mine"})

    def test_a_flag_for_no_plugin_names_those_with_the_stage(self, bare_registry, add):
        add("mine")
        add("able", score=by_position)
        with pytest.raises(
            UsageError, match="unknown plugin for --score 'x'. Known: able. See `alframe show"
        ):
            Pipeline(bare_registry, "mine", {"score": "x"})

    def test_borrowing_in_a_circle(self, bare_registry, add):
        add("a", uses={"select": "b"})
        add("b", uses={"select": "a"})
        with pytest.raises(PluginError, match="in a circle: a -> b -> a"):
            Pipeline(bare_registry, "a")

    def test_borrowing_what_is_not_there(self, bare_registry, add):
        add("a", uses={"select": "b"})
        add("b")
        with pytest.raises(PluginError, match="'a' uses the select stage of 'b', which has none"):
            Pipeline(bare_registry, "a")


class TestQuery:
    def test_top_scores_best_first(self, add, ask):
        add("mine", score=by_position)
        selection = ask("mine")
        assert selection.picks.tolist() == [19, 18, 17, 16, 15]
        assert selection.scores.tolist() == list(range(N))
        assert selection.topped_up == 0

    def test_without_scores_uniformly_at_random(self, add, ask):
        add("mine")
        picks = [ask("mine", seed=seed).picks for seed in range(400)]
        assert all(len(p.unique()) == 5 for p in picks)
        counts = torch.cat(picks).bincount(minlength=N)
        assert (counts - 100).abs().max() < 45  # 400 x 5 / 20 = 100 expected, five standard deviations

    def test_ties_are_broken_at_random(self, add, ask):
        add("mine", score=lambda pool: torch.zeros(len(pool)))
        assert len({tuple(ask("mine", seed=seed).picks.tolist()) for seed in range(5)}) == 5

    def test_minus_infinity_means_never_unless_nothing_else_is_left(self, add, ask):
        add("mine", score=lambda pool: torch.where(pool.features[:, 0] < 3, pool.features[:, 0], -torch.inf))
        selection = ask("mine")
        assert selection.picks[:3].tolist() == [2, 1, 0]
        assert len(selection.picks.unique()) == 5
        assert selection.topped_up == 2

    @pytest.mark.parametrize("found", [0, 1, 4])
    def test_what_is_missing_is_drawn_at_random_without_repeats(self, add, ask, found):
        add("mine", select=lambda pool, n: torch.arange(found))
        draws = [ask("mine", seed=seed) for seed in range(20)]
        assert all(s.picks[:found].tolist() == list(range(found)) for s in draws)
        assert all(len(s.picks.unique()) == 5 and s.topped_up == 5 - found for s in draws)
        assert len({tuple(s.picks.tolist()) for s in draws}) > 10

    def test_the_whole_pool(self, add, ask):
        add("mine", score=by_position)
        assert sorted(ask("mine", n=N).picks.tolist()) == list(range(N))

    def test_the_same_seed_gives_the_same_answer_whatever_the_global_state(self, add, ask):
        add("mine")
        torch.manual_seed(1)
        first = ask("mine").picks
        torch.manual_seed(2)
        state = torch.get_rng_state()
        assert torch.equal(ask("mine").picks, first)
        assert torch.equal(torch.get_rng_state(), state)

    def test_stages_see_each_other(self, add, ask):
        seen = {}

        def embed(pool, labelled):
            return Embeddings(pool.features * 2, labelled.features * 2)

        def score(pool, labelled, ctx, options):
            seen["embedding"] = pool.embedding.x, labelled.embedding.x
            ctx.log("half", 0.5)
            return pool.features[:, 0] ** options.power

        def select(pool, scores, n, ctx):
            seen["scores"] = scores
            return scores.argsort()[:n]

        add("mine", embed=embed, score=score, select=select, options=Options)
        assert ask("mine", options={"mine": {"power": "2"}}).picks.tolist() == [0, 1, 2, 3, 4]
        assert seen["embedding"][0][:3, 0].tolist() == [0, 2, 4]
        assert len(seen["embedding"][1]) == L
        assert seen["scores"][3] == 9

    def test_random_sampling_reads_nothing(self, add, ask, monkeypatch):
        add("mine")
        monkeypatch.setattr(FeatureRows, "features", lambda self: 1 / 0)
        ask("mine")

    def test_labels_of_the_pool_cannot_be_reached(self, add, ask):
        add("mine", score=lambda pool: pool.targets.float())
        with pytest.raises(
            PluginError, match="UnknownLabelsError: labels of the unlabelled pool are unknown"
        ):
            ask("mine")


class TestBlame:
    @pytest.mark.parametrize(
        ("stage", "hook", "message"),
        [
            ("score", lambda pool: None, "hook alframe_score: wanted a floating-point tensor.*got None"),
            ("score", lambda pool: torch.full((len(pool),), torch.nan), "hook alframe_score: .*got 20 NaN"),
            ("score", lambda pool: pool.nothing, "hook alframe_score raised AttributeError"),
            ("select", lambda n: torch.zeros(n, dtype=torch.int64), "hook alframe_select.*4 repeated"),
            ("select", lambda pool, n: torch.tensor([len(pool)]), r"hook alframe_select.*positions 20..20"),
            (
                "select",
                lambda pool: torch.arange(len(pool)),
                "hook alframe_select: .*up to n = 5 distinct positions",
            ),
        ],
    )
    def test_a_broken_contract_names_plugin_and_hook(self, add, ask, stage, hook, message):
        add("mine", **{stage: hook})
        with pytest.raises(PluginError, match=rf"plugin 'mine' \(local\), {message}") as caught:
            ask("mine")
        assert caught.value.__cause__ is not None

    def test_an_embedder_is_blamed_and_not_who_asked_it(self, add, ask):
        add("mine", embed=lambda pool: None, score=lambda pool: pool.embedding.x)
        with pytest.raises(
            PluginError, match=r"^plugin 'mine' \(local\), hook alframe_embed: wanted Embeddings"
        ):
            ask("mine")

    def test_a_usage_error_passes_as_it_is(self, add, ask):
        def score(pool):
            raise UsageError("no dropout here")

        add("mine", score=score)
        with pytest.raises(UsageError, match="^no dropout here$"):
            ask("mine")

    def test_out_of_memory_is_the_trials_failure(self, add, ask):
        def score(pool):
            raise MemoryError

        add("mine", score=score)
        with pytest.raises(TrialError, match="hook alframe_score: out of memory"):
            ask("mine")


class TestLabel:
    def test_a_plain_strategy(self, bare_registry, add):
        add("mine", options=Options)
        assert Pipeline(bare_registry, "mine").label == "mine"
        assert Pipeline(bare_registry, "mine", options={"mine": {"power": 1.0}}).label == "mine"

    def test_what_differs_is_named(self, bare_registry, add):
        add("other", select=first_ones, options=Options)
        add("mine", options=Options)
        pipeline = Pipeline(
            bare_registry, "mine", {"select": "other"}, {"mine": {"power": 3.0}, "other": {"power": 2.0}}
        )
        assert pipeline.label == "mine+select=other+power=3.0+other.power=2.0"

    def test_options_of_strangers_do_not_count(self, bare_registry, add):
        add("other", options=Options)
        add("mine")
        assert Pipeline(bare_registry, "mine", options={"other": {"power": 2.0}}).label == "mine"


def test_wrappers_stay_around_the_chosen_provider(bare_registry, add, ask):
    class Negating:
        @hookimpl(wrapper=True)
        def alframe_score(self):
            return -(yield)

    bare_registry.register(Negating(), "negating")
    add("mine", score=by_position)
    assert ask("mine").picks.tolist() == [0, 1, 2, 3, 4]


class TestScoreRanges:
    @pytest.mark.parametrize("range_", ["any", "nonnegative", "unit", ""])
    def test_a_declared_range_is_believed_and_none_is_looked_at_when_asked(self, bare_registry, add, range_):
        add("scorer", score=by_position, score_range=range_)
        add("taker", select=first_ones, needs_scores="nonnegative")
        add("able", score=by_position, score_range="unit")
        if range_ != "any":
            assert served(bare_registry, "scorer", {"select": "taker"})["score"] == "scorer"
            return
        message = (
            "^taker needs scores of at least 0, and those of scorer are of any sign: take .* as able; or"
        )
        with pytest.raises(UsageError, match=message):
            Pipeline(bare_registry, "scorer", {"select": "taker"})

    def test_it_is_who_serves_that_counts(self, bare_registry, add):
        """Not what the strategy says of a scorer that is not used, nor of one that it lends."""
        add("scorer", score=by_position, score_range="any")
        add("other", score=by_position, score_range="unit")
        add("taker", select=first_ones, needs_scores="unit")
        add("mine", uses={"score": "scorer", "select": "taker"}, score_range="unit")
        with pytest.raises(UsageError, match="taker needs scores from 0 to 1, and those of scorer are"):
            Pipeline(bare_registry, "mine")
        assert served(bare_registry, "mine", {"score": "other"})["select"] == "taker"
        assert served(bare_registry, "taker")["select"] == "taker"  # without scores

    def test_options_decide(self, registry):
        def pipeline(form):
            return Pipeline(registry, "margin", {"select": "stochastic"}, {"stochastic": {"form": form}})

        with pytest.raises(UsageError, match="^stochastic with form=power needs scores of at least 0"):
            pipeline("power")
        assert pipeline("softrank").providers["select"].name == "stochastic"

    def test_who_is_not_refused_does_not_suit(self, registry):
        model = Classifier(nn.Flatten(), nn.Linear(3, 2))
        pipeline = Pipeline(registry, "margin", {"select": "maxherding"}, refuse=False)
        assert pipeline.why_unsuited(model, torch.zeros(2, 3)).startswith("maxherding needs scores of at")

    def test_a_learner_says_so_before_anything_is_labelled(self, registry, toy):
        with pytest.raises(UsageError, match="maxherding needs scores"):
            ActiveLearner(
                toy.hide_labels(), "mlp", "margin", stages={"select": "maxherding"}, registry=registry
            )


class TestNeeds:
    @pytest.mark.parametrize(
        ("strategy", "stages", "dropout", "dtype", "reason"),
        [
            ("bald", {}, 0.0, torch.float32, r"bald needs a network with dropout: .*`-o model.dropout=0.5`"),
            ("bald", {}, 0.5, torch.float32, ""),
            ("bald", {"score": "margin"}, 0.0, torch.float32, ""),
            ("random", {"score": "bald"}, 0.0, torch.float32, "bald needs"),
            ("deepfool", {}, 0.0, torch.int64, "deepfool needs inputs that a gradient can change.*int64"),
            ("deepfool", {}, 0.0, torch.float32, ""),
        ],
    )
    def test_what_a_strategy_needs(self, registry, strategy, stages, dropout, dtype, reason):
        model = Classifier(nn.Flatten(), nn.Linear(3, 2), dropout)
        found = Pipeline(registry, strategy, stages).why_unsuited(model, torch.zeros(2, 3, dtype=dtype))
        assert re.search(reason, found) if reason else found == ""

    def test_a_learner_says_so_before_anything_is_labelled(self, registry, toy):
        with pytest.raises(UsageError, match="bald needs a network with dropout"):
            ActiveLearner(toy.hide_labels(), "mlp", "bald", registry=registry)
