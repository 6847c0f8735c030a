"""A query whose passes are made by actors of Ray chooses what one process does, whichever machine dies."""

import shutil
import tempfile
from importlib.util import find_spec

import numpy as np
import pytest
import torch

import alframe
from alframe.ops import blocks
from alframe_ray import RayOptions, crew

pytestmark = [
    pytest.mark.skipif(find_spec("ray") is None, reason='Ray is not installed: pip install "alframe[ray]"'),
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.filterwarnings("default"),
]

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6000, 24)).astype(np.float16)
HEAD = (RNG.normal(size=(7, 24)), RNG.normal(size=7))
LABELLED = {"labelled_features": RNG.normal(size=(30, 24)), "labelled_targets": np.arange(30) % 7}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_ELEMENTS", 200 * 24)
    monkeypatch.setattr("alframe.learning.stored.SCORED", 200)
    for number, rows in enumerate(np.array_split(X, [1, 900, 3333])):
        np.save(tmp_path / f"part-{number}.npy", rows)
    return tmp_path


@pytest.fixture
def cluster(monkeypatch):
    from ray.cluster_utils import Cluster

    temporary = tempfile.mkdtemp(prefix="ray-")  # paths of sockets are short
    monkeypatch.setenv("RAY_TMPDIR", temporary)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1)
        yield cluster
    finally:
        import ray

        ray.shutdown()
        cluster.shutdown()
        shutil.rmtree(temporary, ignore_errors=True)


def ask(strategy, features, **more):
    return alframe.query(strategy, features=features, n=150, head=HEAD, device="cpu", **LABELLED, **more)


def test_a_machine_dies_in_the_middle_of_a_query(cluster, folder):
    with crew(2, RayOptions(cluster.address)) as workers:
        for strategy in ("margin", "badge"):
            found = ask(strategy, str(folder), workers=workers)
            assert torch.equal(found.indices, ask(strategy, X).indices)
            assert (found.reading.workers, found.reading.workers_lost) == (2, 0)
        answers, map_ = 0, workers.map

        def interrupted(job, runs):
            nonlocal answers
            for answer in map_(job, runs):
                answers += 1
                if answers == 10:
                    cluster.remove_node(cluster.list_all_nodes()[-1], allow_graceful=False)
                yield answer

        workers.map = interrupted
        found = ask("coreset", str(folder), workers=workers)
        assert answers > 10
        assert torch.equal(found.indices, ask("coreset", X).indices)
        assert found.reading.workers_lost == 1
