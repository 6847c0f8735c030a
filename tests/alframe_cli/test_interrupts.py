import signal
import subprocess
import sys
import time

import pytest

from alframe_cli.interrupts import second_one_ends_at_once

STUBBORN = """
import time
from alframe_cli.interrupts import second_one_ends_at_once
with second_one_ends_at_once(130):
    while True:
        try:
            print("ready", flush=True)
            time.sleep(60)
        except KeyboardInterrupt:
            print("caught", flush=True)
"""


def test_the_second_interrupt_ends_what_has_caught_the_first():
    with subprocess.Popen(
        [sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        for line in ("ready\n", "caught\n"):
            assert process.stdout.readline() == line
            process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
        assert process.stderr.read() == "\ninterrupted at once\n"


def test_the_first_is_an_interrupt_as_ever_and_the_handler_is_put_back():
    before = signal.getsignal(signal.SIGINT)

    def interrupted():
        with second_one_ends_at_once(130):
            signal.raise_signal(signal.SIGINT)
            time.sleep(10)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert signal.getsignal(signal.SIGINT) is before


def test_who_ignores_interrupts_goes_on_ignoring_them():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with second_one_ends_at_once(130):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
