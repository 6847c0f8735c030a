"""The server's place: a port of this machine, the addresses that let people in, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from alframe.errors import UsageError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
FILE = "server.json"  # in the session's folder; may be deleted at any time


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a server listens.

    Args:
        socket: bound to the port.
        host: as it was named.
        port: its number.
        tokens: a person's name by token.
    """

    socket: socket.socket
    host: str
    port: int
    tokens: dict[str, str]

    @property
    def hosts(self) -> list[str]:
        """Names by which the server may be called."""
        names = ["127.0.0.1", "localhost", "[::1]"]
        if self.host in ("0.0.0.0", "::"):
            names += own_names()
        elif self.host not in LOOPBACK:
            names.append(self.host)
        return [f"{name}:{self.port}" for name in names]

    def addresses(self) -> dict[str, str]:
        """Each person's address."""
        name = "127.0.0.1" if self.host in (*LOOPBACK, "0.0.0.0", "::") else self.host
        if self.host in ("0.0.0.0", "::"):
            name = next(iter(own_names()), name)
        return {who: f"http://{name}:{self.port}/?token={token}" for token, who in self.tokens.items()}


def own_names() -> list[str]:
    """The name of this machine and its addresses."""
    name = socket.gethostname()
    try:
        found = {info[4][0] for info in socket.getaddrinfo(name, None, socket.AF_INET)}
    except OSError:
        found = set()
    return [*sorted(str(one) for one in found if not str(one).startswith("127.")), name.lower()]


def take_place(folder: Path, people: Sequence[str], host: str, port: int, trusted: bool) -> Place:
    """Binds a port, and finds or makes a token for each person.

    The port and the tokens are those of the last time where that can be: a page that is still open goes on
    when the server is started again, and sends what waited in the browser.

    Args:
        folder: the session's.
        people: who may label.
        host: address to listen at.
        port: its number; 0 for that of the last time, else any that is free.
        trusted: whether the user trusts the network, if the host is not the loopback.

    Raises:
        UsageError: the host is not the loopback and the network is not trusted, or the port can't be had.
    """
    require_trust(host, trusted)
    known = _remembered(folder)
    tokens = {token: who for token, who in known["tokens"].items() if who in people}
    for person in people:
        if person not in tokens.values():
            from alframe.labelling.guard import new_token

            tokens[new_token()] = person
    opened = bound(host, port, known["port"])
    place = Place(opened, host, opened.getsockname()[1], tokens)
    _remember(folder, place)
    return place


def require_trust(host: str, trusted: bool) -> None:
    """Lets nobody open the server to a network unawares.

    Raises:
        UsageError: the host is not the loopback and the network is not trusted.
    """
    if host not in LOOPBACK and not trusted:
        raise UsageError(
            f"--host {host} lets everybody in the network see the samples and their labels, without "
            "encryption: add --i-trust-this-network, or leave --host out and use "
            "`ssh -L PORT:127.0.0.1:PORT HOST` on the other machine"
        )


def bound(host: str, port: int, last: int = 0) -> socket.socket:
    """A socket that listens: at the port, else at that of the last time, else at any that is free.

    Raises:
        UsageError: the port can't be had.
    """
    for wanted in [port] if port else [*([last] if last else []), 0]:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # By its number asyncio knows that it is TCP, and sends at once what else waits 40 ms for a receipt.
        opened = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        if os.name == "posix":
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            opened.bind((host, wanted))
            opened.listen(128)  # now: two that are only bound may share a port
        except (OSError, OverflowError) as error:
            opened.close()
            if port or not wanted:
                reason = getattr(error, "strerror", None) or error
                raise UsageError(
                    f"port {wanted} of {host} can't be had: {reason}; name another with --port"
                ) from error
        else:
            return opened
    raise AssertionError


def _remembered(folder: Path) -> dict[str, Any]:
    """The port and tokens of the last time; none where the file is gone, damaged or came from elsewhere."""
    nothing: dict[str, Any] = {"port": 0, "tokens": {}}
    try:
        if os.name == "posix" and (folder / FILE).lstat().st_mode & 0o077:
            return nothing  # others could read it
        known = json.loads((folder / FILE).read_text())
        if known["folder"] != str(folder.resolve()):
            return nothing
        tokens = {str(token): str(who) for token, who in known["tokens"].items() if len(token) >= 43}
        return {"port": int(known["port"]), "tokens": tokens}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return nothing


def _remember(folder: Path, place: Place) -> None:
    """Keeps them where only this user can read them. A folder that can't be written to is no hindrance."""
    new = folder / f"{FILE}.new"
    try:
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            known = {"folder": str(folder.resolve()), "port": place.port, "tokens": place.tokens}
            json.dump(known, file)
        os.replace(new, folder / FILE)
    except OSError:
        return


@contextlib.contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Lets a system that asks the program to end (SIGTERM) have what is open closed, as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def serve(
    app: Any, place: Place, ready: Callable[[], None], meanwhile: Callable[[], None] | None = None
) -> None:
    """Answers until Ctrl-C, or whatever else asks the program to end.

    Args:
        app: what `alframe.labelling.server.make_app` returned.
        place: where.
        ready: called once the server answers.
        meanwhile: done in a thread of its own from then on; when it is done the server ends, and what it
            raised is raised here.
    """
    import uvicorn

    failed: list[BaseException] = []

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            ready()
            if meanwhile is not None:
                answering = asyncio.get_running_loop()
                threading.Thread(target=self.do, args=(meanwhile, answering), daemon=True).start()

        def do(self, work: Callable[[], None], answering: asyncio.AbstractEventLoop) -> None:
            try:
                work()
            except BaseException as error:
                if not self.should_exit:  # else it is for want of the server
                    failed.append(error)
            with contextlib.suppress(RuntimeError):  # the server has ended already
                answering.call_soon_threadsafe(self.end)

        def end(self) -> None:
            closing = getattr(app.state, "desk", None)
            if closing is not None:  # the streams of news, which would never end
                closing.news.close()
            self.should_exit = True

        def handle_exit(self, sig: int, frame: Any) -> None:
            super().handle_exit(sig, frame)  # first: one that comes when the end has begun cuts it short
            self.end()

    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=2,
        timeout_keep_alive=75,
    )
    try:
        with _terminated_as_interrupted():
            Server(config).run(sockets=[place.socket])
    except KeyboardInterrupt:  # it has ended in good order, and passes on what ended it
        pass
    finally:
        place.socket.close()
    if failed:
        raise failed[0]
