import html.parser
import re

import numpy as np
import pytest
import torch

import alframe
from alframe import notebooks
from alframe.learning.learner import Query
from alframe.learning.metrics import evaluate

EVIL = "<script>alert(1)</script>&\"'"


class Reader(html.parser.HTMLParser):
    """Cells of a table, and whether all tags are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.texts = [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        self.tags.append(tag)
        assert {name for name, _ in attributes} <= {"style"}

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_texts_are_escaped_and_there_is_no_script():
    shown = Reader(notebooks.table(EVIL, (EVIL,), [(EVIL,), (None,)], EVIL))
    assert "script" not in shown.tags
    assert shown.texts == [EVIL] * 4
    text = notebooks.table("t", ("a",), [("x" * 200,)])
    assert "x" * 80 + "…" in text
    assert not re.search(r"color:(?!inherit)|background:(?!none)", text)  # the page's own, be it dark


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        *[(0.5, "0.5000"), (1234567, "1,234,567"), (1e-5, "1e-05"), (0.0, "0.0000"), (True, "True")],
        *[(None, ""), (float("nan"), "nan"), (-float("inf"), "-inf"), ("a", "a"), (2.5e9, "2.5e+09")],
    ],
)
def test_numbers_are_short(value, wanted):
    assert notebooks.written(value) == wanted


def result(n, **others):
    fields = {"scores": torch.arange(50) / 100, "topped_up": 0, "seconds": 0.25, "pool_size": 50}
    return alframe.QueryResult(indices=torch.arange(50).flip(0)[:n], **(fields | others))


def test_the_answer_to_a_query():
    assert repr(result(2)) == "QueryResult(2 to label: [49, 48])"
    assert repr(result(12, topped_up=1)).endswith(
        "12 to label, 1 of them at random: [49, 48, 47, 46, 45, 44, 43, 42, 41, 40, ...])"
    )
    logged = {"plugin": {EVIL: 3}}
    shown = Reader(result(12, topped_up=2, logged=logged)._repr_html_())
    assert " | ".join(shown.texts[:7]) == (
        "12 of 50 samples to label, best first | sample | score | 1 | 49 | 0.4900 | 2"
    )
    assert shown.texts[-1] == (
        f"the first 10 are shown; the last 2 were drawn at random; 0.25 s; plugin {EVIL}: 3"
    )
    assert "score" not in Reader(result(3, scores=None)._repr_html_()).texts


def test_the_answer_of_a_learner_has_scores_of_its_pool():
    query = Query(
        picks=torch.tensor([2, 0]),
        scores=torch.tensor([0.1, 0.2, 0.3]),
        topped_up=0,
        indices=torch.tensor([7, 5]),
    )
    assert Reader(query._repr_html_()).texts[3:] == ["1", "7", "0.3000", "2", "5", "0.1000"]
    assert repr(query) == "Query(2 to label: [7, 5])"


def test_a_learner_an_evaluation_and_a_run(tmp_path):
    inputs = np.random.default_rng(0).normal(size=(30, 4)).astype("float32")
    targets = np.r_[np.arange(10) % 2, np.full(20, -1)]
    data = alframe.Dataset("d", torch.tensor(inputs), torch.tensor(targets), num_classes=2)
    learner = alframe.ActiveLearner(data, "linear", "margin", seed=3, device="cpu")
    assert repr(learner) == "ActiveLearner('margin', 10 labelled, 20 unlabelled, seed 3)"
    assert Reader(learner._repr_html_()).texts[1:5] == ["strategy", "margin", "labelled", "10"]
    shown = Reader(evaluate(torch.eye(2), torch.tensor([0, 0]))._repr_html_())
    assert shown.texts[:3] == ["Evaluation", "accuracy", "0.5000"]

    run = {"strategy": ["random"], "seeds": [1], "rounds": 1, "device": "cpu", "out": str(tmp_path)}
    done = alframe.run({"run": run, "train": {"epochs": 1}})
    texts = Reader(done._repr_html_()).texts
    assert texts[:5] == ["1 trials done, 0 failed", "trial", "labelled", "accuracy", "random seed 1"]
    summary = done.done[0][1]
    assert Reader(summary._repr_html_()).texts[0] == "2 rounds"
    assert "accuracy" in Reader(summary.rounds[0]._repr_html_()).texts
    failed = alframe.RunResult(failed=[(done.done[0][0], alframe.TrialError(EVIL))], left_out={EVIL: "no"})
    assert f"failed: {EVIL}" in Reader(failed._repr_html_()).texts
