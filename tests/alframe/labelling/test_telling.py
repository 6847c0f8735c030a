"""Plugins that listen: in order, apart from the answers, and none of their faults costs a label."""

import threading
from types import SimpleNamespace

import pytest

from alframe.labelling import telling as module
from alframe.labelling.events import Event
from alframe.labelling.telling import Telling

LONG = 30.0  # seconds that no test takes


class Session:
    """Events without a disk."""

    def __init__(self):
        self.listeners = []
        self.count = 0

    def listen(self, listener):
        self.listeners.append(listener)

    def happen(self, times=1):
        for _ in range(times):
            self.count += 1
            for listener in self.listeners:
                listener(
                    Event(self.count, "label", "ada", "2026-11-27T10:12:03Z", sample="a.png", label="cat")
                )


@pytest.fixture
def session():
    return Session()


@pytest.fixture
def tell(bare_registry, make_plugin, session):
    """Starts to tell plugins, given as functions by name; what is reported is in ``said``."""
    made = []

    def start(**functions):
        for name, function in functions.items():
            bare_registry.register(make_plugin(alframe_labelled=function), name, f"of-{name}")
        said = []
        keys = {f"of-{name}/{name}" for name in functions}
        made.append(Telling(session, bare_registry, keys, said.append))
        return SimpleNamespace(telling=made[-1], said=said)

    yield start
    for telling in made:
        telling.close(0)


def test_each_event_in_its_order_as_the_journal_has_it(tell, session):
    heard = []
    told = tell(one=lambda session, event: heard.append((session, event)))
    session.happen(50)
    told.telling.close(LONG)
    assert [event["n"] for _, event in heard] == list(range(1, 51))
    assert {id(given) for given, _ in heard} == {id(session)}
    assert heard[0][1] == {
        "v": 1,
        "n": 1,
        "event": "label",
        "by": "ada",
        "at": "2026-11-27T10:12:03Z",
        "sample": "a.png",
        "label": "cat",
    }
    assert (told.said, told.telling.notes) == ([], [])


def test_who_is_not_named_hears_nothing(tell, session, bare_registry, make_plugin):
    heard = []
    bare_registry.register(make_plugin(alframe_labelled=lambda event: heard.append("other")), "other")
    told = tell(one=lambda event: heard.append("one"))
    session.happen()
    told.telling.close(LONG)
    assert heard == ["one"]


@pytest.mark.parametrize("error", [ValueError("down"), SystemExit("down"), KeyboardInterrupt("down")])
def test_who_raises_is_named_once_and_hears_no_more(tell, session, error):
    calls, heard = [], []

    def bad(event):
        calls.append(event["n"])
        raise error

    told = tell(bad=bad, good=lambda event: heard.append(event["n"]))
    session.happen(3)
    told.telling.close(LONG)
    session.happen()
    assert calls == [1]
    assert heard[:3] == [1, 2, 3]
    (line,) = told.said
    assert line.startswith("plugin 'bad' (of-bad) failed in alframe_labelled and hears no more: ")
    assert "down" in line


def test_who_never_returns_holds_nobody_up(tell, session, monkeypatch):
    monkeypatch.setattr(module, "MOST_WAITING", 5)
    asleep, wake, heard = threading.Event(), threading.Event(), []
    everything = threading.Event()

    def sleeper(event):
        asleep.set()
        wake.wait()

    def good(event):
        heard.append(event["n"])
        everything.set() if event["n"] == 9 else None

    told = tell(sleeper=sleeper, good=good)
    session.happen()
    assert asleep.wait(LONG)
    for _ in range(8):  # one at a time, so that the other keeps up
        session.happen()  # returns, though the sleeper has not
        while len(heard) < session.count:
            everything.wait(0.01)
    assert told.said == [
        "plugin 'sleeper' (of-sleeper) is 5 events behind in alframe_labelled: it misses some"
    ]
    told.telling.close(0)
    assert heard == list(range(1, 10))
    assert [line for line in told.said[1:] if "sleeper" in line] == [
        "plugin 'sleeper' (of-sleeper) was not told of 9 events, or did not finish with them in time"
    ]
    wake.set()


def test_what_is_left_at_the_end_is_told(tell, session):
    heard, go = [], threading.Event()

    def slow(event):
        go.wait()
        heard.append(event["n"])

    told = tell(slow=slow)
    session.happen(20)
    threading.Timer(0.05, go.set).start()
    told.telling.close(LONG)
    assert heard == list(range(1, 21))
    assert told.said == []


def test_an_event_is_the_plugins_own(tell, session):
    seen = []
    told = tell(one=lambda event: event.clear(), two=lambda event: seen.append(event["n"]))
    session.happen(2)
    told.telling.close(LONG)
    assert seen == [1, 2]
