import pytest
import torch

from alframe.testing.problems import (
    ShortBatches,
    blank_rows,
    identical_rows,
    make_problem,
    without_a_class,
)


def probs(problem):
    rows = problem.pool()
    return rows.logits(rows.features()).softmax(dim=1)


@pytest.mark.parametrize("seed", range(3))
def test_features_and_logits_are_exact_in_float32(seed):
    """So they are the same for any batch size and order of the rows."""
    problem = make_problem(seed)
    rows = problem.pool()
    exact = make_problem(seed)
    exact.model.double()
    features = exact.model.features(exact.inputs[: exact.pool_size].double())
    assert torch.equal(rows.features().double(), features)
    assert torch.equal(rows.logits(rows.features()).double(), exact.model.head(features))
    short = ShortBatches(problem.model, rows.samples(), torch.arange(problem.pool_size), seed=0)
    assert max(map(len, short.inputs(1024))) == 7
    assert torch.equal(short.features(), rows.features())


def test_the_same_seed_is_the_same_problem():
    first, second = make_problem(1), make_problem(1)
    assert torch.equal(first.inputs, second.inputs)
    assert torch.equal(probs(first), probs(second))
    assert not torch.equal(first.inputs, make_problem(2).inputs)


def test_a_plain_problem_is_plain():
    """No class is certain or without labels, no sample is dead, no two are the same."""
    for seed in range(20):
        problem = make_problem(seed)
        assert probs(problem).amax() < 1
        assert (problem.pool().features().abs().sum(dim=1) > 0).all()
        assert len(problem.inputs.unique(dim=0)) == len(problem.inputs)
        assert len(problem.targets.unique()) == problem.num_classes


def test_saturated_probabilities_are_0_and_1():
    p = probs(make_problem(head_scale=2.0**13))
    assert (p == 0).any()
    assert (p == 1).any()


def test_constant_probabilities_are_uniform():
    assert torch.equal(probs(make_problem(head_scale=0.0)), torch.full((40, 4), 0.25))


def test_odd_samples():
    problem = make_problem()
    blank = blank_rows(problem).pool().features().abs().sum(dim=1)
    assert (blank[::2] == 0).all()
    assert (blank[1::2] > 0).all()
    assert len(identical_rows(problem).pool().features().unique(dim=0)) == 1
    assert sorted(without_a_class(problem).targets.unique().tolist()) == [0, 1, 2]


def test_permuted():
    problem = make_problem()
    order = torch.arange(39, -1, -1)
    turned = problem.permuted(order)
    assert torch.equal(turned.pool().features(), problem.pool().features()[order])
    assert torch.equal(turned.labelled().features(), problem.labelled().features())


def test_a_copy_can_be_trained_on_one_sample():
    problem = make_problem(L=1)
    copy = problem.trainable()
    copy.model.train()
    loss = copy.model(problem.inputs[-1:].repeat(2, 1)).sum()
    loss.backward()
    assert torch.isfinite(loss)
    assert next(problem.model.parameters()).grad is None
