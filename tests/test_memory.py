"""What a query of many samples and many classes holds at once."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import alframe
from alframe import Classifier
from alframe.ops import blocks, geometry, lazy

N, D, C = 3000, 7, 60
BY_ROWS = ["entropy", "margin", "least-confidence", "bald"]


class Allocations(TorchDispatchMode):
    """Keeps whatever torch makes of ``size`` numbers or more, once for each piece of memory."""

    def __init__(self, size):
        super().__init__()
        self.size, self.large = size, {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        answer = func(*args, **(kwargs or {}))
        for made in tree_leaves(answer):
            if isinstance(made, torch.Tensor) and made.numel() >= self.size:
                self.large[made.untyped_storage().data_ptr()] = made, func
        return answer


@pytest.fixture
def problem():
    g = torch.Generator().manual_seed(0)
    return {
        "features": torch.randn(N, D, generator=g),
        "head": (torch.randn(C, D, generator=g), torch.zeros(C)),
        "labelled_features": torch.randn(80, D, generator=g),
        "labelled_targets": torch.arange(80) % C,
        "n": 20,
        "device": "cpu",
    }


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_ELEMENTS", 101 * C)
    monkeypatch.setattr(geometry, "VECTOR_ELEMENTS", 0)


@pytest.fixture
def made_again(monkeypatch):
    """All but what is as large as the features: predictions of 350 samples are kept."""
    monkeypatch.setattr(blocks, "BLOCK_ELEMENTS", 101 * C)
    monkeypatch.setattr(lazy, "KEPT_ELEMENTS", 0)


@pytest.mark.parametrize("strategy", BY_ROWS)
def test_scores_of_single_samples_hold_a_block_of_classes(strategy, problem, small_blocks):
    with Allocations(N * C // 5) as seen:
        alframe.query(strategy, **problem)
    assert [str(func) for _, func in seen.large.values()] == []


@pytest.mark.parametrize("strategy", ["badge", "cdal"])
def test_distances_of_predictions_hold_one_tensor_of_all_classes(strategy, problem, small_blocks):
    with Allocations(N * C // 2) as seen:
        alframe.query(strategy, **problem)
    assert len(seen.large) == 1


@pytest.mark.parametrize("strategy", ["badge", "cdal"])
def test_distances_of_more_predictions_hold_none_of_all_classes(strategy, problem, small_blocks, made_again):
    with Allocations(N * C // 2) as seen:
        alframe.query(strategy, **problem)
    assert [str(func) for _, func in seen.large.values()] == []


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("strategy", "stages"),
    [
        ("badge", {}),
        ("badge", {"select": "coreset"}),
        ("badge", {"select": "alfamix"}),
        ("cdal", {}),
        ("cdal", {"select": "badge"}),
        ("cdal", {"select": "alfamix"}),
    ],
    ids=str,
)
def test_predictions_that_are_made_again_change_no_pick(strategy, stages, seed, problem, request):
    problem |= {"stages": stages, "seed": seed, "options": {"bias": True} if strategy == "badge" else {}}
    kept = alframe.query(strategy, **problem)
    request.getfixturevalue("made_again")
    assert torch.equal(alframe.query(strategy, **problem).indices, kept.indices)


@pytest.mark.parametrize("strategy", [*BY_ROWS, "badge", "cdal", "coreset"])
def test_the_size_of_blocks_changes_no_pick(strategy, problem, request):
    whole = alframe.query(strategy, **problem)
    request.getfixturevalue("small_blocks")
    parts = alframe.query(strategy, **problem)
    assert torch.equal(whole.indices, parts.indices)
    if whole.scores is not None:
        torch.testing.assert_close(whole.scores, parts.scores)


@pytest.mark.parametrize("dropout_in_body", [False, True])
@pytest.mark.parametrize(
    ("by_rows", "probs"), [("mc_by_rows", "mc_probs"), ("sample_by_rows", "sample_probs")]
)
def test_networks_dropout_passes_hold_a_block_and_are_those_of_the_whole(
    by_rows, probs, dropout_in_body, view_of_network, small_blocks
):
    pool = view_of_network(dropout_in_body)
    with Allocations(N * C // 2) as seen:
        mean = getattr(pool, by_rows)(lambda passes: sum(passes) / 4, 4).clone()
    whole = sum(getattr(pool, probs)(4)) / 4
    torch.testing.assert_close(mean, whole)
    assert {tuple(made.shape) for made, _ in seen.large.values()} == {(N, C)}
    assert len(seen.large) == 2  # the answer and the test's copy of it


@pytest.fixture
def view_of_network():
    from alframe.contract.views import PoolView
    from alframe.data.samples import Samples
    from alframe.learning.rows import NetworkRows

    def view_of_network(dropout_in_body):
        body = torch.nn.Dropout(0.5 if dropout_in_body else 0.0)
        model = Classifier(body, torch.nn.Linear(D, C), dropout=0.5).eval()
        samples = Samples(torch.randn(N, D), torch.device("cpu"))
        return PoolView(NetworkRows(model, samples, torch.arange(N), seed=3))

    return view_of_network


PEAK = """
import sys, threading, time
import numpy as np
import alframe


def anonymous():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon")) / 1000


strategy, path = sys.argv[1:]
rng = np.random.default_rng(0)
ask = {"head": (rng.normal(size=(50, 256)), np.zeros(50)), "device": "cpu"}
alframe.query(strategy, features=rng.normal(size=(2000, 256)), n=5, **ask)
before, most, done = anonymous(), 0.0, threading.Event()


def watch():
    global most
    while not done.wait(0.002):
        most = max(most, anonymous() - before)


threading.Thread(target=watch, daemon=True).start()
picks = alframe.query(strategy, features=path, n=50, memory=50e6, **ask).indices
done.set()
assert len(picks) == 50
print(most)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="anonymous memory is Linux's word")
@pytest.mark.parametrize(
    "strategy",
    ["entropy", *(pytest.param(name, marks=pytest.mark.slow) for name in ("margin", "coreset", "badge"))],
)
def test_a_pool_in_files_takes_no_memory_of_its_own(strategy, tmp_path):
    """Of 150 MB in float16, 300 in float32, a third is held at the most."""
    pool = np.lib.format.open_memmap(tmp_path / "pool.npy", "w+", np.float16, (300_000, 256))
    pool[:] = np.random.default_rng(0).integers(-99, 99, size=(3000, 256)).repeat(100, axis=0)
    pool += (np.arange(300_000) % 7).astype(np.float16)[:, None]
    pool.flush()
    command = [sys.executable, "-c", PEAK, strategy, str(tmp_path / "pool.npy")]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert finished.returncode == 0, finished.stderr
    assert 0 < float(finished.stdout) < 100 + 90 * (strategy == "badge")  # which keeps gradients of 60 MB
