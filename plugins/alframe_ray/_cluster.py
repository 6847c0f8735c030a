"""Ray itself: found or started, and what its machines have."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator

from alframe import UsageError

_path = list(sys.path)
try:
    import ray
except ImportError as error:
    raise UsageError(f'it needs Ray: pip install "alframe[ray]" ({error})') from error
# Ray puts packages of its own, psutil one of them, before everybody's.
sys.path[:] = [*_path, *(entry for entry in sys.path if entry not in _path)]

LOCAL = "local"
SECONDS_TO_ANSWER = 5.0
SETTINGS = bytes(
    [0, 0, 0, 4, 0, 0, 0, 0, 0]
)  # the frame that HTTP/2, which Ray speaks, begins with: 4 says so
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SETTINGS
STORE_BYTES = 80 << 20  # of Ray's object store, the least it takes: nothing goes through it


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What a trial is given.

    Attributes:
        cpus: cores.
        gpus: GPUs.
    """

    cpus: float
    gpus: float

    def lacking(self) -> str:
        """Of what no machine has enough, in words; "" where one has."""
        machines = _machines()
        if any(one.cpus >= self.cpus and one.gpus >= self.gpus for one in machines):
            return ""
        have = "; ".join(sorted(map(str, set(machines)))) or "there is none"
        return f"waits for {self}, and no machine of Ray's has that: {have}"

    def __str__(self) -> str:
        """In words."""
        return f"{self.cpus:g} CPU and {self.gpus:g} GPU"


def is_own(address: str | None) -> bool:
    """Whether a Ray of this command's own is meant, which no machine will join."""
    return _resolved(address) == LOCAL


def connect(address: str | None) -> bool:
    """Finds or starts Ray; whether that was done now. One that the program has already is used as it is.

    Args:
        address: the option.

    Raises:
        UsageError: there is no Ray, or another version.
    """
    if ray.is_initialized():
        return False
    address = _resolved(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    more = {"include_dashboard": False, "object_store_memory": STORE_BYTES} if address == LOCAL else {}
    _require_answer(address)
    try:
        with _kept_signal():
            ray.init(address, log_to_driver=False, logging_level=logging.CRITICAL, **more)
    except Exception as error:
        said = " ".join(str(error).split())
        raise UsageError(f"Ray at {address!r} can't be used: {said}") from error
    return True


def largest() -> Wanted:
    """The most that a machine of Ray's has of each."""
    machines = _machines()
    most_cpus = max((one.cpus for one in machines), default=0.0)
    return Wanted(most_cpus, max((one.gpus for one in machines), default=0.0))


def _machines() -> list[Wanted]:
    """What each living machine has, taken or not."""
    found = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [Wanted(one.get("CPU", 0.0), one.get("GPU", 0.0)) for one in found]


def _resolved(address: str | None) -> str:
    if address in (None, "auto"):
        return os.environ.get("RAY_ADDRESS") or address or LOCAL
    return str(address)


def _require_answer(address: str) -> None:
    """Raises `UsageError` where no Ray listens: it would be sought for minutes."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal():
        return
    try:
        where = (host.rpartition("/")[2], int(port))
        with socket.create_connection(where, SECONDS_TO_ANSWER) as connection:
            connection.sendall(HELLO)
            answer = connection.recv(len(SETTINGS))
    except (OSError, OverflowError) as error:
        why = f"nobody answers at {address} ({error})"
    else:
        if answer[3:4] == SETTINGS[3:4] or os.environ.get("RAY_USE_TLS", "0") != "0":
            return
        why = f"what answers at {address} is no Ray"
    raise UsageError(f"{why}; the address of a cluster is what `ray start --head` printed, as 10.0.0.1:6379")


@contextlib.contextmanager
def _kept_signal() -> Iterator[None]:
    """Keeps what a program does at SIGTERM, which `ray.init` replaces."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
