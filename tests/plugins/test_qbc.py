import numpy as np
import pytest
import torch
from scipy import special

import alframe
from alframe import UsageError
from alframe_bald._bald import mutual_information
from alframe_qbc._disagreement import consensus_divergence, vote_entropy
from doubles import fast_learner


def members(count=5, rows=40, classes=4, seed=0):
    rng = np.random.default_rng(seed)
    return special.softmax(2 * rng.normal(size=(count, rows, classes)), axis=2)


def test_divergence_from_the_consensus_is_the_formula_in_float64():
    p = members()
    mean = p.mean(axis=0)
    expected = (p * np.log(p / mean)).sum(axis=2).mean(axis=0)
    np.testing.assert_allclose(consensus_divergence(iter(torch.from_numpy(p))), expected, rtol=1e-12)
    in_32_bits = consensus_divergence(iter(torch.from_numpy(p).float()))
    np.testing.assert_allclose(in_32_bits, expected, atol=1e-6)


def test_it_is_balds_with_members_for_passes():
    p = torch.from_numpy(members())
    torch.testing.assert_close(consensus_divergence(iter(p)), mutual_information(iter(p)))


def test_entropy_of_votes():
    votes = torch.eye(3)[torch.tensor([0, 0, 0, 1, 2])][:, None]
    assert vote_entropy(iter(votes)).item() == pytest.approx(0.9503, abs=1e-4)
    p = members()
    shares = np.stack([(p.argmax(axis=2) == c).mean(axis=0) for c in range(4)], axis=1)
    np.testing.assert_allclose(
        vote_entropy(iter(torch.from_numpy(p))), special.entr(shares).sum(1), rtol=1e-12
    )


def test_members_of_one_mind_score_0_and_sure_ones_no_nan():
    same = torch.softmax(torch.randn(1, 30, 4), dim=2).expand(5, -1, -1)
    sure = torch.eye(2)[torch.tensor([0, 1, 0])][:, None]
    for score in (consensus_divergence, vote_entropy):
        assert (score(iter(same)) >= 0).all()
        assert score(iter(same)).max() < 1e-6
        assert score(iter(sure)).item() == pytest.approx(-np.log([2 / 3, 1 / 3]) @ [2 / 3, 1 / 3])


@pytest.mark.parametrize("name", ["qbc", "variationratio"])
class TestInTheLoop:
    def test_it_trains_a_committee_and_asks_it(self, toy, name):
        learner = fast_learner(toy.hide_labels(torch.arange(30)), name)
        result = learner.fit()
        query = learner.query(10)
        assert len(learner._members()) == 5
        assert query.scores.max() > query.scores.min()
        assert result.logged["ensemble"]["least_train_accuracy"] > 0.5

    def test_without_a_committee_it_says_how_to_get_one(self, toy, name):
        learner = fast_learner(toy.hide_labels(torch.arange(30)), name, stages={"train": "linear-probe"})
        learner.fit()
        with pytest.raises(
            UsageError, match="asks several trained networks, and there is one: `--train ensemble`"
        ):
            learner.ask(5)

    def test_a_query_on_features_has_no_committee(self, name):
        head = (np.zeros((3, 4)), None)
        with pytest.raises(UsageError, match="here is one head at most"):
            alframe.query(name, features=np.ones((9, 4)), head=head, n=2, device="cpu")

    def test_heads_fitted_to_bootstrap_samples_are_a_committee(self, toy, name):
        learner = fast_learner(
            toy.hide_labels(torch.arange(30)),
            name,
            stages={"train": "linear-probe"},
            options={"linear-probe": {"members": 7}},
        )
        learner.fit()
        assert len(learner._members()) == 7
        assert learner.query(10).scores.max() > 0


def test_votes_are_an_option(toy):
    learner = fast_learner(
        toy.hide_labels(torch.arange(12)), "qbc", options={"qbc": {"disagreement": "votes"}}
    )
    learner.fit()
    pool = learner.query(5).scores
    assert len(pool.unique()) <= 7  # shares of five votes among three classes
