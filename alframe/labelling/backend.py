"""Label Studio's protocol for models ("ML backend"), over a session.

Label Studio asks for predictions and tells of annotations by HTTP. Annotations become labels of the session;
the model learns beside, in its own process, so that no request waits for a fit. See Label Studio's
``label_studio_ml/api.py`` for the routes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any
from xml.etree import ElementTree

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from alframe.errors import UsageError, one_line
from alframe.labelling.formats.label_studio import FROM
from alframe.labelling.formats.label_studio_tasks import sample_of
from alframe.labelling.formats.matching import Matcher
from alframe.labelling.journal import JournalError
from alframe.labelling.loop import Learner, Loop
from alframe.labelling.requests import BadRequestError

BODY_LIMIT = 32 << 20  # bytes; tasks of texts carry their texts
TICK = 0.2  # seconds between looks at the process that learns
WHO = "label-studio"
TAKEN = ("ANNOTATION_CREATED", "ANNOTATION_UPDATED")


def make_backend(session: Any, learner: Learner | None, hosts: Collection[str]) -> Starlette:
    """The application.

    Args:
        session: an open session.
        learner: the process that learns, or None. It is closed when the application ends.
        hosts: names by which the server may be called, each with its port.
    """
    backend = Backend(session, Loop(session, learner))
    routes = [
        Route("/", backend.health),
        Route("/health", backend.health),
        Route("/setup", backend.setup, methods=["POST"]),
        Route("/predict", backend.predict, methods=["POST"]),
        Route("/webhook", backend.webhook, methods=["POST"]),
    ]
    errors: Any = {BadRequestError: _said(400), UsageError: _said(422), JournalError: _said(507)}
    door = Middleware(Door, hosts=hosts)
    app = Starlette(routes=routes, middleware=[door], exception_handlers=errors, lifespan=backend.lifespan)
    app.state.backend = backend
    return app


def _said(status: int) -> Any:
    async def said(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": one_line(error)}, status)

    return said


class Door:
    """Refuses pages of a browser: no page can send JSON to another site unasked, nor leave its origin out.

    Label Studio's server has no token to show; who may reach the port may ask and label.

    Args:
        app: what is behind it.
        hosts: names by which the server may be called, each with its port.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self.app = app
        self.hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, or hands it on."""
        refusal = self._refusal(Request(scope)) if scope["type"] == "http" else None
        await (refusal or self.app)(scope, receive, send)

    def _refusal(self, request: Request) -> Response | None:
        length = request.headers.get("content-length", "0")
        if request.headers.get("host", "").lower() not in self.hosts:
            return PlainTextResponse("this server is not called by that name\n", 421)
        if "origin" in request.headers:
            return PlainTextResponse("pages of a browser are refused\n", 403)
        if request.method == "POST":
            if not request.headers.get("content-type", "").startswith("application/json"):
                return PlainTextResponse("the body has to be JSON\n", 415)
            if "content-length" not in request.headers:
                return PlainTextResponse("the length of the body has to be told\n", 411)
        if not (length.isascii() and length.isdecimal() and len(length) < 20 and int(length) <= BODY_LIMIT):
            return PlainTextResponse(f"a body has {BODY_LIMIT} bytes at most\n", 413)
        return None


class Backend:
    """The answers to Label Studio.

    Args:
        session: an open session.
        loop: the model's part.
    """

    def __init__(self, session: Any, loop: Loop) -> None:
        self.session = session
        self.loop = loop
        self._matcher = Matcher(session)

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Looks at the process that learns as long as the server is up."""
        ticking = asyncio.create_task(self._tick())
        try:
            yield
        finally:
            ticking.cancel()
            if self.loop.learner is not None:
                self.loop.learner.close()

    async def _tick(self) -> None:
        while True:
            self.loop.tick()
            await asyncio.sleep(TICK)

    @property
    def version(self) -> str:
        """The model's, as Label Studio shows it."""
        return f"alframe-{self.loop.version}"

    async def health(self, request: Request) -> Response:
        """``GET /health``."""
        return JSONResponse({"status": "UP", "model_class": "alframe"})

    async def setup(self, request: Request) -> Response:
        """``POST /setup``: sent when the backend is added to a project."""
        names_of((await _body(request)).get("schema"))
        return JSONResponse({"model_version": self.version})

    async def predict(self, request: Request) -> Response:
        """``POST /predict``: what the newest model says of each task; nothing where it says nothing."""
        body = await _body(request)
        tasks = body.get("tasks")
        if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
            raise BadRequestError("tasks: expected a list of tasks")
        names = names_of(body.get("label_config"))
        return JSONResponse({"results": [self._prediction(task, names) for task in tasks]})

    def _prediction(self, task: Mapping[str, Any], names: tuple[str, str]) -> dict[str, Any]:
        position = self._position(task)
        found = None if position is None else self.loop.suggestion(position)
        if found is None:
            return {"model_version": self.version, "score": 0.0, "result": []}
        choice = {
            "from_name": names[0],
            "to_name": names[1],
            "type": "choices",
            "value": {"choices": [found["label"]]},
            "score": found["p"],
        }
        return {"model_version": self.version, "score": found["p"], "result": [choice]}

    def _position(self, task: Mapping[str, Any]) -> int | None:
        data = task.get("data")
        return sample_of(data, self.session, self._matcher)[1] if isinstance(data, dict) else None

    async def webhook(self, request: Request) -> Response:
        """``POST /webhook``: an annotation becomes a label; the model learns it when it comes to it."""
        body = await _body(request)
        if body.get("action") in TAKEN:
            task, annotation = body.get("task"), body.get("annotation")
            if isinstance(task, dict) and isinstance(annotation, dict):
                self._take(task, annotation)
        return JSONResponse({"status": "ok"})

    def _take(self, task: Mapping[str, Any], annotation: Mapping[str, Any]) -> None:
        position, label = self._position(task), _choice(annotation)
        if position is None or not (label or annotation.get("was_cancelled")):
            return
        fields: dict[str, Any] = {"event": "skip", "sample": position, "why": WHO}
        if not annotation.get("was_cancelled"):
            if label not in [one.name for one in self.session.classes]:
                self.session.post({"event": "class-add", "label": label}, WHO)
            fields |= {"event": "label", "label": label}
        # Label Studio sends some webhooks twice.
        when = annotation.get("updated_at") or annotation.get("created_at")
        if annotation.get("id") is not None and when:
            fields["client"] = f"{annotation['id']} {when}"[:200]
        self.session.post(fields, WHO)
        self.loop.changed()


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except (ValueError, RecursionError):
        raise BadRequestError("the body is no JSON") from None
    if not isinstance(body, dict):
        raise BadRequestError("the body is no JSON object")
    return body


def names_of(config: Any) -> tuple[str, str]:
    """The names of the choices, and of what they are about, in a labelling interface.

    Args:
        config: its XML; None for that of tasks that `alframe label export` wrote.

    Raises:
        BadRequestError: it is no XML, or has no ``Choices``.
    """
    if not config:
        return FROM, "image"
    try:
        tree = ElementTree.fromstring(str(config))
    except (ElementTree.ParseError, ValueError):
        raise BadRequestError("the labelling interface is no XML") from None
    choices = tree.find(".//Choices")
    if choices is None:
        raise BadRequestError(
            "the labelling interface has no Choices; a session has classes, no boxes or texts"
        )
    return choices.get("name") or FROM, choices.get("toName") or "image"


def _choice(annotation: Mapping[str, Any]) -> str | None:
    """The only choice of an annotation; None where there are none or several."""
    results = annotation.get("result")
    chosen: list[Any] = []
    for result in results if isinstance(results, list) else []:
        value = result.get("value") if isinstance(result, dict) else None
        choices = value.get("choices") if isinstance(value, dict) else None
        chosen += choices if isinstance(choices, list) else []
    return chosen[0] if len(chosen) == 1 and isinstance(chosen[0], str) else None
