import dataclasses

import pytest
import torch
from torch import nn

from alframe import Classifier
from alframe.contract.views import View
from alframe_ensemble._ensemble import redraw
from doubles import FAST, fast_learner


def learner(toy, members=3, redraw="head", **arguments):
    options = {"ensemble": {"members": members, "redraw": redraw}}
    return fast_learner(
        toy.hide_labels(torch.arange(30)), stages={"train": "ensemble"}, options=options, **arguments
    )


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_the_first_member_is_the_network_and_is_trained_as_by_the_default_trainer(toy):
    """In one batch, so that the order of samples, which is each trainer's own, changes rounding alone."""
    recipe = dataclasses.replace(FAST, batch_size=64)
    committee, alone = (
        learner(toy, recipe=recipe),
        fast_learner(toy.hide_labels(torch.arange(30)), recipe=recipe),
    )
    committee.fit(), alone.fit()
    for name, value in committee.model.state_dict().items():
        assert torch.equal(value, committee._members()[0][name])
        torch.testing.assert_close(value, alone.model.state_dict()[name], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("how", "differs"), [("head", False), ("all", True)])
def test_no_two_members_are_the_same(toy, how, differs):
    """Members of one seed would agree on everything."""
    committee = learner(toy, redraw=how)
    committee.recipe = dataclasses.replace(FAST, epochs=1, learning_rate=1e-30)
    committee.fit()
    first, *others = committee._members()
    assert len(others) == 2
    assert not torch.equal(others[0]["head.weight"], others[1]["head.weight"])
    for other in others:
        assert not torch.equal(first["head.weight"], other["head.weight"])
        bodies = [name for name in first if name.startswith("body.") and name.endswith("weight")]
        assert any(not torch.allclose(first[name], other[name]) for name in bodies) == differs


def test_another_round_is_another_committee_and_the_same_seed_the_same(toy):
    one, other = learner(toy), learner(toy)
    one.fit(), other.fit()
    for mine, theirs in zip(one._members(), other._members(), strict=True):
        assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    before = one._members()[1]["head.weight"].clone()
    picks = one.ask(10)
    one.tell(picks, toy.targets[picks])
    one.fit()
    assert not torch.equal(before, one._members()[1]["head.weight"])


def test_a_member_is_the_same_network_for_all_rows(toy):
    """Unlike a pass with dropout, whose masks differ from row to row."""
    committee = learner(toy)
    committee.fit()
    rows = committee._rows(torch.arange(120))
    whole = list(View(rows).member_probs())
    assert len(whole) == 3
    part = list(View(committee._rows(torch.arange(7, 20))).member_probs())
    for all_rows, some in zip(whole, part, strict=True):
        torch.testing.assert_close(all_rows[7:20], some)
    torch.testing.assert_close(whole[0], View(rows).probs)
    mean = View(rows).members_by_rows(lambda members: torch.stack(list(members)).mean(dim=0))
    torch.testing.assert_close(mean, torch.stack(whole).mean(dim=0))


def test_its_accuracy_is_that_of_the_mean(toy):
    committee = learner(toy)
    committee.fit()
    rows, targets = committee._test_rows()
    mean = torch.stack(list(View(rows).member_probs())).mean(dim=0)
    expected = (mean.argmax(dim=1) == targets).double().mean().item()
    assert committee.evaluate_committee() == expected
    assert fast_learner(toy.hide_labels(torch.arange(30))).evaluate_committee() is None


def test_a_learner_that_goes_on_has_its_committee(toy):
    first, second = learner(toy, strategy="qbc"), learner(toy, strategy="qbc")
    first.fit()
    second.load_state_dict(first.state_dict())
    assert torch.equal(first.ask(10), second.ask(10))


def test_what_is_frozen_is_not_drawn_anew():
    model = Classifier(nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4)), nn.Linear(4, 2))
    model.freeze(model.body[0])
    before = state(model)
    drawn = torch.get_rng_state()
    redraw(model, torch.Generator().manual_seed(0))
    assert torch.equal(drawn, torch.get_rng_state())
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"body.2.weight", "body.2.bias", "head.weight", "head.bias"}
