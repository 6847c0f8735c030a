import pytest

from alframe.labelling.events import Event, timestamp
from alframe.labelling.progress import pace


def events(*seconds, event="label", why=None):
    return [Event(n, event, "ada", timestamp(at), why=why) for n, at in enumerate(seconds, 1)][::-1]


@pytest.mark.parametrize(
    ("seconds", "wanted"),
    [((), None), ((5,), None), ((5, 5), None), ((0, 2, 4), 30), ((0, 10_000, 10_002, 10_004), 30)],
)
def test_pace_is_of_the_last_minutes_of_labelling(seconds, wanted):
    assert pace(events(*seconds)) == wanted


def test_imports_and_undos_are_not_counted():
    assert pace(events(0, 1, 2, why="import")) is None
    assert pace(events(0, 1, 2, event="undo")) is None


def test_a_clock_that_jumps_back_ends_the_count():
    assert pace(events(90_000, 0, 2, 4)) == 30


def test_progress_of_a_session(start):
    session = start(people=("ada", "bob"), audit=4)
    for position, label in ((0, "cat"), (1, "cat"), (2, "dog")):
        session.post({"event": "label", "sample": position, "label": label}, "ada")
    session.post({"event": "skip", "sample": 3}, "bob")
    session.post({"event": "unsure", "sample": 4}, "bob")
    found = session.progress()
    found.pop("per_minute")
    assert found == {
        "total": 40,
        "labelled": 3,
        "skipped": 1,
        "unsure": 1,
        "missing": 0,
        "disagreements": 0,
        "classes": {"cat": 2, "dog": 1},
        "people": {"ada": 3},
        "audit": 4,
        "audited": len({0, 1, 2} & set(session.audit)),
        "agreement": None,
    }
