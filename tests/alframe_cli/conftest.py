"""Running the command line in the test's own process."""

import dataclasses
import sys

import pytest

from alframe_cli.main import main


@dataclasses.dataclass
class Outcome:
    code: int
    out: str
    err: str


@pytest.fixture
def alframe(capsys, tmp_path, monkeypatch):
    """Runs ``alframe ARGS`` in an empty folder; gives exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["alframe", *args])
        with pytest.raises(SystemExit) as exit_:
            main(list(args))
        captured = capsys.readouterr()
        return Outcome(int(exit_.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture
def quick():
    """Flags of a run of about a second."""
    return [
        "--seeds",
        "1,2",
        "--initial-size",
        "20",
        "--query-size",
        "20",
        "--rounds",
        "2",
        "--epochs",
        "5",
        "--device",
        "cpu",
    ]
