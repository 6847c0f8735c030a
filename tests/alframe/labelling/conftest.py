"""Sessions small enough to be seen through."""

import os

import pytest
from PIL import Image

from alframe.labelling.opening import default_folder
from alframe.labelling.session import Session
from alframe.labelling.settings import SessionSettings


class Clock:
    """Time that stands still until a test moves it."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def picture(path, colour=(255, 0, 0), size=(8, 8), **save):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path, **save)


@pytest.fixture
def photos(tmp_path):
    """40 images, no two alike, in two folders."""
    folder = tmp_path / "photos"
    for number in range(40):
        picture(folder / "ab"[number % 2] / f"{number:02}.png", (number, 0, 0))
    return folder


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def start(photos, clock, monkeypatch):
    """Starts a session, closed at the end of the test; `again` closes and opens it."""
    opened = []
    monkeypatch.setattr(os, "fsync", lambda file: None)  # slow; test_journal.py shows that it is called

    def make(source=photos, folder=None, **settings):
        given = {"classes": ("cat", "dog"), "audit": 0} | settings
        session = Session.create(
            source, folder or default_folder(source), SessionSettings(str(source), **given)
        )
        session._reservations._clock = clock
        opened.append(session)
        return session

    def again(session):
        session.close()
        opened.append(Session.open(session.folder, clock))
        return opened[-1]

    make.again = again
    yield make
    for session in opened:
        session.close()


@pytest.fixture
def texts(tmp_path):
    """A table of texts."""
    path = tmp_path / "reviews.csv"
    rows = [f"{number},review number {number} is {'good' if number % 2 else 'bad'}" for number in range(12)]
    path.write_text("\n".join(["id,review", *rows]) + "\n")
    return path
