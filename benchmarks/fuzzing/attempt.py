"""One case in a process of its own: what it prints, where it writes, what it starts, how it ends."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import json
import os
import resource
import select
import shutil
import signal
import stat
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from fuzzing.case import Case, Sandbox

MEMORY = 1 << 30  # bytes more than before that a case of a few kilobytes may take
LIMIT = 3 << 29  # where it gets no more
FILE_LIMIT = 1 << 28
CPU_SECONDS = 20.0
IDLE_SECONDS = 6.0  # without any use of the processor
WALL_SECONDS = 90.0
OUTPUT_KEPT = 200_000

Tree = dict[str, str]


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a case ended.

    Attributes:
        how: "code", "hang", "signal" or "vanished" (the process ended itself, past all clean-up).
        code: the exit code, or the signal's number.
        output: standard output.
        errors: standard error.
        elsewhere: what was made or changed where it must not be.
        spawned: programs started.
        marked: whether a payload ran.
        memory: bytes taken at most, beyond those before.
        wrong: what is wrong with a call's answer, or "".
        seconds: from start to end.
    """

    how: str
    code: int
    output: str
    errors: str
    elsewhere: list[str]
    spawned: list[str]
    marked: bool
    memory: int
    wrong: str
    seconds: float


def tree(root: Path) -> Tree:
    """What is in a folder: each path with what it is and holds. Links are not followed."""
    found: Tree = {}
    for folder, folders, files in os.walk(root):
        for name in [*folders, *files]:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            kind = stat.S_IFMT(status.st_mode)
            what = f"{kind} {stat.S_IMODE(status.st_mode)}"
            if stat.S_ISLNK(status.st_mode):
                what += os.readlink(path)
            elif stat.S_ISREG(status.st_mode):
                what += f" {status.st_size} "
                with contextlib.suppress(OSError), open(path, "rb") as file:
                    what += hashlib.file_digest(file, "sha1").hexdigest()
            found[os.path.relpath(path, root)] = what
    return found


def attempt(case: Case, box: Sandbox) -> Ended:
    """Tries a case.

    Args:
        case: what to do.
        box: its folders, filled.
    """
    logs = Path(tempfile.mkdtemp(prefix="fuzz-logs-"))
    before = tree(box.root)
    reading, writing = os.pipe()
    begun = time.monotonic()
    sys.stdout.flush()
    sys.stderr.flush()
    child = _fork()
    if not child:
        os.close(reading)
        _child(case, box, logs, writing)
    os.close(writing)
    try:
        answer, hung = _wait(child, reading, WALL_SECONDS if case.spawns else IDLE_SECONDS)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)  # and whatever it left running
        if hung:
            os.kill(child, signal.SIGKILL)
        _, status, usage = os.wait4(child, 0)
        size, _, rest = answer.partition(b"\n")
        told: dict[str, Any] = json.loads(rest) if rest and not hung else {}
        how, code = _how(hung, status, told)
        changed = sorted({path for path, _ in tree(box.root).items() ^ before.items()} - {box.marker.name})
        return Ended(
            how,
            code,
            _text(logs / "out", case.encoding),
            _text(logs / "err", case.encoding),
            [path for path in changed if not _may(path, case)] + told.get("elsewhere", []),
            told.get("spawned", []),
            box.marker.exists(),
            max(0, usage.ru_maxrss * 1024 - int(size or 1 << 60)),
            told.get("wrong", ""),
            time.monotonic() - begun,
        )
    finally:
        os.close(reading)
        shutil.rmtree(logs, ignore_errors=True)


def _fork() -> int:
    """As `os.fork`; where the machine has no room for a process it waits for some."""
    for patience in range(60):
        try:
            return os.fork()
        except BlockingIOError:
            time.sleep(patience / 10)
    return os.fork()


def _how(hung: bool, status: int, told: dict[str, Any]) -> tuple[str, int]:
    if hung:
        return "hang", 0
    if told:
        return "code", int(told["code"])
    if os.WIFSIGNALED(status):
        return "signal", os.WTERMSIG(status)
    return "vanished", os.WEXITSTATUS(status)


def _may(path: str, case: Case) -> bool:
    inside = os.path.relpath(path, "work")
    return any(inside == start or inside.startswith(start.rstrip("/") + "/") for start in case.writes)


def _text(path: Path, encoding: str) -> str:
    try:
        return path.read_bytes()[:OUTPUT_KEPT].decode(encoding, errors="replace")
    except OSError:
        return ""


def _status(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024
    return 0


def _wait(child: int, reading: int, idle: float) -> tuple[bytes, bool]:
    """What the child told before it ended, and whether it had to be stopped.

    The processor's time counts, for the machine may be busy; who waits and does nothing is stopped sooner.
    """
    begun = moved = time.monotonic()
    used, answer = 0.0, b""
    while True:
        if select.select([reading], [], [], 0.25)[0]:
            piece = os.read(reading, 1 << 16)
            if not piece:
                return answer, False
            answer += piece
        now, spent = time.monotonic(), _processor_seconds(child)
        if spent > used + 0.02:
            used, moved = spent, now
        if spent > CPU_SECONDS or now - moved > idle or now - begun > WALL_SECONDS:
            return answer, True


def _processor_seconds(process: int) -> float:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _child(case: Case, box: Sandbox, logs: Path, writing: int) -> NoReturn:
    code, told = 70, {"elsewhere": [], "spawned": [], "wrong": ""}
    try:
        os.setsid()
        os.write(writing, b"%d\n" % _status("VmRSS"))
        _limit()
        _settle(case, box, logs)
        told = _watched(box, logs)
        code, told["wrong"] = _do(case)
    finally:
        os.write(writing, json.dumps({"code": code, **told}).encode()[: 1 << 15])
        os._exit(0)


def _limit() -> None:
    data = _status("VmData") + LIMIT
    resource.setrlimit(resource.RLIMIT_DATA, (data, data))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_LIMIT, FILE_LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _settle(case: Case, box: Sandbox, logs: Path) -> None:
    """Makes the process look like one started in the working folder."""
    os.chdir(box.work)
    tempfile.tempdir = None
    own = {"HOME": box.home, "TMPDIR": box.temporary, "XDG_CACHE_HOME": box.home, "XDG_CONFIG_HOME": box.home}
    os.environ.update({name: os.fspath(path) for name, path in own.items()})
    os.environ.update(case.environment)
    for name, module in list(sys.modules.items()):  # what was remembered of other folders and variables
        if name.startswith("alframe"):
            for value in list(vars(module).values()):
                if callable(clear := getattr(value, "cache_clear", None)):
                    clear()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    output = os.open({"full": "/dev/full"}.get(case.output, os.fspath(logs / "out")), flags, 0o600)
    errors = os.open(logs / "err", flags, 0o600)
    if case.output == "gone":
        reader, output = os.pipe()
        os.close(reader)
    os.dup2(output, 1)
    os.dup2(errors, 2)
    sys.stdout = io.TextIOWrapper(
        io.FileIO(1, "w", closefd=False), encoding=case.encoding, write_through=False
    )
    sys.stderr = io.TextIOWrapper(
        io.FileIO(2, "w", closefd=False),
        encoding=case.encoding,
        errors="backslashreplace",
        write_through=True,
    )
    sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr  # type: ignore[misc]
    if case.output == "closed":
        os.close(1)
        sys.stdout = None  # as Python itself does


def _watched(box: Sandbox, logs: Path) -> dict[str, Any]:
    """Lists what is written outside the sandbox and which programs are started, to the end."""
    elsewhere: list[str] = []
    spawned: list[str] = []
    inside = (*(os.path.realpath(folder) + "/" for folder in (box.root, logs)), "/dev/", "/proc/")
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    changes = {
        "os.remove",
        "os.rename",
        "os.rmdir",
        "os.mkdir",
        "os.symlink",
        "os.link",
        "os.truncate",
        "os.chmod",
    }

    def heard(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "os.startfile"):
            if len(spawned) < 20:
                spawned.append(f"{event} {arguments[:2]!r}"[:200])
        elif (
            event == "open" and isinstance(arguments[2], int) and arguments[2] & writing
        ) or event in changes:
            path = arguments[1] if event in ("os.symlink", "os.link") else arguments[0]
            if isinstance(path, (str, bytes)) and len(elsewhere) < 20:
                real = os.path.realpath(os.fsdecode(path))
                if not (real + "/").startswith(inside):
                    elsewhere.append(f"{event} {real}")

    sys.addaudithook(heard)
    return {"elsewhere": elsewhere, "spawned": spawned, "wrong": ""}


def _do(case: Case) -> tuple[int, str]:
    """The exit code that Python would end with, and what is wrong with a call's answer."""
    from alframe.errors import AlframeError
    from fuzzing.case import WrongAnswerError

    code, wrong = 0, ""
    try:
        if case.call is None:
            from alframe_cli.main import main

            main(list(case.args or ()))
        else:
            case.call()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except WrongAnswerError as error:
        wrong = str(error)
    except AlframeError as error:
        if case.call is None:
            traceback.print_exc()
        else:
            print(f"error: {error}", file=sys.stderr)
        code = error.exit_code
    except BaseException:
        with _whatever():
            traceback.print_exc()
        code = 1
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        code = 120  # as Python does where it can't flush at the end
    return code, wrong


@contextlib.contextmanager
def _whatever() -> Iterator[None]:
    with contextlib.suppress(BaseException):
        yield
