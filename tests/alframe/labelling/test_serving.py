"""The port, the tokens, and who may listen where."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from starlette.applications import Starlette

from alframe.errors import UsageError
from alframe.labelling import serving
from alframe.labelling.serving import FILE, own_names, take_place
from label_doubles import write_digits


@pytest.fixture
def place(tmp_path):
    """Takes a place in a folder; the sockets are closed at the end."""
    taken = []

    def take(people=("me",), host="127.0.0.1", port=0, trusted=False, folder=tmp_path):
        taken.append(take_place(folder, people, host, port, trusted))
        return taken[-1]

    yield take
    for one in taken:
        one.socket.close()


def test_each_person_has_an_address(place):
    found = place(("ada", "bob"))
    addresses = found.addresses()
    assert list(addresses) == ["ada", "bob"]
    assert len(set(addresses.values())) == 2
    assert addresses["ada"].startswith(f"http://127.0.0.1:{found.port}/?token=")
    assert f"127.0.0.1:{found.port}" in found.hosts


def test_the_next_server_has_the_same_port_and_tokens(place):
    first = place(("ada",))
    first.socket.close()
    second = place(("ada", "bob"))
    assert second.port == first.port
    assert second.addresses()["ada"] == first.addresses()["ada"]


def test_a_port_that_is_taken_is_another(place):
    first = place()
    assert place().port != first.port  # the first one still has it


def test_a_named_port_that_is_taken_is_an_error(place):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageError, match="name another with --port"):
            place(port=taken.getsockname()[1])


def test_whoever_no_longer_labels_is_let_in_no_more(place):
    first = place(("ada", "bob"))
    first.socket.close()
    assert list(place(("ada",)).tokens.values()) == ["ada"]


@pytest.mark.skipif(os.name != "posix", reason="modes of files are another matter there")
def test_only_this_user_can_read_the_tokens(place, tmp_path):
    first = place()
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    first.socket.close()
    (tmp_path / FILE).chmod(0o644)
    assert place().tokens != first.tokens


@pytest.mark.parametrize("content", ["", "{", "[]", '{"port": 1}', '{"port": "x", "tokens": {}}', "\x00"])
def test_a_damaged_file_is_no_hindrance(place, tmp_path, content):
    (tmp_path / FILE).write_text(content)
    (tmp_path / FILE).chmod(0o600)
    assert place().tokens


def test_tokens_of_a_copied_folder_are_not_taken(place, tmp_path):
    first = place()
    other = tmp_path / "copy"
    other.mkdir()
    (other / FILE).write_bytes((tmp_path / FILE).read_bytes())
    (other / FILE).chmod(0o600)
    assert place(folder=other).tokens != first.tokens
    known = json.loads((other / FILE).read_text())
    assert known["folder"] == str(other.resolve())


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.org"])
def test_the_network_is_asked_for_twice(place, host):
    with pytest.raises(UsageError, match="--i-trust-this-network"):
        place(host=host)


def test_a_trusted_network_may_call_this_machine_by_its_names(place):
    found = place(host="0.0.0.0", trusted=True)
    assert {f"{name}:{found.port}" for name in own_names()} <= set(found.hosts)
    assert "0.0.0.0" not in next(iter(found.addresses().values()))


def test_a_server_answers_and_an_interrupt_ends_it(tmp_path):
    code = (
        "from pathlib import Path; from starlette.applications import Starlette\n"
        "from starlette.responses import PlainTextResponse; from starlette.routing import Route\n"
        "from alframe.labelling.serving import serve, take_place\n"
        f"place = take_place(Path({str(tmp_path)!r}), ['me'], '127.0.0.1', 0, False)\n"
        "app = Starlette(routes=[Route('/', lambda request: PlainTextResponse('here'))])\n"
        "serve(app, place, lambda: print(place.port, flush=True))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        port = int(process.stdout.readline())
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=20) as answer:
            assert answer.read() == b"here"
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        _, said = process.communicate(timeout=30)
        assert time.monotonic() - started < 25
        assert said == ""
    finally:
        process.kill()
        process.communicate()


def test_work_beside_ends_the_server_and_is_heard_when_it_fails(place):
    def fail():
        raise UsageError("enough")

    done = []
    app = Starlette(routes=[])
    serving.serve(app, place(), lambda: done.append("up"), lambda: done.append("worked"))
    assert done == ["up", "worked"]
    with pytest.raises(UsageError, match="enough"):
        serving.serve(app, place(), lambda: None, fail)


def test_answers_do_not_wait_for_receipts(place):
    """By a socket's protocol asyncio knows that it may switch the waiting (Nagle's algorithm) off."""
    assert place().socket.proto == socket.IPPROTO_TCP


def test_the_server_imports_no_torch_and_looks_no_plugin_up(tmp_path):
    source = tmp_path / "digits"
    write_digits(source, 60)
    code = (
        "import sys; from pathlib import Path; import uvicorn\n"
        "from alframe.labelling.server import make_app\n"
        "from alframe.labelling.serving import take_place, serve\n"
        "from alframe.labelling.session import Session\n"
        "from alframe.labelling.settings import SessionSettings\n"
        f"source, folder = Path({str(source)!r}), Path({str(tmp_path / 's')!r})\n"
        "s = Session.create(source, folder, SessionSettings(source='x'))\n"
        "app = make_app(s, None, {}, [])\n"
        "s.next_for('me', [], 5); s.thumbnail(0, 96); app.state.desk.facts()\n"
        "sys.exit('torch' in sys.modules or 'alframe.registry.registry' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
