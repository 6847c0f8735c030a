import os
import signal
import subprocess
import sys
import time

import pytest

from alframe.labelling.learner_process import LearnerProcess, Message
from labelling_waits import messages, until


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def make(tmp_path):
    made = []

    def make(learning, **more):
        made.append(LearnerProcess(tmp_path, f"learners:{learning}", **more))
        return made[-1]

    yield make
    for learner in made:
        learner.close()
        assert not learner.alive


def begun(folder):
    path = folder / "begun"
    return path.read_text().split() if path.exists() else []


def test_a_request_has_its_answer(make):
    learner = make("Echo")
    learner.send([1, 2], [0, 1], 2, [7, 8])
    assert messages(learner) == [Message("model", 1, 2, picks=[7, 8])]
    assert learner.alive
    assert not learner.busy
    assert learner.failed == ""
    learner.send([1, 2, 3], [0, 1, 1], 2, [9])
    assert messages(learner) == [Message("model", 2, 3, picks=[9])]


def test_the_newest_request_counts_and_one_fit_is_under_way(make, tmp_path):
    (tmp_path / "wait").touch()
    learner = make("Slow")
    learner.send([0], [0], 2)
    until(lambda: learner.poll() or begun(tmp_path))
    for count in range(2, 40):
        learner.send(range(count), [0] * count, 2)
    assert learner.busy
    (tmp_path / "wait").unlink()
    assert [message.labels for message in messages(learner, 2)] == [1, 39]
    assert begun(tmp_path) == ["1", "39"]


@pytest.mark.parametrize(("labels", "said"), [(1, "a plugin's mistake"), (2, "SystemExit: enough")])
def test_what_a_plugin_raises_costs_a_message(make, labels, said):
    learner = make("Faulty")
    learner.send(range(labels), [0] * labels, 2)
    (note,) = messages(learner)
    assert note.kind == "failure"
    assert said in note.text
    learner.send(range(9), [0] * 9, 2)
    assert messages(learner)[0].labels == 9
    assert learner.failed == ""


@pytest.mark.parametrize(
    ("labels", "why"),
    [(3, "it ended with exit code 7"), (4, "killed by SIGKILL, perhaps for want of memory")],
)
def test_a_death_is_said_and_after_three_the_model_has_failed(make, labels, why):
    clock = Clock()
    learner = make("Faulty", clock=clock)
    learner.send(range(labels), [0] * labels, 2)
    for number, pause in enumerate((1, 5, 30), start=1):
        (note,) = messages(learner)
        assert note.text == f"the model's process died: {why}; it is started again in {pause} s"
        assert bool(learner.failed) == (number == 3)
        clock.now += pause - 0.01
        learner.poll()
        assert not learner.alive
        clock.now += 0.02
        learner.poll()
        assert learner.alive
    assert learner.failed == f"the model's process died 3 times: {why}"
    assert messages(learner)[0].text == f"the model's process died: {why}"
    clock.now += 1e6
    learner.send([1], [0], 2)
    assert learner.poll() == []
    assert not learner.alive


def test_killed_in_the_middle_of_a_fit_it_begins_again_with_the_newest(make, tmp_path):
    (tmp_path / "wait").touch()
    clock = Clock()
    learner = make("Slow", clock=clock)
    learner.send([0], [0], 2)
    until(lambda: learner.poll() or begun(tmp_path))
    os.kill(learner.pid, signal.SIGKILL)
    assert "SIGKILL" in messages(learner)[0].text
    (tmp_path / "wait").unlink()
    clock.now += 1
    learner.poll()
    assert messages(learner)[0].labels == 1  # the one that was under way
    learner.send([0, 1], [0, 1], 2)
    os.kill(learner.pid, signal.SIGKILL)
    learner.send([0, 1, 2], [0, 1, 1], 2)
    until(lambda: learner.poll() or not learner.alive)
    clock.now += 1
    until(lambda: any(message.labels == 3 for message in learner.poll()))


def test_no_call_waits_for_a_process_that_has_stopped(make):
    """As one that swaps, or is held by a debugger: it reads nothing, and sends half a message."""
    learner = make("Faulty")
    learner.send(range(9), [0] * 9, 2)
    messages(learner)
    os.kill(learner.pid, signal.SIGSTOP)
    begin = time.perf_counter()
    learner.send(range(1_000_000), [0] * 1_000_000, 2)  # far more than a pipe holds
    begun = time.perf_counter()
    for _ in range(100):
        learner.poll()
    assert time.perf_counter() - begun < 1
    assert begun - begin < 5  # a copy of two million numbers
    os.kill(learner.pid, signal.SIGCONT)
    assert messages(learner)[0].labels == 1_000_000


def test_a_long_message_comes_whole(make):
    learner = make("Faulty")
    learner.send(range(5), [0] * 5, 2)
    assert [len(message.text) for message in messages(learner, 2)] == [10_000_000, 0]


def test_what_can_not_begin_says_so_at_each_request(make):
    learner = make("no_learner")
    for _ in range(2):
        learner.send([0], [0], 2)
        assert "no session in" in messages(learner)[0].text
    assert learner.alive


def test_closing_ends_a_fit(make, tmp_path):
    (tmp_path / "wait").touch()
    learner = make("Slow")
    learner.send([0], [0], 2)
    until(lambda: learner.poll() or begun(tmp_path))
    learner.close()
    assert not learner.alive
    assert learner.poll() == []


def test_the_server_imports_no_torch():
    probe = "import sys, alframe.labelling.learner_process; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe]).returncode == 0
