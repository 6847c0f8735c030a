import os
import subprocess
import sys
import threading

import pytest

from alframe.records import locking
from alframe.records.locking import InUseError, locked


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setattr(locking, "LOCK_SECONDS", 0.05)
    return tmp_path / ".lock", tmp_path / ".owner"


def test_another_is_told_who_has_it_and_gets_it_afterwards(files):
    with locked(*files), pytest.raises(InUseError, match=f"process {os.getpid()} on "), locked(*files):
        pass
    with locked(*files):
        assert files[1].exists()
    assert not files[1].exists()


def test_it_ends_with_the_process(files):
    program = (
        "import sys; from pathlib import Path; from alframe.records.locking import locked\n"
        "with locked(Path(sys.argv[1]), Path(sys.argv[2])):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, *map(str, files)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(InUseError, match=f"process {holder.pid}"), locked(*files):
            pass
        holder.kill()
        holder.wait()
        with locked(*files):
            pass


def test_another_thread_may_let_go(files):
    lock = locked(*files)
    lock.__enter__()
    thread = threading.Thread(target=lambda: lock.__exit__(None, None, None))
    thread.start()
    thread.join()
    with locked(*files):
        pass


def test_a_link_in_its_place_is_not_followed(files, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("content")
    files[0].symlink_to(precious)
    with locked(*files):
        assert precious.read_text() == "content"


def test_nobody_says_who_it_is(files):
    with locked(*files):
        files[1].write_text("")
        with pytest.raises(InUseError, match="another process"), locked(*files):
            pass
