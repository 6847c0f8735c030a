import dataclasses
import io
import json
import math
import sys

import pytest

from alframe import option
from alframe_cli import output
from alframe_cli.output import console, print_json, print_options, print_table


def test_a_pipe_gets_no_control_codes_even_when_colour_is_forced(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    print_table(("name", "n"), [("[red]x[/red]", "1")], title="t", right=("n",))
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "[red]x[/red]" in out


def test_a_pipe_is_wide_enough_for_a_row(capsys):
    assert console().width >= 160
    print_table(("name",), [("x" * 150,)])
    assert "x" * 150 in capsys.readouterr().out


def test_options(capsys):
    @dataclasses.dataclass(frozen=True)
    class Options:
        a: bool = option(True, "a switch")
        b: float | None = option(None, "a number")
        c: tuple[int, ...] = option((1, 2), "numbers")

    print_options(Options, "x")
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip().startswith("x.")]
    assert [line[:3] for line in lines] == [
        ["x.a", "bool", "true"],
        ["x.b", "float|none", "none"],
        ["x.c", "list", "of"],
    ]


def test_json_has_no_numbers_that_are_none(capsys):
    print_json({"a": [math.nan, 1.5, (math.inf, {"b": -math.inf})]})
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail) == {
        "a": [None, 1.5, [None, {"b": None}]]
    }


@pytest.mark.parametrize(
    ("columns", "width"),
    [
        ("0", 20),
        ("1", 20),
        ("20", None),
        ("200", None),
        ("100000", 1000),
        ("9" * 5000, 1000),
        ("-5", None),
        ("x", None),
    ],
)
def test_a_width_in_which_no_table_can_be_is_not_taken(monkeypatch, columns, width):
    monkeypatch.setenv("COLUMNS", columns)
    assert output._width() == width


def test_a_table_in_ascii_is_straight(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    print_table(("größe", "n"), [("0.5 ± 0.1", "1"), ("0.25", "10")], right=("n",))
    sys.stdout.flush()
    lines = raw.getvalue().decode().splitlines()
    assert "0.5 +/- 0.1" in lines[3]
    assert len({len(line) for line in lines}) == 1
