"""A session with labels, and an empty one of the same samples to import them into."""

import pytest


@pytest.fixture
def labelled(start):
    session = start(people=("ada", "bob"))
    session.post({"event": "label", "sample": 0, "label": "cat", "seconds": 1.5}, "ada")
    session.post({"event": "label", "sample": 1, "label": "dog", "at": "2020-01-02T03:04:05Z"}, "bob")
    session.post({"event": "label", "sample": 39, "label": "cat"}, "ada")
    session.post({"event": "skip", "sample": 5}, "ada")
    return session


@pytest.fixture
def other(start, photos):
    return start(folder=photos.with_name("other.alframe"), people=("ada", "bob"))


def said(session):
    """What a session says, without the numbers of the events."""
    return {
        session.samples[position].id: (label.label, label.by, label.at)
        for position, label in session.labels().items()
    }


@pytest.fixture
def same():
    """Compares the labels of two sessions."""

    def compare(one, two):
        assert said(one) == said(two)
        return said(one)

    return compare
