import json
import os
import platform
import subprocess
import sys

import pytest

from alframe.records import live
from alframe.records.live import Signs, failure_file, is_dead, live_file, read_sign


def test_a_sign_says_who_where_and_how_far(tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "17_3")
    Signs(tmp_path / "margin" / "seed-3").tell(2, "train", 5, 20)
    sign = read_sign(tmp_path / "margin" / ".seed-3.live.json")
    assert sign.pop("time") > 0
    here = {"host": platform.node(), "pid": os.getpid(), "job": "17_3"}
    assert sign == here | {"rounds": 2, "stage": "train", "done": 5, "total": 20}


def test_signs_are_few(tmp_path, monkeypatch):
    times = iter([0.0, 4.9, 5.1])
    monkeypatch.setattr(live.time, "monotonic", lambda: next(times))
    signs = Signs(tmp_path / "seed-1")
    seen = []
    for rounds in (1, 2, 3):
        signs.tell(rounds)
        seen.append(read_sign(live_file(tmp_path / "seed-1"))["rounds"])
    assert seen == [1, 1, 3]


def test_who_gave_no_sign_removes_nobodys(tmp_path):
    mine, theirs = Signs(tmp_path / "seed-1"), Signs(tmp_path / "seed-1")
    theirs.tell(1)
    mine.end()
    assert live_file(tmp_path / "seed-1").exists()
    theirs.end()
    assert list(tmp_path.iterdir()) == []


def test_a_failure_counts_until_it_is_tried_again(tmp_path):
    signs = Signs(tmp_path / "seed-1")
    signs.fail("loss became NaN")
    assert read_sign(failure_file(tmp_path / "seed-1"))["reason"] == "loss became NaN"
    signs.succeed()
    assert read_sign(failure_file(tmp_path / "seed-1")) is None


def test_a_disk_that_takes_none_ends_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    signs = Signs(tmp_path / "file" / "seed-1")
    signs.tell(1)
    signs.fail("why")
    signs.end()


@pytest.mark.parametrize("text", ["", "[]", "{", "\x00"])
def test_what_is_none_is_none(tmp_path, text):
    (tmp_path / "x").write_text(text)
    assert read_sign(tmp_path / "x") is None


def test_the_dead_of_this_machine_are_known():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert is_dead({"host": platform.node(), "pid": ended.pid})
    assert not is_dead({"host": platform.node(), "pid": os.getpid()})
    assert not is_dead({"host": "elsewhere", "pid": ended.pid})
    assert not is_dead(json.loads("{}"))


def test_another_processs_sign_stays(tmp_path):
    signs = Signs(tmp_path / "seed-1")
    signs.tell(1)
    file = live_file(tmp_path / "seed-1")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"pid": 1}))
    signs.end()
    assert file.exists()
