"""Folders under plugins/ == entry points in pyproject.toml == installed metadata; tests mirror sources."""

import ast
import json
import os
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
import torch

import alframe

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DECLARED = PROJECT["project"]["entry-points"]["alframe"]


def test_folders_are_the_declared_entry_points():
    folders = {path.name for path in (ROOT / "plugins").iterdir() if (path / "__init__.py").exists()}
    assert set(DECLARED.values()) == folders


def test_declared_entry_points_are_the_installed_ones():
    installed = {e.name: e.value for e in metadata.entry_points(group="alframe") if e.dist.name == "alframe"}
    assert installed == DECLARED, "entry points are written at installation: run `pip install -e .` again"


@pytest.mark.parametrize("folder", sorted(DECLARED.values()))
def test_a_plugin_uses_public_names_alone(folder):
    """Built-in plugins are written as a third party would write them."""
    public = set(alframe.__all__) | {"ops"}
    for path in (ROOT / "plugins" / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules = [name.name for name in node.names if name.name.partition(".")[0] == "alframe"]
                assert set(modules) <= {"alframe", "alframe.ops"}, f"{path}:{node.lineno}"
            elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "alframe":
                names = {name.name for name in node.names}
                assert node.module == "alframe.ops" or (node.module == "alframe" and names <= public), (
                    f"{path}:{node.lineno}: {node.module} {sorted(names)}"
                )


@pytest.mark.parametrize("folder", sorted(DECLARED.values()))
def test_plugin_modules_do_not_import_torch_at_the_top(folder):
    lines = (ROOT / "plugins" / folder / "__init__.py").read_text().splitlines()
    assert not [line for line in lines if line.startswith(("import torch", "from torch"))]


UNMIRRORED = {  # sources without a test file of their own, and where they are tested
    "alframe/contract/info.py": "declarations; tested where they are used",
    "alframe/contract/resources.py": "declarations; tested where they are used",
    "alframe/contract/training.py": "declarations; test_together",
    "alframe/learning/fit.py": "test_together: what is fitted, and what each is told",
    "alframe/defaults/stacked_layers.py": "test_stacked: each kind of layer, alone and stacked",
    "alframe/defaults/steps.py": "test_capture: steps one by one and captured",
    "alframe/experiments/open_trial.py": "test_trial_loop: whole trials and continued ones; test_in_step",
    "alframe/experiments/round_loop.py": "test_trial_loop: whole trials and continued ones",
    "alframe/experiments/randomness.py": "test_processes: trials are seeded; test_kit",
    "alframe/experiments/executors/messages.py": "test_processes: what a listener hears from a process",
    "alframe/testing/checks_answers.py": "test_bad_plugins: a plugin that fails each check alone",
    "alframe/testing/checks_edges.py": "test_bad_plugins",
    "alframe/testing/checks_footprint.py": "test_bad_plugins",
    "alframe/testing/checks_invariance.py": "test_bad_plugins",
    "alframe/testing/checks_rounds.py": "test_bad_plugins",
    "alframe/testing/checks_training.py": "test_bad_plugins",
    "alframe/testing/checks_trials.py": "test_bad_plugins",
    "alframe/testing/outcomes.py": "test_kit",
    "alframe/testing/strangers.py": "test_bad_plugins",
    "alframe/testing/trials.py": "test_bad_plugins",
    "alframe/testing/witness.py": "test_bad_plugins",
}


def test_every_source_file_has_its_test_file():
    sources = {
        path.relative_to(ROOT).as_posix()
        for package in ("alframe", "alframe_cli")
        for path in (ROOT / package).rglob("*.py")
        if not path.name.startswith("__")
    }
    tests = {
        path.with_name(path.name.removeprefix("test_")).relative_to(ROOT / "tests").as_posix()
        for path in (ROOT / "tests").rglob("test_*.py")
    }
    assert sources - tests == set(UNMIRRORED)


def test_files_stay_small():
    sources = [p for folder in ("alframe", "alframe_cli", "plugins") for p in (ROOT / folder).rglob("*.py")]
    lengths = {path: len(path.read_text().splitlines()) for path in sources}
    assert {path: length for path, length in lengths.items() if length > 500} == {}


def build(source, target):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist", "-d", str(target)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (wheel,), (sdist,) = target.glob("*.whl"), target.glob("*.tar.gz")
    return wheel, sdist


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build(ROOT, tmp_path_factory.mktemp("dist"))


def contents(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_holds_the_packages_and_nothing_else(built):
    files = contents(built[0])
    version = PROJECT["project"]["version"]
    expected = {"alframe", "alframe_cli", *DECLARED.values(), f"alframe-{version}.dist-info"}
    assert {name.partition("/")[0] for name in files} == expected
    sources = [(ROOT, ROOT / "alframe"), (ROOT, ROOT / "alframe_cli"), (ROOT / "plugins", ROOT / "plugins")]
    on_disk = {
        str(path.relative_to(top))
        for top, folder in sources
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in files if ".dist-info/" not in name} == on_disk
    assert "alframe/py.typed" in files
    assert not [name for name in files if "tests" in name.split("/") and "templates" not in name]
    assert sum(name.startswith("alframe/scaffold/templates/") for name in files) >= 16


def test_the_wheel_names_its_entry_points_and_its_licence(built):
    files = contents(built[0])
    (text,) = [content for name, content in files.items() if name.endswith("/entry_points.txt")]
    for name, value in DECLARED.items():
        assert f"{name} = {value}" in text.decode()
    assert [name for name in files if name.endswith("licenses/LICENSE")]


def test_the_sdist_has_the_tests_and_makes_the_same_wheel(built, tmp_path):
    wheel, sdist = built
    subprocess.run(["tar", "-xzf", str(sdist), "-C", str(tmp_path)], check=True)
    (source,) = tmp_path.iterdir()
    for name in (
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "check",
        "tests/test_packaging.py",
        "docs/plugins.md",
        "CITATION.cff",
    ):
        assert (source / name).is_file()
    assert not [path for path in source.rglob("*") if path.name in ("__pycache__", "runs", ".mypy_cache")]
    assert contents(build(source, tmp_path / "again")[0]) == contents(wheel)


@pytest.fixture
def environment(tmp_path, built):
    """A fresh environment with the wheel in it; torch and the like are those of this one."""
    home = tmp_path / "venv"
    venv.create(home, symlinks=True)
    (site,) = home.glob("lib/python*/site-packages") or home.glob("Lib/site-packages")
    others = {str(Path(module.__file__).parents[1]) for module in (torch, pytest)}
    (site / "others.pth").write_text("\n".join(others) + "\n")
    folder = home / ("Scripts" if os.name == "nt" else "bin")
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}

    def run(*command, code=0):
        outcome = subprocess.run(
            [str(folder / command[0]), *command[1:]],
            cwd=tmp_path,
            env=variables | {"PATH": f"{folder}{os.pathsep}{variables['PATH']}"},
            capture_output=True,
            text=True,
        )
        assert outcome.returncode == code, outcome.stdout + outcome.stderr
        return outcome.stdout

    def install(what):
        command = [sys.executable, "-m", "pip", "--python", str(folder / "python"), "install", "-q"]
        flags = ["--no-deps", "--no-index", "--no-build-isolation", "--ignore-installed"]
        subprocess.run([*command, *flags, str(what)], check=True, cwd=tmp_path)

    install(built[0])
    where = run("python", "-c", "import alframe; print(alframe.__file__)")
    assert Path(where.strip()).is_relative_to(home)
    return run, install


@pytest.mark.slow
def test_a_stranger_installs_the_wheel_and_publishes_a_plugin(environment, tmp_path):
    run, install = environment
    assert run("alframe", "--version").startswith("alframe ")
    run("alframe", "new-plugin", "mine")
    package = tmp_path / "alframe-strategy-mine"
    copy = shutil.copytree(package, tmp_path / "copy")  # a build leaves nothing in the user's folder
    install(package)
    assert {p.name for p in package.iterdir()} == {p.name for p in copy.iterdir()}

    found = json.loads(run("alframe", "list-strategies", "--json"))
    (row,) = [row for row in found["strategies"] if row["name"] == "mine"]
    assert (row["distribution"], row["version"]) == ("alframe-strategy-mine", "0.1.0")
    assert found["problems"] == []
    assert "mine.power" in run("alframe", "show", "mine")
    assert json.loads(run("alframe", "doctor", "--json"))["problems"] == 0

    flags = ["--seeds", "1", "--rounds", "1", "--epochs", "5", "--device", "cpu", "-o", "mine.power=3"]
    assert "mine" in run("alframe", "run", "--strategy", "mine", *flags)
    (trial,) = tmp_path.glob("runs/digits/*/mine+power=3.0/seed-1")
    plugins = json.loads((trial / "environment.json").read_text())["plugins"]
    assert plugins["alframe-strategy-mine/mine"]["version"] == "0.1.0"
    assert "mine" in run("alframe", "compare", "runs")

    assert "failed" not in run("alframe", "check", "mine")
    run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", str(package))
