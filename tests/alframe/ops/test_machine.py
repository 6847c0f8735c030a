import math
import mmap
import os
import sys
import threading
import time

import numpy as np
import pytest

from alframe.ops import machine, machine_memory
from alframe.ops.machine import PeakMemory, anonymous_memory


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


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say")
def test_the_peak_is_seen_of_what_is_given_back():
    before = anonymous_memory()
    with PeakMemory() as peak:
        held = mmap.mmap(-1, 50_000_000, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)  # no allocator's own
        for place in range(0, 50_000_000, mmap.PAGESIZE):
            held[place] = 1
        until = time.monotonic() + 10
        while peak.largest - before < 40e6 and time.monotonic() < until:  # a busy machine looks late
            time.sleep(0.02)
        held.close()
    assert 40e6 < peak.largest - before < 100e6
    assert threading.active_count() == len([t for t in threading.enumerate() if t.name != "alframe-memory"])


def test_mapped_files_are_not_among_it(tmp_path):
    np.save(tmp_path / "x.npy", np.ones(50_000_000, np.uint8))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    with PeakMemory() as peak:
        before = peak.largest
        assert mapped.sum() == 50_000_000
    assert peak.largest - before < 20e6


def test_a_system_that_does_not_say(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "_STATM", tmp_path / "none")
    with pytest.raises(ValueError, match="the code's own"), PeakMemory() as peak:
        raise ValueError("the code's own")
    assert peak.largest == 0
