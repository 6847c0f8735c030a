import pytest

from alframe.labelling.learner_process import Message
from alframe.labelling.simulate import Step, simulate

TRUTH = [position % 3 for position in range(60)]
AUDIT = [0, 1, 2, 3]


class Least:
    """Picks the least positions that are free; it is right once it knows 20 labels."""

    def __init__(self):
        self.requests = []

    def __call__(self, request):
        self.requests.append(request)
        yield Message("note", text="said")
        taken = {*request.positions, *request.pending, *AUDIT}
        picks = [p for p in range(len(TRUTH)) if p not in taken][: request.want]
        right = len(request.positions) >= 20
        audit = {p: TRUTH[p] if right else 0 for p in AUDIT}
        yield Message("model", 1, len(request.positions), picks=picks, audit=audit)


@pytest.mark.parametrize("lag", [0, 1, 2])
def test_an_oracle_labels_what_was_put_first_some_answers_ago(lag):
    learner = Least()
    steps = simulate(learner, TRUTH, AUDIT, first=10, batch=5, labels=30, lag=lag)
    assert steps == [Step(10, 0.5), Step(15, 0.5), Step(20, 1.0), Step(25, 1.0), Step(30, 1.0)]
    for request in learner.requests:
        assert len(request.pending) == 5 * lag
        assert set(request.positions).isdisjoint([*request.pending, *AUDIT])
        assert list(request.classes) == [TRUTH[p] for p in request.positions]
        assert len(set(request.positions)) == len(request.positions)
    first = [p for p in range(60) if p not in {*learner.requests[0].positions, *learner.requests[0].pending}]
    shown = learner.requests[lag + 1].positions[-5:]
    assert list(shown) == [p for p in first if p not in AUDIT][:5]


def test_it_ends_where_nothing_is_left():
    steps = simulate(Least(), TRUTH, AUDIT, first=10, batch=20, labels=1000)
    assert [step.labels for step in steps] == [10, 30, 50, 56]


def test_the_first_labels_follow_the_seed():
    def firsts(seed):
        learner = Least()
        simulate(learner, TRUTH, AUDIT, first=10, batch=5, labels=10, seed=seed)
        return learner.requests[0].positions

    assert firsts(1) == firsts(1)
    assert firsts(1) != firsts(2)
