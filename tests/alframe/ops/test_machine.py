import math
import os

import pytest

from alframe.ops import machine_memory


def test_memory_is_what_the_system_says():
    pytest.importorskip("resource", reason="not on Windows")
    assert 2**28 < machine_memory() < 2**50
    assert machine_memory() % os.sysconf("SC_PAGE_SIZE") == 0


@pytest.mark.parametrize("error", [ValueError("unrecognized"), OSError(22, "Invalid argument")])
def test_where_it_does_not_say_there_is_no_bound(monkeypatch, error):
    def refuse(name):
        raise error

    monkeypatch.setattr(os, "sysconf", refuse)
    assert machine_memory() == math.inf
