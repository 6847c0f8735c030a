import pickle
import sys
import types

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

import alframe as package

RNG = np.random.default_rng(0)
Y = np.array(["no", "yes"])[np.arange(60) % 2]
TABLE = pd.DataFrame({"age": RNG.normal(size=60) + (Y == "yes"), "town": RNG.choice(["Bern", "Ulm"], 60)})
TEXTS = [
    f"{label} {town} {number}" for number, (label, town) in enumerate(zip(Y, TABLE["town"], strict=True))
]
MIXED = make_pipeline(
    make_column_transformer((OneHotEncoder(), ["town"]), (StandardScaler(), ["age"])), LogisticRegression()
).fit(TABLE, Y)
OF_TEXTS = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, Y)


@pytest.fixture(autouse=True)
def files(tmp_path):
    TABLE.assign(note="x")[["note", "town", "age"]].to_csv(tmp_path / "table.csv", index=False)
    TABLE[["age"]].to_csv(tmp_path / "age.csv", index=False)
    pd.DataFrame({"text": TEXTS}).to_csv(tmp_path / "texts.csv", index=False)
    np.save(tmp_path / "age.npy", TABLE[["age"]].to_numpy())
    joblib.dump(MIXED, tmp_path / "mixed.joblib")
    joblib.dump(OF_TEXTS, tmp_path / "texts.pkl")
    (tmp_path / "cut.joblib").write_bytes((tmp_path / "mixed.joblib").read_bytes()[:300])
    (tmp_path / "no.joblib").write_text("not a pickle")
    joblib.dump({"a": 1}, tmp_path / "dict.joblib")
    module = types.ModuleType("gone")
    module.Gone = type("Gone", (), {"__module__": "gone"})
    sys.modules["gone"] = module
    (tmp_path / "gone.pkl").write_bytes(pickle.dumps(module.Gone()))
    del sys.modules["gone"]


def ask(alframe, *given, strategy="margin"):
    return alframe("query", "--strategy", strategy, "-n", "5", "-q", *given)


def wanted(strategy, features, head):
    return package.query(strategy, features=features, head=head, n=5, device="cpu").indices.tolist()


def test_a_table_and_a_pipeline_that_takes_some_of_its_columns(alframe):
    outcome = ask(alframe, "table.csv", "--model", "mixed.joblib", "--trust")
    assert outcome.err == ""
    assert [int(line) for line in outcome.out.splitlines()] == wanted("margin", TABLE, MIXED)


def test_a_column_of_texts(alframe):
    outcome = ask(alframe, "texts.csv", "--model", "texts.pkl", "--trust", strategy="coreset")
    assert [int(line) for line in outcome.out.splitlines()] == wanted("coreset", TEXTS, OF_TEXTS)


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        (["table.csv", "--model", "mixed.joblib"], 2, "is a pickle, which can run any code when it is read"),
        (["table.csv", "--trust"], 2, "--trust says that --model may be read, and there is none"),
        (["--model", "mixed.joblib", "--trust"], 2, "there are no features"),
        (
            ["age.csv", "--model", "mixed.joblib", "--trust"],
            2,
            "lack columns that the model was fitted to: town",
        ),
        (
            ["age.npy", "--model", "mixed.joblib", "--trust"],
            2,
            "Pipeline.predict_proba can't take these samples",
        ),
        (["table.csv", "--model", "absent.joblib", "--trust"], 2, "there is no such file"),
        (["table.csv", "--model", "table.csv", "--trust"], 2, "wanted a file that ends in .joblib"),
        (["table.csv", "--model", "cut.joblib", "--trust"], 1, "cut.joblib can't be read as .joblib"),
        (["table.csv", "--model", "no.joblib", "--trust"], 1, "no.joblib can't be read as .joblib"),
        (["table.csv", "--model", "dict.joblib", "--trust"], 2, "head must be (W, b)"),
        (
            ["table.csv", "--model", "gone.pkl", "--trust"],
            2,
            "can't be imported here: No module named 'gone'",
        ),
    ],
)
def test_a_model_that_cannot_be_had_is_one_line(alframe, given, code, message):
    outcome = ask(alframe, *given)
    assert (outcome.code, outcome.out) == (code, "")
    assert message in outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_a_model_of_another_version_is_noted_once(alframe, tmp_path, monkeypatch):
    content = joblib.dump(MIXED, tmp_path / "old.joblib", compress=0)
    file = tmp_path / content[0]
    version = sklearn.__version__.encode()
    file.write_bytes(file.read_bytes().replace(version, b"1.0.2".ljust(len(version), b"0")[: len(version)]))
    outcome = ask(alframe, "table.csv", "--model", "old.joblib", "--trust")
    assert outcome.code == 0
    assert outcome.err.count("it was written with scikit-learn 1.0.2") == 1
    assert len(outcome.err.splitlines()) == 1


def test_what_xgboost_saves_needs_no_trust(alframe, tmp_path):
    xgboost = pytest.importorskip("xgboost", reason="reads .ubj")
    model = xgboost.XGBClassifier(n_estimators=2, n_jobs=1).fit(TABLE[["age"]], Y == "yes")
    model.save_model(tmp_path / "age.ubj")
    outcome = ask(alframe, "table.csv", "--model", "age.ubj")
    assert [int(line) for line in outcome.out.splitlines()] == wanted("margin", TABLE[["age"]], model)
    (tmp_path / "no.json").write_text("{}")
    outcome = ask(alframe, "table.csv", "--model", "no.json")
    assert (outcome.code, len(outcome.err.splitlines())) == (1, 1)
    assert "no.json can't be read as .json" in outcome.err


def own(x):
    return x


@pytest.mark.slow  # imports skops
class TestSkops:
    @pytest.fixture(autouse=True)
    def models(self, tmp_path):
        io = pytest.importorskip("skops.io", reason="reads .skops")
        io.dump(MIXED, tmp_path / "mixed.skops")
        strange = make_pipeline(FunctionTransformer(own), *[step for _, step in MIXED.steps]).fit(TABLE, Y)
        io.dump(strange, tmp_path / "strange.skops")
        (tmp_path / "no.skops").write_text("no archive")

    def test_what_skops_trusts_needs_no_trust_and_the_rest_does(self, alframe):
        trusted = ask(alframe, "table.csv", "--model", "mixed.skops")
        assert [int(line) for line in trusted.out.splitlines()] == wanted("margin", TABLE, MIXED)
        refused = ask(alframe, "table.csv", "--model", "strange.skops")
        assert refused.code == 2
        assert "has types that skops does not trust, " in refused.err
        assert "own: pass --trust" in refused.err

    def test_damage(self, alframe):
        outcome = ask(alframe, "table.csv", "--model", "no.skops")
        assert outcome.code == 1
        assert "no.skops can't be read as .skops" in outcome.err
