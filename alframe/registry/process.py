"""What is set for the whole process, beside random states, and so for everybody's code in it.

Whatever a plugin changes of it is put back: the next plugin would fail, or answer otherwise, for it. Settings
of a library are looked at where that is imported, so that nothing here imports torch.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import locale
import logging
import os
import signal
import sys
import threading
import types
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NoReturn

from alframe.errors import AlframeWarning

torch: Any = None  # set by `_find_libraries`, each once it is imported
numpy: Any = None


@dataclasses.dataclass(frozen=True)
class Setting:
    """One thing that is set for the whole process.

    Attributes:
        read: what it is now, a value that can be compared and does not change itself.
        put: sets it.
        library: read only where this is imported.
        kept: whether what was there before is still there; where a setting may grow, as by an import.
    """

    read: Callable[[], Any]
    put: Callable[[Any], Any]
    library: str = ""
    kept: Callable[[Any, Any], bool] = lambda before, now: bool(before == now)


def _folder() -> str | None:
    """The working directory, unless somebody has removed it."""
    try:
        return os.getcwd()
    except OSError:
        return None


def _enter(folder: str | None) -> None:
    if folder is not None:
        os.chdir(folder)


def _variables() -> dict[Any, Any]:
    """The environment as it is kept: to decode it takes longer than all other settings together."""
    return os.environ._data  # type: ignore[attr-defined]


def _put_variables(before: dict[Any, Any]) -> None:
    """New ones stay: a library that is imported may set some for itself."""
    for name, value in before.items():
        if _variables().get(name) != value:
            os.environ[os.fsdecode(name)] = os.fsdecode(value)


def _put_path(before: list[str]) -> None:
    """What has come stays, behind: somebody may import from there later."""
    sys.path[:] = [*before, *(entry for entry in sys.path if entry not in before)]


def _errors() -> tuple[Any, ...]:
    """The filters that make errors of warnings."""
    return tuple(filter_ for filter_ in warnings.filters if filter_[0] == "error")


def _put_errors(before: tuple[Any, ...]) -> None:
    others = [filter_ for filter_ in warnings.filters if filter_[0] != "error" or filter_ in before]
    warnings.filters[:] = [*(f for f in before if f not in others), *others]  # type: ignore[index]
    warnings._filters_mutated()  # type: ignore[attr-defined]  # as warnings.catch_warnings does


def _handlers() -> tuple[Any, ...]:
    return tuple(signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM))


def _put_handlers(before: tuple[Any, ...]) -> None:
    for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
        if handler is not None:  # None: not Python's to set
            signal.signal(number, handler)


def _logging() -> tuple[Any, ...]:
    root = logging.getLogger()
    return root.level, root.manager.disable, tuple(root.handlers)


def _put_logging(before: tuple[Any, ...]) -> None:
    root = logging.getLogger()
    root.level, root.manager.disable, root.handlers[:] = before[0], before[1], list(before[2])


def _device() -> str:
    return str(torch.empty(0).device)  # torch.get_default_device takes several times as long


def _put_device(name: str) -> None:
    torch.set_default_device(None if name == "cpu" else name)  # None: no mode is entered for each call


def _precision() -> str:
    try:
        return str(torch.get_float32_matmul_precision())
    except RuntimeError:  # set for one backend alone
        return "other"


def _put_streams(before: tuple[Any, Any]) -> None:
    sys.stdout, sys.stderr = before


CUDNN = ("enabled", "benchmark", "deterministic")


def _put_cudnn(before: tuple[bool, ...]) -> None:
    for name, value in zip(CUDNN, before, strict=True):
        setattr(torch.backends.cudnn, name, value)


SETTINGS: dict[str, Setting] = {
    "the working directory": Setting(_folder, _enter),
    "environment variables": Setting(
        lambda: _variables().copy(),
        _put_variables,
        kept=lambda before, now: before.items() <= now.items(),
    ),
    "sys.path": Setting(
        lambda: list(sys.path), _put_path, kept=lambda before, now: bool(now[: len(before)] == before)
    ),
    "standard output or error": Setting(lambda: (sys.stdout, sys.stderr), _put_streams),
    "what is done at a signal": Setting(_handlers, _put_handlers),
    "filters that make warnings errors": Setting(_errors, _put_errors),
    "the root logger": Setting(_logging, _put_logging),
    "the locale": Setting(
        lambda: locale.setlocale(locale.LC_ALL), lambda name: locale.setlocale(locale.LC_ALL, name)
    ),
    "the recursion limit": Setting(sys.getrecursionlimit, sys.setrecursionlimit),
    "the garbage collector": Setting(gc.isenabled, lambda on: gc.enable() if on else gc.disable()),
    "numpy's handling of errors": Setting(
        lambda: numpy.geterr(), lambda before: numpy.seterr(**before), "numpy"
    ),
    "torch's default dtype": Setting(
        lambda: torch.get_default_dtype(), lambda dtype: torch.set_default_dtype(dtype), "torch"
    ),
    "torch's default device": Setting(_device, _put_device, "torch"),
    "torch's number of threads": Setting(
        lambda: torch.get_num_threads(), lambda number: torch.set_num_threads(number), "torch"
    ),
    "torch's deterministic mode": Setting(
        lambda: torch.get_deterministic_debug_mode(),
        lambda mode: torch.set_deterministic_debug_mode(mode),
        "torch",
    ),
    "whether torch takes gradients": Setting(
        lambda: torch.is_grad_enabled(), lambda on: torch.set_grad_enabled(on), "torch"
    ),
    "torch's search for anomalies": Setting(
        lambda: torch.is_anomaly_enabled(), lambda on: torch.autograd.set_detect_anomaly(on), "torch"
    ),
    "torch's precision of products": Setting(
        _precision, lambda kind: torch.set_float32_matmul_precision(kind), "torch"
    ),
    "torch's flags of cuDNN": Setting(
        lambda: tuple(getattr(torch.backends.cudnn, name) for name in CUDNN), _put_cudnn, "torch"
    ),
}


# What a plugin may change from one event to another, as one that writes down all that a run prints.
FOR_A_WHILE = ("standard output or error", "the root logger", "what is done at a signal")

# What no import needs to change. It may add folders of imports, say, or set variables for its library.
AT_IMPORT = (
    *("the working directory", "filters that make warnings errors", "the locale", "the garbage collector"),
    *("numpy's handling of errors", "torch's default dtype", "torch's default device"),
    *("torch's deterministic mode", "whether torch takes gradients", "torch's search for anomalies"),
)


def torch_at_first() -> dict[str, Any]:
    """Torch's settings as they are when nobody has changed any; none where it is not imported."""
    if "torch" not in sys.modules:
        return {}
    return {
        "torch's default dtype": sys.modules["torch"].float32,
        "torch's default device": "cpu",
        "torch's deterministic mode": 0,
        "whether torch takes gradients": True,
        "torch's search for anomalies": False,
    }


def process_settings() -> dict[str, Any]:
    """The settings as they are, by name."""
    _find_libraries()
    return {
        name: setting.read()
        for name, setting in SETTINGS.items()
        if not setting.library or globals()[setting.library] is not None
    }


def put_back(before: Mapping[str, Any], only: Collection[str] = SETTINGS) -> list[str]:
    """Sets what has changed as it was.

    Args:
        before: what `process_settings` gave.
        only: which of it.

    Returns:
        The names of what had changed.
    """
    changed = []
    _find_libraries()
    for name, value in before.items():
        if name not in only or (SETTINGS[name].library and globals()[SETTINGS[name].library] is None):
            continue
        if not SETTINGS[name].kept(value, SETTINGS[name].read()):
            changed.append(name)
            with contextlib.suppress(OSError, ValueError, RuntimeError):  # a folder that is gone, say
                SETTINGS[name].put(value)
    return changed


class ChangedSettingsWarning(AlframeWarning):
    """A plugin has changed something of the whole process, which was undone.

    Args:
        where: plugin and place.
        changed: names of what it changed.
    """

    def __init__(self, where: str, changed: list[str]) -> None:
        super().__init__(f"{where} changed {' and '.join(changed)}, for everybody's code; that was undone")
        self.changed = changed


@contextlib.contextmanager
def kept_settings(where: str = "", leave: Collection[str] = ()) -> Iterator[None]:
    """Puts the settings back as they were after a block of code.

    In threads beside the main one nothing is done: what other threads set meanwhile is none of the block's.

    Args:
        where: whose code it is, for a `ChangedSettingsWarning` of what it changed; "" for none.
        leave: names of settings that it may change.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {name: value for name, value in process_settings().items() if name not in leave}
    try:
        yield
    except BaseException:
        put_back(before)
        raise
    if (changed := put_back(before)) and where:
        warnings.warn(ChangedSettingsWarning(where, changed), stacklevel=2)


def _find_libraries() -> None:
    global torch, numpy
    torch, numpy = torch or sys.modules.get("torch"), numpy or sys.modules.get("numpy")


@contextlib.contextmanager
def no_way_out() -> Iterator[None]:
    """Makes ``os._exit`` fail its caller: it would end the program, with whatever exit code is asked for."""
    own, leave = os.getpid(), os._exit

    def refuse(status: int) -> NoReturn:
        if os.getpid() != own:  # a process that was forked ends in this way
            leave(status)
        raise SystemExit(f"os._exit({status!r})")

    os._exit = refuse
    try:
        yield
    finally:
        os._exit = leave


@contextlib.contextmanager
def no_script() -> Iterator[None]:
    """Keeps the script that called from running once more in a new process, which needs nothing of it."""
    script = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script
