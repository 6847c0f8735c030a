"""Trials on a real Ray: a local one, and a cluster of two machines that are processes here."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from doubles import repeatable

pytestmark = [
    pytest.mark.skipif(find_spec("ray") is None, reason='Ray is not installed: pip install "alframe[ray]"'),
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.filterwarnings("default"),
]

ROUNDS = 8
PLUGIN = '''
"""Gini's impurity, slowly."""
import time

from alframe import PluginInfo, hookimpl


@hookimpl
def alframe_info():
    return PluginInfo(summary="Gini's impurity", api=3)


@hookimpl
def alframe_score(pool):
    time.sleep(0.5)
    return 1 - pool.probs.square().sum(1)
'''


def interruptible():
    """Also where the tests run in the background of a shell, which ignores interrupts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Place:
    """A folder for runs and one for Ray, and the command in it."""

    def __init__(self, folder, temporary):
        self.folder, self.temporary = folder, temporary
        self.was_killed = False  # a Ray of the command's own, with it
        (folder / "gini.py").write_text(PLUGIN)

    @property
    def environment(self):
        return os.environ | {"RAY_TMPDIR": self.temporary, "OMP_NUM_THREADS": "1"}

    def start(self, *more, out="runs", seeds="1", executor="ray"):
        command = [sys.executable, "-m", "alframe_cli", "run", "--strategy", "gini", "--plugin", "gini.py"]
        command += ["--dataset", "digits", "--model", "mlp", "--seeds", seeds, "--rounds", str(ROUNDS)]
        command += ["--initial-size", "20", "--query-size", "10", "--epochs", "3", "--device", "cpu"]
        command += ["-o", "run.together=off", "--display", "plain", "--executor", executor, "--out", out]
        return subprocess.Popen(
            [*command, *more],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=interruptible,
        )

    def run(self, *more, **settings):
        process = self.start(*more, **settings)
        _, said = process.communicate(timeout=200)
        return process.returncode, said

    def rounds(self, out="runs", seed=1):
        """The lines of a trial that mean the same wherever it ran."""
        found = list((self.folder / out).glob(f"*/*/gini/seed-{seed}/rounds.jsonl"))
        return repeatable(map(json.loads, found[0].read_text().splitlines())) if found else []

    def wait(self, rounds, seed=1, out="runs"):
        """Waits until a trial has done so many rounds; its worker."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            live = list((self.folder / out).glob(f"*/*/gini/.seed-{seed}.live.json"))
            if live and len(self.rounds(out, seed)) >= rounds:
                return json.loads(live[0].read_text())["pid"]
            time.sleep(0.05)
        raise AssertionError("the trial did not come so far")

    def processes(self):
        """Of this Ray, whatever they call themselves."""
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if f"RAY_TMPDIR={self.temporary}".encode() in path.read_bytes():
                    found.append(int(path.parent.name))
        return [pid for pid in found if pid != os.getpid()]


@pytest.fixture
def place(tmp_path, monkeypatch):
    temporary = tempfile.mkdtemp(prefix="ray-")  # paths of sockets are short
    monkeypatch.setenv("RAY_TMPDIR", temporary)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    place = Place(tmp_path, temporary)
    yield place
    try:
        deadline = time.monotonic() + 10
        while (left := place.processes()) and time.monotonic() < deadline:
            time.sleep(0.2)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        # Ray's agents outlive a driver that was killed by a minute, in which they seek what has died with it.
        assert place.was_killed or not left, "Ray is still there"
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@pytest.fixture
def cluster(place):
    """A head on which nothing runs, and a machine with one core."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        yield cluster
    finally:
        cluster.shutdown()


@pytest.fixture
def wanted(place):
    """What a trial gives that runs here, undisturbed."""
    code, said = place.run(executor="local", out="local")
    assert code == 0, said
    return place.rounds("local")


def test_the_records_are_those_of_a_run_here(place):
    assert place.run(executor="local", out="local", seeds="1-3")[0] == 0
    code, said = place.run(seeds="1-3")
    assert code == 0, said
    for seed in (1, 2, 3):
        assert place.rounds(seed=seed) == place.rounds("local", seed)
        assert len(place.rounds(seed=seed)) == ROUNDS + 1
    assert "Ray" not in said
    assert "raylet" not in said


def test_a_worker_is_killed(place, wanted):
    driver = place.start()
    os.kill(place.wait(3), signal.SIGKILL)
    _, said = driver.communicate(timeout=200)
    assert driver.returncode == 0, said
    assert place.rounds() == wanted


def test_a_worker_is_killed_too_often(place):
    driver = place.start("-o", "ray.retries=0")
    os.kill(place.wait(2), signal.SIGKILL)
    _, said = driver.communicate(timeout=200)
    assert driver.returncode == 1
    assert "ended after" in said
    assert "WorkerCrashedError on " in said
    assert place.run()[0] == 0


@pytest.mark.parametrize("time", [1, 2, 3])
def test_a_machine_dies(place, cluster, wanted, time):
    nodes = [*cluster.worker_nodes, cluster.add_node(num_cpus=1)]
    driver = place.start("-o", f"ray.address={cluster.address}")
    worker = place.wait(3)
    raylet = int(Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[1])
    (node,) = [node for node in nodes if raylet in [p[0].process.pid for p in node.all_processes.values()]]
    cluster.remove_node(node, allow_graceful=False)
    _, said = driver.communicate(timeout=200)
    assert driver.returncode == 0, said
    assert place.rounds() == wanted
    assert "Traceback" not in said


@pytest.mark.parametrize("where", ["here", "cluster"])
def test_the_command_is_killed_and_given_again(place, wanted, where, request):
    more = []
    if where == "cluster":
        more = ["-o", f"ray.address={request.getfixturevalue('cluster').address}"]
    driver = place.start(*more)
    place.wait(3)
    driver.kill()
    driver.communicate()
    place.was_killed = where == "here"
    code, said = place.run(*more)
    assert code == 0, said
    assert "continues after" in said
    assert place.rounds() == wanted


def test_the_command_is_interrupted(place, wanted):
    driver = place.start()
    place.wait(3)
    driver.send_signal(signal.SIGINT)
    _, said = driver.communicate(timeout=60)
    assert driver.returncode == 130, said
    assert "Traceback" not in said
    code, said = place.run()
    assert code == 0, said
    assert place.rounds() == wanted


def test_a_plugin_file_changes(place):
    """The worker of the second trial finds another file than its task names."""
    driver = place.start("-o", "ray.cpus=2", seeds="1,2")
    place.wait(1)
    (place.folder / "gini.py").write_text(PLUGIN + "\n")
    _, said = driver.communicate(timeout=200)
    assert driver.returncode == 1
    assert "seed 2: plugin" in said
    assert "is not what it was when the task of gini seed 2 was made" in said
    assert len(place.rounds(seed=1)) == ROUNDS + 1


def test_no_machine_is_large_enough(place, cluster):
    code, said = place.run("-o", "ray.gpus=4")
    assert code == 2
    assert "a trial waits for 1 CPU and 4 GPU, and no machine of Ray's has that: " in said
    driver = place.start("-o", f"ray.address={cluster.address}", "-o", "ray.cpus=2")
    for line in driver.stderr:
        if (
            "waits for 2 CPU and 0 GPU, and no machine of Ray's has that: 0 CPU and 0 GPU; 1 CPU and 0 GPU"
            in line
        ):
            break
    cluster.add_node(num_cpus=2)
    _, said = driver.communicate(timeout=200)
    assert driver.returncode == 0, said


def test_nobody_answers(place):
    begun = time.monotonic()
    code, said = place.run("-o", "ray.address=127.0.0.1:1")
    assert code == 2
    (line,) = [line for line in said.splitlines() if line.startswith("error")]
    assert "nobody answers at 127.0.0.1:1" in line
    code, said = place.run("-o", "ray.address=auto")
    assert code == 2
    assert "Ray at 'auto' can't be used: Could not find any running Ray instance." in said
    assert time.monotonic() - begun < 60
