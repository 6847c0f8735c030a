import dataclasses
from typing import Literal

import pytest

from alframe.contract.options import (
    NoOptions,
    build,
    check_declaration,
    describe,
    identifying,
    option,
    written,
)
from alframe.errors import PluginError, UsageError


@dataclasses.dataclass(frozen=True)
class Options:
    cap: float = option(0.2, "a number")
    steps: int = option(5, "a count")
    growth: bool = option(True, "a switch")
    kind: Literal["mean", "none"] = option("mean", "a choice")
    limit: float | None = option(0.9, "a number or nothing")
    names: tuple[str, ...] = option((), "several")

    def __post_init__(self):
        if self.steps < 1:
            raise ValueError("steps must be at least 1")


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("cap", "0.1", 0.1),
        ("cap", "5e-4", 5e-4),
        ("steps", "7", 7),
        ("growth", "false", False),
        ("growth", "true", True),
        ("kind", "none", "none"),
        ("limit", "none", None),
        ("limit", "0.5", 0.5),
        ("names", "a, b", ("a", "b")),
    ],
)
def test_text_becomes_the_declared_type(key, text, value):
    assert getattr(build(Options, {key: text}, "x"), key) == value


def test_typed_values_are_taken_as_they_are():
    assert build(Options, {"cap": 1, "names": ["a"]}, "x") == Options(cap=1.0, names=("a",))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"cap": "much"}, "option x.cap: expected float, got 'much'"),
        ({"steps": "1.5"}, "option x.steps: expected int, got '1.5'"),
        ({"steps": 1.5}, "option x.steps: expected int, got 1.5"),
        ({"growth": "perhaps"}, "option x.growth: expected bool"),
        ({"kind": "median"}, r"option x.kind: expected mean\|none"),
        ({"capp": "1"}, "unknown option of 'x' 'capp'. Did you mean 'cap'"),
        ({"steps": "0"}, "options of 'x': steps must be at least 1"),
    ],
)
def test_bad_values_are_named(values, message):
    with pytest.raises(UsageError, match=message):
        build(Options, values, "x")


def test_describe_lists_every_field():
    fields = describe(Options)
    assert [field.name for field in fields] == [field.name for field in dataclasses.fields(Options)]
    assert fields[4].type == "float|none"
    assert fields[5].type == "list of str"
    assert fields[0].help == "a number"


def test_a_heading_holds_until_the_next():
    @dataclasses.dataclass(frozen=True)
    class Grouped:
        a: int = option(1, "x")
        b: int = option(1, "x", heading="first")
        c: int = option(1, "x")
        d: int = option(1, "x", heading="second")

    assert [field.group for field in describe(Grouped)] == ["", "first", "first", "second"]


@pytest.mark.parametrize("field", dataclasses.fields(Options), ids=lambda field: field.name)
def test_a_default_is_read_back_as_it_is_written(field):
    assert getattr(build(Options, {field.name: written(field.default)}, "x"), field.name) == field.default


def test_no_options_pass():
    check_declaration(NoOptions)
    check_declaration(Options)


def test_declarations_that_are_refused():
    @dataclasses.dataclass
    class Thawed:
        a: int = option(1, "x")

    @dataclasses.dataclass(frozen=True)
    class NoDefault:
        a: int

    @dataclasses.dataclass(frozen=True)
    class NoHelp:
        a: int = 1

    for kind, message in (
        (Thawed, "frozen"),
        (NoDefault, "no default"),
        (NoHelp, "no help"),
        (int, "must be a dataclass"),
        (Options(), "must be a dataclass"),
    ):
        with pytest.raises(PluginError, match=message):
            check_declaration(kind)


@dataclasses.dataclass(frozen=True)
class Extreme:
    steps: int = option(1, "steps")
    seeds: tuple[int, ...] = option((1,), "seeds")
    rate: float = option(1.0, "rate")
    name: str = option("x", "name")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "steps",
            str(2**63),
            "option mine.steps: 9223372036854775808 is too large; at most 9223372036854775807",
        ),
        ("steps", -(2**70), "is too large"),
        ("steps", "9" * 5000, "expected int, got '99"),
        ("steps", "\udcff", "expected int, got '.udcff'"),
        ("rate", "9" * 5000 + "x", "expected float, got '99"),
        ("steps", [[1]] * 10**5, r"expected int, got \[\[1\]"),
        ("steps", 10**5000, "is too large|expected int, got a very long int"),
        ("name", "a\0b", r"option mine.name: there is a NUL in 'a\\x00b'"),
    ],
    ids=range(8),
)
def test_what_no_tensor_and_no_path_can_hold_is_refused_in_a_short_line(key, value, message):
    with pytest.raises(UsageError, match=message) as caught:
        build(Extreme, {key: value}, "mine")
    assert len(str(caught.value)) < 400


def test_a_seed_may_be_of_any_size():
    assert build(Extreme, {"seeds": f"1,{2**70}"}, "mine").seeds == (1, 2**70)


@dataclasses.dataclass(frozen=True)
class _Grown:
    steps: int = option(50, "most steps")
    speed: int = option(1, "how fast", added=True)


def test_an_option_that_was_added_identifies_nothing_at_its_default():
    assert identifying(_Grown()) == {"steps": 50}
    assert identifying(_Grown(steps=50, speed=2)) == {"steps": 50, "speed": 2}
