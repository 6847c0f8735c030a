"""How many samples of each class are wanted, and in which order.

As small-text has it: ``n`` times one more for the class that has fewest, and no more than are predicted.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence


def classes_in_turn(have: Sequence[int], most: Sequence[int], n: int) -> list[int]:
    """The class of each sample of a batch: again and again the one that has fewest, of equals the first.

    A class of which no more are predicted is passed over, so that its share goes to the others by the same
    rule.

    Args:
        have: labels of each class.
        most: how many samples are predicted to be of each class.
        n: samples wanted; there are fewer where fewer are predicted.

    Example:
        >>> classes_in_turn([5, 1, 1], [9, 9, 9], 8)
        [1, 2, 1, 2, 1, 2, 1, 2]
        >>> classes_in_turn([5, 1, 1], [9, 9, 1], 6)
        [1, 2, 1, 1, 1, 0]
    """
    left = list(most)
    waiting = [(labels, number) for number, labels in enumerate(have) if left[number]]
    heapq.heapify(waiting)
    turns: list[int] = []
    while waiting and len(turns) < n:
        labels, number = waiting[0]
        turns.append(number)
        left[number] -= 1
        if left[number]:
            heapq.heapreplace(waiting, (labels + 1, number))
        else:
            heapq.heappop(waiting)
    return turns


def excess(have: Sequence[int], counts: Sequence[int], n: int) -> int:
    """How many samples classes give beyond what balance asks of them, as others are predicted too rarely.

    Args:
        have: labels of each class.
        counts: samples of each class in the batch.
        n: samples wanted.
    """
    wanted = [0] * len(have)
    for number in classes_in_turn(have, [n] * len(have), n):
        wanted[number] += 1
    return sum(max(0, count - target) for count, target in zip(counts, wanted, strict=True))
