"""A pool of which some rows are labelled has the answers of one from which they were taken out."""

import numpy as np
import pytest
import torch

import alframe
from alframe import UsageError

RNG = np.random.default_rng(0)
N, D, C = 3000, 16, 5
X = RNG.normal(size=(N, D)).astype(np.float16)
X[100:140] = X[17]  # ties
Y = RNG.integers(0, C, N)
HEAD = (RNG.normal(size=(C, D)), RNG.normal(size=C))
ROWS = np.concatenate([RNG.permutation(N)[:200], [0, 1, 2, N - 1]])
ROWS = ROWS[np.sort(np.unique(ROWS, return_index=True)[1])]
REST = np.delete(np.arange(N), ROWS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("feats")
    for number, part in enumerate(np.split(X, [1, 1000, 1001, 2500])):
        np.save(folder / f"part-{number}.npy", part)
    return folder


def ask(strategy, features=X, **given):
    given = {"head": HEAD, "n": 40, "device": "cpu", "seed": 3} | given
    return alframe.query(strategy, features=features, **given)


@pytest.mark.parametrize("strategy", ["margin", "random", "coreset", "badge", "alfamix", "probcover"])
@pytest.mark.parametrize("kind", ["array", "file", "folder", "read whole"])
def test_picks_are_those_of_the_others(strategy, kind, folder, tmp_path):
    wanted = ask(strategy, X[REST], labelled_features=X[ROWS], labelled_targets=Y[ROWS])
    np.save(tmp_path / "x.npy", X)
    pool = {"array": X, "file": np.load(tmp_path / "x.npy", mmap_mode="r")}.get(kind, folder)
    memory = {"file": 3e5, "folder": 3e5}.get(kind)
    found = ask(strategy, pool, labelled_rows=ROWS, labelled_targets=Y[ROWS], memory=memory)
    assert found.indices.tolist() == REST[wanted.indices].tolist()
    assert found.pool_size == len(REST)
    assert (found.reading is None) == (memory is None)
    if wanted.scores is not None:
        assert torch.equal(found.scores[REST], wanted.scores)
        assert bool((found.scores[ROWS] == -torch.inf).all())


def test_rows_as_booleans_and_labels_of_all_rows():
    wanted = ask("badge", labelled_rows=np.sort(ROWS), labelled_targets=Y[np.sort(ROWS)]).indices
    marked = np.isin(np.arange(N), ROWS)
    assert torch.equal(ask("badge", labelled_rows=marked, labelled_targets=Y).indices, wanted)


def test_more_than_the_others_is_all_of_them():
    found = ask("margin", X[:50], labelled_rows=[3, 1], labelled_targets=[0, 1], n=99).indices
    assert sorted(found.tolist()) == [0, 2, *range(4, 50)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"labelled_targets": None}, "labelled_rows needs labelled_targets"),
        ({"labelled_rows": [5, 5], "labelled_targets": [0, 1]}, "names row 5 twice"),
        ({"labelled_rows": [N]}, f"labelled_rows must lie in 0..{N - 1}, got {N}"),
        ({"labelled_rows": np.ones(N, bool)}, "there is none left to choose"),
        ({"labelled_targets": [0, 1]}, "204 labelled_rows but 2 labelled_targets"),
        ({"labelled_features": X[:2]}, "both give the labelled set"),
        ({"labelled_targets": np.full(len(ROWS), C)}, f"labelled_targets must lie in 0..{C - 1}"),
    ],
)
def test_what_does_not_fit_is_said(given, message):
    with pytest.raises(UsageError, match=message):
        ask("margin", **({"labelled_rows": ROWS, "labelled_targets": Y[ROWS]} | given))


def test_a_wrong_number_is_named_where_it_lies(folder):
    broken = X.copy()
    broken[2000, 3] = np.nan
    with pytest.raises(UsageError, match="row 2000, column 3"):
        ask("margin", broken, labelled_rows=ROWS, labelled_targets=Y[ROWS])
