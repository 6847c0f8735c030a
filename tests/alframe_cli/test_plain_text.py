"""Nothing that a terminal obeys is printed, wherever a name comes from."""

import ast
import csv
import io
import re
from pathlib import Path

import pytest

import alframe_cli
from alframe_cli.plain_text import plain, plain_line

CLI = Path(alframe_cli.__file__).parent
HARM = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
SIGNS = [
    "\x1b]0;title\x07",
    "\x1b[2J",
    "\x9b31m",
    "\r",
    "\x08",
    "\u202e",
    "\u2066",
    "\u2028",
    "\udc80",
    "\x7f",
]


@pytest.mark.parametrize("sign", SIGNS)
def test_what_a_terminal_obeys_is_written_out(sign):
    found = plain(f"a{sign}b")
    assert not HARM.search(found)
    assert found.startswith("a\\u")
    assert found.endswith("b")
    assert found.encode()


def test_other_texts_stay_as_they_are():
    text = "±, é, 学習, हिन्दी, שלום, 👩\u200d🔬\tand\nmore [red]x[/red] \\u001b"
    assert plain(text) == text
    assert plain_line(text) == text.replace("\n", "\\n")


def test_a_line_can_be_read_however_long_a_name_in_it_is():
    line = plain_line(f"{'a' * 5000} can't be read")
    assert len(line) < 1600
    assert line.startswith("aaa")
    assert line.endswith("can't be read")
    assert "letters) ... aaa" in line
    assert plain("a" * 5000) == "a" * 5000


def prints(path):
    """Calls that print without looking at what; each as text."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in ("print", "click.echo", "click.secho") or called.endswith(
                (".stdout.write", ".stderr.write")
            ):
                yield f"{path.name}:{node.lineno}: {called}"


def test_all_printing_goes_through_one_place():
    modules = [path for path in CLI.rglob("*.py") if path.name != "plain_text.py"]
    assert [line for path in modules for line in prints(path)] == []
    assert len(list(prints(CLI / "plain_text.py"))) == 2


@pytest.fixture
def hostile(write_run):
    for name in ("\x1b[2Jmargin", "[red]x", "=cmd|' ", "two\nlines"):
        for seed in (1, 2):
            write_run("data\x1b]0;t\x07", "s\u202e", name, seed, [0.5, 0.6 + seed / 100])


@pytest.mark.parametrize("form", ["table", "csv", "latex", "markdown", "json"])
def test_names_in_folders_give_no_orders(alframe, hostile, form):
    outcome = alframe("compare", "runs", "--format", form)
    assert outcome.code == 0
    assert not HARM.search(outcome.out + outcome.err)
    assert "[red]x" in outcome.out.replace("\\[", "[")
    if form == "latex":
        lines = [line for line in outcome.out.splitlines() if "lines" in line]
        assert all(line.startswith("%") or "two\\textbackslash{}nlines" in line for line in lines)
        assert lines


def test_a_name_is_no_formula_in_the_table_for_spreadsheets(alframe, hostile):
    rows = list(csv.DictReader(io.StringIO(alframe("compare", "runs", "--format", "csv").out)))
    assert {row["strategy"] for row in rows} >= {"'=cmd|' ", "[red]x", "\\u001b[2Jmargin"}
    assert all(float(row["mean"]) > 0 for row in rows)


@pytest.mark.parametrize(
    "arguments",
    [
        ("compare", "none\x1b[2J\nerror: x"),
        ("run", "--config", "none\x1b[2J\n.toml"),
        ("query", "--strategy", "margin", "-n", "1", "none\x1b[2J\n.npz"),
        ("show", "none\x1b[2J\n"),
        ("none\x1b[2J\n",),
        ("run", "--no\x1b[2J"),
        ("run", "--jobs", "x\x1b[2J"),
    ],
)
def test_errors_give_no_orders(alframe, arguments):
    outcome = alframe(*arguments)
    assert outcome.code == 2
    assert not HARM.search(outcome.out + outcome.err)
    assert "[2J" in outcome.err
    if outcome.err.startswith("error"):
        assert outcome.err.count("\n") == 1


def test_a_traceback_gives_no_orders(alframe):
    outcome = alframe("run", "-v", "--strategy", "margin", "--dataset", "npz:none\x1b[2J.npz")
    assert "Traceback" in outcome.err
    assert not HARM.search(outcome.err)
