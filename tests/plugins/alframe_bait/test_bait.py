import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

import alframe
from alframe_bait import _rank_one, _shared

LIKELIHOODS = ["binary", "top-c", "full"]
TIES = ("identical", "exactly", "logits")  # problems with rows that are equally good

_spec = importlib.util.spec_from_file_location("reference", Path(__file__).with_name("reference.py"))
reference = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(reference)


def query(problem, **options):
    return alframe.query("bait", options=options, **problem.query).indices.tolist()


def test_is_the_algorithm_in_float64(problem, request):
    V, VL = reference.both(problem)
    n = min(problem.n, len(V))
    picks = query(problem)
    assert len(set(picks)) == n
    wanted = reference.picks(V, VL, n)
    assert reference.trace(V, VL, picks, n) == pytest.approx(reference.trace(V, VL, wanted, n), rel=1e-4)
    if not any(word in request.node.name for word in TIES):
        assert picks == wanted


@pytest.mark.parametrize(
    "sizes", [{}, {"C": 2}, {"D": 1}, {"L": 1, "seed": 1}, {"N": 25}, {"n": 75, "N": 90}]
)
@pytest.mark.parametrize("likelihood", ["top-c", "full"])
def test_blocks_are_the_algorithm_in_float64(sizes, likelihood, make):
    problem = make(**{"N": 80, "D": 4, "n": 12, **sizes})
    V, VL = reference.both(problem, likelihood)
    assert query(problem, likelihood=likelihood) == reference.picks(V, VL, problem.n)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("scale", ["program", "mean"])
def test_each_step_is_the_best_by_the_traces_themselves(likelihood, scale, make):
    """No formula of the gain: the trace with each row, and then without each member."""
    problem = make(N=30, D=3, C=3, n=5)
    V, VL = reference.both(problem, likelihood)
    F, M, s = reference.start(V, VL, 5, scale, 0.1)
    steps = [reference.summed(s * row[None]) for row in V]
    picks = []
    for _ in range(10):
        left = [i for i in range(30) if i not in picks]
        picks.append(min(left, key=lambda i: np.trace(np.linalg.solve(M + steps[i], F))))
        M = M + steps[picks[-1]]
    for _ in range(5):
        picks.remove(dropped := min(picks, key=lambda i: np.trace(np.linalg.solve(M - steps[i], F))))
        M = M - steps[dropped]
    assert query(problem, likelihood=likelihood, scale=scale, regularization=0.1) == picks


def test_rank_one_picks_as_the_published_program_with_two_rows(make):
    problem = make()
    V = []
    for z, p in zip((problem.X, problem.XL), reference.probabilities(problem), strict=True):
        q = p.max(axis=1)[:, None]
        V.append(np.stack([np.sqrt(q) * (1 - q) * z, -np.sqrt(1 - q) * q * z], axis=1))
    assert query(problem) == reference.picks(*V, problem.n)


@pytest.mark.parametrize("regularization", [0.01, 1.0, 10.0])
def test_of_two_classes_all_are_the_likeliest_at_half_the_regularization(regularization, make):
    problem = make(C=2)
    full = query(problem, likelihood="full", regularization=regularization)
    assert full == query(problem, regularization=regularization / 2)


@pytest.mark.parametrize("c", [5, 50])
def test_as_many_likeliest_classes_as_there_are_is_all(c, make):
    problem = make(N=60, D=4)
    assert query(problem, likelihood="top-c", c=c) == query(problem, likelihood="full")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("likelihood", ["binary", "full"])
def test_of_one_feature_the_order_is_that_of_the_variance_times_its_square(seed, likelihood, make):
    problem = make(D=1, C=2, seed=seed)
    p = reference.probabilities(problem)[0].max(axis=1)
    wanted = np.argsort(-(p * (1 - p) * problem.X[:, 0] ** 2))[: problem.n]
    assert query(problem, likelihood=likelihood) == wanted.tolist()


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_the_trace_is_below_that_of_random_picks(likelihood, make):
    problem = make(D=4)
    V, VL = reference.both(problem, likelihood)
    rng = np.random.default_rng(0)
    ours = reference.trace(V, VL, query(problem, likelihood=likelihood), problem.n)
    others = [reference.trace(V, VL, rng.permutation(len(V))[: problem.n], problem.n) for _ in range(50)]
    assert ours < min(others)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("n", [30, 45, 59, 60, 200])
def test_a_budget_of_half_the_pool_or_more(n, likelihood, make):
    """Trap: there are no 2 n rows to pick forward."""
    problem = make(N=60, D=3, C=3, n=n)
    picks = query(problem, likelihood=likelihood)
    assert len(set(picks)) == min(n, 60)
    assert picks == reference.picks(*reference.both(problem, likelihood), min(n, 60))


def test_without_oversampling_it_is_the_forward_search(make):
    problem = make()
    assert query(problem, oversampling=1) == reference.picks(
        *reference.both(problem), problem.n, oversampling=1
    )


def test_any_oversampling_ends_at_the_whole_pool(make):
    problem = make(N=30, n=5)
    assert query(problem, oversampling=1e308) == query(problem, oversampling=6)


def test_a_pick_weighs_as_much_as_the_budgets_labelled_samples(make):
    """Trap of the published program, kept as the default; `mean` weighs it as one."""
    problem = make(L=100)
    V, VL = reference.both(problem)
    program, mean = query(problem), query(problem, scale="mean")
    assert program != mean
    assert program == reference.picks(V, VL, problem.n, scale="program")
    assert mean == reference.picks(V, VL, problem.n, scale="mean")


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_no_label_is_read_and_classes_may_have_none(likelihood, make):
    """Trap: the authors count the classes in the labels."""
    problem = make(D=4)
    picks = query(problem, likelihood=likelihood)
    problem.query["labelled_targets"] = np.zeros_like(problem.yL)
    assert query(problem, likelihood=likelihood) == picks


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_without_labelled_samples(likelihood, make):
    problem = make(D=4)
    for name in ("labelled_features", "labelled_targets"):
        del problem.query[name]
    V, VL = reference.both(problem, likelihood)
    assert query(problem, likelihood=likelihood) == reference.picks(V, VL[:0], problem.n)


@pytest.mark.parametrize("likelihood", ["top-c", "full"])
def test_row_blocks_change_no_pick(likelihood, make, monkeypatch):
    problem = make(N=40, D=3, n=5)
    whole = query(problem, likelihood=likelihood)
    monkeypatch.setattr("alframe.ops.blocks.BLOCK_ELEMENTS", 100)
    assert query(problem, likelihood=likelihood) == whole


def test_the_inverse_is_computed_anew_now_and_then(make, monkeypatch):
    problem = make(N=60, D=4)
    wanted = {likelihood: query(problem, likelihood=likelihood) for likelihood in LIKELIHOODS}
    monkeypatch.setattr(_shared, "REFRESHED", 3)
    monkeypatch.setattr(_rank_one, "LARGEST_BLOCK", 4)
    assert {likelihood: query(problem, likelihood=likelihood) for likelihood in LIKELIHOODS} == wanted


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_the_order_of_the_rows_does_not_matter(likelihood, make):
    problem = make(D=4)
    first = query(problem, likelihood=likelihood)
    order = np.random.default_rng(0).permutation(len(problem.X))
    problem.query["features"] = problem.X[order]
    assert order[query(problem, likelihood=likelihood)].tolist() == first


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_equal_rows_are_drawn_by_the_seed(likelihood, make):
    problem = make(N=60, D=4, n=5, identical=True)
    answers = []
    for seed in (0, 0, 1, 2):
        problem.query["seed"] = seed
        answers.append(tuple(query(problem, likelihood=likelihood)))
    assert answers[0] == answers[1]
    assert len(set(answers)) == 3


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_scores_of_minus_infinity_are_never_picked_but_are_of_the_pool(likelihood, make, make_plugin):
    from alframe.registry.registry import Registry

    problem = make(N=60, D=4, n=10)
    some = np.arange(60) % 2 == 0
    registry = Registry()
    scores = torch.where(torch.as_tensor(some), 1.0, -torch.inf)
    registry.register(make_plugin(alframe_score=lambda pool: scores), "some")
    stages = {"select": "bait"}
    options = {"bait": {"likelihood": likelihood}}
    result = alframe.query("some", stages=stages, options=options, registry=registry, **problem.query)
    V, VL = reference.both(problem, likelihood)
    F, M, s = reference.start(V, VL, 10)
    picks = []
    while len(picks) < 20:
        gain = np.where(some, reference.gains(s * V, M, F, 1), -np.inf)
        gain[picks] = -np.inf
        picks.append(int(gain.argmax()))
        M = M + reference.summed(s * V[picks[-1:]])
    assert set(result.indices.tolist()) <= set(picks)
    assert result.topped_up == 0


def test_too_many_classes_are_refused_in_a_line_that_names_binary():
    rng = np.random.default_rng(0)
    X, W = rng.normal(size=(20, 400)), rng.normal(size=(200, 400))
    for likelihood in ("full", "top-c"):
        with pytest.raises(alframe.UsageError, match="8 are used: set bait.likelihood=binary") as error:
            alframe.query("bait", features=X, head=(W, None), n=2, options={"likelihood": likelihood})
        assert "\n" not in str(error.value)
        assert "200 classes and 400 features need 38" in str(error.value)
    assert len(alframe.query("bait", features=X, head=(W, None), n=2).indices) == 2


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_cuda_picks_as_the_cpu_does(likelihood, make):
    problem = make(N=2000, D=16, n=100)
    on_cpu = query(problem, likelihood=likelihood)
    problem.query["device"] = "cuda"
    assert query(problem, likelihood=likelihood) == on_cpu
