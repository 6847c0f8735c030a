import pytest

from alframe.labelling.events import (
    EVENTS,
    Event,
    NotAnEventError,
    decode,
    encode,
    made,
    moment_of,
    timestamp,
)

EVENT = Event(412, "label", "ada", "2026-11-27T10:12:03Z", "a/1.jpg", "cat", 1.8, "badge", 7, 0.41, "cat")


def test_a_line_has_the_fields_of_the_design_in_their_order():
    line = encode(EVENT)
    assert line == (
        b'{"v":1,"n":412,"event":"label","by":"ada","at":"2026-11-27T10:12:03Z","sample":"a/1.jpg",'
        b'"label":"cat","seconds":1.8,"why":"badge","model":7,"p":0.41,"suggested":"cat"}\n'
    )
    assert decode(line) == EVENT


@pytest.mark.parametrize("text", ["line\nend", 'quote"', "\x00", "日本", "\u2028", "\\udc80"])
def test_any_text_comes_back_from_one_line(text):
    line = encode(made(1, {"event": "label", "by": text, "sample": text, "label": text}))
    assert line.count(b"\n") == 1
    assert decode(line).sample == text


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"", "truncated"),
        (b"\0\0\0", "invalid character"),
        (b'{"n":1}', "required field"),
        (b"[1]", "Expected `object`"),
        (b'{"n":"1","event":"label","by":"a","at":""}', "Expected `int`"),
        (b'{"n":0,"event":"label","by":"a","at":""}', "the first is 1"),
        (b'{"n":1,"event":"fly","by":"a","at":""}', "there is no event 'fly'"),
        (b'{"v":2,"n":1,"event":"label","by":"a","at":""}', "a later alframe"),
        (b'{"n":1,"event":' + b"[" * 100_000, "Expected `str`"),
        (b'{"n":1,"event":"label","by":"\xff","at":""}', "utf-8"),
    ],
)
def test_what_is_no_event_says_why(line, message):
    with pytest.raises(NotAnEventError, match=message):
        decode(line)


def test_a_field_of_a_later_version_is_passed_over():
    assert decode(b'{"v":1,"n":1,"event":"skip","by":"a","at":"","colour":"red"}').event == "skip"


def test_a_wrong_type_is_refused_before_it_is_written():
    with pytest.raises(NotAnEventError, match="Expected `int"):
        made(1, {"event": "label", "by": "a", "model": "seven"})


def test_now_is_in_utc():
    assert timestamp(0) == "1970-01-01T00:00:00Z"
    assert moment_of(made(1, {"event": "skip", "by": "a"}).at) > 1e9


@pytest.mark.parametrize(
    ("at", "seconds"),
    [("1970-01-01T00:01:00Z", 60), ("1970-01-01T01:00:00+01:00", 0), ("1970-01-01T00:00:01", 1)]
    + [(at, None) for at in ("", None, "yesterday", "9999999999")],
)
def test_moments(at, seconds):
    assert moment_of(at) == seconds


def test_every_event_has_one_name():
    assert len(set(EVENTS)) == len(EVENTS) == 10
