"""An oracle at a server: it answers what it is asked, waits where it is to, and says what is refused."""

import threading

import pytest

uvicorn = pytest.importorskip("uvicorn", reason="the extra label is not installed")

from alframe.labelling.oracle import Client, Oracle, RefusedError  # noqa: E402
from alframe.labelling.server import make_app  # noqa: E402
from alframe.labelling.serving import serve, take_place  # noqa: E402
from alframe.labelling.session import Session  # noqa: E402
from alframe.labelling.settings import SessionSettings  # noqa: E402
from label_doubles import FakeLearner, QuickLearner, write_digits  # noqa: E402

NAMES = tuple(map(str, range(10)))


@pytest.fixture
def serving(tmp_path):
    """Opens a session of digits, and runs work beside its server."""

    def run(work, learner=None, count=60, **settings):
        targets = write_digits(tmp_path / "digits", count)
        truth = {f"{row:04}.png": str(target) for row, target in enumerate(targets)}
        source = str(tmp_path / "digits")
        settings = SessionSettings(**{"source": source, "classes": NAMES, "audit": 6} | settings)
        with Session.create(tmp_path / "digits", tmp_path / "s.alframe", settings) as session:
            place = take_place(session.folder, settings.people, "127.0.0.1", 0, False)
            app = make_app(session, learner, place.tokens, place.hosts)
            (address,) = place.addresses().values()
            with Client(address) as client:
                serve(app, place, lambda: None, lambda: work(client, truth, session))
        return Session.read(tmp_path / "s.alframe")

    return run


def targets_of(session, truth):
    return {position: truth[session.samples[position].id] for position in session.labels()}


def test_it_labels_as_many_as_it_is_asked_for(serving):
    def work(client, truth, session):
        oracle = Oracle(client, truth)
        assert oracle.label(25) == 25
        assert len(oracle.seconds) == 25
        assert {n: label.label for n, label in session.labels().items()} == targets_of(session, truth)

    assert len(serving(work).labels()) == 25


@pytest.mark.parametrize("pace", [None, 0.0])
def test_it_ends_where_nothing_is_left(serving, pace):
    session = serving(lambda client, truth, _: Oracle(client, truth, pace).label(1000))
    assert len(session.labels()) == 60
    assert len({event.sample for event in session.events}) == 60


def test_it_goes_on_with_an_earlier_session(serving):
    def work(client, truth, session):
        Oracle(client, truth).label(10)
        assert Oracle(client, truth).label(15) == 15

    assert len(serving(work).events) == 15


def test_it_waits_until_all_is_learned(serving):
    targets = [1] * 60
    known = []

    class Slow(QuickLearner):
        """Answers the request before."""

        def send(self, *request):
            super().send(*request)
            answer, waits = self.answers.pop(), threading.Timer(0.3, lambda: self.answers.append(answer))
            waits.daemon = True
            waits.start()

    learner = Slow(targets)

    def work(client, truth, session):
        oracle = Oracle(client, truth, batch=10)
        while oracle.label(len(known) * 10 + 10) < 40:
            facts = client.facts()
            known.append(
                (facts["model"]["labels"], facts["model"]["behind"], facts["labelled"] - facts["audited"])
            )

    serving(work, learner)
    assert [(learned, behind) for learned, behind, _ in known] == [(trained, 0) for _, _, trained in known]
    assert len(known) == 3


def test_one_with_a_pace_waits_for_no_model(serving):
    learner = FakeLearner()  # which never answers
    assert len(serving(lambda client, truth, _: Oracle(client, truth, 0.0).label(30), learner).labels()) == 30


@pytest.mark.parametrize("how", ["failed", "failure"])
def test_a_model_that_fails_does_not_hold_it_up(serving, how):
    learner = FakeLearner()
    if how == "failed":
        learner.failed = "out of memory"
    else:
        learner.send = lambda *request: learner.note("no new model", kind="failure")
    assert len(serving(lambda client, truth, _: Oracle(client, truth).label(40), learner).labels()) == 40


def test_what_comes_after_each_key_is_told(serving):
    heard = []
    serving(lambda client, truth, _: Oracle(client, truth, 0.0, heard=lambda: heard.append(1)).label(7))
    assert len(heard) == 7


def test_what_is_refused_is_said(serving):
    def work(client, truth, session):
        Oracle(client, dict.fromkeys(truth, "nine")).label(5)

    with pytest.raises(RefusedError, match="422 .*nine"):
        serving(work)


def test_a_server_that_is_gone_is_no_answer():
    with pytest.raises(OSError, match=r".+"):
        Client("http://127.0.0.1:9/?token=x").facts()
