"""Waiting for a process of a test, however busy the machine is."""

import time

SECONDS = 90


def until(condition):
    """The first answer of ``condition`` that is true."""
    end = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.01)
    return found


def messages(learner, count=1, kind=None):
    """So many messages of a learner, of a kind or of any."""
    found = []
    until(lambda: found.extend(m for m in learner.poll() if kind in (None, m.kind)) or len(found) >= count)
    return found
