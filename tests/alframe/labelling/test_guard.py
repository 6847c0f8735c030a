"""Who is let in, by token, cookie, name and origin."""

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from alframe.labelling.guard import HEADERS, Guard, new_token

ADA, BOB = new_token(), new_token()
HOST = "127.0.0.1:8123"
LIMIT = 1000


async def who(request: Request) -> JSONResponse:
    body = await request.body()
    return JSONResponse({"person": request.scope["person"], "bytes": len(body)})


def client(**headers):
    routes = [Route("/", who, methods=["GET", "POST"])]
    guard = Middleware(Guard, tokens={ADA: "ada", BOB: "bob"}, hosts=[HOST, "localhost:8123"], limit=LIMIT)
    app = Starlette(routes=routes, middleware=[guard])
    return TestClient(app, base_url=f"http://{HOST}", headers=headers, follow_redirects=False)


def let_in(token=ADA, **headers):
    opened = client(**headers)
    assert opened.get("/", params={"token": token}).status_code == 303
    return opened


def post(opened, **headers):
    return opened.post("/", json={}, headers=headers)


def test_tokens_have_256_bits_and_differ():
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert {len(token) for token in tokens} == {43}  # 6 bits a letter


def test_without_a_token_nothing_is_said_but_where_to_go():
    answer = client().get("/")
    assert answer.status_code == 403
    assert "open the address that alframe printed" in answer.text


def test_a_wrong_token_is_refused():
    for token in ("", "x", ADA[:-1], ADA + "x", ADA.swapcase(), "ä"):
        opened = client()
        assert opened.get("/", params={"token": token}).status_code == 403, token
        assert not opened.cookies


def test_the_token_is_swapped_for_a_cookie_and_leaves_the_address():
    opened = client()
    answer = opened.get("/", params={"token": ADA})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert cookie.startswith("alframe-8123=")
    assert answer.headers["cache-control"] == "no-store"
    assert opened.get("/").json() == {"person": "ada", "bytes": 0}


def test_the_redirection_leads_nowhere_else():
    answer = client().get("/", params={"token": ADA, "next": "//evil.example"})
    assert answer.headers["location"] == "/?next=%2F%2Fevil.example"


def test_the_token_says_who_it_is():
    assert let_in(BOB).get("/").json()["person"] == "bob"


def test_a_cookie_of_another_port_is_not_taken():
    opened = client()
    opened.cookies.set("alframe-9999", ADA)
    assert opened.get("/").status_code == 403


def test_a_program_may_send_the_token_itself():
    assert post(client(authorization=f"Bearer {BOB}")).json()["person"] == "bob"
    assert post(client(authorization="Bearer wrong")).status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8123", "127.0.0.1", "127.0.0.1:8124", ""])
def test_a_foreign_name_is_refused_whoever_asks(host):
    answer = let_in().get("/", headers={"host": host})
    assert answer.status_code == 421


def test_the_other_name_of_this_machine_is_none():
    opened = client()
    answer = opened.get("/", params={"token": ADA}, headers={"host": "LOCALHOST:8123"})
    assert answer.status_code == 303


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "https://127.0.0.1:8123",
        "http://127.0.0.1:8124",
        f"http://{HOST}.evil.example",
        "",
    ],
)
def test_a_foreign_origin_is_refused(origin):
    assert post(let_in(), origin=origin).status_code == 403
    assert post(client(authorization=f"Bearer {ADA}"), origin=origin).status_code == 403


def test_our_own_origin_may_change_something():
    assert post(let_in(), origin=f"http://{HOST}").json()["person"] == "ada"


def test_a_change_without_an_origin_is_refused_to_a_cookie():
    answer = post(let_in())
    assert answer.status_code == 403
    assert "origin" in answer.text


def test_a_token_in_the_address_changes_nothing():
    answer = client().post("/", params={"token": ADA}, headers={"origin": f"http://{HOST}"})
    assert answer.status_code == 403


@pytest.mark.parametrize("bytes_", [LIMIT, LIMIT + 1])
def test_long_bodies_are_refused(bytes_):
    answer = client(authorization=f"Bearer {ADA}").post("/", content=b"x" * bytes_)
    assert answer.status_code == (200 if bytes_ == LIMIT else 413)


@pytest.mark.parametrize("pieces", [10, 11])
def test_long_bodies_of_untold_length_are_refused(pieces):
    answer = client(authorization=f"Bearer {ADA}").post("/", content=iter([b"x" * 100] * pieces))
    assert answer.status_code == (200 if pieces == 10 else 413)


@pytest.mark.parametrize("length", ["-1", "1e3", "9" * 30, "x"])
def test_a_length_that_is_none_is_refused(length):
    answer = client(authorization=f"Bearer {ADA}").get("/", headers={"content-length": length})
    assert answer.status_code == 413


@pytest.mark.parametrize("path", ["/", "/?token=wrong", "/nothing"])
def test_every_answer_says_what_a_page_may_do(path):
    answer = let_in().get(path)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
