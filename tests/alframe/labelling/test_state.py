import pytest

from alframe.labelling.classes import Classes
from alframe.labelling.events import Event
from alframe.labelling.state import State


class Told:
    """A state of ten samples called by their positions, told events of consecutive numbers."""

    def __init__(self, shared=()):
        known = {str(position): position for position in range(10)}
        self.state = State(Classes(("cat", "dog")), known.get, lambda position: position in shared)
        self.n = 0

    def __call__(self, event, by="ada", sample=None, label=None, **more):
        self.n += 1
        sample = None if sample is None else str(sample)
        return self.state.apply(Event(self.n, event, by, "", sample, label, **more))

    @property
    def labels(self):
        return {position: label.label for position, label in self.state.labels.items()}


@pytest.fixture
def told():
    return Told()


def test_the_later_answer_counts_whoever_gave_it(told):
    told("label", "ada", 1, "cat")
    told("label", "bob", 1, "dog")
    assert told.labels == {1: "dog"}
    assert told.state.labels[1].by == "bob"
    told("skip", "ada", 1)
    assert (told.labels, told.state.skipped) == ({}, {1})
    told("unsure", "ada", 1)
    assert (told.state.skipped, told.state.unsure) == (set(), {1})


def test_undo_gives_back_what_was_before(told):
    told("label", "ada", 1, "cat")
    told("label", "ada", 1, "dog")
    told("label", "bob", 2, "dog")
    assert told.state.last_of("ada") == 2
    assert told("undo", "ada", of=2) == ""
    assert told.labels == {1: "cat", 2: "dog"}
    assert told("undo", "ada", of=1) == ""
    assert told.labels == {2: "dog"}
    assert told.state.last_of("ada") is None
    assert told.state.answered_by(1) == set()
    assert told("undo", "ada", of=1) == "ada has no answer 1 that could be undone"
    assert told("undo", "ada", of=3) == "ada has no answer 3 that could be undone"
    assert told.state.counts == {"ada": 0, "bob": 1}


def test_a_class_renamed_takes_its_labels_along_and_its_name_is_free(told):
    told("label", "ada", 1, "cat")
    told("class-rename", label="cat", to="kitten")
    assert told.labels == {1: "kitten"}
    told("class-add", label="cat")
    told("label", "ada", 2, "cat")
    told("label", "ada", 3, "kitten")
    assert told.labels == {1: "kitten", 2: "cat", 3: "kitten"}
    assert told.state.numbers == {1: 0, 2: 2, 3: 0}
    assert [info.name for info in told.state.classes.infos()] == ["kitten", "dog", "cat"]


def test_a_class_merged_into_another(told):
    told("label", "ada", 1, "cat")
    told("label", "ada", 2, "dog")
    told("class-merge", label="cat", to="dog")
    assert told.labels == {1: "dog", 2: "dog"}
    assert told.state.numbers == {1: 0, 2: 0}


def test_a_class_with_labels_is_not_removed(told):
    told("label", "ada", 1, "cat")
    assert told("class-remove", label="cat") == "class 'cat' has labels"
    assert told("class-remove", label="dog") == ""
    told("undo", "ada", of=1)
    assert told("class-remove", label="cat") == ""


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ({"event": "label", "sample": 99, "label": "cat"}, "there is no sample '99'"),
        ({"event": "label", "sample": 1, "label": "cow"}, "there is no class 'cow'"),
        ({"event": "class-rename", "label": "cow", "to": "x"}, "there is no class 'cow'"),
        ({"event": "class-rename", "label": "cat", "to": "dog"}, "a class can't be renamed to 'dog'"),
        ({"event": "class-merge", "label": "cat", "to": "cat"}, "a class can't be merged into 'cat'"),
        ({"event": "class-add"}, "it names no class"),
        ({"event": "undo", "of": 7}, "ada has no answer 7 that could be undone"),
    ],
)
def test_an_event_that_means_nothing_changes_nothing(told, event, why):
    assert told(**event) == why
    assert (told.labels, [info.name for info in told.state.classes.infos()]) == ({}, ["cat", "dog"])


class TestShared:
    """A sample that two people are to see."""

    @pytest.fixture
    def told(self):
        return Told(shared={1})

    def test_one_vote_counts_until_the_other_comes(self, told):
        told("label", "ada", 1, "cat")
        assert (told.labels, told.state.half_seen) == ({1: "cat"}, {1})
        told("label", "bob", 1, "cat")
        assert (told.labels, told.state.half_seen) == ({1: "cat"}, set())

    def test_unlike_votes_leave_it_open_until_somebody_adjudicates(self, told):
        told("label", "ada", 1, "cat")
        told("label", "bob", 1, "dog")
        assert (told.labels, told.state.numbers) == ({}, {})
        (found,) = told.state.disagreements()
        assert (found.position, found.votes) == (1, {"ada": "cat", "bob": "dog"})
        told("adjudicate", "eve", 1, "dog")
        assert (told.labels, told.state.disagreements()) == ({1: "dog"}, [])
        assert told.state.labels[1].by == "eve"
        told("undo", "eve", of=3)
        assert len(told.state.disagreements()) == 1

    def test_somebody_who_changes_their_mind_settles_it(self, told):
        told("label", "ada", 1, "cat")
        told("label", "bob", 1, "dog")
        told("label", "ada", 1, "dog")
        assert told.labels == {1: "dog"}

    def test_more_than_half_of_three_settle_it(self, told):
        for person, label in (("ada", "cat"), ("bob", "dog"), ("eve", "dog")):
            told("label", person, 1, label)
        assert told.labels == {1: "dog"}
        told("label", "dan", 1, "cat")
        assert told.labels == {}
        assert len(told.state.disagreements()) == 1

    def test_a_label_after_the_adjudication_overrules_it(self, told):
        told("label", "ada", 1, "cat")
        told("label", "bob", 1, "dog")
        told("adjudicate", "eve", 1, "dog")
        told("skip", "ada", 1)
        assert told.labels == {1: "dog"}
        told("label", "ada", 1, "cat")
        assert told.labels == {1: "cat"}

    def test_a_skip_beside_a_label_is_no_disagreement(self, told):
        told("skip", "ada", 1)
        assert told.state.skipped == {1}
        told("label", "bob", 1, "dog")
        assert (told.labels, told.state.skipped) == ({1: "dog"}, set())

    def test_every_standing_answer(self, told):
        told("label", "ada", 1, "cat")
        told("label", "ada", 1, "dog")
        told("skip", "bob", 1)
        told("adjudicate", "eve", 1, "cat")
        assert sorted((p, a.event.n) for p, a in told.state.answers()) == [(1, 2), (1, 3)]
