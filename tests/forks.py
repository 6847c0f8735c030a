"""Python processes that begin with torch imported, each a fork of one that waits: to import it takes seconds.

For tests of what a process of its own does; what a process imports is a test of a process that begins anew.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

COMMAND = "import runpy; runpy.run_module('alframe_cli', run_name='__main__', alter_sys=True)"
SERVER = """
import atexit, gc, json, os, sys
import torch

def begin(job):
    opened = [os.open(os.devnull, os.O_RDONLY), *(os.open(path, os.O_WRONLY) for path in job["to"])]
    for number, file in enumerate(opened):
        os.dup2(file, number)
    os.chdir(job["cwd"])
    os.environ.clear()
    os.environ.update(job["env"])
    added = [part for part in job["env"].get("PYTHONPATH", "").split(os.pathsep) if part]
    sys.path[:] = [job["cwd"], *added, *(part for part in sys.path if part)]
    sys.argv = ["-c", *job["arguments"]]

def status(code):
    try:
        exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
    except SystemExit as error:
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0

gc.collect()
gc.freeze()  # a collection in a fork would copy all that torch has made
for line in sys.stdin:
    job = json.loads(line)
    if not (child := os.fork()):
        begin(job)
        code = status(job["code"])
        atexit._run_exitfuncs()
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(code)  # to take the interpreter apart takes longer than most jobs
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Forks:
    """Runs Python code as ``python -c CODE ARGUMENTS`` does, in processes that have torch."""

    def __init__(self):
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self._server = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )

    def run(self, code, *arguments, cwd=None, env=None):
        """A `subprocess.CompletedProcess` with what was written."""
        with tempfile.TemporaryDirectory() as folder:
            to = [Path(folder, name) for name in ("out", "err")]
            for path in to:
                path.touch()
            job = {"code": code, "arguments": arguments, "env": dict(os.environ if env is None else env)}
            job |= {"cwd": str(cwd or Path.cwd()), "to": list(map(str, to))}
            print(json.dumps(job), file=self._server.stdin, flush=True)
            returncode = int(self._server.stdout.readline())
            return subprocess.CompletedProcess(code, returncode, *(path.read_text() for path in to))

    def close(self):
        """Ends the one that waits."""
        self._server.stdin.close()
        self._server.wait()
        self._server.stdout.close()


@pytest.fixture(scope="session")
def forks():
    """See `Forks`."""
    forks = Forks()
    yield forks
    forks.close()
