"""The page's server: samples by their number, events to the journal, news as they come.

It never imports torch. An event is on the disk before its answer leaves; what the model does is another
process's affair.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from importlib.resources import files
from typing import Any

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from alframe.errors import UsageError, one_line
from alframe.labelling.grid import grid
from alframe.labelling.guard import Guard
from alframe.labelling.journal import JournalError, JournalFullError
from alframe.labelling.live import News
from alframe.labelling.loop import Learner, Loop
from alframe.labelling.requests import BadRequestError, event_of, number, numbers
from alframe.labelling.telling import Telling

TICK = 0.1  # seconds between looks at the process that learns
KEPT = {"cache-control": "private, max-age=600"}
KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
SHOWN = ("image/", "audio/")  # all else is a download: to a browser it may be a program
PROGRAM = "image/svg"
SIZES = (96, 192, 384, 2048)  # pixels of the longer side of a thumbnail
AHEAD = 32  # samples that a page may hold


def make_app(
    session: Any,
    learner: Learner | None,
    tokens: Mapping[str, str],
    hosts: Collection[str],
    until: float | None = None,
    telling: Telling | None = None,
) -> Starlette:
    """The application.

    Args:
        session: an open session.
        learner: the process that learns, or None. It is closed when the application ends.
        tokens: a person's name by token.
        hosts: names by which the server may be called, each with its port.
        until: the accuracy at which labelling may end, for the advice.
        telling: what tells plugins of events; the page says what is amiss with them.
    """
    desk = Desk(session, Loop(session, learner, until), telling)
    routes = [
        *_page(),
        Route("/session", desk.about),
        Route("/queue", desk.queue),
        Route("/sample/{n:int}", desk.sample),
        Route("/thumb/{n:int}", desk.thumb),
        Route("/events", desk.events, methods=["POST"]),
        Route("/live", desk.live),
        Route("/facts", desk.now),
        Route("/grid", desk.grid),
        Route("/disagreements", desk.disagreements),
    ]
    errors: Any = {BadRequestError: _said(400), UsageError: _said(422)}
    guard = Middleware(Guard, tokens=tokens, hosts=hosts)
    app = Starlette(routes=routes, middleware=[guard], exception_handlers=errors, lifespan=desk.lifespan)
    app.state.desk = desk
    return app


def _page() -> Iterator[Route]:
    """A route for each file of the page."""
    for file in (files("alframe.labelling") / "page").iterdir():
        kind = KINDS.get(file.name.rpartition(".")[2])
        if kind is not None:
            path = "/" if file.name == "index.html" else f"/{file.name}"
            yield Route(path, _part(file.read_bytes(), kind))


def _part(content: bytes, kind: str) -> Any:
    async def part(request: Request) -> Response:
        return Response(content, media_type=kind)

    return part


def _said(status: int) -> Any:
    async def said(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": one_line(error)}, status)

    return said


class Desk:
    """The answers to requests.

    Args:
        session: an open session.
        loop: the model's part.
        telling: the listening plugins' part.
    """

    def __init__(self, session: Any, loop: Loop, telling: Telling | None = None) -> None:
        self.session = session
        self.loop = loop
        self._of_plugins: list[str] = telling.notes if telling else []
        self._said = 0
        self.news = News(self.facts)
        self._drawing = CapacityLimiter(1)  # one core draws, one answers

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Looks at the process that learns as long as the server is up."""
        ticking = asyncio.create_task(self._tick())
        try:
            yield
        finally:
            self.news.close()
            ticking.cancel()
            if self.loop.learner is not None:
                self.loop.learner.close()

    async def _tick(self) -> None:
        while True:
            if self.loop.tick() or self._said != len(self._of_plugins):
                self._said = len(self._of_plugins)
                self.news.tell()
            await asyncio.sleep(TICK)

    def facts(self) -> dict[str, Any]:
        """What every page shows: progress, classes, the model."""
        progress = dict(self.session.progress())
        counted = {"by_class": progress.pop("classes"), "by_person": progress.pop("people")}
        classes = [{"name": one.name, "key": one.key} for one in self.session.classes]
        learned = self.loop.facts()
        learned["remarks"] = [*self._of_plugins, *learned["remarks"]]
        return {**progress, **counted, "classes": classes, **learned}

    async def about(self, request: Request) -> Response:
        """``GET /session``: what the page needs once."""
        settings = self.session.settings
        return JSONResponse(
            {
                "title": self.session.folder.name.removesuffix(".alframe"),
                "folder": str(self.session.folder),
                "kind": self.session.shown_as,
                "person": request.scope["person"],
                "people": list(settings.people),
                "strategy": settings.strategy,
                "notes": list(self.session.notes),
                "facts": self.facts(),
            }
        )

    async def queue(self, request: Request) -> Response:
        """``GET /queue?have=3,17&count=4&drop=5``: what this person labels next.

        That is without what the page has, and what it has no more is free for others.
        """
        have, drop = numbers(request.query_params, "have"), numbers(request.query_params, "drop")
        count = number(request.query_params, "count", 4, AHEAD)
        person = request.scope["person"]
        for position in drop:
            self.session.release(position, person)
        found = self.session.next_for(person, self.loop.picks, count + len(have), self.loop.audit_picks)
        ours = [position for position in found if position not in set(have)][:count]
        self.loop.shown([*have, *ours])
        return JSONResponse({"order": self.loop.order, "samples": [self._entry(one) for one in ours]})

    def _entry(self, position: int) -> dict[str, Any]:
        entry = {"sample": position, "id": self.session.samples[position].id}
        by_model = position in self.loop.picked
        entry["why"] = self.session.settings.strategy if by_model else "random"
        entry["model"] = self.loop.version if by_model else None
        return {**entry, "suggestion": self.loop.suggestion(position)}

    async def sample(self, request: Request) -> Response:
        """``GET /sample/17``: the picture or text itself; its number is all that a request can say."""
        position = self._position(request)
        if position is None:
            return PlainTextResponse("there is no sample of that number\n", 404)
        try:
            content = self.session.content(position)
        except UsageError as error:
            return JSONResponse({"error": one_line(error)}, 410)
        if content.text is not None:
            return PlainTextResponse(content.text, headers=KEPT)
        if not content.media_type.startswith(SHOWN) or content.media_type.startswith(PROGRAM):
            return FileResponse(
                content.path, media_type="application/octet-stream", filename=content.path.name
            )
        if not content.in_browser:
            return await self._drawn(position, SIZES[-1])
        return FileResponse(content.path, media_type=content.media_type, headers=KEPT)

    async def thumb(self, request: Request) -> Response:
        """``GET /thumb/17?size=192``: the picture made small."""
        position = self._position(request)
        if position is None:
            return PlainTextResponse("there is no sample of that number\n", 404)
        wanted = number(request.query_params, "size", 192, SIZES[-1])
        return await self._drawn(position, next(size for size in SIZES if size >= wanted))

    async def _drawn(self, position: int, size: int) -> Response:
        try:
            drawn = await to_thread.run_sync(self.session.thumbnail, position, size, limiter=self._drawing)
        except UsageError as error:
            return JSONResponse({"error": one_line(error)}, 410)
        return Response(drawn, media_type="image/jpeg", headers=KEPT)

    def _position(self, request: Request) -> int | None:
        position: int = request.path_params["n"]
        return position if position < len(self.session.samples) else None

    async def events(self, request: Request) -> Response:
        """``POST /events``: one event; it is on the disk before the answer leaves."""
        try:
            body = await request.json()
        except (ValueError, RecursionError):
            raise BadRequestError("the body is no JSON") from None
        fields = event_of(body, len(self.session.samples))
        return self._posted(fields, request.scope["person"])

    def _posted(self, fields: dict[str, Any], person: str) -> Response:
        try:
            if fields["event"] == "undo":
                event = self.session.undo(person, client=fields["client"])
            else:
                if "sample" in fields:
                    fields = {**fields, "sample": self.session.samples[fields["sample"]].id}
                event = self.session.post(fields, person)
        except JournalError as error:
            return JSONResponse(
                {"error": one_line(error)}, 507 if isinstance(error, JournalFullError) else 503
            )
        self.loop.changed()
        self.news.tell()
        answer: dict[str, Any] = {"n": event.n, "event": event.event}
        if event.event.startswith("class-"):
            answer["facts"] = self.facts()
        if event.event == "undo":
            undone = next(past for past in reversed(self.session.events) if past.n == event.of)
            answer["entry"] = self._entry(self._positions[undone.sample])
        return JSONResponse(answer)

    @functools.cached_property
    def _positions(self) -> dict[str | None, int]:
        return {sample.id: sample.position for sample in self.session.samples}

    async def live(self, request: Request) -> Response:
        """``GET /live``: the facts, again whenever they change, as server-sent events."""
        return StreamingResponse(self.news.stream(), media_type="text/event-stream")

    async def now(self, request: Request) -> Response:
        """``GET /facts``: the same once, for pages whose stream broke."""
        return JSONResponse(self.facts())

    async def grid(self, request: Request) -> Response:
        """``GET /grid?class=cat&order=newest&start=0&count=60``: what is labelled, to correct it."""
        query = request.query_params
        return JSONResponse(
            grid(
                self.session,
                self.loop,
                query.get("class") or None,
                query.get("order", "newest"),
                number(query, "start", 0, 2**31),
                number(query, "count", 60, 200),
                request.scope["person"] if query.get("by") == "me" else None,
            )
        )

    async def disagreements(self, request: Request) -> Response:
        """``GET /disagreements``: samples on which people differ, to be settled."""
        found = self.session.disagreements()[:AHEAD]
        return JSONResponse({"samples": [self._entry(one.position) | {"settle": one.votes} for one in found]})
