"""An engine for tests: a plugin's executor that runs its jobs in this process, when it is looked at."""

import dataclasses
import types
from typing import ClassVar

from alframe import AlframeError, ExecutorInfo, Job, PluginInfo, hookimpl, option, work
from alframe.registry.registry import Registry


@dataclasses.dataclass(frozen=True)
class Options:
    queue: str = option("short", "the queue")
    fault: str = option("", "what goes wrong")


class Jobs:
    """Jobs of an engine that goes on when the command ends: the state is the class's."""

    submitted: ClassVar = []
    cancelled: ClassVar = []
    waiting: ClassVar = {}

    def __init__(self, options, folder):
        self.options = options
        self.looked = []
        if options.fault == "open":
            raise RuntimeError("no engine")

    def submit(self, tasks):
        if self.options.fault == "submit":
            raise ValueError("no room")
        names = [f"job-{len(self.submitted) + number}" for number in range(len(tasks))]
        self.submitted.extend(tasks)
        self.waiting.update(zip(names, tasks, strict=True))
        return names[1:] if self.options.fault == "short" else names

    def look(self, names):
        if self.options.fault == "look":
            return ["running"] * len(names)
        return [self._look(name) for name in names]

    def _look(self, name):
        if self.options.fault == "busy" and len(self.looked) < 6:
            self.looked.append(name)
            return Job("waiting", "waits for a machine")
        if self.options.fault == "slow":
            return Job("running")
        task = self.waiting.pop(name, None)
        if task is None or self.options.fault == "lost":
            return Job("ended", "out of memory" if self.options.fault == "lost" else "")
        try:
            work(task)
        except AlframeError as error:
            return Job("ended", f"it says {error}")
        return Job("running")

    def cancel(self, names):
        self.cancelled.extend(names)
        for name in names:
            self.waiting.pop(name, None)


def plugin(outlives=False):
    """The plugin, with nothing submitted yet."""
    Jobs.submitted, Jobs.cancelled, Jobs.waiting = [], [], {}
    module = types.ModuleType("engine")
    module.alframe_info = hookimpl(
        specname="alframe_info", function=lambda: PluginInfo(summary="an engine", options=Options, api=3)
    )
    info = ExecutorInfo("jobs in this process", Jobs, outlives=outlives, seconds=0.01)
    module.alframe_executors = hookimpl(specname="alframe_executors", function=lambda: {"engine": info})
    return module


def registry(outlives=False):
    """The installed plugins, and the engine."""
    from alframe.registry.registry import installed

    found: Registry = installed().copy()
    found.register(plugin(outlives), "engine")
    return found
