"""How far people agree, beyond what chance would make them."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import combinations


@dataclasses.dataclass(frozen=True)
class Agreement:
    """Of the samples that more than one person labelled.

    Args:
        samples: how many.
        people: how many gave those labels.
        share: of the pairs of labels of a sample those that are alike.
        measure: "Cohen's kappa" of two people, "Krippendorff's alpha" of more.
        value: 1 is perfect, 0 is chance; None where there is but one class, and nothing to be said.
        by_class: the same of each class against the rest.
    """

    samples: int
    people: int
    share: float
    measure: str
    value: float | None
    by_class: Mapping[str, float | None]


def cohen_kappa(pairs: Sequence[tuple[Hashable, Hashable]]) -> float | None:
    """Agreement of two people (Cohen, Educational and Psychological Measurement 20, 1960).

    Args:
        pairs: what each of them said of every sample.

    Returns:
        ``(p_o - p_e) / (1 - p_e)``; None where both always said the same one thing, or nothing.
    """
    n = len(pairs)
    if not n:
        return None
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    observed = sum(a == b for a, b in pairs) * n
    expected = sum(count * second[label] for label, count in first.items())  # both times n squared
    return None if expected == n * n else (observed - expected) / (n * n - expected)


def krippendorff_alpha(units: Iterable[Sequence[Hashable]]) -> float | None:
    """Agreement of any number of people on nominal labels, some missing (Krippendorff, 2011).

    Args:
        units: of every sample the labels that it got, in any order; those with fewer than two tell nothing.

    Returns:
        ``1 - D_o / D_e``; None where there is but one class, or nothing.
    """
    unlike, totals = 0.0, Counter[Hashable]()
    for unit in units:
        m = len(unit)
        if m < 2:
            continue
        counts = Counter(unit)
        totals.update(counts)
        unlike += (m * m - sum(count * count for count in counts.values())) / (m - 1)
    n = totals.total()
    expected = n * n - sum(count * count for count in totals.values())
    return None if expected == 0 else 1 - (n - 1) * unlike / expected


def agreement(votes: Iterable[Mapping[str, str]]) -> Agreement | None:
    """Of votes on samples; None where no sample has two.

    Args:
        votes: of every sample the class that each person gave it.
    """
    shared = [vote for vote in votes if len(vote) > 1]
    if not shared:
        return None
    people = sorted({person for vote in shared for person in vote})
    classes = sorted({label for vote in shared for label in vote.values()})
    pairs = [pair for vote in shared for pair in combinations(vote.values(), 2)]

    def value(of: Mapping[str, Hashable]) -> float | None:
        units = [{person: of[label] for person, label in vote.items()} for vote in shared]
        if len(people) == 2:
            return cohen_kappa([(unit[people[0]], unit[people[1]]) for unit in units])
        return krippendorff_alpha([list(unit.values()) for unit in units])

    return Agreement(
        samples=len(shared),
        people=len(people),
        share=sum(a == b for a, b in pairs) / len(pairs),
        measure="Cohen's kappa" if len(people) == 2 else "Krippendorff's alpha",
        value=value({name: name for name in classes}),
        by_class={name: value({other: other == name for other in classes}) for name in classes},
    )
