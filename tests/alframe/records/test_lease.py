import contextlib
import os
import platform
import threading
import time
from types import SimpleNamespace

import filelock
import pytest

from alframe.records import lease as leases
from alframe.records import locking
from alframe.records.lease import Lease, Patience, patient, taken
from alframe.records.locking import InUseError


class Nothing:
    """What flock is on a file system that is mounted with nolock."""

    def __init__(self, *arguments, **options):
        pass

    def acquire(self):
        pass

    def release(self):
        pass


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(locking, "filelock", SimpleNamespace(FileLock=Nothing, Timeout=filelock.Timeout))
    monkeypatch.setattr(leases, "LEASE_SECONDS", 0.6)
    monkeypatch.setattr(leases, "MARGIN_SECONDS", 5.0)


@pytest.fixture
def trial(tmp_path):
    return tmp_path / "seed-1"


@pytest.fixture
def elsewhere(trial, monkeypatch):
    """Another machine's worker that has died a moment ago, and left its lease."""
    with monkeypatch.context() as patch:
        patch.setattr("socket.gethostname", lambda: "elsewhere")
        lease = filelock.SoftFileLease(
            trial.with_name(".seed-1.lease"), lease_duration=leases.LEASE_SECONDS, heartbeat_interval=0.5
        )
        lease.acquire()
        lease._stop_heartbeat()
    trial.with_name(".seed-1.owner").write_text("process 7 on elsewhere\n")
    return lease


def take(trial, notes=None):
    with taken(trial, (notes if notes is not None else []).append):
        return trial.with_name(".seed-1.owner").read_text()


def test_without_a_lock_the_lease_keeps_others_out(trial):
    with taken(trial, print), pytest.raises(InUseError, match=f"process {os.getpid()} on .*last sign"):
        take(trial)
    assert take(trial) == f"process {os.getpid()} on {platform.node()}\n"
    assert {path.name for path in trial.parent.iterdir()} <= {".seed-1.lock"}


def test_a_holder_that_lives_keeps_its_lease(trial):
    with taken(trial, print):
        time.sleep(2.5 * leases.LEASE_SECONDS)
        with pytest.raises(InUseError):
            take(trial)


def test_nobody_waits_who_is_not_patient(trial, elsewhere):
    notes = []
    with pytest.raises(
        InUseError, match="process 7 on elsewhere, whose last sign of life is 0 s old; the tr"
    ):
        take(trial, notes)
    assert notes == []


def test_what_a_dead_machine_left_is_waited_for_until_its_lease_is_over(trial, elsewhere):
    notes = []
    began = time.monotonic()
    with patient(Patience(waits=True)):
        take(trial, notes)
    assert 0.4 < time.monotonic() - began < leases.LEASE_SECONDS + leases.MARGIN_SECONDS
    (note,) = notes
    assert "seed-1 is held by process 7 on elsewhere" in note
    assert "waits for that until " in note


def test_what_is_long_dead_is_nobodys(trial, elsewhere):
    file = trial.with_name(".seed-1.lease")
    os.utime(file, (time.time() - 10, time.time() - 10))
    assert "elsewhere" not in take(trial)


def test_who_gives_a_sign_is_waited_for_no_longer(trial, elsewhere, monkeypatch):
    monkeypatch.setattr(leases, "LEASE_SECONDS", 30.0)
    monkeypatch.setattr(leases, "POLL_SECONDS", 0.02)
    file = trial.with_name(".seed-1.lease")
    sign = threading.Timer(0.1, lambda: os.utime(file))
    sign.start()
    began = time.monotonic()
    with patient(Patience(waits=True)), pytest.raises(InUseError):
        take(trial)
    sign.join()
    assert time.monotonic() - began < 10


def test_of_many_that_live_each_is_seen_once(trial, elsewhere):
    patience = Patience(waits=False)
    file = trial.with_name(".seed-1.lease")
    assert patience.is_over(file)
    patience.waits = True
    assert not patience.is_over(file)
    os.utime(file)
    assert patience.is_over(file)


def test_a_lock_that_another_machine_has_is_waited_for_too(trial, monkeypatch):
    class Refused(Nothing):
        times = 0

        def acquire(self):
            Refused.times += 1
            if Refused.times < 3:
                raise filelock.Timeout("x")

    monkeypatch.setattr(locking.filelock, "FileLock", Refused)
    owner = trial.with_name(".seed-1.owner")
    owner.write_text(f"process 7 on {platform.node()}\n")
    with patient(Patience(waits=True)), pytest.raises(InUseError, match="process 7 on "):
        take(trial)
    owner.write_text("process 7 on elsewhere\n")
    with patient(Patience(waits=True)):
        take(trial)
    assert Refused.times == 3


def test_a_file_system_that_takes_no_lease_ends_no_trial(trial, monkeypatch):
    def acquire(self, **how):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(filelock.SoftFileLease, "acquire", acquire)
    assert take(trial)


def test_a_lease_that_was_taken_over_is_its_new_holders(trial):
    file = trial.with_name(".seed-1.lease")
    old, new = Lease(file), Lease(file)
    old.acquire("")
    old._lease._stop_heartbeat()
    time.sleep(leases.LEASE_SECONDS * 1.2)
    new.acquire("")
    old.release()
    assert file.exists()
    new.release()
    assert not file.exists()


def test_of_two_that_find_a_dead_ones_lease_one_has_it(trial, elsewhere):
    file = trial.with_name(".seed-1.lease")
    for _ in range(20):
        file.write_text("left by a dead one")
        os.utime(file, (1, 1))
        start, got = threading.Barrier(4), []

        def contend(start=start, got=got):
            lease = Lease(file)
            start.wait()
            with contextlib.suppress(InUseError):
                lease.acquire("")
                got.append(lease)

        threads = [threading.Thread(target=contend) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(got) >= 1  # two may hold it for a moment: the fence settles that
        for lease in got:
            lease.release()


def test_a_link_in_its_place_is_not_followed(trial, tmp_path):
    (tmp_path / "precious").write_text("content")
    trial.with_name(".seed-1.lease").symlink_to(tmp_path / "precious")
    take(trial)
    assert (tmp_path / "precious").read_text() == "content"
