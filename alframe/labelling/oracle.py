"""An oracle that labels over HTTP, as a page does: known labels in place of a person."""

from __future__ import annotations

import dataclasses
import http.client
import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from alframe.errors import TrialError

TIMEOUT = 120.0  # seconds without an answer
LOOK = 0.05  # seconds between looks at what the model has learned
AHEAD = 2  # samples that a page asks for before they are needed
MOST = 32  # samples that a server hands out at once


class RefusedError(TrialError):
    """The server answered, and would not do what it was asked."""


class Client:
    """Speaks to the server of a session, over one connection.

    Args:
        address: as the server prints it, token included.
    """

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._headers = {"authorization": f"Bearer {parse_qs(parts.query)['token'][0]}"}
        self._connection = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT)

    def facts(self) -> dict[str, Any]:
        """What every page shows."""
        return self._ask("GET", "/facts")

    def queue(self, count: int, have: Sequence[int] = ()) -> list[dict[str, Any]]:
        """What comes next, beside what one has.

        Args:
            count: how many samples, at most 32.
            have: their numbers, where some are at hand already.
        """
        there = ",".join(map(str, have))
        samples: list[dict[str, Any]] = self._ask("GET", f"/queue?count={count}&have={there}")["samples"]
        return samples

    def post(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Says something; what the server answers is on its disk."""
        return self._ask("POST", "/events", json.dumps(fields))

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Hangs up; the next request calls again."""
        self._connection.close()

    def _ask(self, method: str, path: str, body: str | None = None) -> dict[str, Any]:
        """A request, whose answer is a JSON object.

        Raises:
            OSError: there is no connection.
            http.client.HTTPException: it broke.
            RefusedError: the server refused.
        """
        headers = self._headers | ({} if body is None else {"content-type": "application/json"})
        try:
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
            content = answer.read()
        except BaseException:
            self._connection.close()  # the next request opens it again
            raise
        if answer.status >= 400:
            raise RefusedError(f"{method} {path.partition('?')[0]}: {answer.status} {content[:300].decode()}")
        told: dict[str, Any] = json.loads(content)
        return told


@dataclasses.dataclass
class Oracle:
    """Presses the right keys.

    Args:
        client: the connection.
        truth: the class of each sample, by id.
        pace: seconds between two keys; None for one that waits until the model has learned each batch.
        batch: labels between two waits.
        heard: called after each key.

    Attributes:
        seconds: how long each key waited for its answer.
    """

    client: Client
    truth: Mapping[str, str]
    pace: float | None = None
    batch: int = 20
    heard: Callable[[], None] = lambda: None
    seconds: list[float] = dataclasses.field(default_factory=list)

    def label(self, labels: int) -> int:
        """Goes on until there are so many labels, or nothing is left.

        Returns:
            How many there are.

        Raises:
            RefusedError: the server refused an answer.
        """
        done: int = self.client.facts()["labelled"]
        due, held = time.monotonic(), []
        while done < labels:
            if self.pace is None:
                held = self.client.queue(min(self.batch, MOST, labels - done))
            elif len(held) < AHEAD:
                held += self.client.queue(AHEAD, [entry["sample"] for entry in held])
            if not held:
                return done
            for entry in held if self.pace is None else [held.pop(0)]:
                if self.pace is not None:
                    due = max(due + self.pace, time.monotonic() - self.pace)
                    time.sleep(max(0.0, due - time.monotonic()))
                self.press(entry)
                done += 1
            if self.pace is None:
                self.wait()
        return done

    def press(self, entry: Mapping[str, Any]) -> None:
        """One key."""
        suggestion = entry["suggestion"] or {}
        fields = {
            "event": "label",
            "client": uuid.uuid4().hex,
            "sample": entry["sample"],
            "label": self.truth[entry["id"]],
            "why": entry["why"],
            "model": entry["model"],
            "p": suggestion.get("p"),
            "suggested": suggestion.get("label"),
        }
        begin = time.perf_counter()
        self.client.post(fields)
        self.seconds.append(time.perf_counter() - begin)
        self.heard()

    def wait(self) -> None:
        """Until the model has learned all labels, or can't."""
        while True:
            facts = self.client.facts()
            if facts["absent"] or facts["failed"] or facts["current"]:
                self.heard()
                return
            time.sleep(LOOK)
