"""docs/cli.md is what the commands' ``--help`` prints, on whatever machine it was made."""

import importlib.util
import re
from pathlib import Path

import pytest

from alframe_cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
PROGRAM = "docs/_ext/cli_page.py"


@pytest.fixture
def program():
    """The module that makes the page."""
    spec = importlib.util.spec_from_file_location("cli_page", ROOT / PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_current(program):
    current = (ROOT / "docs" / "cli.md").read_text() == program.page()
    assert current, f"a command or a flag has changed: run `python {PROGRAM}` and commit docs/cli.md"


@pytest.mark.parametrize("variables", [{"COLUMNS": "40"}, {"COLUMNS": "200"}, {"FORCE_COLOR": "1"}])
def test_the_page_does_not_depend_on_the_terminal(program, monkeypatch, variables):
    before = program.page()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert program.page() == before
    assert "\x1b" not in before


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_there_as_it_prints_itself(program, alframe_command, command):
    """But for the places where lines break, which may be within a word with a hyphen."""
    (shown,) = re.findall(rf"^## alframe {command}\n\n```text\n(.*?)^```$", program.page(), re.M | re.DOTALL)
    printed = alframe_command(command, "--help")
    assert "".join(shown.split()) == "".join(printed.split())
