"""The forks that tests use are as processes that begin anew, but for torch."""

import subprocess
import sys

SHOW = """
import os, sys
print(sys.argv[1:], os.getcwd(), os.environ.get("HERE"), sys.stdin.read() == "", "alframe" in sys.modules)
print(__name__, file=sys.stderr)
sys.exit(3)
"""


def test_a_fork_is_as_a_process(forks, tmp_path):
    how = {"cwd": tmp_path, "env": {"HERE": "here"}}
    fork = forks.run(SHOW, "a", "b", **how)
    process = subprocess.run(
        [sys.executable, "-c", SHOW, "a", "b"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        **how,
    )
    assert (fork.returncode, fork.stdout, fork.stderr) == (process.returncode, process.stdout, process.stderr)
    assert forks.run("import sys; sys.exit('torch' in sys.modules)").returncode == 1


def test_no_fork_leaves_anything_to_the_next(forks):
    assert forks.run("import os, sys; sys.kept = os.environ['KEPT'] = 'x'").returncode == 0
    assert forks.run("import os, sys; sys.exit(hasattr(sys, 'kept') or 'KEPT' in os.environ)").returncode == 0


def test_an_error_is_that_of_a_process(forks):
    fork = forks.run("1 / 0")
    assert fork.returncode == 1
    assert fork.stderr.splitlines()[-1] == "ZeroDivisionError: division by zero"


def test_modules_are_found_as_the_environment_says(forks, tmp_path):
    (tmp_path / "only_here.py").write_text("print('found')")
    assert forks.run("import only_here", env={"PYTHONPATH": str(tmp_path)}).stdout == "found\n"
    assert forks.run("import only_here").returncode == 1
