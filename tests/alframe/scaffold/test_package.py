import json
import os
import shutil
import subprocess
import sys
import tomllib

import pytest

from alframe import UsageError
from alframe.registry.files import KINDS as FILE_KINDS
from alframe.scaffold import package as scaffold
from alframe_cli.new_plugin import KINDS as CLI_KINDS
from forks import COMMAND, PYTEST

LONG = "a-name-of-as-many-as-30-letter"


def make(registry, tmp_path, name, kind):
    return scaffold.create(name, kind, tmp_path, registry).folder


def test_the_kinds_are_the_same_everywhere():
    assert set(scaffold.KINDS) == set(CLI_KINDS) == set(FILE_KINDS)
    folders = {path.name for path in scaffold.TEMPLATES.iterdir() if path.is_dir()}
    assert folders == {*scaffold.KINDS, "common"}


@pytest.mark.parametrize("kind", scaffold.KINDS)
def test_what_a_package_holds(registry, tmp_path, kind):
    folder = make(registry, tmp_path, "two-words", kind)
    module = f"alframe_{kind}_two_words"
    assert folder.name == f"alframe-{kind}-two-words"
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == {
        ".github/workflows/test.yml",
        ".gitignore",
        "LICENSE",
        "README.md",
        "pyproject.toml",
        f"{module}.py",
        "tests/test_conformance.py",
        f"tests/test_{module}.py",
    }
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["alframe"] == {"two-words": module}
    assert "${{ matrix.python }}" in (folder / ".github" / "workflows" / "test.yml").read_text()
    left = [path for path in folder.rglob("*") if path.is_file() and "$name" in path.read_text()]
    assert left == []


@pytest.mark.parametrize("kind", scaffold.KINDS)
def test_a_package_is_clean_to_ruff_whatever_the_length_of_its_name(registry, tmp_path, kind):
    assert len(LONG) == scaffold.LONGEST_NAME
    for name in ("x", LONG):
        make(registry, tmp_path, name, kind)
    for check in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *check, "--no-cache", str(tmp_path)]
        outcome = subprocess.run(command, capture_output=True, text=True)
        assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.mark.parametrize("kind", scaffold.KINDS)
def test_the_module_is_a_plugin_as_a_file_too(registry, tmp_path, kind):
    folder = make(registry, tmp_path, "mine", kind)
    plugin = registry.require_file(folder / f"alframe_{kind}_mine.py")
    assert plugin.name == "mine"
    assert plugin.is_strategy is (kind == "strategy")


@pytest.mark.slow
@pytest.mark.parametrize("kind", scaffold.KINDS)
def test_a_package_installs_lists_passes_its_tests_and_runs(registry, tmp_path, kind, install):
    folder = make(registry, tmp_path, "mine", kind)
    python = install(folder)
    command = "list-strategies" if kind == "strategy" else "doctor"
    if kind in ("dataset", "model"):
        command = f"list-{kind}s"
    if command != "doctor":
        found = json.loads(python(COMMAND, command, "--json").stdout)
        rows = next(value for key, value in found.items() if key != "problems")
        (row,) = [row for row in rows if row["name"] == "mine"]
        assert f"alframe-{kind}-mine" in json.dumps(row)
        assert found["problems"] == []
    outcome = python(PYTEST, "-q", "-p", "no:cacheprovider", cwd=folder)
    assert outcome.returncode == 0, outcome.stdout
    assert "passed" in outcome.stdout

    flags = scaffold.KINDS[kind].flags.format(name="mine").split()
    flags += ["--seeds", "1", "--rounds", "1", "--epochs", "5", "--device", "cpu"]
    outcome = python(COMMAND, "run", *flags)
    assert outcome.returncode == 0, outcome.stderr
    (trial,) = tmp_path.glob("runs/*/*/*/seed-1")
    assert (trial / "mine.csv").exists() is (kind == "events")
    plugins = json.loads((trial / "environment.json").read_text())["plugins"]
    assert (f"alframe-{kind}-mine/mine" in plugins) is (kind != "events")


@pytest.fixture
def install(tmp_path, forks):
    """Installs a package into a folder of its own; gives Python with that folder on its path."""

    def install(folder):
        site = tmp_path / "site"
        command = ["-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
        subprocess.run([sys.executable, *command, "--target", str(site), str(folder)], check=True)
        shutil.rmtree(folder / "build", ignore_errors=True)
        environment = os.environ | {"PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}
        return lambda *arguments, cwd=tmp_path: forks.run(*arguments, env=environment, cwd=cwd)

    return install


@pytest.mark.parametrize(
    "name", ["", "Gini", "my_strategy", "2fast", "a--b", "-a", "a-", "ü", "a/b", "a" * 31]
)
def test_what_is_no_name(registry, tmp_path, name):
    with pytest.raises(UsageError, match="no name for a plugin"):
        make(registry, tmp_path, name, "strategy")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("margin", "strategy", "taken by a plugin of alframe"),
        ("margin", "dataset", "taken by a plugin of alframe"),
        ("digits", "dataset", "taken by a plugin of alframe"),
        ("mlp", "model", "taken by a plugin of alframe"),
        ("train", "trainer", "taken by alframe itself"),
        ("all", "strategy", "taken by alframe itself"),
    ],
)
def test_names_that_are_taken(registry, tmp_path, name, kind, message):
    with pytest.raises(UsageError, match=message):
        make(registry, tmp_path, name, kind)


def test_nothing_is_overwritten(registry, tmp_path):
    folder = make(registry, tmp_path, "mine", "strategy")
    module = folder / "alframe_strategy_mine.py"
    module.write_text("x = 1\n")
    with pytest.raises(UsageError, match="exists already"):
        make(registry, tmp_path, "mine", "strategy")
    assert module.read_text() == "x = 1\n"


def test_folders_are_made_and_one_that_cannot_be_is_named(registry, tmp_path):
    assert make(registry, tmp_path / "a" / "b", "mine", "strategy").is_dir()
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(UsageError, match="exists already|can't be written to"):
            make(registry, out, "mine", "strategy")


def test_a_package_that_can_not_be_written_whole_is_not_in_the_way(registry, tmp_path, monkeypatch):
    def full(self, *arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.write_text", full)
        with pytest.raises(UsageError, match="can't be written to: No space left"):
            make(registry, tmp_path, "gini", "strategy")
    assert list(tmp_path.iterdir()) == []
    make(registry, tmp_path, "gini", "strategy")
