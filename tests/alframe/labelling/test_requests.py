"""What a request may say."""

import pytest

from alframe.labelling.requests import LONGEST, BadRequestError, event_of, number, numbers

LABEL = {"event": "label", "client": "c1", "sample": 3, "label": "cat"}


def test_what_is_given_is_kept_and_null_is_nothing():
    told = {**LABEL, "seconds": 1.5, "why": "badge", "model": 7, "p": 0.4, "suggested": None}
    assert event_of(told, 10) == {**LABEL, "seconds": 1.5, "why": "badge", "model": 7, "p": 0.4}


@pytest.mark.parametrize("event", ["skip", "unsure"])
def test_other_answers_need_no_label(event):
    assert event_of({"event": event, "client": "c", "sample": 0}, 1)["sample"] == 0


@pytest.mark.parametrize(
    "change",
    [
        {"sample": 10},
        {"sample": -1},
        {"sample": 2.0},
        {"sample": True},
        {"sample": "3"},
        {"sample": "../../etc/passwd"},
        {"sample": 10**400},
        {"sample": None},
        {"label": None},
        {"label": ""},
        {"label": 3},
        {"label": "x" * (LONGEST + 1)},
        {"label": "a\x1b[2J"},
        {"label": "a\nb"},
        {"client": None},
        {"client": ["c"]},
        {"event": "erase"},
        {"event": None},
        {"event": ["label"]},
        {"by": "bob"},
        {"at": "2026-01-01T00:00:00Z"},
        {"n": 1},
        {"of": 3},
        {"q": 0.5},
        {"seconds": -1},
        {"seconds": float("nan")},
        {"seconds": float("inf")},
        {"seconds": True},
        {"p": 1.1},
        {"model": -1},
        {"model": 10**30},
    ],
)
def test_what_no_page_says_is_refused(change):
    with pytest.raises(BadRequestError):
        event_of(LABEL | change, 10)


@pytest.mark.parametrize("body", [None, [], [LABEL], "label", 3])
def test_an_event_is_an_object(body):
    with pytest.raises(BadRequestError, match="object"):
        event_of(body, 10)


@pytest.mark.parametrize(
    ("event", "missing"), [("class-rename", "to"), ("class-key", "key"), ("class-add", "label")]
)
def test_changes_of_classes_need_their_field(event, missing):
    told = {"event": event, "client": "c", "label": "cat", "to": "dog", "key": "d"}
    assert event_of(told, 1)["event"] == event
    del told[missing]
    with pytest.raises(BadRequestError, match=f"{missing} is missing"):
        event_of(told, 1)


def test_a_number_out_of_an_address():
    assert number({"count": "7"}, "count", 4, 32) == 7
    assert number({}, "count", 4, 32) == 4
    assert number({"count": "99"}, "count", 4, 32) == 32


@pytest.mark.parametrize("text", ["-1", "1.5", "", "x", "٣", "9" * 20])
def test_what_is_no_number(text):
    with pytest.raises(BadRequestError, match="whole number"):
        number({"count": text}, "count", 4, 32)


def test_numbers_out_of_an_address():
    assert numbers({"have": "3,17,"}, "have") == [3, 17]
    assert numbers({}, "have") == []
    for text in ("3;4", "-1", ",".join(["1"] * 101)):
        with pytest.raises(BadRequestError, match="commas"):
            numbers({"have": text}, "have")
