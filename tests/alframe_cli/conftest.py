"""Running the command line in the test's own process."""

import dataclasses
import json
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


@pytest.fixture
def write_run(tmp_path):
    """Writes a trial's rounds.jsonl under ``tmp_path/runs``, as ``alframe run`` does; gives its path."""

    def write(dataset, setting, strategy, seed, accuracies, **more):
        folder = tmp_path / "runs" / dataset / setting / strategy / f"seed-{seed}"
        folder.mkdir(parents=True)
        records = [
            {
                "round": k,
                "labelled": 1000 * (k + 1),
                "accuracy": accuracy,
                "query_seconds": 1.5 * k,
                "query_peak_memory": 3 * 2**20,
                "train_seconds": 2.0,
                "queried": [2 * k, 2 * k + 1],
                **more,
            }
            for k, accuracy in enumerate(accuracies)
        ]
        (folder / "rounds.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
        return folder / "rounds.jsonl"

    return write


@pytest.fixture
def runs(write_run):
    """Two settings; a_b is 0.1 better than random after the first round; margin is in the first alone."""
    for setting in ("s1", "s2"):
        for seed, base in ((1, 0.5), (2, 0.52), (3, 0.57)):
            write_run("digits", setting, "random", seed, [base, base + 0.1, base + 0.2])
            write_run("digits", setting, "a_b", seed, [base, base + 0.2, base + 0.3])
    for seed in (1, 2):
        write_run("digits", "s1", "margin", seed, [0.5, 0.6, 0.7])
