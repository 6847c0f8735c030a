"""The examples of docs/guide/my-model.md with the oldest supported versions of their libraries."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "guide" / "my-model.md"
# Installed without what they need, as the newest of that is here: oldest means of these.
OLDEST = {
    "scikit-learn": "1.5.0",
    "xgboost-cpu": "2.1.1",  # the same code as xgboost, a tenth of the size
    "lightgbm": "4.0.0",
    "skorch": "1.0.0",
    "skops": "0.10.0",
}
RUN = """
import re, sys, warnings
from importlib.util import find_spec
warnings.simplefilter("error")  # but for what old code calls of new libraries:
warnings.filterwarnings("ignore", category=DeprecationWarning, module="sklearn|scipy|modAL")
import lightgbm, skops, skorch, sklearn, xgboost
for module in (sklearn, xgboost, lightgbm, skorch, skops):
    print(module.__version__, flush=True)
for code in re.findall(r"^```python\\n(.*?)^```$", open(0).read(), re.MULTILINE | re.DOTALL):
    if "skactiveml" in code or ("modAL" in code and find_spec("modAL") is None):  # it needs 1.6
        continue
    names = {"__name__": "example"}
    exec(compile(code, "page", "exec"), names)
    if "modAL" in code:  # whose `teach` works with a scikit-learn before 1.8 alone
        learner, X, y = names["learner"], names["X"], names["y"]
        for start in (50, 100):
            rows, samples = learner.query(X[start:], n_instances=20)
            learner.teach(samples, y[start:][rows])
        assert len(learner.y_training) == 90
print("done")
"""


@pytest.fixture
def oldest(tmp_path):
    """A folder with the oldest versions, 85 MB."""
    folder = tmp_path / "oldest"
    wanted = [f"{name}=={version}" for name, version in OLDEST.items()]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--retries=1", "--target", str(folder), *wanted]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        why = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["no pip"]
        pytest.skip(f"pip can't install the oldest versions here: {why[-1]}")
    yield folder
    shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info >= (3, 13), reason="the oldest versions have no wheels for it")
def test_the_examples_run_with_the_oldest_versions(oldest, tmp_path):
    path = os.pathsep.join([str(oldest), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        input=PAGE.read_text(),
        env=os.environ | {"PYTHONPATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
    )
    said = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert said[: len(OLDEST)] == list(OLDEST.values())
    assert said[-1] == "done"


def test_the_versions_are_those_that_page_and_package_promise():
    promised = re.findall(r"^\| ([\w-]+) \| ([\d.]+) \|", PAGE.read_text(), re.MULTILINE)
    assert dict(promised) == {
        name.removesuffix("-cpu"): ".".join(version.split(".")[:2]) for name, version in OLDEST.items()
    }
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*declared["dependencies"], *chain(*declared["optional-dependencies"].values())]
    for name, version in promised:
        bounds = {line.partition(">=")[2] for line in lines if line.partition(">=")[0] == name}
        assert bounds <= {version}, name


def test_the_newest_are_here():
    """What the page promises beside the oldest is what the other tests use."""
    for name, version in OLDEST.items():
        try:
            here = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        assert tuple(map(int, here.split(".")[:2])) >= tuple(map(int, version.split(".")[:2]))
