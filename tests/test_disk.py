"""A disk that fills up or is read-only: one line, and what was written stays readable."""

import json
import subprocess
import sys

import pytest

from doubles import repeatable

pytestmark = (
    pytest.mark.slow
)  # each starts processes; tests/alframe/records/test_folder.py has the write sites one by one
COMMAND = [
    *(
        sys.executable,
        "-m",
        "alframe_cli",
        "run",
        "--strategy",
        "margin",
        "--seeds",
        "1,2",
        "--device",
        "cpu",
    ),
    *("--initial-size", "20", "--query-size", "20", "--rounds", "2", "--epochs", "3", "--log", "csv"),
]
ROOM = "; what was written stays, and the same command goes on when there is room"


def run(out, *flags, **how):
    return subprocess.run([*COMMAND, "--out", str(out), *flags], capture_output=True, text=True, **how)


def records(out):
    """Every record below ``out``, by strategy and seed, without what is measured."""
    found = {}
    for path in out.rglob("rounds.jsonl"):
        lines = map(json.loads, path.read_text().splitlines())
        found[path.parts[-3:-1]] = repeatable(lines)
    return found


@pytest.fixture
def disk(tmp_path):
    """A disk of its own with room for a trial and a half, and a function that mounts it anew."""
    point = tmp_path / "disk"
    point.mkdir()

    def mount(options):
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(point)]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("only root can mount a disk, and not everywhere")

    mount("size=256k")
    try:
        yield point, mount
    finally:
        subprocess.run(["umount", str(point)], check=True)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_full_disk_costs_no_record_and_the_same_command_goes_on(disk, tmp_path, jobs):
    point, mount = disk
    outcome = run(point, "--jobs", jobs)
    assert outcome.returncode == 1
    errors = [line for line in outcome.stderr.splitlines() if line.startswith("error: ")]
    assert errors
    assert all(line.endswith(f"can't be written to: No space left on device{ROOM}") for line in errors)
    assert "Traceback" not in outcome.stderr
    assert not list(point.rglob("*.tmp"))
    whole = run(tmp_path / "whole", "--jobs", jobs)  # which trials go in step depends on it
    assert whole.returncode == 0
    wanted = records(tmp_path / "whole")
    for key, found in records(point).items():
        assert found == wanted[key][: len(found)]
    mount("remount,size=4m")
    again = run(point, "--jobs", jobs)
    assert again.returncode == 0, again.stderr
    assert records(point) == wanted
    assert len(list(point.rglob("rounds.csv"))) == 2


def test_a_read_only_disk_is_said_and_can_be_read(disk):
    point, mount = disk
    assert run(point, "--seeds", "1").returncode == 0
    mount("remount,ro")
    outcome = run(point)
    assert outcome.returncode == 2
    wanted = f"output folder {point} can't be written to: Read-only file system; choose another with --out"
    assert outcome.stderr == f"error: {wanted}\n"
    rows = json.loads(run(point, "--dry-run", "--json").stdout)
    assert [row["state"] for row in rows] == ["finished", "new"]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_files_that_may_not_grow(tmp_path, jobs):
    """The same without a mount: no file may be larger than a configuration, which a checkpoint is."""
    resource = pytest.importorskip("resource")
    limit = 20_000
    outcome = run(
        tmp_path,
        *("--jobs", jobs),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert outcome.returncode == 1
    errors = [line for line in outcome.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 2
    assert all(line.endswith(f"can't be written to: File too large{ROOM}") for line in errors)
    assert "Traceback" not in outcome.stderr
    assert not list(tmp_path.rglob("*.tmp"))
    again = run(tmp_path)
    assert again.returncode == 0, again.stderr
    assert [len(found) for found in records(tmp_path).values()] == [3, 3]


def test_results_that_cannot_be_printed(tmp_path):
    with open("/dev/full", "w") as full:
        outcome = subprocess.run(
            [*COMMAND, "--out", str(tmp_path), "-q"], stdout=full, stderr=subprocess.PIPE
        )
    assert outcome.returncode == 1
    assert outcome.stderr.decode() == "error: [Errno 28] No space left on device\n"
    assert len(list(tmp_path.rglob("rounds.jsonl"))) == 2
