"""What users have in place of features and (W, b): right answers, and nothing is made that nobody reads."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import alframe
from alframe import UsageError
from alframe.learning import inputs

RNG = np.random.default_rng(0)
NAMES = np.array(["cat", "dog", "emu"])
Y = np.arange(90) % 3
X = RNG.normal(size=(90, 5)) + 2 * np.eye(3, 5)[Y]
LINEAR = LogisticRegression().fit(X, NAMES[Y])
P = LINEAR.predict_proba(X)
KNOWN = {"labelled_rows": [0, 1, 2, 3, 4, 5], "labelled_targets": NAMES[Y[:6]]}


def ask(strategy="margin", **given):
    return alframe.query(strategy, **({"n": 5, "device": "cpu"} | given))


class Counts:
    """An estimator that remembers what it was asked about."""

    classes_ = NAMES

    def __init__(self):
        self.asked = []

    def predict_proba(self, samples):
        self.asked.append(samples)
        return P[: len(samples)]


class TestOnce:
    def test_the_callers_own_object_is_asked_about_once_and_nothing_else_is_made(self):
        samples = [{"any": "thing"}] * 90  # nothing that could be made numbers
        for strategy in ("margin", "entropy", "falcun", "cdal"):
            head = Counts()
            assert len(ask(strategy, features=samples, head=head, **KNOWN).indices) == 5
            assert len(head.asked) == 1
            assert head.asked[0] is samples

    def test_who_reads_features_alone_asks_nothing(self):
        head = Counts()
        found = ask("coreset", features=X, head=head, **KNOWN)
        assert torch.equal(found.indices, ask("coreset", features=X, **KNOWN).indices)
        assert not head.asked


class TestLinear:
    """A linear estimator is its weights, on what its last step gets."""

    WEIGHTS = (LINEAR.coef_, LINEAR.intercept_)

    @pytest.mark.parametrize("strategy", ["margin", "badge", "alfamix", "bait", "base", "bald", "dropquery"])
    def test_the_answer_is_that_of_its_weights(self, strategy):
        wanted = ask(strategy, features=X, head=self.WEIGHTS, **KNOWN)
        found = ask(strategy, features=X, head=LINEAR, **KNOWN)
        assert torch.equal(found.indices, wanted.indices)
        assert found.classes == wanted.classes == ("cat", "dog", "emu")
        beside = {"labelled_features": pd.DataFrame(X[:6]), "labelled_targets": KNOWN["labelled_targets"]}
        both = ask(strategy, features=pd.DataFrame(X[6:]), head=LINEAR, **beside)
        assert (both.indices + 6).tolist() == wanted.indices.tolist()

    @pytest.mark.parametrize("strategy", ["margin", "badge", "alfamix"])
    def test_behind_a_pipeline_with_mixed_columns(self, strategy):
        frame = pd.DataFrame({"town": RNG.choice(["Bern", "Ulm"], 90), "x": X[:, 0], "z": X[:, 1]})
        before = make_column_transformer((OneHotEncoder(), ["town"]), (StandardScaler(), ["x", "z"]))
        pipe = make_pipeline(before, LogisticRegression()).fit(frame, NAMES[Y])
        seen, last = pipe[:-1].transform(frame), pipe[-1]
        wanted = ask(strategy, features=seen, head=(last.coef_, last.intercept_), **KNOWN)
        assert torch.equal(ask(strategy, features=frame, head=pipe, **KNOWN).indices, wanted.indices)

    def test_sparse_features_stay_so_until_somebody_reads_them(self, monkeypatch):
        texts = [f"{NAMES[y]} {number}" for number, y in enumerate(Y)]
        pipe = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, Y)
        seen = pipe[:-1].transform(texts)
        wanted = ask("coreset", features=seen.toarray(), **KNOWN).indices
        assert torch.equal(
            ask("coreset", features=texts, head=pipe, **KNOWN | {"labelled_targets": Y[:6]}).indices, wanted
        )
        monkeypatch.setattr(sp.csr_matrix, "toarray", None)
        monkeypatch.setattr(inputs, "machine_memory", lambda: 4 * 4.0 * seen.shape[0] * seen.shape[1] - 1)
        assert len(ask(features=texts, head=pipe).indices) == 5
        with pytest.raises(UsageError, match="coreset reads features, .* a quarter .* TruncatedSVD"):
            ask("coreset", features=texts, head=pipe)


class TestFiles:
    """A pool in files that is larger than may be held is predicted by blocks."""

    @pytest.mark.parametrize("strategy", ["margin", "coreset", "badge", "alfamix", "qbc"])
    @pytest.mark.parametrize("memory", [None, 3000])
    def test_the_answer_is_that_of_one_in_memory(self, strategy, memory, tmp_path):
        pool = X.astype(np.float32)
        np.save(tmp_path / "x.npy", pool)
        head = RandomForestClassifier(5, random_state=0).fit(pool, NAMES[Y]) if strategy == "qbc" else LINEAR
        wanted = ask(strategy, features=pool, head=head, **KNOWN)
        for given in (tmp_path / "x.npy", np.load(tmp_path / "x.npy", mmap_mode="r")):
            found = ask(strategy, features=given, head=head, memory=memory, **KNOWN)
            assert torch.equal(found.indices, wanted.indices)
            assert (found.reading is None) == (memory is None)


def test_probabilities_with_rows_labels_and_features():
    wanted = ask(features=X, head=LINEAR, **KNOWN)
    for given in ({"probs": P}, {"logits": LINEAR.decision_function(X)}, {"probs": P, "features": X}):
        found = ask(**given, **KNOWN)
        assert torch.equal(found.indices, wanted.indices)
        assert found.classes == ("cat", "dog", "emu")
        assert bool((found.scores[:6] == -torch.inf).all())
        assert found.pool_size == 84
    named = ask(probs=pd.DataFrame(P[:, ::-1], columns=NAMES[::-1]), **KNOWN)
    assert named.classes == ("emu", "dog", "cat")
    assert ask(probs=P).classes is None
    assert ask(probs=P, labelled_rows=[0, 1], labelled_targets=[0, 1]).classes is None
    assert ask(probs=P, classes=["a", "b", "c"]).classes == ("a", "b", "c")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "there is nothing to choose from: pass features="),
        ({"head": LINEAR}, "head needs features="),
        ({"features": X, "probs": P, "head": LINEAR}, "head and probs both say what is predicted"),
        ({"features": X, "head": object()}, r"head must be \(W, b\), .* predict_proba; got object"),
        ({"features": X[:0], "head": LINEAR}, "features has no rows: the pool is empty"),
        ({"probs": P[:0]}, "probs has no rows: the pool is empty"),
        ({"features": X[:, 0], "head": LINEAR}, r"must be a matrix, one row a sample, got shape \[90\]"),
        ({"features": [1.0, 2.0], "head": LINEAR}, r"must be a matrix, one row a sample, got shape \[2\]"),
        ({"features": "a text", "head": LINEAR}, "a text can't be read"),
        ({"features": {"a": X}, "head": LINEAR}, "features must be samples one after another, got dict"),
        ({"features": X[:, :2], "head": LINEAR}, "LogisticRegression.predict_proba can't take .* ValueError"),
        ({"features": X[:8], "probs": P}, "features have 8 rows, probs 90"),
        (
            {"probs": P, "labelled_features": X[:2], "labelled_targets": [0]},
            "2 labelled_features but 1 labelled_targets",
        ),
        (
            {"features": X, "head": LINEAR, "labelled_features": X[:2], "labelled_targets": ["cat"]},
            "2 labelled_features but 1 labelled_targets",
        ),
        ({"probs": P, "labelled_rows": [1], "labelled_targets": [3]}, "labelled_targets must lie in 0..2"),
        (
            {"probs": P, "labelled_rows": [1], "labelled_targets": ["cat"]},
            "3 classes and 1 labels of classes, 'cat'",
        ),
        ({"probs": P, "classes": ["a", "b"]}, "3 classes and 2 labels of classes"),
        ({"probs": P, "num_classes": 4}, "num_classes is 4, and predictions have 3 columns"),
        (
            {"features": X, "head": LINEAR, "labelled_rows": [1], "labelled_targets": ["yak"]},
            "labelled_targets has 'yak' at 0, and LogisticRegression has 'cat', 'dog', 'emu'",
        ),
        (
            {"features": X, "head": LINEAR, "classes": ["dog", "cat", "emu"]},
            "in this order: leave classes= out",
        ),
        ({"features": X, "head": LINEAR, "workers": 2}, "workers read a pool in files"),
    ],
)
def test_what_does_not_fit_is_one_line(given, message):
    with pytest.raises(UsageError, match=message) as caught:
        ask(**given)
    assert "\n" not in str(caught.value)


def test_labelled_probabilities_are_missed_by_who_reads_them():
    with pytest.raises(UsageError, match="cdal reads predictions of the labelled samples, too: pass probs"):
        ask("cdal", probs=P, labelled_features=X[:2], labelled_targets=[0, 1])


class TestLibraries:
    """The same of other libraries' models, without a warning."""

    def test_xgboost(self):
        xgboost = pytest.importorskip("xgboost", reason="one of the models that users have")
        for columns, labels in ((3, Y), (2, Y % 2)):
            frame = pd.DataFrame(X, columns=list("abcde"))
            model = xgboost.XGBClassifier(n_estimators=3, n_jobs=1).fit(frame, labels)
            wanted = ask(probs=model.predict_proba(frame))
            found = ask(features=frame, head=model, classes=NAMES[:columns])
            assert torch.equal(found.indices, wanted.indices)
            assert found.classes == tuple(NAMES[:columns])

    def test_lightgbm(self):
        lightgbm = pytest.importorskip("lightgbm", reason="one of the models that users have")
        frame = pd.DataFrame(X, columns=list("abcde"))
        model = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=1).fit(frame, NAMES[Y])
        wanted = ask(probs=model.predict_proba(frame))
        for given in (frame, X):
            assert torch.equal(ask(features=given, head=model).indices, wanted.indices)

    @pytest.mark.slow  # imports skorch
    def test_skorch(self):
        skorch = pytest.importorskip("skorch", reason="one of the models that users have")
        layer = torch.nn.Linear(5, 3)
        net = skorch.NeuralNetClassifier(layer, criterion=torch.nn.CrossEntropyLoss, max_epochs=1, verbose=0)
        net.fit(X.astype(np.float32), Y)
        wanted = ask(features=X, head=net.module_)
        assert torch.equal(ask(features=X.astype(np.float32), head=net).indices, wanted.indices)
        with pytest.raises(UsageError, match=r"same dtype.* wants float32, X.astype"):
            ask(features=X, head=net)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("strategy", ["margin", "entropy", "badge", "coreset", "qbc", "bald"])
def test_the_device_does_not_change_the_answer(strategy):
    forest = RandomForestClassifier(5, random_state=0).fit(X, NAMES[Y])
    members = np.stack([tree.predict_proba(X) for tree in forest.estimators_])
    for given in ({"features": X, "head": forest}, {"features": X, "probs": members}):
        wanted = ask(strategy, **given, **KNOWN)
        found = ask(strategy, **given, **KNOWN, device="cuda")
        assert found.indices.device.type == "cpu"
        assert torch.equal(found.indices, wanted.indices)
