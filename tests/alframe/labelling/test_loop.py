"""What is asked of the process that learns, and what of its word is shown."""

from types import SimpleNamespace

import pytest

from alframe.labelling.loop import FEWEST_PICKS, Loop
from label_doubles import FakeLearner


class FakeSession:
    def __init__(self, audit=()):
        self.audit = tuple(audit)
        self.classes = [SimpleNamespace(name=name) for name in ("cat", "dog")]
        self.given = {}  # position: place of the class

    def training(self):
        mine = {n: c for n, c in self.given.items() if n not in self.audit}
        return list(mine), list(mine.values())

    def skipped(self):
        return {50}

    def unsure(self):
        return {51}

    def audited(self):
        return {n: c for n, c in self.given.items() if n in self.audit}


@pytest.fixture
def learner():
    return FakeLearner()


@pytest.fixture
def session():
    return FakeSession(audit=(100, 101, 102, 103))


@pytest.fixture
def loop(session, learner):
    return Loop(session, learner)


def test_the_first_order_is_asked_for_before_any_label(loop, learner):
    loop.tick()
    (request,) = learner.requests
    assert (request.positions, request.num_classes, request.want) == ([], 2, FEWEST_PICKS)


def test_nothing_is_asked_while_nothing_changes(loop, learner):
    for _ in range(3):
        loop.tick()
    assert len(learner.requests) == 1


def test_all_labels_since_the_last_look_are_one_request(loop, learner, session):
    loop.tick()
    for position in range(5):
        session.given[position] = position % 2
        loop.changed()
    loop.tick()
    assert learner.requests[1].positions == [0, 1, 2, 3, 4]
    assert learner.requests[1].classes == [0, 1, 0, 1, 0]
    assert len(learner.requests) == 2


def test_what_was_passed_over_is_not_picked(loop, learner):
    loop.tick()
    assert learner.requests[0].passed == [50, 51]


def test_an_order_without_a_model(loop, learner):
    learner.answer(picks=[4, 2], version=0, text="picks are drawn at random until two classes are labelled")
    loop.tick()
    assert loop.picks == [4, 2]
    facts = loop.facts()
    assert facts["model"] is None
    assert "two classes" in facts["remarks"][0]


def test_an_active_audit_is_weighted_and_waits_for_its_order(learner):
    session = FakeSession(audit=range(100, 120))
    loop = Loop(session, learner)
    session.given = {100: 0, 103: 0, 105: 1}
    learner.answer(
        audit=dict.fromkeys(range(100, 120), 0), audit_picks=[103, 100, 110, 105], q=[0.1, 0.1, 0.1, 0.1]
    )
    loop.tick()
    assert loop.audit_picks == [103, 100, 110, 105]
    found = loop.facts()["accuracy"]
    assert found["audited"] == 2  # 110 has no label: what was drawn behind it has to wait
    assert found["estimate"] == 1.0
    session.given[110] = 0
    assert loop.facts()["accuracy"]["audited"] == 4
    assert loop.facts()["accuracy"]["estimate"] < 1


def test_audit_samples_are_never_sent(loop, learner, session):
    session.given = {1: 0, 100: 1}
    loop.shown([2, 1, 100])
    loop.tick()
    assert learner.requests[0].positions == [1]
    assert learner.requests[0].pending == [2]  # what is on a page, but what is labelled or the audit's


def test_a_queue_outlasts_a_fit(loop, learner, session):
    session.given = dict.fromkeys(range(90), 0)
    loop.tick()
    assert learner.requests[0].want == 180


def test_what_was_told_is_kept(loop, learner):
    loop.tick()
    learner.answer(picks=[5, 3], suggestions={5: (1, 0.7654321)}, version=4, labels=0)
    assert loop.tick()
    assert loop.picks == [5, 3]
    assert loop.picked == {5, 3}
    assert loop.order == 1
    assert loop.suggestion(5) == {"label": "dog", "p": 0.7654}
    assert loop.suggestion(3) is None
    assert not loop.tick()


def test_nothing_is_suggested_on_audit_samples(loop, learner):
    learner.answer(suggestions={100: (1, 0.99), 5: (1, 0.99)})
    loop.tick()
    assert loop.suggestion(100) is None
    assert loop.suggestion(5) is not None


def test_a_class_that_is_gone_is_not_suggested(loop, learner, session):
    learner.answer(suggestions={5: (2, 0.9)})
    loop.tick()
    assert loop.suggestion(5) is None


def test_the_models_age(loop, learner, session):
    assert loop.facts()["model"] is None
    session.given = {1: 0, 2: 1}
    loop.tick()
    learner.answer(version=7, labels=2)
    loop.tick()
    assert loop.facts()["model"] == {"version": 7, "labels": 2, "behind": 0}
    session.given |= {3: 0, 4: 1, 5: 1}
    loop.changed()
    loop.tick()
    assert loop.facts()["model"]["behind"] == 3


def test_the_accuracy_is_that_on_audit_samples_with_a_label(loop, learner, session):
    session.given = {1: 0, 100: 1, 101: 0, 102: 1}
    loop.tick()
    assert loop.facts()["accuracy"] is None
    learner.answer(audit={100: 1, 101: 1, 102: 1, 103: 0}, labels=1)
    loop.tick()
    found = loop.facts()["accuracy"]
    assert found["audited"] == 3
    assert found["estimate"] == pytest.approx(2 / 3)
    assert 0 < found["low"] < 2 / 3 < found["high"] < 1
    assert loop.facts()["history"] == [{"labels": 1, **found}]
    session.given[103] = 0
    assert loop.facts()["accuracy"]["audited"] == 4  # a label of the audit counts at once


def test_a_failed_process_is_asked_no_more_and_its_word_is_shown(loop, learner, session):
    learner.note("out of memory; again in 5 s")
    loop.tick()
    assert loop.facts()["remarks"] == ["out of memory; again in 5 s"]
    learner.failed = "three deaths"
    loop.changed()
    loop.tick()
    assert len(learner.requests) == 1
    assert loop.facts()["failed"] == "three deaths"


def test_a_note_stands_once_until_the_next_model(loop, learner):
    learner.note("no new model: out of memory")
    learner.note("no new model: out of memory")
    loop.tick()
    assert loop.facts()["remarks"] == ["no new model: out of memory"]
    learner.answer(version=3)
    loop.tick()
    assert loop.facts()["remarks"] == []


def test_without_a_process_there_is_an_order_at_random():
    loop = Loop(FakeSession(), None)
    loop.changed()
    assert not loop.tick()
    facts = loop.facts()
    assert facts["absent"]
    assert loop.picks == []


def test_pages_hold_so_many_samples_at_most(loop, learner):
    loop.shown(range(1000))
    loop.tick()
    assert learner.requests[0].pending == list(range(1000 - 64, 1000))


def test_it_is_current_once_all_labels_are_answered(loop, learner, session):
    assert not loop.is_current
    loop.tick()
    assert not loop.is_current
    session.given[1] = 0
    learner.answer(labels=0, version=0)
    loop.changed()
    loop.tick()  # hears of the request before, and asks anew
    assert not loop.is_current
    learner.answer(labels=1, version=0)
    loop.tick()
    assert loop.facts()["current"]
    session.given[1] = 1  # corrected: as many labels as before
    loop.changed()
    assert not loop.is_current
    loop.tick()
    assert not loop.is_current


def test_a_request_that_fails_has_its_answer(loop, learner):
    loop.tick()
    learner.note("no new model: a plugin's mistake", kind="failure")
    loop.tick()
    assert loop.is_current
    assert loop.notes == ["no new model: a plugin's mistake"]


@pytest.mark.parametrize(("until", "reached"), [(0.3, True), (0.9, False), (None, False)])
def test_the_accuracy_is_reached_when_its_lower_end_is(learner, session, until, reached):
    loop = Loop(session, learner, until)
    session.given = dict.fromkeys(session.audit, 0)
    learner.answer(audit=dict.fromkeys(session.audit, 0))
    loop.tick()
    assert loop.facts()["reached"] is reached
