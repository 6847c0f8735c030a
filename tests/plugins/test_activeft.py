import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

import alframe
from alframe import UsageError
from alframe_activeft import Options, _activeft
from alframe_activeft._activeft import gradient, loss, moved, nearest_centres, nearest_unused


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def unit(n, d=6, seed=0):
    return normalize(torch.randn(n, d, generator=generator(seed), dtype=torch.float64))


def published(x, raw, fixed, temperature):
    """The loss as it is published: centres get unit length in it, the second factor is detached."""
    centres = torch.cat([normalize(raw), fixed])
    own = (x @ centres.T / temperature).argmax(dim=1)
    pull = (x * centres[own]).sum(dim=1) / temperature
    push = (centres[own] @ centres.detach().T / temperature).exp().sum(dim=1)
    return -(pull - (pull.exp() + push).log()).mean()


@pytest.mark.parametrize("fixed", [0, 7])
@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_loss_and_gradient_are_the_published_ones(fixed, temperature):
    x, raw, stay = unit(80), unit(9, seed=1).requires_grad_(), unit(fixed, seed=2)
    wanted = published(x, raw, stay, temperature)
    wanted.backward()
    centres = raw.detach()
    assert loss(x, centres, stay, temperature) == pytest.approx(wanted.item())
    slope = gradient(x, centres, stay, nearest_centres(x, stay)[0], temperature)
    tangent = slope - (slope * centres).sum(dim=1, keepdim=True) * centres
    torch.testing.assert_close(tangent, raw.grad)


def test_the_other_centre_is_taken_for_constant():
    """Trap: with a gradient through both factors centres push each other twice."""
    x, raw = unit(80), unit(9, seed=1).requires_grad_()
    centres = normalize(raw)
    own = (x @ centres.T).argmax(dim=1)
    pull = (x * centres[own]).sum(dim=1)
    (-(pull - (pull.exp() + (centres[own] @ centres.T).exp().sum(dim=1)).log()).mean()).backward()
    slope = gradient(x, raw.detach(), x[:0], torch.full((80,), -torch.inf, dtype=x.dtype), 1.0)
    tangent = slope - (slope * raw.detach()).sum(dim=1, keepdim=True) * raw.detach()
    assert (tangent - raw.grad).norm() > 0.1 * raw.grad.norm()


def test_two_orthogonal_rows_that_are_their_own_centres():
    x = torch.eye(2, dtype=torch.float64)
    assert loss(x, x, x[:0], 0.07) == pytest.approx(np.log(2), abs=1e-5)


@pytest.mark.parametrize("fixed", [0, 5])
def test_the_centres_are_those_of_the_published_steps(fixed):
    x, stay = unit(120), unit(fixed, seed=3)
    begin = x[:8]
    raw = torch.nn.Parameter(begin.clone())
    adam = torch.optim.Adam([raw], lr=0.01)
    for _ in range(40):
        adam.zero_grad()
        published(x, raw, stay, 0.07).backward()
        adam.step()
    steps = []
    options = Options(steps=40, rate=0.01)
    found = moved(x, begin, stay, options, lambda done, total: steps.append((done, total)))
    torch.testing.assert_close(found, normalize(raw.detach()))
    assert steps[-1] == (40, 40)
    assert loss(x, found, stay, 0.07) < loss(x, begin, stay, 0.07)


def test_a_query_takes_what_is_nearest_to_the_centres(problem):
    result = alframe.query("activeft", seed=2, options={"steps": 10}, **problem.query)
    assert len(result.indices.unique()) == min(problem.n, len(problem.X))
    assert result.topped_up == 0
    again = alframe.query("activeft", seed=2, options={"steps": 10}, **problem.query)
    assert torch.equal(result.indices, again.indices)
    assert result.logged == again.logged


def test_each_centre_in_turn_takes_the_nearest_row_that_is_left(monkeypatch):
    x, centres = unit(60), unit(40, seed=1)
    centres[5:25] = centres[5]  # more than are listed want the same rows
    similarity, wanted = (centres @ x.T).numpy(), []
    for row in similarity:
        row[wanted] = -np.inf
        wanted.append(int(row.argmax()))
    assert nearest_unused(x, centres).tolist() == wanted
    monkeypatch.setattr(_activeft, "LISTED", 2)
    monkeypatch.setattr(_activeft, "ELEMENTS", 100)
    assert nearest_unused(x, centres).tolist() == wanted


def test_the_order_of_the_centres_matters():
    """Trap: read as if it were the best matching, which would give the second centre the first row."""
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    centres = normalize(torch.tensor([[1.0, 0.9], [1.0, 0.0]]))
    assert nearest_unused(x, centres).tolist() == [0, 1]
    assert nearest_unused(x, centres.flip(0)).tolist() == [0, 1]
    assert (x[[0, 1]] * centres).sum() < (x[[1, 0]] * centres).sum()


def test_blocks_change_no_centre(monkeypatch):
    x, stay = unit(100), unit(4, seed=3)
    begin = x[:8]
    wanted = moved(x, begin, stay, Options(steps=20), lambda done, total: None)
    monkeypatch.setattr(_activeft, "ELEMENTS", 50)
    torch.testing.assert_close(moved(x, begin, stay, Options(steps=20), lambda done, total: None), wanted)


def test_blobs_have_a_pick_each_but_where_there_is_a_label():
    blobs = torch.eye(6).repeat_interleave(30, 0) + 0.05 * torch.randn(180, 6, generator=generator())
    options = {"steps": 100, "rate": 0.05}
    query = {"features": blobs, "options": options, "device": "cpu"}
    picks = alframe.query("activeft", n=6, **query).indices
    assert len((picks // 30).unique()) == 6
    labelled = {"labelled_features": torch.eye(6)[:2], "labelled_targets": [0, 1]}
    picks = alframe.query("activeft", n=4, **query, **labelled).indices
    assert sorted((picks // 30).tolist()) == [2, 3, 4, 5]


def test_permuting_the_rows_permutes_the_answer(make):
    problem = make(N=300)
    order = np.random.default_rng(1).permutation(300)
    query = problem.query | {"options": {"steps": 20}}
    first, moved_ = (
        alframe.query("activeft", **(query | {"features": X})) for X in (problem.X, problem.X[order])
    )
    assert order[moved_.indices].tolist() == first.indices.tolist()


def test_scores_of_minus_infinity_are_never_picked(make_plugin, make):
    from alframe.registry.registry import Registry

    registry = Registry()
    tenth = make_plugin(
        alframe_score=lambda pool: torch.where(torch.arange(len(pool)) % 10 == 0, 1.0, -torch.inf)
    )
    registry.register(tenth, "tenth")
    result = alframe.query("tenth", stages={"select": "activeft"}, registry=registry, **make().query)
    assert (result.indices[:15] % 10 == 0).all()
    assert result.topped_up == 5


@pytest.mark.parametrize("options", [{"steps": -1}, {"rate": 0.0}, {"temperature": 0.0}])
def test_options_outside_their_range(options, make):
    with pytest.raises(UsageError, match="options of 'activeft'"):
        alframe.query("activeft", options=options, **make().query)
