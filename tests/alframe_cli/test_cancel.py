import json

import pytest

PLUGIN = '''
"""Jobs that wait, in a file beside the tasks, until they are cancelled."""
from alframe import ExecutorInfo, Job, UsageError, hookimpl

class Queue:
    def __init__(self, options, folder):
        self.file = folder / "queue"
    def submit(self, tasks):
        if (self.file.parents[2] / "full").exists():
            raise UsageError("the queue is full: wait")
        self.file.write_text("".join(f"q{task.stem}\\n" for task in tasks))
        return self.file.read_text().split()
    def look(self, names):
        waiting = self.file.read_text().split() if self.file.exists() else []
        return [Job("waiting" if name in waiting else "ended") for name in names]
    def cancel(self, names):
        self.file.unlink()

@hookimpl
def alframe_executors():
    return {"queue": ExecutorInfo("a queue", Queue, outlives=True, seconds=0.01)}
'''


@pytest.fixture
def queue(alframe, quick, tmp_path):
    (tmp_path / "queue.py").write_text(PLUGIN)

    def command(*arguments):
        plugin = ["--plugin", str(tmp_path / "queue.py")]
        return alframe("run", "--strategy", "margin", *quick, *plugin, "--executor", "queue", *arguments)

    return command


def test_jobs_are_left_found_again_and_ended(alframe, queue, tmp_path):
    outcome = queue("--detach")
    assert (outcome.code, outcome.out.split()) == (0, ["q0", "q1"])
    assert "2 trials are in the hands of queue: q0 to q1" in outcome.err
    assert "`alframe status runs` shows how they go, `alframe cancel runs` ends them" in outcome.err
    assert "2 since an earlier command" in queue("--detach").err
    found = json.loads(alframe("status", "runs", "--json").out)
    assert [one["state"] for one in found] == ["queued", "queued"]
    ended = alframe("cancel", "runs", "--plugin", str(tmp_path / "queue.py"))
    assert (ended.code, ended.out.split()) == (0, ["q0", "q1"])
    again = alframe("cancel", "runs", "--plugin", str(tmp_path / "queue.py"))
    assert (again.code, again.out) == (0, "")
    assert "no job of runs waits or runs" in again.err


def test_who_watches_is_told_of_jobs_that_ended_for_nothing(alframe, queue, tmp_path):
    queue("--detach")
    alframe("cancel", "runs", "--plugin", str(tmp_path / "queue.py"))
    (tmp_path / "runs" / "full").touch()
    outcome = queue()
    assert outcome.code == 2
    assert outcome.err.splitlines()[-1] == "error: the queue is full: wait"


def test_nothing_to_leave(alframe, queue, quick):
    assert alframe("run", "--strategy", "margin", *quick).code == 0
    outcome = queue("--detach")
    assert (outcome.code, outcome.out) == (0, "")
    assert "every trial is finished" in outcome.err


def test_this_machine_can_t_be_left(alframe, quick):
    outcome = alframe("run", "--strategy", "margin", *quick, "--detach")
    assert outcome.code == 2
    assert "trials of the executor 'local' end with the command that started them" in outcome.err


def test_a_folder_that_is_not_there(alframe):
    outcome = alframe("cancel", "nowhere")
    assert (outcome.code, outcome.err) == (2, "error: there is no folder nowhere\n")
