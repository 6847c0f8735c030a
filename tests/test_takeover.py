"""Processes that want the same trial, where locks are none, where one is stopped, and where one is killed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from alframe.records.folder import TrialFolder
from doubles import repeatable

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]  # each test starts several processes

# `alframe` with short leases, without flock (as a file system mounted with nolock), as another machine, or
# stopped at a moment, as the environment says.
PROGRAM = """
import os, platform, signal, socket, sys, types
import filelock
from alframe.records import fence, lease, locking, writing

class Nothing:
    def __init__(self, *arguments, **options): pass
    def acquire(self): pass
    def release(self): pass

if "NOLOCK" in os.environ:
    locking.filelock = types.SimpleNamespace(FileLock=Nothing, Timeout=filelock.Timeout)
if host := os.environ.get("HOST"):
    socket.gethostname = platform.node = lambda: host
lease.LEASE_SECONDS, lease.MARGIN_SECONDS = 2.0, 10.0
moment, _, number = os.environ.get("STOP", "").partition(" ")
count = 0

def stop(*arguments):
    global count
    count += 1
    if count == int(number):
        os.kill(os.getpid(), signal.SIGSTOP)

from alframe.records.folder import TrialFolder
save, check = TrialFolder.save, fence.Fence.check
def stopping_save(self, checkpoint):
    save(self, checkpoint)
    stop()
def stopping_check(self):
    if moment == "unchecked":
        stop()
    check(self)
    if moment == "checked":
        stop()
if moment == "saved":
    TrialFolder.save = stopping_save
elif moment:
    fence.Fence.check = stopping_check

from alframe_cli.main import main
main()
"""
RUN = ("run", "--strategy", "margin", "--seeds", "1", "--device", "cpu", "--epochs", "3", "--rounds", "5")
SIZES = ("--initial-size", "20", "--query-size", "20")
ROUNDS = 6


@pytest.fixture
def start(tmp_path):
    """Starts `alframe` in a folder of its own; whatever still runs at the end is killed."""
    started = []

    def start(*arguments, **environment):
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *map(str, arguments)],
            cwd=tmp_path,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()


@pytest.fixture
def tasks(start, tmp_path):
    """Writes the task of a trial, and gives their folder."""

    def tasks(*flags):
        return told(start(*RUN, *SIZES, "--out", "runs", "--write-tasks", *flags))[1].strip()

    return tasks


def told(process):
    """Exit code, standard output and standard error of what ends by itself."""
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def stopped(process):
    """Waits until the process has stopped itself."""
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    return process


def records(out):
    (path,) = Path(out).glob("digits/*/margin/seed-1/rounds.jsonl")
    assert TrialFolder(path.parent).progress() == (ROUNDS, True)
    return repeatable(map(json.loads, path.read_text().splitlines()))


def seems_fresh(folder):
    """Gives a lease that was left a late time: processes take longer to start than it lasts."""
    (lease,) = folder.rglob(".seed-1.lease")
    later = lease.stat().st_mtime + 3600
    os.utime(lease, (later, later))
    return lease


@pytest.fixture
def undisturbed(start, tmp_path):
    assert told(start(*RUN, *SIZES, "--out", "alone", "-o", "run.together=off"))[0] == 0
    return records(tmp_path / "alone")


@pytest.mark.parametrize(
    "moment",
    [
        "saved 3",  # between two rounds
        "unchecked 9",  # all of a checkpoint is written but its name
        "checked 8",  # found to be the holder's, and taken before the last checkpoint's move
        "checked 9",  # the same, before the new one's
        "checked 10",  # the same, before the records'
    ],
)
def test_a_holder_that_was_stopped_writes_nothing_after_another_took_its_trial(
    start, tasks, undisturbed, tmp_path, moment
):
    folder = tasks()
    first = stopped(start("work", folder, STOP=moment, NOLOCK="yes"))
    code, out, err = told(start("work", folder, NOLOCK="yes"))
    assert (code, "done" in out) == (0, True), err
    assert "continues after" in err
    assert records(tmp_path / "runs") == undisturbed
    first.send_signal(signal.SIGCONT)
    code, out, err = told(first)
    assert code == 1
    assert "another process took this trial over" in err
    assert "Traceback" not in err
    assert records(tmp_path / "runs") == undisturbed
    assert not list(tmp_path.rglob("*.tmp"))
    assert not list(tmp_path.rglob("*.failed.json"))


@pytest.mark.parametrize("host", ["", "elsewhere"])
@pytest.mark.parametrize("force", [False, True])
def test_a_worker_that_was_killed_is_continued(start, tasks, undisturbed, tmp_path, host, force):
    if force:
        assert told(start("work", tasks()))[0] == 0
    folder = tasks(*(["--force"] * force))
    first = stopped(start("work", folder, STOP="saved 3", HOST=host))
    first.kill()
    first.communicate()
    code, _, err = told(start("work", folder))
    assert code == 0, err
    assert f"continues after 3 of {ROUNDS} trainings" in err
    assert records(tmp_path / "runs") == undisturbed


def test_any_takes_what_is_free_first_and_what_a_dead_machine_left_at_the_end(start, tmp_path):
    flags = (*RUN, *SIZES, "--seeds", "1,2", "--out", "runs", "--write-tasks")
    folder = told(start(*flags))[1].strip()
    first = stopped(start("work", folder, STOP="saved 3", HOST="elsewhere"))
    first.kill()
    first.communicate()
    seems_fresh(tmp_path)
    code, out, err = told(start("work", folder, "--any", "--json"))
    assert code == 0, err
    rows = [(row["trial"], row["state"]) for row in json.loads(out)]
    assert rows == [("margin seed 2", "done"), ("margin seed 1", "done")]
    assert "waits for that until" in err


def test_a_plain_run_waits_for_no_other_machine_but_takes_what_is_long_dead(start, tasks, tmp_path):
    first = stopped(start("work", tasks(), STOP="saved 3", HOST="elsewhere"))
    first.kill()
    first.communicate()
    lease = seems_fresh(tmp_path)
    flags = (*RUN, *SIZES, "--out", "runs", "-o", "run.together=off")
    code, _, err = told(start(*flags))
    assert code == 1
    assert "in use by process" in err
    assert "last sign of life" in err
    os.utime(lease, (1, 1))
    code, _, err = told(start(*flags))
    assert code == 0, err
    assert "continues after 3" in err
