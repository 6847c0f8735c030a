import json

import numpy as np
import pytest
import torch

import alframe
from alframe_direct import Options, alframe_select
from alframe_direct._direct import accuracies, interval, nearest, new_plan, picks, shrunk
from alframe_galaxy.orders import Known, Orders
from parts import Parts


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def known(labels):
    """Of a dictionary from rows to labels, in its order."""
    return Known(
        torch.tensor(list(labels), dtype=torch.int64), torch.tensor(list(labels.values()), dtype=torch.int64)
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


def weights_of(order, labels, c):
    return [0 if row not in labels else 1 if labels[row] == c else -1 for row in order]


def accuracy_at(w, h):
    return sum(w[:h]) - sum(w[h:])


def ends_of(w):
    first, last = 0, len(w) - 1
    for rank, weight in enumerate(w):
        if weight < 0:
            break
        first = rank if weight > 0 else first
    for rank in reversed(range(len(w))):
        if w[rank] > 0:
            break
        last = rank if w[rank] < 0 else last
    return first, last


def published(probs, labels, truth, n, B1, most, seed):
    """Rows in the order in which they are asked for; each label is read as soon as its row is chosen."""
    labels, draws, C, found = dict(labels), generator(seed), probs.shape[1], []
    orders = [Orders(torch.arange(len(probs)), probs).of(c).tolist() for c in range(C)]
    counts = [list(labels.values()).count(c) for c in range(C)]

    def ask(order, ranks):
        for rank in ranks:
            found.append(order[rank])
            labels[order[rank]] = truth[order[rank]]

    share = min(n // C // 2, most)
    for c in sorted(range(C), key=lambda c: counts[c]) if share else []:
        first, last = ends_of(weights_of(orders[c], labels, c))
        left, before = share, 0
        while left:
            w = weights_of(orders[c], labels, c)
            size, batches = w[first : last + 1].count(0), before // B1
            if batches > 1 and size:
                coins = torch.randint(2, (last - first + 1,), generator=draws).tolist()
                least = np.ceil(size / size ** (1 / batches) - 1e-9)
                while w[first : last + 1].count(0) > least:
                    gap = accuracy_at(w, first) - accuracy_at(w, last)
                    move = gap < 0 or (gap == 0 and coins.pop())
                    first, last = (first + 1, last) if move else (first, last - 1)
            free = [rank for rank in range(first, last + 1) if w[rank] == 0]
            if not free:
                break
            before, count = left, min(B1, left)
            ask(orders[c], [free[i] for i in torch.randperm(len(free), generator=draws)[:count]])
            left -= count
            if count >= len(free):
                break
    rest = n - len(found)
    for i, c in enumerate(torch.randperm(C, generator=draws).tolist()):
        w = weights_of(orders[c], labels, c)
        h = int(np.argmax([accuracy_at(w, h) for h in range(len(w) + 1)]))
        visits = [
            rank
            for pair in zip(range(h - 1, h - 1 - len(w), -1), range(h, h + len(w)), strict=True)
            for rank in pair
        ]
        free = [rank for rank in visits if 0 <= rank < len(w) and w[rank] == 0]
        ask(orders[c], free[: rest * (i + 1) // C - rest * i // C])
    return found


def asked(probs, labels, truth, n, batch, most, seed, at_once=0):
    """The same by the plugin, which is told the labels of each batch before it is asked for the next."""
    orders, labels, draws, found = Orders(torch.arange(len(probs)), probs), dict(labels), generator(seed), []
    plan = new_plan(known(labels).labels, probs.shape[1], n, most)
    while len(found) < n:
        rows = picks(
            plan, orders, known(labels), min(at_once or batch, n - len(found)), batch, draws
        ).tolist()
        labels |= {row: truth[row] for row in rows}
        found += rows
        plan = json.loads(json.dumps(plan))  # numbers and lists: what a checkpoint keeps
    return found


def test_picks_are_those_of_the_formula_label_by_label(problem):
    probs, labels, truth = example(problem)
    n = min(problem.n, len(problem.X))
    found = asked(probs, labels, truth, n, 1, 60, 3)
    assert found == published(probs, labels, truth, n, 1, 60, 3)
    assert len(set(found) - set(labels)) == n


@pytest.mark.parametrize(("seed", "noise"), [(4, 1.0), (2, 2.0)])
def test_picks_are_those_of_the_formula_batch_by_batch(seed, noise, make):
    """Where no query has picks of two classes, both searches being whole batches."""
    probs, labels, truth = example(make(N=500, C=2, L=3, seed=seed), noise)
    found = asked(probs, labels, truth, 120, 5, 15, 4)
    assert found == published(probs, labels, truth, 120, 5, 15, 4)


def test_the_example_of_eight_positions():
    w = torch.tensor([1, 1, 0, -1, 1, 0, -1, -1])
    assert accuracies(w).tolist() == [accuracy_at(w.tolist(), h) for h in range(9)]
    assert int(accuracies(w).argmax()) == 2
    assert nearest(2, w == 0, 2).tolist() == [2, 5]
    assert nearest(4, torch.ones(8, dtype=torch.bool), 8).tolist() == [3, 4, 2, 5, 1, 6, 0, 7]
    assert nearest(8, w == 0, 9).tolist() == [5, 2]


def test_the_interval_ends_at_the_outermost_labels_that_disagree():
    assert interval(torch.tensor([1, 0, 1, 0, -1, 0, 1, 0, -1, 0, -1])) == [2, 8]
    assert interval(torch.tensor([0, 1, 0, -1, 0])) == [1, 3]
    assert interval(torch.tensor([0, -1, 0, 1, 0])) == [0, 4]
    assert interval(torch.tensor([0, 0, -1, -1])) == [0, 2]
    assert interval(torch.tensor([1, 0, 1, 0])) == [2, 3]
    assert interval(torch.tensor([0, 0, 0])) == [0, 2]


@pytest.mark.parametrize(
    ("size", "batches", "left"), [(64, 3, 16), (64, 2, 8), (65, 3, 17), (64, 1, 64), (1, 3, 1)]
)
def test_the_interval_shrinks_by_a_root_of_its_size(size, batches, left):
    """Of the size that it has: 64^(1/3) is 3.9999999999999996 in floating point, and 16 are left, not 17."""
    w = torch.cat([torch.tensor([1]), torch.zeros(size, dtype=torch.int64), torch.tensor([-1])])
    first, last = shrunk(w, [0, size + 1], batches, generator())
    assert int((w[first : last + 1] == 0).sum()) == left


def test_the_end_of_lower_accuracy_moves_in():
    w = torch.tensor([1, 0, 0, -1, 1, 0, 0, 0, 1, -1])
    assert shrunk(w, [0, 9], 2, generator()) == [3, 9]
    equal = torch.tensor([1] + [0] * 40 + [-1, 0])
    ends = {tuple(shrunk(equal, [1, 41], 2, generator(seed))) for seed in range(20)}
    assert len({last - first for first, last in ends}) <= 2
    assert len(ends) > 3


def test_noise_is_outvoted():
    """One wrong label moves no threshold, where bisection would go on beside it."""
    w = torch.zeros(101, dtype=torch.int64)
    w[:40:4], w[60::4] = 1, -1
    w[8] = -1
    assert int(accuracies(w).argmax()) == 37


def test_each_class_has_its_whole_share():
    """Trap: what one class can't use is taken from no other class's search."""
    probs = torch.tensor(np.random.default_rng(0).dirichlet(np.ones(3), size=400)).float()
    orders = Orders(torch.arange(400), probs)
    rows = orders.of(0).tolist()
    labels = {
        rows[100]: 0,
        rows[103]: 1,
        rows[399]: 2,
        rows[398]: 2,
    }  # two samples between the ends of class 0
    plan = new_plan(known(labels).labels, 3, 60, 60)
    assert plan["share"] == 10
    searched = {}
    while plan["searched"]:
        c = plan["searched"][0]
        row = int(picks(plan, orders, known(labels), 1, 1, generator()))
        labels[row] = int(row % 3)
        searched[c] = searched.get(c, 0) + 1
    assert list(searched) == [0, 1, 2]
    assert searched[0] == 2
    assert searched[1] == searched[2] == 10


@pytest.mark.parametrize("n", [1, 19, 20, 200, 1199, 1200, 5000])
def test_no_class_is_left_out(n):
    """The program's rule for how many classes are searched never leaves one out; the rarest come first."""
    C = 10
    plan = new_plan(torch.tensor([0, 0, 1, 3, 3, 3]), C, n, 60)
    few = n // C // 2 < 60
    assert min(C, C if few else n // 120) == C
    assert plan["share"] == (n // C // 2 if few else 60)
    assert plan["searched"] == ([2, 4, 5, 6, 7, 8, 9, 1, 0, 3] if plan["share"] else [])


@pytest.mark.parametrize("at_once", [7, 33, 120])
def test_parts_of_any_size_keep_to_the_plan(at_once, make):
    """Parts that are no multiple of a class's share: distinct picks, as many as were asked for."""
    probs, labels, truth = example(make(N=300))
    found = asked(probs, labels, truth, 120, 5, 60, 4, at_once)
    assert len(set(found) - set(labels)) == 120


def test_all_at_once_is_batch_by_batch_with_predicted_labels(make):
    probs, labels, _ = example(make(N=300))
    predicted = Orders(torch.arange(len(probs)), probs).predicted.tolist()
    by_batches, at_once = (asked(probs, labels, predicted, 120, 5, 10, 4, size) for size in (5, 120))
    assert at_once == by_batches


@pytest.mark.parametrize("labels", [{}, {3: 1}, {3: 1, 4: 1, 7: 1}])
def test_with_labels_of_one_class_or_none_all_are_found_in_the_end(labels):
    probs = torch.tensor(np.random.default_rng(0).dirichlet(np.ones(3), size=30)).float()
    found = asked(probs, labels, [0] * 30, 30 - len(labels), 4, 60, 1)
    assert sorted([*found, *labels]) == list(range(30))


def test_another_order_of_the_samples_changes_nothing():
    rng = np.random.default_rng(3)
    probs = torch.tensor(rng.dirichlet(np.ones(5), size=200)).float()
    truth, order = rng.integers(5, size=200), rng.permutation(200)
    some, place = {int(row): int(truth[row]) for row in range(0, 200, 9)}, np.argsort(order)
    one = asked(probs, some, truth.tolist(), 60, 5, 60, 1)
    moved = {int(place[row]): label for row, label in some.items()}
    other = asked(probs[order], moved, truth[order].tolist(), 60, 5, 60, 1)
    assert order[other].tolist() == one


def select(**arguments):
    return alframe_select(scores=None, options=Options(batch=5, most=10), **arguments)


@pytest.mark.parametrize("size", [5, 12])
@pytest.mark.parametrize("changed", [{"forgets": True}, {"shuffles": True}])
def test_what_is_kept_in_a_round_changes_no_pick(changed, size, make):
    truth = example(make())[2]
    wanted = Parts(make()).asked(select, truth, 60, size)
    assert len(set(wanted)) == 60
    assert Parts(make()).asked(select, truth, 60, size, **changed) == wanted


def test_each_round_begins_a_plan(make):
    """Also where the last one was not ended, and where it is the same round once more."""
    truth = example(make())[2]
    wanted = Parts(make()).asked(select, truth, 60, 5)
    for left_over in ({"round": 0}, {"round": 1}, {"round": 1, "fitted": [], "shares": []}):

        def begun(left_over=left_over, **arguments):
            ctx = arguments["ctx"]
            if ctx.step == 0:
                ctx.state.update(left_over)
            return select(**arguments)

        assert Parts(make()).asked(begun, truth, 60, 5) == wanted


def test_a_query_has_as_many_picks_as_were_asked_for(make):
    query = make().query
    result = alframe.query("direct", options={"most": 2}, **query)
    assert len(result.indices.unique()) == 20
    assert result.topped_up == 0
    nothing_labelled = {key: value for key, value in query.items() if "labelled" not in key} | {"n": 150}
    assert alframe.query("direct", **nothing_labelled).topped_up == 0
