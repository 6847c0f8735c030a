"""The batch script of an array of jobs: readable, and good for `sbatch` by hand."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from alframe import work_command
from alframe_slurm import MEMORY, TIME, Options

LOGS = "logs"  # in the tasks' folder
NOTICE = 60  # seconds before its time limit that a job hears of it

BODY = """
export OMP_NUM_THREADS=${{SLURM_CPUS_PER_TASK:-${{SLURM_CPUS_ON_NODE:-1}}}}
{setup}
case $SLURM_ARRAY_TASK_ID in
{cases}
esac

# Near the time limit the job is queued again, if this run of it has finished a round: its trials go on.
begun={logs}/.$SLURM_ARRAY_JOB_ID-$SLURM_ARRAY_TASK_ID
touch "$begun"
at_limit() {{
    if [ -n "$(find "${{folders[@]}}" -maxdepth 1 -name rounds.jsonl -newer "$begun" 2>/dev/null)" ]; then
        echo "near the time limit: the job is queued again"
        scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID" && exec sleep 300
    else
        echo "error: the time limit comes before a round is finished; give more with -o slurm.time"
        exit 124
    fi
}}
trap at_limit USR2

worst=0
for task in "${{tasks[@]}}"; do
    {command} &
    child=$!
    wait "$child"; code=$?
    while [ "$code" -gt 128 ] && kill -0 "$child" 2>/dev/null; do wait "$child"; code=$?; done
    [ "$code" -gt "$worst" ] && worst=$code
done
rm -f "$begun"
exit "$worst"
"""


def script(options: Options, folder: Path, jobs: Sequence[Sequence[Path]], name: str) -> str:
    """The script of an array.

    Args:
        options: what its jobs ask for.
        folder: of the tasks.
        jobs: the tasks of each element of the array.
        name: the array's, for people.
    """
    command = work_command("TASK")
    words = ['"$task"' if word == "TASK" else shlex.quote(word) for word in command]
    body = BODY.format(
        setup=options.setup or "",
        cases="\n".join(_case(number, tasks) for number, tasks in enumerate(jobs)),
        logs=shlex.quote(str(folder / LOGS)),
        command=" ".join(words),
    )
    flags = "\n".join(f"#SBATCH --{flag}" for flag in _flags(options, folder, len(jobs), name))
    return f"#!/bin/bash\n{flags}\n{body}"


def log_of(folder: Path, job: str) -> Path:
    """Where a job prints to.

    Args:
        folder: of the tasks.
        job: its name.
    """
    return folder / LOGS / f"{job}.txt"


def _case(number: int, tasks: Sequence[Path]) -> str:
    folders = [json.loads(task.read_text())["folder"] for task in tasks]
    return f"{number}) tasks=({shlex.join(map(str, tasks))}); folders=({shlex.join(folders)}) ;;"


def _flags(options: Options, folder: Path, count: int, name: str) -> Iterator[str]:
    limit = f"%{options.at_once}" if options.at_once else ""
    yield f"job-name={name}"
    yield f"array=0-{count - 1}{limit}"
    log = log_of(Path(str(folder).replace("%", "%%")), "%A_%a")
    yield f"output={shlex.quote(str(log))}"
    yield from ("open-mode=append", "requeue", f"signal=B:USR2@{NOTICE}", "ntasks=1")
    for key in ("partition", "account", "qos", "constraint", "nodelist", "exclude"):
        if (value := getattr(options, key)) is not None:
            yield f"{key}={shlex.quote(value)}"
    if options.time is not None:
        yield f"time={slurm_time(options.time)}"
    if options.gpus:
        kind = f"{options.gpu_type}:" if options.gpu_type else ""
        yield f"gres={shlex.quote(f'gpu:{kind}{options.gpus}')}"
    if options.cpus is not None:
        yield f"cpus-per-task={options.cpus}"
    if options.memory is not None and (match := MEMORY.fullmatch(options.memory)):
        yield f"mem={match[1]}{match[2].upper()}"
    for flag in options.extra:
        key, mark, value = flag.partition("=")
        yield f"{key}{mark}{shlex.quote(value) if mark else ''}"


def slurm_time(text: str) -> str:
    """A time limit as Slurm reads it; 90m becomes 90, its minutes.

    Args:
        text: as `Options.time` may be.
    """
    match = TIME.fullmatch(text)
    if match is None:
        return text
    days, hours, minutes = (int(part or 0) for part in match.groups())
    return str((24 * days + hours) * 60 + minutes)
