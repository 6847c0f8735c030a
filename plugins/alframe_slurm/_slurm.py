"""Slurm by its own commands: sbatch, squeue, sacct, scancel."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from alframe import Job, UsageError
from alframe_slurm import Options
from alframe_slurm._script import LOGS, log_of, script

COMMANDS = ("sbatch", "squeue", "scancel")
WAITING = (
    "PENDING",
    "CONFIGURING",
    "REQUEUED",
    "REQUEUE_FED",
    "REQUEUE_HOLD",
    "RESV_DEL_HOLD",
    "SPECIAL_EXIT",
)
ENDED = (
    *(
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "LAUNCH_FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
    ),
    *("PREEMPTED", "RECONFIG_FAIL", "REVOKED", "TIMEOUT"),
)
PATIENCE = 60  # seconds for an answer
AT_ONCE = 500  # names in one call
TAIL = 4096  # bytes of a log that are read
GONE = "Invalid job id"


class Slurm:
    """Jobs of Slurm. A `Jobs`.

    Args:
        options: what jobs ask for.
        folder: of the tasks.

    Raises:
        UsageError: this machine has no Slurm.
    """

    def __init__(self, options: Options, folder: Path) -> None:
        if missing := [command for command in COMMANDS if shutil.which(command) is None]:
            raise UsageError(
                f"executor slurm: there is no {missing[0]} on the PATH; run this where Slurm's commands are, "
                "as on a login node; without Slurm, `alframe run --write-tasks` serves any scheduler"
            )
        self._options = options
        self._folder = folder
        self._known: dict[str, Job] = {}  # as of the last answer
        self._accounts: dict[str, str] = {}  # what sacct says of jobs that squeue has forgotten

    def submit(self, tasks: Sequence[Path]) -> Sequence[str]:
        """Queues one array, whose jobs run the tasks.

        Raises:
            UsageError: Slurm refuses, can't be reached, or has jobs of these tasks that nobody watches.
        """
        size = self._options.per_job
        title = f"alframe-{self._folder.name}"
        self._refuse_second(title)
        jobs = [tasks[start : start + size] for start in range(0, len(tasks), size)]
        try:
            (self._folder / LOGS).mkdir(exist_ok=True)
            path = self._folder / f"slurm-{len(list(self._folder.glob('slurm-*.sh')))}.sh"
            path.write_text(script(self._options, self._folder, jobs, title))
        except OSError as error:
            raise UsageError(
                f"executor slurm: no script can be written to {self._folder}: {error.strerror}"
            ) from error
        done = call("sbatch", "--parsable", str(path))
        number = done.stdout.strip().partition(";")[0]
        if done.returncode or not number.isdecimal():
            raise UsageError(
                f"Slurm refuses the jobs: {said(done)}; the trials are written down in {self._folder}"
            )
        path.with_suffix(".job").write_text(number)
        return [f"{number}_{position // size}" for position in range(len(tasks))]

    def look(self, names: Sequence[str]) -> Sequence[Job]:
        """How jobs stand: what squeue says, and sacct of those that squeue has forgotten."""
        states = self._queue(names)
        if states is None:  # no answer: nothing has changed, and nothing has ended for all that is known
            return [self._known.get(name, Job("running", "squeue does not answer")) for name in names]
        self._ask_accounts([name for name in names if name not in states and name not in self._accounts])
        found = [
            self._job(name, *states.get(name, (self._accounts.get(name, "ENDED"), ""))) for name in names
        ]
        self._known |= dict(zip(names, found, strict=True))
        return found

    def cancel(self, names: Sequence[str]) -> None:
        """Ends jobs.

        Raises:
            UsageError: Slurm refuses, or can't be reached.
        """
        for some in _parts(names):
            done = call("scancel", *some)
            refused = [line for line in done.stderr.splitlines() if line and GONE not in line]
            if done.returncode and refused:
                raise UsageError(f"Slurm does not cancel the jobs: {said(done)}")

    def _refuse_second(self, title: str) -> None:
        """Refuses where Slurm has an array that no command has noted: sbatch was killed, or had no answer."""
        noted = {path.read_text().strip() for path in self._folder.glob("slurm-*.job")}
        done = call("squeue", "--noheader", "--format=%F|%T|%r", f"--name={title}")
        arrays = dict.fromkeys(fields(line)[0] for line in done.stdout.splitlines() if not done.returncode)
        if strange := [array for array in arrays if array not in noted]:
            raise UsageError(
                f"Slurm runs these trials already, by the job {' '.join(strange)} that no command has noted; "
                f"wait for its end, or `scancel {' '.join(strange)}`"
            )

    def _queue(self, names: Sequence[str]) -> dict[str, tuple[str, str]] | None:
        """State and reason of the jobs that squeue knows; None where it doesn't answer."""
        arrays = list(dict.fromkeys(name.partition("_")[0] for name in names))
        states: dict[str, tuple[str, str]] = {}
        for some in _parts(arrays):
            done = call(
                *(
                    "squeue",
                    "--noheader",
                    "--array",
                    "--states=all",
                    "--format=%i|%T|%r",
                    f"--jobs={','.join(some)}",
                )
            )
            if done.returncode and GONE not in done.stderr:
                return None
            for line in done.stdout.splitlines():
                name, state, reason = fields(line)
                states[name] = (state, reason)
        return states

    def _ask_accounts(self, names: Sequence[str]) -> None:
        """Asks sacct once what became of jobs; a cluster need not have it."""
        if not names or shutil.which("sacct") is None:
            return
        arrays = list(dict.fromkeys(name.partition("_")[0] for name in names))
        self._accounts |= dict.fromkeys(names, "ENDED")
        for some in _parts(arrays):
            done = call(
                *("sacct", "--noheader", "--parsable2", "--allocations", "--format=JobID,State,ExitCode"),
                f"--jobs={','.join(some)}",
            )
            if done.returncode:
                return
            for line in done.stdout.splitlines():
                name, state, code = fields(line)
                if name in names and state and not _is(WAITING, state) and state != "RUNNING":
                    self._accounts[name] = state if code in ("", "0:0") else f"{state}, exit code {code}"

    def _job(self, name: str, state: str, reason: str) -> Job:
        why = "" if reason in ("", "None") else reason
        if _is(WAITING, state):
            return Job("waiting", why)
        if state != "ENDED" and not _is(
            ENDED, state
        ):  # RUNNING, COMPLETING, SUSPENDED and what later versions have
            return Job("running", why)
        parts = [part for part in ("" if state == "ENDED" else state, why) if part]
        return Job("ended", "; ".join([*parts, *_log_says(log_of(self._folder, name))]))


def call(*command: str) -> subprocess.CompletedProcess[str]:
    """Runs a command of Slurm; one that hangs is one that fails.

    Args:
        command: its words.
    """
    try:
        return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(
            command, 1, "", f"{command[0]} did not answer within {PATIENCE} seconds"
        )
    except OSError as error:
        return subprocess.CompletedProcess(command, 1, "", f"{command[0]}: {error.strerror}")


def said(done: subprocess.CompletedProcess[str]) -> str:
    """What a command printed, in a line.

    Args:
        done: the command, at its end.
    """
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    plain = [line.removeprefix(f"{done.args[0]}: ").removeprefix("error: ") for line in lines]
    return "; ".join(plain) or f"{done.args[0]} ended with {done.returncode}"


def fields(line: str) -> list[str]:
    """The three fields of a line of squeue or sacct; what it lacks is empty.

    Args:
        line: with bars between the fields.
    """
    return [*line.strip().split("|", 2), "", ""][:3]


def _parts(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[start : start + AT_ONCE] for start in range(0, len(names), AT_ONCE))


def _is(states: Sequence[str], state: str) -> bool:
    """``CANCELLED by 1000`` and ``FAILED, exit code 1:0`` are states, too."""
    return state.replace(",", " ").partition(" ")[0].rstrip("+") in states


def _log_says(log: Path) -> Iterator[str]:
    """Where a job printed to, and its last line where that is an error."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        yield f"it printed nothing to {log}"
        return
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    is_error = any(word in last.lower() for word in ("error", "killed", "cancelled", "cannot", "not found"))
    yield f"{log}: {last}" if is_error else f"see {log}"
