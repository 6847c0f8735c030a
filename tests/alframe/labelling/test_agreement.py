import random

import pytest
from sklearn.metrics import cohen_kappa_score

from alframe.labelling.agreement import agreement, cohen_kappa, krippendorff_alpha

# Krippendorff, "Computing Krippendorff's alpha-reliability", 2011, example C: four observers, twelve units.
PUBLISHED = """
    1 2 3 3 2 1 4 1 2 . . .
    1 2 3 3 2 2 4 1 2 5 . 3
    . 3 3 3 2 3 4 2 2 5 1 .
    1 2 3 3 2 4 4 1 2 5 1 .
"""


def published():
    rows = [line.split() for line in PUBLISHED.strip().splitlines()]
    return [[label for label in unit if label != "."] for unit in zip(*rows, strict=True)]


def test_krippendorffs_alpha_of_the_published_example():
    assert krippendorff_alpha(published()) == pytest.approx(0.743, abs=0.0005)


def test_krippendorffs_alpha_of_two_observers_published():
    """The same paper's example B: two observers, twelve units, nominal."""
    first, second = "aabbdcccedda", "babbbccceddd"
    assert krippendorff_alpha(zip(first, second, strict=True)) == pytest.approx(0.692, abs=0.0005)


@pytest.mark.parametrize("seed", range(5))
def test_cohens_kappa_is_that_of_scikit_learn(seed):
    chance = random.Random(seed)
    first = chance.choices("abc", [5, 2, 1], k=50)
    second = [label if chance.random() < 0.7 else chance.choice("abcd") for label in first]
    wanted = cohen_kappa_score(first, second)
    assert cohen_kappa(list(zip(first, second, strict=True))) == pytest.approx(wanted)


def test_what_says_nothing():
    assert cohen_kappa([]) is None
    assert cohen_kappa([("a", "a")] * 5) is None
    assert krippendorff_alpha([["a", "a"], ["a"]]) is None
    assert krippendorff_alpha([["a"], []]) is None
    assert agreement([{"ada": "cat"}, {}]) is None


def test_perfect_and_worse_than_chance():
    assert cohen_kappa([("a", "a"), ("b", "b")]) == 1
    assert cohen_kappa([("a", "b"), ("b", "a")]) == -1
    assert krippendorff_alpha([["a", "a"], ["b", "b"]]) == 1


def test_of_two_people_it_is_cohens_by_class_too():
    first, second = list("ccddcdcc"), list("cddfccfc")
    found = agreement([{"ada": a, "bob": b} for a, b in zip(first, second, strict=True)] + [{"ada": "c"}])
    assert (found.samples, found.people, found.measure) == (8, 2, "Cohen's kappa")
    assert found.share == pytest.approx(4 / 8)
    assert found.value == pytest.approx(cohen_kappa_score(first, second))
    for name in "cdf":
        wanted = cohen_kappa_score([a == name for a in first], [b == name for b in second])
        assert found.by_class[name] == pytest.approx(wanted)


def test_of_more_people_it_is_krippendorffs():
    people = ("ada", "bob", "dan", "eve")
    votes = [dict(zip(people, unit, strict=False)) for unit in published()]
    found = agreement(votes)
    assert (found.samples, found.people, found.measure) == (11, 4, "Krippendorff's alpha")
    assert found.value == pytest.approx(0.743, abs=0.0005)
    assert set(found.by_class) == set("12345")
