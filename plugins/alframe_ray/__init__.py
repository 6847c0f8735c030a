"""Trials as tasks of Ray: ``alframe run --executor ray``, on this machine or on a cluster that runs Ray.

Ray: Moritz et al., "Ray: a distributed framework for emerging AI applications", OSDI 2018, arXiv 1712.05889.

Each trial is a task in a process of Ray's, which does one after another, or with a GPU one alone: then the
GPU's memory is given back. Ray starts a trial again where its process or its machine died; it ends with the
command that started it.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from alframe import CheckedOptions, ExecutorInfo, Jobs, PluginInfo, hookimpl, option

if TYPE_CHECKING:
    from alframe_ray._crew import RayCrew


@dataclasses.dataclass(frozen=True)
class RayOptions(CheckedOptions):
    """Where Ray is, and what a trial is given of it."""

    address: str | None = option(
        None,
        "HOST:PORT of a cluster; auto: the one that this machine belongs to; local: a Ray of the command's "
        "own; none: that of RAY_ADDRESS, else local",
    )
    cpus: float = option(1.0, "cores of a trial, which has as many threads", above=0)
    gpus: float | None = option(
        None, "GPUs of a trial: 0.25 puts four on one; none: 1 where the cluster has any", least=0
    )
    retries: int = option(3, "times a trial is started again whose process or machine died", least=0)

    def __post_init__(self) -> None:
        """Refuses what Ray does."""
        super().__post_init__()
        for name in ("cpus", "gpus"):
            number = getattr(self, name)
            if number is not None and number > 1 and number % 1:
                raise ValueError(f"{name} above 1 must be whole, got {number}")


def open_ray(options: RayOptions, folder: Path) -> Jobs:
    """Makes Ray's tasks of the tasks in a folder.

    Args:
        options: the plugin's.
        folder: of the tasks.

    Raises:
        UsageError: Ray is not installed.
    """
    from alframe_ray._jobs import RayJobs

    return RayJobs(options, folder)


def crew(workers: int, options: RayOptions | None = None) -> RayCrew:
    """Workers on Ray's machines for one query on a pool in files, which all of them see.

    Args:
        workers: how many; each has the cores and the GPUs of the options.
        options: where Ray is, and what a worker is given.

    Raises:
        UsageError: Ray is not installed, there is none, or none that is large enough.

    Example:
        ``with crew(8) as workers: alframe.query("badge", features="feats", n=100, workers=workers)``
    """
    from alframe_ray._crew import RayCrew

    return RayCrew(workers, options or RayOptions())


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the plugin."""
    return PluginInfo(
        summary="trials as tasks of Ray, here or on a cluster (extra: ray)", options=RayOptions, api=3
    )


@hookimpl
def alframe_executors() -> dict[str, ExecutorInfo]:
    """Offers Ray."""
    return {"ray": ExecutorInfo("a Ray of this machine, or a cluster that runs Ray", open_ray)}
