"""Every route of the page's server, and all that it refuses."""

import errno
import json
import os
import threading
from types import SimpleNamespace

import pytest
from PIL import Image
from starlette.testclient import TestClient

from alframe import SourceContent
from alframe.labelling import live
from alframe.labelling.guard import BODY_LIMIT
from alframe.labelling.server import make_app
from alframe.labelling.session import Session
from alframe.labelling.settings import SessionSettings
from alframe.labelling.telling import Telling
from label_doubles import FakeLearner, write_digits

HOST = "127.0.0.1:8123"
ADA, BOB = "a" * 43, "b" * 43
NAMES = ("zero", "one", "two")


class Page:
    """What a person's page sends."""

    def __init__(self, app, token=ADA):
        self.client = TestClient(app, base_url=f"http://{HOST}", headers={"origin": f"http://{HOST}"})
        self.client.get("/", params={"token": token})
        self.sent = 0

    def get(self, path, status=200, **params):
        answer = self.client.get(path, params=params)
        assert answer.status_code == status, answer.text
        return answer

    def post(self, event, status=200, **fields):
        self.sent += 1
        body = {"event": event, "client": f"c{self.sent}", **fields}
        answer = self.client.post("/events", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def queue(self, **params):
        return [one["sample"] for one in self.get("/queue", **params).json()["samples"]]

    def facts(self):
        return self.get("/facts").json()


@pytest.fixture
def source(tmp_path):
    write_digits(tmp_path / "digits", 60)
    return tmp_path / "digits"


@pytest.fixture
def opened(source):
    """Makes an application over a new session."""
    sessions = []

    def make(learner=None, until=None, **settings):
        defaults = {"classes": NAMES, "audit": 6, "people": ("ada", "bob")}
        made = Session.create(
            source,
            source.with_suffix(".alframe"),
            SessionSettings(source=str(source), **(defaults | settings)),
        )
        sessions.append(made)
        tokens = {ADA: "ada", BOB: "bob"}
        return make_app(made, learner, tokens, [HOST], until)

    yield make
    for session in sessions:
        session.close()


@pytest.fixture
def app(opened):
    return opened()


@pytest.fixture
def page(app):
    return Page(app)


def session_of(app):
    return app.state.desk.session


def journal(app):
    return [json.loads(line) for line in (session_of(app).folder / "labels.jsonl").read_text().splitlines()]


def ready(learner, app, **told):
    """One tick that asks, an answer, one tick that hears it."""
    loop = app.state.desk.loop
    loop.tick()
    learner.answer(**told)
    loop.tick()


# -- the page itself


def test_the_page_is_served(page):
    for path, kind in (("/", "text/html"), ("/page.css", "text/css"), ("/page.js", "text/javascript")):
        answer = page.get(path)
        assert answer.headers["content-type"].startswith(kind)
        assert "unsafe" not in answer.headers["content-security-policy"]


def test_the_page_names_nothing_elsewhere_and_runs_nothing_inline(page):
    html = page.get("/").text
    assert "http://" not in html + page.get("/page.css").text
    assert "https://" not in html
    assert "style=" not in html
    assert " on" + "click" not in html
    assert html.count("<script") == 1


def test_nothing_without_a_token(app):
    stranger = TestClient(app, base_url=f"http://{HOST}")
    paths = {route.path.replace("{n:int}", "0") for route in app.routes}
    assert {"/", "/session", "/queue", "/sample/0", "/thumb/0", "/live", "/facts", "/grid"} <= paths
    for path in paths:
        assert stranger.get(path).status_code == 403
        assert stranger.get(path, headers={"host": "evil.example"}).status_code == 421


def test_no_event_without_a_token_or_of_a_foreign_page(app, page):
    stranger = TestClient(app, base_url=f"http://{HOST}")
    body = {"event": "label", "client": "x", "sample": 0, "label": "one"}
    assert stranger.post("/events", json=body).status_code == 403
    for headers in ({"origin": "http://evil.example"}, {"host": "evil.example"}):
        assert page.client.post("/events", json=body, headers=headers).status_code in (403, 421)
    assert session_of(app).labels() == {}


def test_other_paths_and_methods_are_none(page):
    for path in ("/nothing", "/index.html", "/page/index.html", "/server.py"):
        page.get(path, status=404)
    assert page.client.get("/events").status_code == 405
    assert page.client.post("/queue").status_code == 405


# -- samples by number


def test_a_sample_is_its_file(page, source):
    answer = page.get("/sample/7")
    assert answer.content == (source / "0007.png").read_bytes()
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"].startswith("private")


def test_numbers_that_are_none(page):
    for route in ("sample", "thumb"):
        for number in ("60", "99999999999999999999", "-1", "1.5", "0007.png", "", "%2e%2e", "x"):
            assert page.client.get(f"/{route}/{number}").status_code == 404


def test_no_way_out_of_the_folder(app, page):
    for path in (
        "/sample/../../../etc/passwd",
        "/sample/..%2f..%2fetc%2fpasswd",
        "/sample/%2e%2e/%2e%2e/etc/passwd",
        "/thumb/..%5c..%5csession.toml",
        "//etc/passwd",
        "/page.css/../session.toml",
        "/session.toml",
        "/server.json",
        "/labels.jsonl",
    ):
        answer = page.client.get(path)
        assert answer.status_code in (403, 404)
        assert "root:" not in answer.text


def test_a_link_out_of_the_folder_is_not_followed(tmp_path, source):
    secret = tmp_path / "secret.png"
    Image.new("L", (8, 8)).save(secret)
    session = Session.create(source, tmp_path / "s", SessionSettings(source=str(source), classes=NAMES))
    with session:
        (source / "0003.png").unlink()
        (source / "0003.png").symlink_to(secret)
        page = Page(make_app(session, None, {ADA: "ada"}, [HOST]))
        assert page.client.get("/sample/3").status_code == 410
        assert page.client.get("/thumb/3").status_code == 410


def test_a_file_that_is_gone_or_broken_is_named(page, source):
    (source / "0003.png").unlink()
    assert "0003.png" in page.get("/sample/3", status=410).json()["error"]
    (source / "0004.png").write_bytes(b"no image")
    assert "0004.png" in page.get("/thumb/4", status=410).json()["error"]


def test_what_browsers_can_not_draw_is_drawn_anew(tmp_path, source):
    Image.new("RGB", (40, 20), "red").save(source / "z.tiff")
    with Session.create(
        source, tmp_path / "s", SessionSettings(source=str(source), classes=NAMES)
    ) as session:
        page = Page(make_app(session, None, {ADA: "ada"}, [HOST]))
        number = next(sample.position for sample in session.samples if sample.id == "z.tiff")
        assert page.get(f"/sample/{number}").headers["content-type"] == "image/jpeg"


def test_a_thumbnail(page):
    for size in (1, 96, 192, 5000):
        answer = page.get("/thumb/3", size=size)
        assert answer.headers["content-type"] == "image/jpeg"
    page.get("/thumb/3", size="x", status=400)


def test_a_text_is_text_and_no_program(tmp_path):
    file = tmp_path / "reviews.txt"
    file.write_text("good\n<script>alert(1)</script>\nbad\n")
    settings = SessionSettings(source=str(file), kind="texts", classes=("good", "bad"))
    with Session.create(file, tmp_path / "s", settings) as session:
        page = Page(make_app(session, None, {ADA: "ada"}, [HOST]))
        answer = page.get("/sample/1")
        assert answer.text == "<script>alert(1)</script>"
        assert answer.headers["content-type"].startswith("text/plain")
        assert page.get("/session").json()["kind"] == "texts"
        assert page.client.get("/thumb/1").status_code == 410


def test_what_is_no_picture_or_sound_is_a_download(app, page, source):
    session = session_of(app)
    kinds = ["text/html", "application/xml", "image/svg+xml", "text/javascript", "image/png", "audio/wav"]
    given = iter(kinds)
    session.source = SimpleNamespace(
        content=lambda name: SourceContent(path=source / name, media_type=next(given))
    )
    answers = [page.get("/sample/3").headers for _ in kinds]
    wanted = ["application/octet-stream"] * 4 + ["image/png", "audio/wav"]
    assert [one["content-type"] for one in answers] == wanted
    assert ["content-disposition" in one for one in answers] == [True] * 4 + [False] * 2


# -- plugins that listen


def test_a_plugin_that_sleeps_holds_up_no_answer(opened, bare_registry, make_plugin):
    asleep, wake = threading.Event(), threading.Event()

    def sleeper(event):
        asleep.set()
        wake.wait()

    bare_registry.register(make_plugin(alframe_labelled=sleeper), "sleeper")
    session = session_of(opened())
    telling = Telling(session, bare_registry, {"local/sleeper"})
    page = Page(make_app(session, None, {ADA: "ada"}, [HOST], telling=telling))
    page.post("label", sample=0, label="one")
    assert asleep.wait(60)
    for number in range(1, 9):
        page.post("label", sample=number, label="two")  # answered, though the plugin has not returned
    assert page.facts()["labelled"] == 9
    telling.close(0)
    (line,) = page.facts()["remarks"]
    assert line.startswith("plugin 'sleeper' (local) was not told of 9 events")
    wake.set()


# -- events


def test_a_label_is_on_the_disk_when_it_is_answered(app, page):
    page.post("label", sample=5, label="one", seconds=1.5, why="badge", model=3, p=0.4, suggested="two")
    (line,) = journal(app)
    told = {
        "event": "label",
        "by": "ada",
        "sample": "0005.png",
        "label": "one",
        "seconds": 1.5,
        "suggested": "two",
    }
    assert told.items() <= line.items()
    assert page.facts()["labelled"] == 1
    assert page.facts()["by_class"] == {"zero": 0, "one": 1, "two": 0}


def test_who_says_it_is_whose_token_it_is(app, page):
    Page(app, BOB).post("label", sample=5, label="one")
    assert journal(app)[0]["by"] == "bob"
    page.post("label", sample=6, label="one", by="bob", status=400)


def test_a_double_key_or_a_second_try_is_one_label(app, page):
    first = page.post("label", sample=5, label="one", client="same")
    again = page.post("label", sample=5, label="one", client="same")
    assert first["n"] == again["n"]
    assert len(journal(app)) == 1


def test_undo_says_what_to_show_again(app, page):
    page.post("label", sample=5, label="one")
    assert page.post("undo")["entry"]["sample"] == 5
    assert page.facts()["labelled"] == 0
    assert "nothing to undo" in page.post("undo", status=422)["error"]


def test_skip_and_unsure(page):
    page.post("skip", sample=1, why="unreadable")
    page.post("unsure", sample=2)
    facts = page.facts()
    assert (facts["skipped"], facts["unsure"]) == (1, 1)


def test_a_new_class_has_a_key(page):
    facts = page.post("class-add", label="three")["facts"]
    assert [one["name"] for one in facts["classes"]] == [*NAMES, "three"]
    assert facts["classes"][-1]["key"]
    page.post("label", sample=3, label="three")


def test_what_there_is_not_is_refused(app, page):
    assert "nobody" in page.post("label", sample=3, label="nobody", status=422)["error"]
    page.post("label", sample=60, label="one", status=400)
    page.post("label", sample="../x.png", label="one", status=400)
    page.post("erase", status=400)
    assert page.client.post("/events", content=b"{").status_code == 400
    assert page.client.post("/events", content=b"[" * 50_000).status_code == 400
    assert page.client.post("/events", content=b"\xff").status_code == 400
    assert session_of(app).labels() == {}


def test_a_large_body_is_refused(page):
    assert page.client.post("/events", content=b" " * (BODY_LIMIT + 1)).status_code == 413
    pieces = iter([b" " * 1024] * 65)
    assert page.client.post("/events", content=pieces).status_code == 413


def test_a_full_disk_refuses_the_label_and_takes_it_later(app, page, monkeypatch):
    page.post("label", sample=1, label="one")

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        assert (
            "No space left" in page.post("label", sample=2, label="two", client="kept", status=507)["error"]
        )
    assert len(journal(app)) == 1
    page.post("label", sample=2, label="two", client="kept")
    assert [line["sample"] for line in journal(app)] == ["0001.png", "0002.png"]


# -- the queue


def test_the_queue_goes_by_the_model_and_holds_what_is_shown(opened):
    learner = FakeLearner()
    app = opened(learner, audit=0)
    ready(learner, app, picks=[9, 8, 7, 6, 5], suggestions={9: (1, 0.75)}, labels=0)
    ada, bob = Page(app), Page(app, BOB)
    (first, _) = ada.get("/queue", count=2).json()["samples"]
    assert first == {
        "sample": 9,
        "id": "0009.png",
        "why": "badge",
        "model": 1,
        "suggestion": {"label": "one", "p": 0.75},
    }
    assert bob.queue(count=2) == [7, 6]
    assert ada.queue(count=2, have="9,8") == [5, ada.queue(count=3, have="9,8")[1]]
    assert set(ada.queue(count=3, have="9")).isdisjoint({9, 7, 6})


def test_what_a_page_drops_is_free_again(opened):
    learner = FakeLearner()
    app = opened(learner, audit=0)
    ready(learner, app, picks=[9, 8, 7])
    ada, bob = Page(app), Page(app, BOB)
    assert ada.queue(count=2) == [9, 8]
    ready(learner, app, picks=[7, 9, 8], version=2)
    assert ada.queue(count=1, have="9", drop="8") == [7]
    assert bob.queue(count=1) == [8]


def test_a_reloaded_page_shows_what_it_showed(page):
    assert page.queue(count=3) == page.queue(count=3)


def test_a_queue_that_is_none(page):
    for query in ({"count": "x"}, {"have": "a"}, {"count": -1}, {"drop": "1;2"}):
        page.get("/queue", status=400, **query)


def test_audit_samples_are_blind(opened):
    learner = FakeLearner()
    app = opened(learner, audit=6)
    everything = range(60)
    ready(learner, app, picks=list(everything), suggestions=dict.fromkeys(everything, (1, 0.9)))
    shown = Page(app).get("/queue", count=32).json()["samples"]
    audit = set(session_of(app).audit)
    assert len(audit) == 6
    assert {one["sample"] for one in shown if one["suggestion"] is None} == audit & {
        one["sample"] for one in shown
    }
    assert audit & {one["sample"] for one in shown}
    assert "audit" not in json.dumps(shown)  # nothing tells them apart but that nothing is suggested


def test_labels_never_wait_for_a_model_that_hangs_or_failed(opened):
    learner = FakeLearner()
    app = opened(learner)
    page = Page(app)
    app.state.desk.loop.tick()
    page.post("label", sample=1, label="one")
    learner.failed = "out of memory"
    page.post("label", sample=2, label="one")
    facts = page.facts()
    assert facts["failed"] == "out of memory"
    assert facts["labelled"] == 2
    assert page.queue(count=3)


# -- facts, news, the grid


def test_the_session_says_what_the_page_needs(page, source):
    about = page.get("/session").json()
    assert about["title"] == "digits"
    assert about["person"] == "ada"
    assert about["people"] == ["ada", "bob"]
    assert about["facts"]["total"] == 60
    assert ADA not in json.dumps(about)


def test_news_come_as_a_stream(opened, monkeypatch):
    monkeypatch.setattr(live, "PAUSE", 0.0)
    app = opened()
    page = Page(app)
    app.state.desk.news.close()  # else it would go on
    with page.client.stream("GET", "/live") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")


def test_the_server_ends_the_process_that_learns(opened):
    learner = FakeLearner()
    with TestClient(opened(learner), base_url=f"http://{HOST}"):
        assert not learner.closed
    assert learner.closed
    assert learner.requests  # it was asked for a first order


def test_the_grid_shows_what_is_labelled(page):
    for sample, name in ((3, "one"), (1, "two"), (2, "one")):
        page.post("label", sample=sample, label=name)

    def shown(**query):
        return [one["sample"] for one in page.get("/grid", **query).json()["samples"]]

    assert shown() == [2, 1, 3]
    assert shown(order="oldest") == [3, 1, 2]
    assert shown(**{"class": "one"}) == [2, 3]
    assert shown(start=1, count=1) == [1]
    assert shown(by="me") == [2, 1, 3]
    assert page.get("/grid").json()["total"] == 3
    assert "nobody" in page.get("/grid", status=422, **{"class": "nobody"}).json()["error"]
    page.get("/grid", status=422, order="best")
    page.get("/grid", status=400, start="x")


def test_what_people_differ_on_is_settled(opened):
    app = opened(overlap=1.0)
    ada, bob = Page(app), Page(app, BOB)
    ada.post("label", sample=4, label="one")
    bob.post("label", sample=4, label="two")
    (found,) = ada.get("/disagreements").json()["samples"]
    assert found["settle"] == {"ada": "one", "bob": "two"}
    assert ada.facts()["disagreements"] == 1
    ada.post("adjudicate", sample=4, label="two")
    assert ada.get("/disagreements").json()["samples"] == []
    assert session_of(app).labels()[4].label == "two"
