import pytest

from alframe.errors import UsageError

LABEL = {"event": "label", "sample": 0, "label": "cat"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"event": "lable"}, "unknown event 'lable'. Did you mean 'label'"),
        ({}, "unknown event 'None'"),
        (LABEL | {"sample": 40}, "there is no sample 40; there are 40, from 0"),
        (LABEL | {"sample": -1}, "there is no sample -1"),
        (LABEL | {"sample": True}, "there is no sample True"),
        (LABEL | {"sample": "../x.png"}, "there is no sample '../x.png'"),
        ({"event": "skip"}, "there is no sample None"),
        (LABEL | {"label": "cot"}, "unknown class 'cot'. Did you mean 'cat'"),
        (LABEL | {"label": None}, "unknown class 'None'"),
        (LABEL | {"colour": 1}, "event label: there is no field colour"),
        (LABEL | {"n": 1}, "there is no field n"),
        (LABEL | {"seconds": "x"}, "seconds: expected a number, got 'x'"),
        (LABEL | {"seconds": float("nan")}, "seconds: expected a number"),
        (LABEL | {"p": True}, "p: expected a number"),
        (LABEL | {"model": "7"}, "Expected `int"),
        (LABEL | {"client": 5}, "client: expected a text"),
        (LABEL | {"why": "x" * 201}, "why: expected a text of 1 to 200 characters"),
        (LABEL | {"client": "\ud800"}, "is no text"),
        (LABEL | {"at": "yesterday"}, "at: expected a time as "),
        ({"event": "class-add", "label": "cat"}, "there is a class 'cat' already"),
        ({"event": "class-add", "label": " "}, "a class needs a name"),
        ({"event": "class-add", "label": "x", "key": "z"}, "key: expected one of 1234"),
        ({"event": "class-key", "label": "cat", "key": "12"}, "key: expected one of"),
        ({"event": "class-key", "label": "cow", "key": "1"}, "unknown class 'cow'"),
        ({"event": "class-rename", "label": "cat", "to": "dog"}, "merge 'cat' into it instead"),
        ({"event": "class-rename", "label": "cat"}, "a class is called by a text"),
        ({"event": "class-merge", "label": "cat", "to": "cat"}, "can't be merged into itself"),
        ({"event": "class-merge", "label": "cat", "to": "cow"}, "unknown class 'cow'"),
        ({"event": "undo"}, "ada has nothing to undo"),
    ],
)
def test_what_can_not_be_is_said_and_not_written(start, fields, message):
    session = start()
    with pytest.raises(UsageError, match=message):
        session.post(fields, "ada")
    assert session.events == []


@pytest.mark.parametrize("by", ["", "x" * 201, "\udc80", None])
def test_who_says_it(start, by):
    with pytest.raises(UsageError, match="by: "):
        start().post(LABEL, by)


def test_a_time_is_brought_to_utc(start):
    assert start().post(LABEL | {"at": "2020-01-01T01:00:00+01:00"}, "ada").at == "2020-01-01T00:00:00Z"


def test_a_class_with_labels_is_not_removed(start):
    session = start()
    session.post(LABEL, "ada")
    with pytest.raises(UsageError, match="class 'cat' has 1 labels; rename it or merge it into another"):
        session.post({"event": "class-remove", "label": "cat"}, "ada")
