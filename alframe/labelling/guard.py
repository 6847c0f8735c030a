"""Who may speak to the page's server: whoever has the printed address, and no other site.

A server on the loopback can be reached by every page that the browser shows. Against them stand: a token that
only the printed address holds; a cookie that other sites can't have sent; the name by which the server is
called, so that no foreign name can be pointed at it ("DNS rebinding"); and the origin of all that changes
something.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Collection, Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_LIMIT = 64 * 1024  # bytes
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
READING = ("GET", "HEAD")
CLOSED = "open the address that alframe printed: this one has no valid token\n"


def new_token() -> str:
    """A token of 256 random bits, as it stands in an address."""
    return secrets.token_urlsafe(32)


class BodyTooLargeError(Exception):
    """A body is longer than what was allowed; the guard answers it with 413."""


class Guard:
    """Lets through what belongs to a person of the session; ``scope["person"]`` is who it is.

    Args:
        app: what is guarded.
        tokens: a person's name by token.
        hosts: names by which the server may be called, each with its port, as in "127.0.0.1:8080".
        limit: bytes that a body may have.

    Answers: 421 for a foreign name, 403 for a foreign origin and for whoever has no token, 413 for a body
    that is too long. ``/?token=...`` is answered with a cookie and a redirection to the address without it,
    as it must not stay in the history.
    """

    def __init__(
        self, app: ASGIApp, tokens: Mapping[str, str], hosts: Collection[str], limit: int = BODY_LIMIT
    ) -> None:
        self.app = app
        self.tokens = dict(tokens)
        self.hosts = frozenset(host.lower() for host in hosts)
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, or hands it on."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return  # no WebSockets here
        guarded = _with_headers(send)
        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, guarded)
            return
        try:
            await self.app(scope, _limited(receive, self.limit), guarded)
        except BodyTooLargeError:
            await self._too_large()(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", "").lower(), headers.get("origin")
        if host not in self.hosts:
            return PlainTextResponse("this server is not called by that name\n", 421)
        if origin is not None and origin.lower() != f"http://{host}":
            return PlainTextResponse("requests of other sites are refused\n", 403)
        if not self._length_allowed(headers):
            return self._too_large()
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = dict(query).get("token")
        if given is not None and scope["method"] in READING:
            return self._welcome(scope, host, given, query)
        bearer = headers.get("authorization", "").removeprefix("Bearer ").strip()
        person = self.person(bearer or _cookie(headers, cookie_name(host)))
        if person is None:
            return PlainTextResponse(CLOSED, 403)
        # A browser tells the origin of whatever changes something; a program that sends the token itself
        # can't have been tricked into it.
        if scope["method"] not in READING and origin is None and not bearer:
            return PlainTextResponse("a request that changes something has to tell its origin\n", 403)
        scope["person"] = person
        return None

    def _welcome(self, scope: Scope, host: str, token: str, query: list[tuple[str, str]]) -> Response:
        """Swaps the token in the address for a cookie."""
        if self.person(token) is None:
            return PlainTextResponse(CLOSED, 403)
        rest = urlencode([pair for pair in query if pair[0] != "token"])
        response = RedirectResponse("/" + (f"?{rest}" if rest else ""), 303)
        response.set_cookie(cookie_name(host), token, httponly=True, samesite="strict", path="/")
        response.headers["cache-control"] = "no-store"
        return response

    def person(self, token: str) -> str | None:
        """Whose token it is; None for nobody's. Takes as long for a nearly right one as for any other."""
        found = None
        for known, person in self.tokens.items():
            if hmac.compare_digest(known.encode(), token.encode("utf-8", "surrogateescape")):
                found = person
        return found

    def _length_allowed(self, headers: Headers) -> bool:
        length = headers.get("content-length", "0")
        return length.isdecimal() and len(length) < 20 and int(length) <= self.limit

    def _too_large(self) -> Response:
        return PlainTextResponse(f"a body has {self.limit} bytes at most\n", 413)


def cookie_name(host: str) -> str:
    """The cookie of the server at a port: cookies of a host are shared by its ports."""
    return f"alframe-{host.rpartition(':')[2]}"


def _cookie(headers: Headers, name: str) -> str:
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return "" if cookie is None else cookie.value


def _limited(receive: Receive, limit: int) -> Receive:
    """Counts the bytes of a body, whose length need not be told beforehand."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise BodyTooLargeError
        return message

    return counted


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return sent
