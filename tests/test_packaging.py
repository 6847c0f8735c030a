"""Folders under plugins/ == entry points in pyproject.toml == installed metadata; tests mirror sources."""

import tomllib
from importlib import metadata
from pathlib import Path

import pytest

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
    for path in (ROOT / "plugins" / folder).glob("*.py"):
        for line in path.read_text().splitlines():
            words = line.split()
            if words[:1] in (["from"], ["import"]) and words[1].partition(".")[0] == "alframe":
                assert words[1] in {"alframe", "alframe.ops"}, f"{path.name}: {line.strip()}"


@pytest.mark.parametrize("folder", sorted(DECLARED.values()))
def test_plugin_modules_do_not_import_torch_at_the_top(folder):
    lines = (ROOT / "plugins" / folder / "__init__.py").read_text().splitlines()
    assert not [line for line in lines if line.startswith(("import torch", "from torch"))]


@pytest.mark.parametrize("package", ["alframe", "alframe_cli"])
def test_every_source_file_has_its_test_file(package):
    exempt = {
        "__init__",
        "__main__",
        "info",
        "context",
        "sections",
    }  # declarations; tested where they are used
    sources = {path.stem for path in (ROOT / package).glob("*.py")} - exempt
    tests = {path.stem.removeprefix("test_") for path in (ROOT / "tests" / package).glob("test_*.py")}
    assert sources <= tests


def test_files_stay_small():
    sources = [p for folder in ("alframe", "alframe_cli", "plugins") for p in (ROOT / folder).rglob("*.py")]
    lengths = {path.name: len(path.read_text().splitlines()) for path in sources}
    assert max(lengths.values()) <= 500
