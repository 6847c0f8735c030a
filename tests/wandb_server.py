"""A double of the server of Weights & Biases: it answers what the package asks, and keeps what is sent."""

import contextlib
import dataclasses
import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VIEWER = {"id": "u", "entity": "me", "username": "me", "email": "", "flags": "{}", "teams": {"edges": []}}


@dataclasses.dataclass
class Run:
    """A run: its points by line, the exit codes it ended with, what it is called."""

    lines: dict = dataclasses.field(default_factory=dict)
    codes: list = dataclasses.field(default_factory=list)
    name: str = ""
    group: str = ""
    config: str = "{}"

    @property
    def points(self):
        return [json.loads(self.lines[number]) for number in sorted(self.lines)]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def content(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def do_GET(self):
        self.answer({})

    def do_PUT(self):
        self.content()
        self.answer({})

    def do_POST(self):
        asked = json.loads(self.content() or b"{}")
        if "/file_stream" in self.path:
            self.stream(self.server.runs[self.path.split("/")[-2]], asked)
            self.answer({})
        else:
            self.answer({"data": self.data(asked.get("query", ""), asked.get("variables") or {})})

    def stream(self, run, asked):
        for name, part in (asked.get("files") or {}).items():
            if "history" in name:
                run.lines |= {part["offset"] + k: line for k, line in enumerate(part["content"])}
        if "exitcode" in asked:
            run.codes.append(asked["exitcode"])

    def data(self, query, given):
        name = given.get("name")
        if "bucket(" in query:
            there = self.bucket(name) if name in self.server.runs else None
            return {"model": {"id": "m", "name": "p", "entity": {"id": "e", "name": "me"}, "bucket": there}}
        if "upsertBucket" in query:
            new = name not in self.server.runs
            run = self.server.runs.setdefault(name, Run())
            run.name, run.group = given.get("displayName") or run.name, given.get("groupName") or run.group
            run.config = given.get("config") or run.config
            return {"upsertBucket": {"bucket": self.bucket(name), "inserted": new}}
        if "createRunFiles" in query:
            url = f"http://127.0.0.1:{self.server.server_port}/file"
            files = [{"name": file, "uploadUrl": url} for file in given["files"]]
            return {"createRunFiles": {"runID": "x", "uploadHeaders": [], "files": files}}
        if "serverInfo" in query:
            return {"serverInfo": {"features": [], "cliVersionInfo": None, "latestLocalVersionInfo": None}}
        return {"viewer": VIEWER} if "viewer" in query else {}

    def bucket(self, name):
        run = self.server.runs[name]
        tail = [run.lines[number] for number in sorted(run.lines)][-1:]
        project = {"id": "p", "name": "alframe", "entity": {"id": "e", "name": "me"}}
        counts = {"historyLineCount": len(run.lines), "eventsLineCount": 0, "logLineCount": 0}
        tails = {"historyTail": json.dumps(tail), "eventsTail": "[]", "summaryMetrics": "{}"}
        kept = {"config": run.config, "tags": [], "wandbConfig": json.dumps({"t": 1})}
        return {
            "id": name,
            "name": name,
            "displayName": run.name,
            "project": project,
            **counts,
            **tails,
            **kept,
        }


@contextlib.contextmanager
def serving():
    """Its address, and the runs by id."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.runs = {}
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.runs
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
