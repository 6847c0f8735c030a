"""A query whose passes are made by workers has the answer of one process, whoever of them dies."""

import contextlib
import itertools
import os
import random
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch

import alframe
from alframe import UsageError
from alframe.errors import DamagedFileError
from alframe.learning.crew import ProcessCrew, in_turn, resolve_devices
from alframe.ops import blocks
from alframe.registry.registry import Registry
from doubles import BenchCrew

N, D, C = 6000, 24, 7
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, D)).astype(np.float16)
X[300:400] = X[17]  # equal rows: ties
HEAD = (RNG.normal(size=(C, D)), RNG.normal(size=C))
LABELLED = {"labelled_features": RNG.normal(size=(30, D)), "labelled_targets": np.arange(30) % C}
CUTS = [0, 1, 1, 900, 901, 3333, 5000, N]
BY_BLOCKS = ["margin", "entropy", "least-confidence", "random", "bald", "coreset", "badge", "cdal"]


def write(folder, rows=X, cuts=CUTS):
    for number, (start, stop) in enumerate(itertools.pairwise(cuts)):
        np.save(folder / f"part-{number:05}.npy", rows[start:stop])
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write(tmp_path_factory.mktemp("feats"))


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_ELEMENTS", 500 * D)
    monkeypatch.setattr("alframe.learning.stored.SCORED", 200)


def ask(strategy, features, **changes):
    arguments = {"features": features, "head": HEAD, "n": 80, "device": "cpu"} | LABELLED
    return alframe.query(strategy, **(arguments | changes))


def same(one, other):
    assert torch.equal(one.indices, other.indices)
    assert (one.scores is None) == (other.scores is None)
    assert one.scores is None or torch.equal(one.scores, other.scores)


@pytest.mark.parametrize("strategy", [*BY_BLOCKS, "coreset without labels", "cdal without labels"])
def test_in_memory_in_parts_and_by_workers(strategy, folder):
    strategy, without, _ = strategy.partition(" ")
    labelled = dict.fromkeys(LABELLED) if without else LABELLED
    wanted = ask(strategy, X, **labelled)
    alone = ask(strategy, folder, memory=1e5, **labelled)
    crew = BenchCrew(3, (5,))
    found = ask(strategy, folder, workers=crew, memory=1e5, **labelled)
    same(alone, wanted)
    same(found, wanted)
    assert crew.fetched >= 3
    assert (found.reading.workers, found.reading.workers_lost) == (3, 1)
    assert abs(found.reading.rows - alone.reading.rows) <= 3  # nobody reads more, but for a row as a sample


@pytest.mark.parametrize("strategy", ["coreset", "badge"])
def test_features_that_lie_far_from_the_origin(strategy, tmp_path):
    far = X[:1500].astype(np.float32) + 500
    write(tmp_path, far, [0, 7, 1500])
    same(ask(strategy, tmp_path, workers=BenchCrew(2)), ask(strategy, far))


def test_options_of_kinds_that_make_rows(folder):
    for changes in (
        {"strategy": "badge", "options": {"bias": True}},
        {"strategy": "margin", "stages": {"select": "coreset"}},
    ):
        same(ask(features=folder, workers=BenchCrew(3), **changes), ask(features=X, **changes))


def test_a_module_as_head(folder):
    head = torch.nn.Sequential(torch.nn.Linear(D, 9), torch.nn.Tanh(), torch.nn.Linear(9, C))
    same(ask("badge", folder, workers=BenchCrew(2), head=head), ask("badge", X, head=head))


def test_n_larger_than_a_part_and_than_the_pool(tmp_path):
    write(tmp_path, X[:700], [0, 100, 700])
    for n in (150, 1000):
        same(ask("coreset", tmp_path, n=n, workers=BenchCrew(2)), ask("coreset", X[:700], n=n))


def test_numbers_that_are_none_are_named_with_their_file(tmp_path):
    broken = X.copy()
    broken[[5500, 1500, 1501], 3] = np.nan
    write(tmp_path, broken)
    crew = BenchCrew(3, shuffled=random.Random(1))
    with pytest.raises(UsageError, match=r"the first in .*part-00004.npy, row 599, column 3"):
        ask("margin", tmp_path, workers=crew)


def test_a_part_that_changes_before_a_worker_opens_it(folder, tmp_path, monkeypatch):
    write(tmp_path)
    crew = BenchCrew(2)

    class Changes(BenchCrew):
        def map(self, job, runs):
            os.utime(tmp_path / "part-00003.npy", ns=(1, 1))
            return crew.map(job, runs)

    with pytest.raises(DamagedFileError, match=r"part-00003.npy was changed while it was read"):
        ask("margin", tmp_path, workers=Changes(2))


def test_a_pool_in_memory_needs_no_workers():
    with pytest.raises(UsageError, match=r"workers read a pool in files: give features as a \.npy"):
        ask("margin", X, workers=BenchCrew(2))


def test_a_plugin_of_this_process_alone(folder):
    class Score:
        @alframe.hookimpl
        def alframe_info(self):
            return alframe.PluginInfo(summary="mine", rowwise=("score",), api=3)

        @alframe.hookimpl
        def alframe_score(self, pool):
            return pool.probs[:, 0]

    registry = Registry()
    registry.register(Score(), "mine")
    with pytest.raises(UsageError, match="'mine' is an object of this process and can't be pickled"):
        ask("mine", folder, workers=BenchCrew(2), registry=registry)


def test_devices():
    assert [str(device) for device in resolve_devices("cpu,cpu")] == ["cpu", "cpu"]
    assert in_turn([torch.device("cpu")]) == [torch.device("cpu")]
    with pytest.raises(UsageError, match="can't be used"):
        resolve_devices("cpu,nonsense")


@pytest.mark.cuda
@pytest.mark.slow
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("strategy", ["margin", "coreset", "badge", "cdal"])
def test_two_processes_on_a_gpu(strategy, folder):
    with ProcessCrew(2, ["cuda:0"]) as crew:
        found = ask(strategy, folder, workers=crew, device="cuda:0")
    same(found, ask(strategy, X, device="cuda:0"))


class Killing(ProcessCrew):
    """Kills workers when they have made so many runs.

    Args:
        after: the numbers of runs.
    """

    def __init__(self, workers, after=()):
        super().__init__(workers)
        self.after, self.done = sorted(after), 0
        self.pids = [process.pid for process in self.processes]

    def map(self, job, runs):
        for answer in super().map(job, runs):
            self.done += 1
            yield answer
            while self.after and self.done >= self.after[0]:
                del self.after[0]
                os.kill(self.pids.pop(), signal.SIGKILL)


@pytest.fixture(scope="module")
def crew():
    with ProcessCrew(3) as crew:
        yield crew


@pytest.mark.slow
@pytest.mark.parametrize("strategy", BY_BLOCKS)
def test_three_processes(strategy, folder, crew):
    result = ask(strategy, folder, workers=crew)
    same(result, ask(strategy, X))
    assert (result.reading.workers, result.reading.workers_lost, len(crew.processes)) == (3, 0, 3)


@pytest.mark.slow
def test_a_plugin_that_is_a_file_logs_the_same(folder, tmp_path, crew):
    path = tmp_path / "noisy.py"
    path.write_text(
        "import alframe\n"
        "@alframe.hookimpl\n"
        "def alframe_info():\n"
        "    return alframe.PluginInfo(summary='s', rowwise=('score',), api=3)\n"
        "@alframe.hookimpl\n"
        "def alframe_score(pool, ctx):\n"
        "    ctx.log('first', float(pool.features[0, 0]))\n"
        "    return pool.features[:, 0]\n"
    )
    registry = Registry()
    registry.require_file(path)
    alone = ask("noisy", folder, memory=1e5, registry=registry)
    found = ask("noisy", folder, workers=crew, registry=registry)
    same(found, alone)
    assert found.logged == alone.logged
    assert found.logged["noisy"]["first"] in X[N - 1000 :, 0]


@pytest.mark.slow
def test_an_error_leaves_the_workers_fit(folder, tmp_path, crew):
    broken = X.copy()
    broken[4000, 3] = np.inf
    write(tmp_path, broken)
    with pytest.raises(UsageError, match=r"part-00005.npy, row 667, column 3"):
        ask("margin", tmp_path, workers=crew)
    same(ask("coreset", folder, workers=crew), ask("coreset", X))
    assert crew.lost == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("strategy", "after"),
    [("badge", (1,)), ("coreset", (3, 8)), ("badge", (2, 2, 2)), ("badge", (30, 31, 45))],
)
def test_workers_killed_in_the_middle(strategy, after, folder):
    with Killing(3, after) as crew:
        result = ask(strategy, folder, workers=crew)
        same(result, ask(strategy, X))
        assert result.reading.workers_lost == crew.lost == 3 - len(crew.processes)
        assert crew.lost == len(after)


@pytest.mark.slow
def test_a_worker_killed_before_its_first_task(folder):
    with ProcessCrew(2) as crew:
        os.kill(crew.processes[0].pid, signal.SIGKILL)
        same(ask("badge", folder, workers=crew), ask("badge", X))
        assert crew.lost == 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_workers_killed_at_any_moment(seed, folder):
    rng = random.Random(seed)
    with ProcessCrew(3) as crew:
        ask("margin", folder, workers=crew)  # all are up, or nearly so
        pids = [process.pid for process in crew.processes]

        def kill(pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

        for pid in pids[:2]:
            threading.Timer(rng.uniform(0, 0.3), kill, [pid]).start()
        for _ in range(3):
            same(ask("badge", folder, workers=crew), ask("badge", X))


@pytest.mark.slow
def test_a_part_that_is_cut_off_kills_no_query(tmp_path):
    write(tmp_path)

    class Cuts(ProcessCrew):
        def map(self, job, runs):
            for number, answer in enumerate(super().map(job, runs)):
                yield answer
                if number == 5:
                    os.truncate(tmp_path / "part-00005.npy", 4000)

    with Cuts(2) as crew, pytest.raises(DamagedFileError, match="part-00005.npy was changed"):
        ask("coreset", tmp_path, workers=crew)


SCRIPT = """
import sys, numpy as np, alframe
head = (np.eye(7, 24), None)
result = alframe.query("badge", features=sys.argv[1], head=head, n=50, device="cpu", workers=2)
print(result.indices.tolist(), result.reading.workers)
"""


@pytest.mark.slow
def test_a_script_without_a_guard(folder, tmp_path):
    (tmp_path / "ask.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, tmp_path / "ask.py", folder], capture_output=True, text=True, check=True
    )
    wanted = alframe.query("badge", features=X, head=(np.eye(7, 24), None), n=50, device="cpu")
    assert done.stdout == f"{wanted.indices.tolist()} 2\n"
