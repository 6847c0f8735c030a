"""Trials as jobs of Slurm: ``alframe run --executor slurm``.

One array of jobs, each a plain batch script that runs ``alframe work``. Slurm starts a job again whose node
died, that was preempted, or that reached its time limit; its trial goes on after its last round.

Yoo et al., "SLURM: Simple Linux Utility for Resource Management", JSSPP 2003.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from alframe import ExecutorInfo, Jobs, PluginInfo, hookimpl, option

TIME = re.compile(r"(?=\d)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?")
SLURM_TIME = re.compile(r"\d+(:\d+){0,2}|\d+-\d+(:\d+){0,2}")
MEMORY = re.compile(r"(\d+)([KMGT])B?", re.IGNORECASE)
FLAG = re.compile(r"[a-z][a-z0-9-]*(=.*)?")
OWN = (
    "array",
    "error",
    "job-name",
    "no-requeue",
    "open-mode",
    "output",
    "parsable",
    "requeue",
    "signal",
    "wrap",
)


@dataclasses.dataclass(frozen=True)
class Options:
    """Options of Slurm."""

    partition: str | None = option(None, "partition, `--partition`; none: the cluster's default, as of all")
    account: str | None = option(None, "account that pays, `--account`")
    qos: str | None = option(None, "quality of service, `--qos`")
    time: str | None = option(
        None, "time limit of a job: 8h, 90m, 1d12h or 1-12:00:00; the job goes on after it"
    )
    gpus: int = option(0, "GPUs of a job; a trial uses one", least=0)
    gpu_type: str | None = option(None, "their type, as a100")
    cpus: int | None = option(None, "CPU cores of a job, and its threads", least=1)
    memory: str | None = option(None, "memory of a job, as 16GB")
    at_once: int | None = option(None, "jobs that run at the same time; none: all", least=1)
    per_job: int = option(
        1, "trials that a job runs one after another; more than 1 if they are short", least=1
    )
    constraint: str | None = option(None, "features of the nodes, `--constraint`")
    nodelist: str | None = option(None, "nodes to use, `--nodelist`")
    exclude: str | None = option(None, "nodes to avoid, `--exclude`")
    setup: str | None = option(None, "shell commands before the trials, as `module load cuda`")
    extra: tuple[str, ...] = option((), "further flags of sbatch, as mail-type=END,exclusive")

    def __post_init__(self) -> None:
        """Refuses what Slurm can't read.

        Raises:
            ValueError: a time, an amount of memory or a flag is not written as it should be.
        """
        if self.time is not None and not (TIME.fullmatch(self.time) or SLURM_TIME.fullmatch(self.time)):
            raise ValueError(f"time: expected 8h, 90m, 1d12h or 1-12:00:00, got {self.time!r}")
        if self.memory is not None and not MEMORY.fullmatch(self.memory):
            raise ValueError(f"memory: expected 16GB or 500MB, got {self.memory!r}")
        if self.gpu_type is not None and not self.gpus:
            raise ValueError("gpu_type is of GPUs, and gpus is 0")
        for flag in self.extra:
            if not FLAG.fullmatch(flag):
                raise ValueError(
                    f"extra: expected a flag of sbatch without its dashes, as mail-type=END, got {flag!r}"
                )
            if flag.partition("=")[0] in OWN:
                raise ValueError(f"extra: {flag.partition('=')[0]} is what alframe itself sets")
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            for text in value if isinstance(value, tuple) else (value,):
                if field.name != "setup" and isinstance(text, str) and not text.isprintable():
                    raise ValueError(f"{field.name}: it must be one line, got {text!r}")


def open_slurm(options: Options, folder: Path) -> Jobs:
    """Slurm, in hand.

    Args:
        options: the plugin's.
        folder: of the tasks; scripts and logs go there.
    """
    from alframe_slurm._slurm import Slurm

    return Slurm(options, folder)


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the plugin."""
    return PluginInfo(summary="trials as jobs of Slurm, by its own commands", options=Options, api=3)


@hookimpl
def alframe_executors() -> dict[str, ExecutorInfo]:
    """Offers Slurm."""
    return {
        "slurm": ExecutorInfo(
            summary="jobs of a Slurm cluster, each in one array", open=open_slurm, outlives=True, seconds=5.0
        )
    }
