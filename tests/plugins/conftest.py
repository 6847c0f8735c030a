"""Problems on which every strategy is compared with a plain float64 transcription of its formula."""

from types import SimpleNamespace

import numpy as np
import pytest

from alframe.registry.registry import installed

CASES = {
    "plain": {},
    "another seed": {"seed": 1},
    "a third seed": {"seed": 2},
    "two classes": {"C": 2},
    "a hundred classes": {"C": 100},
    "one feature": {"D": 1},
    "512 features": {"D": 512},
    "fewer samples than the budget": {"N": 9, "n": 20},
    "one labelled sample": {"L": 1},
    "a class without labels": {"classes_labelled": 3},
    "identical points": {"identical": True},
    "pairs of identical points": {"pairs": True},
    "probabilities of exactly 0 and 1": {"scale": 1e4},
    "logits of 100": {"scale": 30.0},
}


def make_problem(seed=0, N=150, D=12, C=5, L=20, n=20, scale=1.0, classes_labelled=None, **special):
    rng = np.random.default_rng(seed)
    X, XL = np.abs(rng.normal(size=(N, D))), np.abs(rng.normal(size=(L, D)))
    W, b = rng.normal(size=(C, D)) * scale, rng.normal(size=C)
    if special.get("identical"):
        X[:] = X[0]
    if special.get("pairs"):
        X[N // 2 :] = X[: N // 2]
    yL = rng.integers(classes_labelled or C, size=L)
    # rounded to float32, so that both precisions are given the same numbers
    X, XL, W, b = (part.astype(np.float32).astype(np.float64) for part in (X, XL, W, b))
    query = {"features": X, "head": (W, b), "n": n, "labelled_features": XL, "labelled_targets": yL}
    return SimpleNamespace(X=X, XL=XL, yL=yL, W=W, b=b, n=n, query={**query, "device": "cpu"})


@pytest.fixture(params=CASES, ids=lambda name: name.replace(" ", "-"))
def problem(request):
    return make_problem(**CASES[request.param])


@pytest.fixture
def make():
    return make_problem


@pytest.fixture(autouse=True)
def _discovered_anew():
    """Discovered once for this folder: it takes longer than most of its tests, and none adds a plugin."""
    before = installed().plugins
    yield
    assert installed().plugins == before
