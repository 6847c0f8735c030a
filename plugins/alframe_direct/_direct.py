"""A threshold for each class in the order of the samples: searched by an interval, then fitted to all labels.

Nuggehalli et al., "DIRECT: deep active learning under imbalance and label noise", ICML 2025,
arXiv 2312.09196.
Below, ``w`` is of each rank +1 for a label of the class, -1 for another, and 0 where there is none.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from alframe_galaxy.orders import Known, Orders, drawn_among


def new_plan(labels: Int64[Tensor, " k"], num_classes: int, budget: int, most: int) -> dict[str, Any]:
    """What a round is going to do: the threshold of each class is searched, the rarest first.

    Args:
        labels: those that are known.
        num_classes: ``C``.
        budget: ``n``, of the round.
        most: labels at the most for a class's search.

    Returns:
        Numbers and lists, which `picks` goes on with: ``searched``, the classes to come, each with ``share``
        labels; ``budget``, what is left of it.
    """
    share = min(budget // num_classes // 2, most)
    rarest_first = torch.bincount(labels, minlength=num_classes).argsort(stable=True).tolist()
    return {"budget": budget, "share": share, "searched": rarest_first if share else []}


def picks(
    plan: dict[str, Any], orders: Orders, known: Known, n: int, batch: int, generator: torch.Generator
) -> Int64[Tensor, " n"]:
    """The next samples of a plan, which is brought up to date.

    For the labels of those that are chosen here the predicted class stands.

    Args:
        plan: as `new_plan` makes it, or as this has left it.
        orders: of all samples.
        known: which have labels.
        n: how many, at most as many as are left of the budget.
        batch: after how many labels the interval of a class shrinks, ``B1``.
        generator: CPU generator.

    Returns:
        ``n`` rows; fewer only where there are no more.
    """
    found: list[int] = []
    while len(found) < n and _has_more(plan, orders, generator):
        label = (plan["searched"] or plan["fitted"])[0]
        order = orders.of(label)
        w = _weights(known.and_predicted(found, orders), label, len(orders))[order]
        if plan["searched"]:
            ranks = _searched(plan, w, n - len(found), batch, generator)
        else:
            ranks = _fitted(plan, w, n - len(found))
        plan["budget"] -= len(ranks)
        found += order[ranks].tolist()
    return torch.tensor(found, dtype=torch.int64)


def _has_more(plan: dict[str, Any], orders: Orders, generator: torch.Generator) -> bool:
    """Whether a class is left; after the searches what is left of the budget is shared by all classes."""
    if not plan["searched"] and "fitted" not in plan:
        classes = orders.num_classes
        plan["fitted"] = torch.randperm(classes, generator=generator).tolist()
        plan["shares"] = [
            plan["budget"] * (i + 1) // classes - plan["budget"] * i // classes for i in range(classes)
        ]
    return bool(plan["searched"] or plan["fitted"])


def _weights(known: Known, label: int, size: int) -> Int64[Tensor, " m"]:
    w = torch.zeros(size, dtype=torch.int64)
    w[known.rows] = torch.where(known.labels == label, 1, -1)
    return w


def _searched(
    plan: dict[str, Any], w: Int64[Tensor, " m"], wanted: int, batch: int, generator: torch.Generator
) -> Int64[Tensor, " k"]:
    """Draws from the interval of the class in turn, which shrinks first where a batch has its labels."""
    if "interval" not in plan:
        plan |= {"interval": interval(w), "left": plan["share"], "of_batch": 0, "before": 0}
    if plan["of_batch"] == 0:
        plan["interval"] = shrunk(w, plan["interval"], plan["before"] // batch, generator)
        plan |= {"before": plan["left"], "of_batch": min(batch, plan["left"])}
    first, last = plan["interval"]
    free = (w[first : last + 1] == 0).nonzero()[:, 0] + first
    ranks = drawn_among(free, min(wanted, plan["of_batch"]), generator)
    plan["of_batch"] -= len(ranks)
    plan["left"] -= len(ranks)
    if plan["left"] == 0 or len(free) == len(ranks):
        del plan["searched"][0], plan["interval"]
    return ranks


def _fitted(plan: dict[str, Any], w: Int64[Tensor, " m"], wanted: int) -> Int64[Tensor, " k"]:
    """What is nearest to the threshold of the class whose turn it is."""
    if "threshold" not in plan:
        plan["threshold"] = int(accuracies(w).argmax())
    ranks = nearest(plan["threshold"], w == 0, min(wanted, plan["shares"][0]))
    plan["shares"][0] -= len(ranks)
    if plan["shares"][0] == 0 or len(ranks) < wanted:
        del plan["fitted"][0], plan["shares"][0], plan["threshold"]
    return ranks


def accuracies(w: Int64[Tensor, " m"]) -> Int64[Tensor, " m+1"]:
    """For each threshold ``h`` the sum of ``w`` before rank ``h``, less that from ``h`` on.

    Example:
        >>> accuracies(torch.tensor([1, 1, 0, -1, 1, 0, -1, -1]))
        tensor([ 0,  2,  4,  4,  2,  4,  4,  2,  0])
    """
    before = torch.cat([w.new_zeros(1), w.cumsum(dim=0)])
    return 2 * before - before[-1]


def interval(w: Int64[Tensor, " m"]) -> list[int]:
    """The first and the last rank between which the class may end.

    From the last label of the class before any other label, to the first other label after all those of the
    class; an end without such a label is the end of all.

    Example:
        >>> interval(torch.tensor([1, 0, 1, 0, -1, 0, 1, 0, -1]))
        [2, 8]
    """
    of_class, others = (w > 0).nonzero()[:, 0], (w < 0).nonzero()[:, 0]
    above = of_class[: int((of_class < others[0]).sum())] if len(others) else of_class
    below = others[int((others < of_class[-1]).sum()) :] if len(of_class) else others
    return [int(above[-1]) if len(above) else 0, int(below[0]) if len(below) else len(w) - 1]


def shrunk(w: Int64[Tensor, " m"], ends: list[int], batches: int, generator: torch.Generator) -> list[int]:
    """The interval with ``ceil(size / size^(1 / batches))`` of its ``size`` ranks without a label.

    The end moves in that is the less accurate threshold; a coin decides between equals.

    Args:
        w: of all ranks.
        ends: first and last rank.
        batches: for how many of them there were labels before the last one; the interval stays for one.
        generator: CPU generator of the coin.

    Example:
        >>> w = torch.tensor([1, 0, 0, -1, 1, 0, 0, 0, 1, -1])
        >>> shrunk(w, [0, 9], 2, torch.Generator())
        [3, 9]
    """
    first, last = ends
    free = (w == 0)[first : last + 1].tolist()
    size = sum(free)
    if batches <= 1 or size == 0:
        return ends
    least = math.ceil(round(size ** (1 - 1 / batches), 9))  # 64^(2/3) is 16, whatever rounding makes of it
    accuracy = accuracies(w)[first : last + 1].tolist()
    coins = torch.randint(2, (len(free),), generator=generator).tolist()
    low, high = 0, len(free) - 1
    while size > least:
        moves_first = accuracy[low] < accuracy[high]
        if accuracy[low] == accuracy[high]:
            moves_first = bool(coins.pop())
        size -= free[low if moves_first else high]
        low, high = (low + 1, high) if moves_first else (low, high - 1)
    return [first + low, first + high]


def nearest(threshold: int, is_free: Bool[Tensor, " m"], count: int) -> Int64[Tensor, " k"]:
    """The free ranks nearest to a threshold: the one before it, the one from it on, the second before it, ...

    Args:
        threshold: ``h``, from 0 to ``m``.
        is_free: which ranks have no label.
        count: how many; all where there are fewer.

    Example:
        >>> nearest(2, torch.tensor([0, 0, 1, 0, 0, 1, 0, 0]).bool(), 5)
        tensor([2, 5])
    """
    free = is_free.nonzero()[:, 0]
    turn = torch.where(free < threshold, 2 * (threshold - free) - 1, 2 * (free - threshold + 1))
    return free[turn.topk(min(count, len(free)), largest=False).indices]
