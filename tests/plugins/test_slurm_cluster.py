"""The executor on a real Slurm: equality, machines that die, commands that die."""

import json
import re
import signal
import subprocess
import sys

import pytest

from doubles import repeatable
from slurm_cluster import Cluster, lacking, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(lacking()), reason=lacking() or "-"),
    pytest.mark.timeout(600),
]
LINGERING = """
import os, time
from alframe import hookimpl

@hookimpl
def alframe_score(pool):
    time.sleep(float(os.environ.get("LINGER", "0")))
    return pool.logits.sum(1)
"""
QUICK = ("--initial-size=20", "--query-size=10", "--epochs=3", "--device=cpu", "--display=plain")
SLURM = ("--executor=slurm", "-o", "slurm.cpus=1")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with Cluster(tmp_path_factory.mktemp("slurm")) as started:
        yield started


class Study:
    """A folder with a plugin that takes its time, and alframe's commands in it."""

    def __init__(self, cluster, folder):
        self.cluster, self.folder = cluster, folder
        (folder / "lingering.py").write_text(LINGERING)

    def command(self, *arguments):
        return [sys.executable, "-m", "alframe_cli", *arguments]

    def run(self, *arguments, code=0, linger=0.0):
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.cluster.environment | {"LINGER": str(linger), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=300,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def trials(self, *arguments, **others):
        return self.run("run", "--plugin=lingering.py", *QUICK, *arguments, **others)

    def records(self, out="runs"):
        """What is repeatable of each trial, by strategy and seed."""
        found = {}
        for path in (self.folder / out).glob("*/*/*/seed-*/rounds.jsonl"):
            lines = [json.loads(line) for line in path.read_text().splitlines()]
            found[path.parent.parent.name, path.parent.name] = repeatable(lines)
        return found

    def local(self, *arguments):
        self.trials(*arguments, "--out=local", "-o", "run.together=off")
        return self.records("local")

    def after_rounds(self, count):
        def reached():
            return any(len(rounds) >= count for rounds in self.records().values())

        until(reached, every=0.05)

    @property
    def jobs(self):
        (book,) = (self.folder / "runs" / ".tasks").glob("*/jobs.json")
        return json.loads(book.read_text())["jobs"]

    def logs(self):
        return "".join(path.read_text() for path in self.folder.glob("runs/.tasks/*/logs/*.txt"))


@pytest.fixture
def study(cluster, tmp_path):
    yield Study(cluster, tmp_path)
    cluster("scancel", "--user=root")


@pytest.mark.parametrize("per_job", [1, 2])
def test_rounds_are_those_of_this_machine(study, per_job):
    trials = ("--strategy=lingering,margin", "--seeds=1-2", "--rounds=2")
    shown = study.trials(*trials, *SLURM, "-o", f"slurm.per_job={per_job}")
    assert "4 trials are in the hands of slurm" in shown
    assert len(set(study.jobs.values())) == 4 // per_job
    found = study.records()
    assert len(found) == 4
    assert found == study.local(*trials)


def test_a_job_that_is_queued_again_continues(study):
    trials = ("--strategy=lingering", "--seeds=1", "--rounds=8")
    study.trials(*trials, *SLURM, "--detach", linger=0.5)
    study.after_rounds(2)
    job = study.jobs["0"]
    study.cluster("scontrol", "requeuehold", job)
    until(lambda: study.cluster.states(job) in (["PENDING"], ["REQUEUE_HOLD"]))
    study.cluster("scontrol", "release", job)
    assert "since an earlier command" in study.trials(*trials, *SLURM)
    assert study.jobs == {"0": job}
    assert re.search(r"continues after [2-8] of 9 trainings", study.logs())
    assert study.records() == study.local(*trials)


def test_a_node_that_dies_and_comes_back_continues(study):
    trials = ("--strategy=lingering", "--seeds=1", "--rounds=8")
    study.trials(*trials, *SLURM, "--detach", linger=0.5)
    study.after_rounds(2)
    study.cluster.kill_node()
    begun = len(study.records()["lingering", "seed-1"])
    assert begun < 9
    study.cluster.start_node()
    study.trials(*trials, *SLURM)
    assert f"continues after {begun} of 9 trainings" in study.logs()
    assert study.records() == study.local(*trials)


def test_a_command_that_is_killed_and_given_again_submits_nothing_twice(study):
    trials = ("--strategy=lingering", "--seeds=1-2", "--rounds=8")
    command = study.command("run", "--plugin=lingering.py", *QUICK, *trials, *SLURM)
    environment = study.cluster.environment | {"LINGER": "2"}
    driver = subprocess.Popen(command, cwd=study.folder, env=environment, stderr=subprocess.DEVNULL)
    study.after_rounds(1)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    jobs = study.jobs
    assert "2 trials are in the hands of slurm, 2 since an earlier command" in study.trials(*trials, *SLURM)
    assert study.jobs == jobs
    assert len(list(study.folder.glob("runs/.tasks/*/slurm-*.sh"))) == 1
    assert study.records() == study.local(*trials)


def test_jobs_are_cancelled_and_tried_again(study):
    trials = ("--strategy=lingering", "--seeds=1-2", "--rounds=4")
    study.trials(*trials, *SLURM, "--detach", linger=30)
    jobs = list(study.jobs.values())
    until(lambda: "RUNNING" in study.cluster.states(jobs[0]))
    assert study.run("cancel", "runs").split() == jobs
    until(lambda: set(study.cluster.states(jobs[0].partition("_")[0])) == {"CANCELLED"}, seconds=20)
    assert "no job of runs waits or runs" in study.run("cancel", "runs")
    study.trials(*trials, *SLURM)
    assert study.jobs != dict(zip("01", jobs, strict=True))
    assert study.records() == study.local(*trials)


def test_what_slurm_refuses_is_one_line_and_the_tasks_stay(study):
    told = study.trials("--strategy=margin", "--seeds=1", *SLURM, "-o", "slurm.partition=nope", code=2)
    assert "Slurm refuses the jobs: invalid partition specified: nope" in told
    assert told.count("\n") == 1
    assert list(study.folder.glob("runs/.tasks/*/0.json"))


def test_why_a_job_ended_is_told(study):
    setup = "slurm.setup=echo 'error: no licence for this'; exit 3"
    told = study.trials("--strategy=margin", "--seeds=1", *SLURM, "-o", setup, code=1)
    assert re.search(
        r"its job \d+_0 ended.*FAILED; NonZeroExitCode; /.*\.txt: error: no licence for this", told
    )


def test_a_folder_that_the_node_does_not_see_is_named(study):
    study.cluster.kill_node()
    study.cluster.start_node(without=study.folder)
    told = study.trials("--strategy=margin", "--seeds=1", *SLURM, code=1)
    study.cluster.kill_node()
    study.cluster.start_node()
    assert f"is {study.folder / 'runs'} a folder that its machine sees? (FAILED; JobLaunchFailure" in told
