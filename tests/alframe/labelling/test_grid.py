"""The order of what is labelled."""

from types import SimpleNamespace

import pytest

from alframe.errors import UsageError
from alframe.labelling.grid import grid

NAMES = ("cat", "dog")


class FakeSession:
    def __init__(self, labels):
        self._labels = labels
        self.classes = [SimpleNamespace(name=name) for name in NAMES]
        self.samples = [SimpleNamespace(id=f"{number}.png") for number in range(20)]

    def labels(self):
        return self._labels


class FakeLoop:
    def __init__(self, suggestions):
        self._suggestions = suggestions

    def suggestion(self, position):
        found = self._suggestions.get(position)
        return found and {"label": found[0], "p": found[1]}


@pytest.fixture
def session():
    given = {7: ("cat", "ada"), 3: ("dog", "bob"), 5: ("cat", "bob"), 9: ("dog", "ada")}
    return FakeSession(
        {
            position: SimpleNamespace(label=name, by=by, at="2026-01-01T00:00:00Z", n=n)
            for n, (position, (name, by)) in enumerate(given.items(), 1)
        }
    )


def positions(session, loop=None, name=None, order="newest", start=0, count=10, by=None):
    return [
        one["sample"] for one in grid(session, loop or FakeLoop({}), name, order, start, count, by)["samples"]
    ]


def test_newest_and_oldest(session):
    assert positions(session) == [9, 5, 3, 7]
    assert positions(session, order="oldest") == [7, 3, 5, 9]


def test_of_a_class_and_of_a_person(session):
    assert positions(session, name="cat") == [5, 7]
    assert positions(session, by="bob") == [5, 3]


def test_a_part(session):
    assert positions(session, start=1, count=2) == [5, 3]
    assert grid(session, FakeLoop({}), None, "newest", 3, 10)["total"] == 4
    assert positions(session, start=9) == []


def test_what_the_model_would_label_otherwise_comes_first_the_surest_first(session):
    loop = FakeLoop({7: ("dog", 0.6), 3: ("cat", 0.9), 5: ("cat", 0.99)})
    assert positions(session, loop, order="doubtful") == [3, 7, 9, 5]
    shown = grid(session, loop, None, "doubtful", 0, 10)["samples"]
    assert [one["suggestion"] for one in shown] == [
        {"label": "cat", "p": 0.9},
        {"label": "dog", "p": 0.6},
        None,
        None,
    ]


def test_no_such_class_or_order(session):
    with pytest.raises(UsageError, match="'dog'"):
        positions(session, name="dogg")
    with pytest.raises(UsageError, match="newest"):
        positions(session, order="newes")
