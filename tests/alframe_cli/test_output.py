import dataclasses

from alframe import option
from alframe_cli.output import console, print_options, print_table


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
