import os
import subprocess
import sys
from importlib.metadata import entry_points, version

import pytest

from alframe_cli.main import COMMANDS

PROBE = """
import sys
from alframe_cli.main import main
try:
    main({arguments!r})
except SystemExit as exit_:
    assert not exit_.code, exit_.code
assert "torch" not in sys.modules, "torch was imported"
"""


INSTANT = [
    ["--help"],
    ["--version"],
    ["run", "--help"],
    ["compare", "--help"],
    ["check", "--help"],
    ["list-strategies"],
    ["list-strategies", "--json"],
    ["list-datasets"],
    ["list-models"],
    ["list-presets"],
    ["show", "alfamix"],
    ["show", "digits"],
    ["show", "mlp"],
    ["show", "train"],
    ["show", "mnist-mlp"],
]


def fails(*commands):
    """Whether a process that runs commands one after the other ends badly, or has torch then."""
    probe = "".join(PROBE.format(arguments=arguments) for arguments in commands)
    return subprocess.run([sys.executable, "-c", probe], capture_output=True).returncode != 0


@pytest.fixture(scope="module")
def not_instant():
    """Which of them are not: none where a process of them all has no torch, or else each is asked alone."""
    return [arguments for arguments in INSTANT if fails(arguments)] if fails(*INSTANT) else []


@pytest.mark.parametrize("arguments", INSTANT, ids=" ".join)
def test_what_is_instant_imports_no_torch(arguments, not_instant):
    assert arguments not in not_instant


def test_a_command_that_imports_torch_is_seen():
    assert fails(["query", "no-such-file", "--strategy", "margin", "-n", "1"])


def plugins_imported_by(arguments):
    """The modules of installed plugins that a command imports."""
    modules = {entry.module for entry in entry_points(group="alframe")}
    assert {"alframe_alfamix", "alframe_vision"} <= modules
    probe = PROBE.format(arguments=arguments) + "print(*sys.modules, file=sys.stderr)"
    outcome = subprocess.run([sys.executable, "-c", probe], check=True, capture_output=True, text=True)
    return modules & set(outcome.stderr.split())


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["run", "--help"], ["compare", "--help"]], ids=" ".join
)
def test_help_imports_no_plugin(arguments):
    assert plugins_imported_by(arguments) == set()


def test_an_import_of_plugins_is_seen():
    assert {"alframe_alfamix", "alframe_vision"} <= plugins_imported_by(["list-models"])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(alframe, command):
    outcome = alframe(command, "--help")
    assert outcome.code == 0
    assert "Usage: alframe" in outcome.out


def test_version(alframe):
    assert alframe("--version").out == f"alframe {version('alframe')}\n"


def test_the_module_runs_as_the_program():
    outcome = subprocess.run(
        [sys.executable, "-m", "alframe_cli", "--version"], capture_output=True, text=True
    )
    assert outcome.returncode == 0
    assert outcome.stdout.startswith("alframe ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rnu"], "error: unknown command 'rnu'. Did you mean 'run'"),
        (["run", "--rouns", "3"], "No such option"),
        (["run", "--rounds", "many"], "option run.rounds: expected int, got 'many'"),
        (["run", "--jobs", "many"], "'many' is not a valid integer"),
        (["show"], "Missing argument"),
        (["query", "x" * 5000, "--strategy", "margin", "-n", "1"], "File name too long"),
        (["run", "\u2028" * 500], "unexpected extra argument"),
        (["compare", "a", "b", "\n"], "Got unexpected extra arguments (b \\n)\n"),
    ],
)
def test_mistakes_end_with_2_and_no_traceback(alframe, arguments, message):
    outcome = alframe(*arguments)
    assert outcome.code == 2
    assert message in outcome.err
    assert "Traceback" not in outcome.err
    assert max(map(len, outcome.err.splitlines())) < 1600
    assert outcome.out == ""


def test_an_interrupt_ends_with_130_and_says_how_to_go_on(alframe, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("alframe.experiments.run.PreparedRun.run", interrupt)
    outcome = alframe("run")
    assert outcome.code == 130
    assert outcome.err.endswith("interrupted; the same command continues where this one stopped\n")


def test_an_interrupt_of_what_does_not_go_on_says_no_more(alframe, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("alframe_cli.check._made", interrupt)
    outcome = alframe("check", "margin")
    assert outcome.code == 130
    assert outcome.err.endswith("\ninterrupted\n")


def test_verbose_prints_the_traceback(alframe):
    assert "Traceback" not in alframe("run", "--strategy", "x").err
    assert "Traceback" in alframe("run", "--strategy", "x", "-v").err


def test_results_that_cannot_be_written_are_one_line(alframe, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("alframe_cli.listing.print_table", full)
    outcome = alframe("list-models")
    assert (outcome.code, outcome.err) == (1, "error: [Errno 28] No space left on device\n")


@pytest.mark.parametrize("command", ["run", "compare", "show"])
def test_each_example_of_the_help_has_its_line(alframe, command):
    lines = [line.strip() for line in alframe(command, "--help").out.splitlines()]
    examples = [line for line in lines if line.startswith(f"alframe {command}")]
    assert len(examples) > 2
    assert all(line.count("alframe") == 1 for line in examples)
    assert not [line for line in lines if "\\b" in line or "\b" in line]


@pytest.mark.parametrize(("given", "wanted"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_wait_asleep_unless_the_user_says_otherwise(alframe, monkeypatch, given, wanted):
    monkeypatch.setenv("OMP_WAIT_POLICY", given or "")
    if given is None:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    alframe("--help")
    assert os.environ["OMP_WAIT_POLICY"] == wanted


class HostileError(Exception):
    def __str__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (KeyError("x\ny"), 4, "error: KeyError: 'x\\ny'. This is a bug in alframe: please report it; "),
        (HostileError(), 4, "error: HostileError. This is a bug in alframe: please report it; "),
        (RecursionError("deep"), 4, "error: RecursionError: deep. This is a bug"),
        (MemoryError(), 1, "error: out of memory"),
        (
            SystemExit(0),
            1,
            "error: the code of a plugin or a library asked to end the program: SystemExit: 0",
        ),
    ],
)
@pytest.mark.parametrize("verbose", [False, True])
def test_whatever_else_goes_wrong_is_one_line_and_no_traceback(
    alframe, monkeypatch, error, code, message, verbose
):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr("alframe_cli.listing.print_table", fail)
    outcome = alframe(*["-v"] * verbose, "list-models")
    assert outcome.code == code
    assert outcome.err.splitlines()[-1].startswith(message.removesuffix("; ") if verbose else message)
    assert ("Traceback" in outcome.err) == verbose
    assert outcome.err.count("\n") == 1 or verbose


def test_verbose_before_a_command_is_that_commands_too(alframe):
    assert "Traceback" in alframe("-v", "run", "--strategy", "x").err
    assert "Traceback" in alframe("-v", "query", "--strategy", "margin", "-n", "1", "missing.npy").err


@pytest.mark.parametrize("command", [(), ("label",)])
def test_without_arguments_there_is_the_help(alframe, command):
    outcome = alframe(*command)
    assert outcome.code == 2
    assert "Commands:\n" in outcome.err
    assert "\\n" not in outcome.err
