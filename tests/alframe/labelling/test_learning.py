import json
import os
import signal

import numpy as np
import pytest

from alframe.labelling import network
from alframe.labelling.estimates import lure_weights
from alframe.labelling.learner_process import LearnerProcess, Request
from alframe.labelling.learning import Learning
from labelling_waits import messages, until

WORDS = ("good", "bad")


@pytest.fixture
def reviews(tmp_path):
    """120 texts of two classes that a word tells apart."""
    path = tmp_path / "reviews.txt"
    path.write_text("\n".join(f"{WORDS[n % 2]} film with actor {n % 7} and scene {n}" for n in range(120)))
    return path


@pytest.fixture
def opened(start, reviews):
    def make(**settings):
        given = {"kind": "texts", "classes": WORDS, "strategy": "margin", "audit": 10} | settings
        return start(reviews, **given)

    return make


def told(learning, positions, **more):
    classes = [position % 2 for position in positions]
    return list(learning(Request(positions, classes, more.pop("num_classes", 2), **more)))


def free(session, count):
    return [p for p in range(len(session.samples)) if p not in session.audit][:count]


def test_a_model_s_answer(opened):
    session = opened()
    learning, labels = Learning(session.folder), free(session, 30)
    pending = free(session, 40)[30:]
    *notes, model = told(learning, labels, pending=pending, want=20, passed=[119])
    assert any("hashed words" in note.text or "WordLlama" in note.text for note in notes)
    assert (model.kind, model.version, model.labels, model.kappa) == ("model", 1, 30, None)
    assert len(set(model.picks)) == len(model.scores) == 20
    assert set(model.picks).isdisjoint([*labels, *pending, *session.audit, 119])
    assert model.scores == sorted(model.scores, reverse=True)
    assert set(model.audit) == set(session.audit)
    right = [model.audit[p] == p % 2 for p in session.audit]
    assert np.mean(right) > 0.8
    assert set(model.suggestions) == set(range(120)) - set(session.audit)
    assert all(0.5 <= p <= 1 for _, p in model.suggestions.values())
    assert model.audit_picks == []
    assert model.q is None
    (again,) = told(learning, labels, want=20)
    assert (again.version, again.kappa) == (2, 1.0)  # notes are told once
    json.dumps([model.picks, model.scores, list(model.suggestions.values())])  # plain numbers


@pytest.mark.parametrize("labels", [0, 1, 3])
def test_before_two_classes_are_labelled_there_are_picks_without_a_model(opened, labels):
    session = opened()
    even = [p for p in free(session, 60) if p % 2 == 0][:labels]
    *_, model = told(Learning(session.folder), even, want=8, num_classes=2)
    assert (model.kind, model.version, model.labels) == ("model", 0, labels)
    assert len(set(model.picks)) == 8
    assert set(model.picks).isdisjoint([*even, *session.audit])
    assert model.suggestions == model.audit == {}
    assert model.text == "picks are by coreset until two classes are labelled"


def test_a_class_that_was_added_a_label_that_was_corrected_or_taken_back(opened):
    session = opened()
    learning, labels = Learning(session.folder), free(session, 20)
    told(learning, labels)
    classes = [position % 2 for position in labels]
    (model,) = learning(Request([*labels, 119], [*classes, 2], 3))
    assert model.labels == 21
    wrong = learning(Request(labels, [1 - c for c in classes], 2))
    (model,) = wrong
    assert model.suggestions[labels[0]][0] == 1 - classes[0]
    (model,) = told(learning, labels[:6])
    assert model.labels == 6


def test_nothing_is_left_to_pick(opened):
    session = opened()
    labels = free(session, 200)
    *_, model = told(Learning(session.folder), labels[:-3], pending=labels[-3:], want=5)
    assert (model.version, model.picks) == (1, ())
    assert model.audit


def test_the_strategy_is_the_session_s(opened, monkeypatch):
    session = opened(strategy="bald")
    *_, last = told_or_error(Learning(session.folder), free(session, 10))
    assert "bald needs" in last


def told_or_error(learning, labels):
    try:
        return [message.text for message in told(learning, labels)]
    except Exception as error:
        return [str(error)]


def test_an_active_audit_is_drawn_once_and_kept(opened):
    session = opened(audit_by="active", audit=4)
    learning, labels = Learning(session.folder), free(session, 30)
    *_, early = told(learning, labels[:10])
    assert (early.audit_picks, early.q) == ([], None)
    (model,) = told(learning, labels)
    assert set(model.audit_picks) <= set(session.audit)
    assert len(model.audit_picks) == len(model.q) == 4
    weights = lure_weights(model.q, len(session.audit))
    assert np.isfinite(weights).all()
    assert (weights > 0).all()
    *_, again = told(Learning(session.folder), labels[:25])
    assert (again.audit_picks, again.q) == (model.audit_picks, model.q)


def test_a_broken_picture_is_not_picked(start, photos, monkeypatch):
    monkeypatch.setattr(network, "PRETRAINED", ())
    (photos / "a" / "broken.png").write_bytes(b"no picture")
    session = start()
    names = [sample.id for sample in session.samples]
    *notes, model = told(Learning(session.folder), [], want=100)
    assert len(model.picks) == 39  # nor the black one
    assert names.index("a/broken.png") not in model.picks
    assert any("a/broken.png" in note.text for note in notes)


@pytest.mark.slow
def test_killed_mid_fit_it_goes_on(opened):
    """The process itself, with a network, killed at random moments of its fits."""
    session = opened(strategy="badge")
    now = [0.0]
    learner = LearnerProcess(session.folder, clock=lambda: now[0])
    try:
        labels = free(session, 100)
        for count in (10, 30, 60):
            learner.send(labels[:count], [p % 2 for p in labels[:count]], 2, [], 16)
            until(lambda: learner.poll() is not None and learner.busy)
            os.kill(learner.pid, signal.SIGKILL)
            until(lambda: learner.poll() is not None and not learner.alive)
            now[0] += 10
            (model,) = messages(learner, 1, "model")
            assert model.labels == count
            assert len(model.picks) == 16
            assert learner.failed == ""
    finally:
        learner.close()
