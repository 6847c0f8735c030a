import copy
import math
import pickle

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import HashingVectorizer

import alframe
from alframe import ActiveLearner, ModelRequest, UsageError
from alframe.data.text_bytes import bytes_of
from alframe_text import HashedOptions, HeadOptions
from alframe_text._bodies import TextFeatures, hashed, hashed_rows, static

TEXTS = ["good good Good film", "", "ä 東京 は", "a bad film", "!?"]


def request(options):
    return ModelRequest(torch.Size((30,)), 2, options)


@pytest.mark.parametrize("columns", [8, 4096])
def test_hashed_words_count_by_their_logarithm(columns):
    """Against a transcription that goes through one text's words after the other."""
    rows = hashed_rows(TEXTS, columns, 1, "words")
    vectorizer = HashingVectorizer(n_features=columns)
    split = vectorizer.build_analyzer()
    for text, row in zip(TEXTS, rows, strict=True):
        counts = np.zeros(columns)
        for word in split(text):
            counts += HashingVectorizer(n_features=columns, norm=None).transform([word]).toarray()[0]
        expected = [math.copysign(1 + math.log(abs(c)), c) if c else 0.0 for c in counts]
        norm = math.hypot(*expected) or 1.0
        np.testing.assert_allclose(row, np.array(expected) / norm, atol=1e-6)
    assert rows.dtype == np.float32
    assert not rows[1].any()


def test_characters_suit_languages_that_do_not_part_words():
    words = hashed_rows(["東京都庁", "東京駅"], 1024, 1, "words")
    characters = hashed_rows(["東京都庁", "東京駅"], 1024, 2, "characters")
    assert words[0] @ words[1] == 0
    assert characters[0] @ characters[1] > 0.3


@pytest.mark.parametrize("kind", ["hashed", "static"])
def test_features_do_not_depend_on_the_batch(kind):
    if kind == "static":
        pytest.importorskip("wordllama")
    model = hashed(request(HashedOptions())) if kind == "hashed" else static(request(HeadOptions()))
    rows, _ = bytes_of(TEXTS)
    together = model.eval().features(rows)
    assert together.shape == (5, 4096 if kind == "hashed" else 256)
    alone = torch.cat([model.features(rows[place : place + 1]) for place in range(5)])
    torch.testing.assert_close(together, alone, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(together.norm(dim=1)[[0, 3]], torch.tensor([3.0, 3.0]))
    assert not together[1].any()
    wider = torch.cat([rows, torch.zeros(5, 9, dtype=torch.uint8)], dim=1)
    assert torch.equal(model.features(wider), together)


def test_what_is_trained_on_is_made_once():
    asked = []

    def make(texts):
        asked.extend(texts)
        return np.full((len(texts), 2), 0.5, np.float32)

    body = TextFeatures(make)
    rows, _ = bytes_of(["a", "b", "a"])
    body.eval()(rows)
    asked.clear()
    for _ in range(3):
        assert torch.equal(body.train()(rows), torch.full((3, 2), 1.5))
    assert asked == ["a", "b"]
    assert copy.deepcopy(body)._kept == {}


def test_networks_travel_to_other_processes():
    model = hashed(request(HashedOptions(columns=16)))
    rows, _ = bytes_of(TEXTS)
    sent = pickle.loads(pickle.dumps(model.eval()))
    assert torch.equal(sent(rows), model(rows))


def test_weights_tell_how_features_are_made():
    """Another version of the package, or other columns, are another network: trials don't go on with it."""
    found = [
        hashed(request(HashedOptions(**options))).body.state_dict()["fingerprint"]
        for options in ({}, {"ngrams": 2}, {"of": "characters"})
    ]
    assert len({tuple(row.tolist()) for row in found}) == 3


def test_static_embeddings_need_their_package(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "wordllama", None)
    with pytest.raises(UsageError, match=r"need the package wordllama; .*'alframe\[text\]'"):
        static(request(HeadOptions()))


@pytest.mark.slow
def test_strategies_learn_topics_better_with_static_embeddings_than_with_hashed_words(topics):
    """Two words of a text tell its topic, of twelve each: who knows what words mean needs fewer labels."""
    pytest.importorskip("wordllama")
    data = alframe.load_dataset(f"texts:{topics}", test_fraction=0.5)
    accuracies = {"text-static": [], "text-hashed": []}
    for network, found in accuracies.items():
        for seed in range(3):
            stages = {"train": "linear-probe"}
            learner = ActiveLearner(data.hide_labels(), network, "margin", seed=seed, stages=stages)
            for _ in range(3):
                picks = learner.ask(8)
                learner.tell(picks, data.targets[picks])
                learner.fit()
            found.append(learner.evaluate().accuracy)
    differences = [a - b for a, b in zip(*accuracies.values(), strict=True)]
    assert min(differences) > 0.05, accuracies
    assert min(accuracies["text-static"]) > 0.5, accuracies
