import itertools

import numpy as np
import pytest
import torch

import alframe
from alframe.registry.registry import Registry
from alframe_galaxy import alframe_select
from alframe_galaxy._galaxy import next_rank, picks
from alframe_galaxy.orders import Known, Orders
from parts import Parts


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def known(labels):
    """Of a dictionary from rows to labels, in its order."""
    return Known(
        torch.tensor(list(labels), dtype=torch.int64), torch.tensor(list(labels.values()), dtype=torch.int64)
    )


def next_in(answers, size):
    """The rank asked for next, of ranks with answers + and -."""
    ranks = torch.tensor(sorted(answers), dtype=torch.int64)
    return next_rank(
        ranks, torch.tensor([answers[rank] == "+" for rank in sorted(answers)], dtype=torch.bool), size
    )


def example(problem, noise=1.0):
    """Probabilities of pool and labelled set, what is labelled, and the labels of all."""
    rng = np.random.default_rng(5)
    logits = np.concatenate([problem.X, problem.XL]) @ problem.W.T + problem.b
    probs = torch.tensor(logits).softmax(dim=1).float()
    N = len(problem.X)
    truth = (logits + rng.normal(size=logits.shape) * noise * logits.std()).argmax(axis=1)
    truth[N:] = problem.yL
    return probs, {N + i: int(y) for i, y in enumerate(problem.yL)}, truth.tolist()


def order_of(probs, c):
    """By ``p_c - max p``, rounded as the probabilities are, then by ``p_c``, then by position."""
    largest = probs.max(axis=1)
    return np.lexsort((-probs[:, c].astype(np.float64), (largest - probs[:, c]).astype(np.float64)))


def rank_of_walk(order, labels, c):
    """The formula, node by node and pair by pair: ranks, and -1 where there is no cut."""
    is_of_class = [labels[row] == c if row in labels else None for row in order]
    marked = [rank for rank, is_own in enumerate(is_of_class) if is_own is not None]
    free = [rank for rank, is_own in enumerate(is_of_class) if is_own is None]
    cuts = [(a, b) for a, b in itertools.pairwise(marked) if is_of_class[a] != is_of_class[b]]
    runs = [(b - a, (a + 1 + b - 1) // 2) for a, b in cuts if b - a > 1]
    if runs:
        return min(runs, key=lambda run: run[0])[1]
    beside = [(a - u, 0, u) if u < a else (u - b, 1, u) for a, b in cuts for u in free]
    return min(beside)[2] if beside else -1


def walk(probs, labels, truth, n, seed):
    """Rows in the order in which they are asked for, each with its true label before the next."""
    labels, draws, found = dict(labels), generator(seed), []
    orders = {}
    for _ in range(n):
        c = len(labels) % probs.shape[1]
        order = orders.setdefault(c, order_of(probs.numpy(), c))
        rank = rank_of_walk(order, labels, c)
        if rank < 0:
            free = [rank for rank, row in enumerate(order) if row not in labels]
            rank = free[int(torch.randint(len(free), (1,), generator=draws))]
        found.append(int(order[rank]))
        labels[found[-1]] = truth[found[-1]]
    return found


def asked_one_by_one(orders, labels, truth, n, seed):
    labels, draws = dict(labels), generator(seed)
    for _ in range(n):
        row = int(picks(orders, known(labels), 1, len(labels), draws))
        labels[row] = truth[row]
    return list(labels)[-n:]


def test_picks_are_those_of_the_loop_over_all_nodes(problem):
    probs, labels, truth = example(problem)
    orders = Orders(torch.arange(len(probs)), probs)
    n = min(60, len(problem.X))
    found = asked_one_by_one(orders, labels, truth, n, 3)
    assert found == walk(probs, labels, truth, n, 3)
    assert len(set(found) | set(labels)) == n + len(labels)


def test_several_at_once_are_those_one_by_one_with_predicted_labels(problem):
    probs, labels, _ = example(problem)
    orders = Orders(torch.arange(len(probs)), probs)
    n = min(40, len(problem.X))
    found = picks(orders, known(labels), n, len(labels), generator(2)).tolist()
    assert found == asked_one_by_one(orders, labels, orders.predicted.tolist(), n, 2)


def test_the_example_of_ten_positions():
    answers = {0: "+", 3: "+", 8: "-", 9: "-"}
    assert next_in(answers, 10) == 5
    assert next_in(answers | {5: "+"}, 10) == 6
    assert next_in(answers | {5: "-"}, 10) == 4
    assert next_in(answers | {5: "+", 6: "-"}, 10) == 4  # beside the cut, as near as 7


@pytest.mark.parametrize("end", [1, 2, 777, 2000, 4095])
def test_separable_data_needs_as_many_labels_as_the_logarithm(end):
    answers = {0: "+", 4095: "-"}
    while end not in answers or end - 1 not in answers:
        rank = next_in(answers, 4096)
        answers[rank] = "+" if rank < end else "-"
    assert len(answers) <= 2 + 12


def test_a_clean_cut_is_not_answered_at_random():
    """Trap: LabelBench looks beside cuts only where a negative stands above a positive."""
    assert next_in({4: "+", 5: "-"}, 10) == 3
    assert next_in({3: "+", 4: "+", 5: "-"}, 10) == 6
    assert next_in({4: "-", 5: "+"}, 10) == 3


def test_the_nearest_to_a_cut_may_belong_to_any_cut():
    assert next_in({2: "+", 3: "+", 4: "-", 5: "-", 6: "+"}, 10) == 7
    assert next_in({0: "+", 1: "-"}, 5) == 2
    assert next_in({3: "+", 4: "-"}, 5) == 2
    assert next_in({1: "+", 2: "-", 7: "-", 8: "+"}, 10) == 0
    assert next_in({0: "+", 1: "-"}, 2) is None


def test_the_shortest_run_wins_and_the_first_of_equals():
    assert next_in({0: "+", 4: "-", 7: "+"}, 10) == 5
    assert next_in({0: "+", 3: "-", 6: "+"}, 10) == 1
    assert next_in({0: "+", 2: "+", 9: "-"}, 10) == 5  # no run between labels of one kind


def test_no_cut_is_answered_at_random():
    """One class alone is labelled, or nothing: each sample is as likely, and all come in the end."""
    probs = torch.tensor(np.random.default_rng(0).dirichlet(np.ones(3), size=12)).float()
    orders = Orders(torch.arange(12), probs)
    for labels in ({}, {3: 1}, {0: 2, 5: 2, 11: 2}):
        rest = sorted(set(range(12)) - set(labels))
        none = Known(*(part[:0] for part in known({0: 0}))) if not labels else known(labels)
        first = [int(picks(orders, none, 1, 0, generator(seed))) for seed in range(150)]
        assert sorted(set(first)) == rest
        assert max(map(first.count, rest)) < 3 * 150 / len(rest)
        assert sorted(picks(orders, none, len(rest), 0, generator()).tolist()) == rest


def test_classes_take_turns_by_the_number_of_labels():
    """Each class bisects in its own order; the turn goes on where the labels before have left it."""
    probs = torch.tensor(np.random.default_rng(1).dirichlet(np.ones(4), size=300)).float()
    orders = Orders(torch.arange(300), probs)
    labels = {int(row): int(orders.predicted[row]) for row in range(30)}
    each = [int(picks(orders, known(labels), 1, turn, generator())) for turn in range(8)]
    assert each[:4] == each[4:]
    assert each[:4] == [int(orders.of(c)[rank_of_walk(orders.of(c).tolist(), labels, c)]) for c in range(4)]
    assert len(set(each)) > 1


def test_orders_are_lexicographic():
    """Trap: ``p_c - max p`` alone leaves all that are predicted ``c`` in any order."""
    probs = torch.tensor(
        [[0.5, 0.3, 0.2], [0.2, 0.7, 0.1], [0.9, 0.05, 0.05], [0.4, 0.4, 0.2], [0.3, 0.1, 0.6]]
    )
    orders = Orders(torch.arange(5), probs)
    assert orders.of(0).tolist() == [2, 0, 3, 4, 1]
    assert orders.of(1).tolist() == [1, 3, 0, 4, 2]
    sure = torch.tensor([[1.0, 0.0, -0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    assert Orders(torch.arange(4), sure).of(2).tolist() == [3, 0, 1, 2]


def test_orders_are_of_the_samples_that_are_there_and_no_others():
    orders = Orders(torch.tensor([7, 2, 4]), torch.eye(3))
    assert orders.positions.tolist() == [2, 4, 7]
    assert orders.are_of(torch.tensor([4, 7, 2]))
    assert not any(orders.are_of(torch.tensor(some)) for some in ([4, 7], [2, 4, 6], [2, 4, 9], [2, 4, 7, 8]))


def test_two_classes_are_ordered_by_their_own_probability():
    """Trap: a bracket of LabelBench's DIRECT has the samples predicted 1 the other way about."""
    first = torch.tensor(np.random.default_rng(0).uniform(size=50)).float()
    orders = Orders(torch.arange(50), torch.stack([first, 1 - first], dim=1))
    assert orders.of(0).tolist() == first.argsort(descending=True).tolist()
    assert orders.of(1).tolist() == (1 - first).argsort(descending=True, stable=True).tolist()


def test_another_order_of_the_samples_changes_nothing():
    rng = np.random.default_rng(3)
    probs = torch.tensor(rng.dirichlet(np.ones(5), size=200)).float()
    truth, order = rng.integers(5, size=200), rng.permutation(200)
    some = {int(row): int(truth[row]) for row in range(0, 200, 9)}
    place = np.argsort(order)
    one = asked_one_by_one(Orders(torch.arange(200), probs), some, truth, 50, 1)
    moved = {int(place[row]): label for row, label in some.items()}
    other = asked_one_by_one(Orders(torch.arange(200), probs[order]), moved, truth[order], 50, 1)
    assert order[other].tolist() == one


def select(**arguments):
    return alframe_select(scores=None, **arguments)


def test_the_hook_asks_for_what_the_loop_does(make):
    problem = make(N=120, L=8, C=3)
    parts = Parts(problem)
    probs, labels, truth = parts.probs, dict(parts.labels), example(problem)[2]
    assert parts.asked(select, truth, 25, 1) == walk(probs, labels, truth, 25, 0)


@pytest.mark.parametrize("size", [1, 7])
@pytest.mark.parametrize("changed", [{"forgets": True}, {"shuffles": True}])
def test_what_is_kept_in_a_round_changes_no_pick(changed, size, make, monkeypatch):
    truth = example(make())[2]
    wanted = Parts(make()).asked(select, truth, 30, size)
    monkeypatch.setattr("alframe_galaxy.orders.KEPT_ELEMENTS", 0)
    assert Parts(make()).asked(select, truth, 30, size, **changed) == wanted


def test_samples_that_somebody_labels_count_as_what_is_predicted(make):
    parts, other = Parts(make()), Parts(make())
    predicted = parts.probs.argmax(dim=1).tolist()
    parts.taken, parts.pool = parts.pool[:30], parts.pool[30:]
    other.labels |= {row: predicted[row] for row in other.pool[:30]}
    other.pool = other.pool[30:]
    assert parts.asked(select, predicted, 20, 20) == other.asked(select, predicted, 20, 20)


def test_a_query_has_as_many_picks_as_were_asked_for(make):
    query = make().query
    result = alframe.query("galaxy", **query)
    assert len(result.indices.unique()) == 20
    assert result.topped_up == 0
    nothing_labelled = {key: value for key, value in query.items() if "labelled" not in key} | {"n": 150}
    assert alframe.query("galaxy", **nothing_labelled).topped_up == 0


@pytest.mark.parametrize("strategy", ["galaxy", "direct"])
def test_scores_of_minus_infinity_are_never_picked(strategy, make_plugin, make):
    registry = Registry()
    for name, few in (("tenth", 10), ("none", 1000)):
        registry.register(
            make_plugin(
                alframe_score=lambda pool, few=few: torch.where(
                    torch.arange(1, len(pool) + 1) % few == 0, 1.0, -torch.inf
                )
            ),
            name,
        )
    result = alframe.query("tenth", stages={"select": strategy}, registry=registry, **make().query)
    assert ((result.indices[:15] + 1) % 10 == 0).all()
    assert result.topped_up == 5
    assert (
        alframe.query("none", stages={"select": strategy}, registry=registry, **make().query).topped_up == 20
    )


@pytest.mark.parametrize("strategy", ["galaxy", "direct"])
def test_labels_of_the_pool_are_never_read(strategy):
    """Trap: there are none to read, and what is told is all that there is."""
    digits = alframe.load_dataset("digits")
    recipe = alframe.Recipe(epochs=2)
    learner = alframe.ActiveLearner(digits.hide_labels(), "mlp", strategy, recipe=recipe, device="cpu")
    for n in (40, 9, 9):
        picks = learner.ask(n)
        assert len(picks.unique()) == n
        learner.tell(picks, digits.targets[picks])
        if n == 40:
            learner.fit()
