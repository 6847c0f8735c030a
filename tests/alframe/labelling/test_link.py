import os
import sys
import time

import pytest

from alframe.labelling.link import Link, serve
from labelling_waits import until


class End:
    """A pipe's end that has some items to give."""

    def __init__(self, items):
        self.items, self.sent = list(items), []

    def recv(self):
        if not self.items:
            raise EOFError
        return self.items.pop(0)

    def send(self, item):
        self.sent.append(item)


def test_serving_answers_one_item_after_the_other_until_the_end():
    end = End([2, 3])
    serve(end, range)
    assert end.sent == [0, 1, 0, 1, 2]


def test_serving_ends_where_nobody_hears():
    end = End([1])
    end.send = lambda item: (_ for _ in ()).throw(BrokenPipeError())
    serve(end, range)


@pytest.fixture
def link():
    made = []

    def make(target, *arguments):
        made.append(Link(target, *arguments))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_what_is_put_in_comes_out(link):
    from learners import double

    there = link(double)
    for number in range(3):
        there.put(number)
    found = []
    until(lambda: found.extend(there.heard()) or len(found) == 3)
    assert found == [0, 2, 4]
    assert not there.is_over


@pytest.mark.parametrize(
    ("target", "why"), [("exit", "it ended with exit code 3"), ("kill", "killed by SIG")]
)
def test_how_it_ended(link, target, why):
    from learners import die

    there = link(die, target)
    until(lambda: there.is_over)
    assert there.how_it_ended().startswith(why)
    there.put(1)  # to nobody
    assert there.heard() == []


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_one_that_hears_no_signal_is_ended_too(link, monkeypatch):
    import signal

    from learners import double

    monkeypatch.setattr("alframe.labelling.link.PATIENCE", 0.2)
    there = link(double)
    there.put(1)
    until(there.heard)
    os.kill(there.pid, signal.SIGSTOP)
    begin = time.monotonic()
    there.close()
    assert time.monotonic() - begin < 30
    until(lambda: there.is_over)
