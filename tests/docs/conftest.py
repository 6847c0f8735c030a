"""Reading the documents, and installing what their examples make."""

import importlib
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from alframe.registry.registry import installed
from alframe_cli.main import main

ROOT = Path(__file__).parents[2]
PAGES = [path for path in sorted((ROOT / "docs").rglob("*.md")) if path.parent.name != "strategies"]
STRATEGY_PAGES = [path for path in (ROOT / "docs" / "strategies").glob("*.md") if path.stem != "index"]
BLOCK = re.compile(r"^( *)```([\w-]*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
NAMED = re.compile(r"^`(\w+)\.py`:\n\n```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ENTRY_POINTS = re.compile(r"^\[project\.entry-points\.alframe\]\n((?:[\w-]+ = .*\n)+)", re.MULTILINE)
SMALL = {
    "seeds": 1,
    "initial-size": 20,
    "query-size": 10,
    "rounds": 1,
    "epochs": 3,
    "device": "cpu",
    "display": "none",
}


def pytest_generate_tests(metafunc):
    """One test a page, for those that ask for one."""
    for argument, pages in (("page", PAGES), ("strategy_page", STRATEGY_PAGES)):
        if argument in metafunc.fixturenames:
            metafunc.parametrize(argument, sorted(pages), ids=lambda path: path.stem)


@pytest.fixture
def root():
    return ROOT


@pytest.fixture
def small():
    """Flags that make any run one of a second."""
    return [f"--{name}={value}" for name, value in SMALL.items()]


@pytest.fixture
def blocks():
    """The fenced blocks of a page in order, each with ``language`` and ``text``; directives left out."""

    def read(page):
        found = BLOCK.findall(page.read_text())
        return [SimpleNamespace(language=language, text=text) for _, language, text in found]

    return read


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Puts modules on the path as an installed distribution with entry points, as ``pip install`` would."""
    made = []

    def put(modules, entry_points):
        site = tmp_path / "site"
        metadata = site / "alframe_documented-1.0.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: alframe-documented\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[alframe]\n{entry_points}")
        for name, code in modules.items():
            (site / f"{name}.py").write_text(code)
            made.append(name)
        monkeypatch.syspath_prepend(str(site))
        importlib.invalidate_caches()
        installed.cache_clear()

    yield put
    for name in made:
        sys.modules.pop(name, None)


@pytest.fixture
def install_page(install):
    """Installs the modules whose file a page names, under the entry points that it gives them."""

    def put(page):
        text = page.read_text()
        modules = dict(NAMED.findall(text))
        if modules:
            install(modules, "".join(ENTRY_POINTS.findall(text)).replace('"', ""))
        return modules

    return put


@pytest.fixture
def alframe_command(capsys):
    """Runs ``alframe ARGUMENTS`` in this process, which has to end with 0; gives standard output."""

    def run(*arguments):
        with pytest.raises(SystemExit) as exit_:
            main(list(arguments))
        captured = capsys.readouterr()
        assert exit_.value.code == 0, f"alframe {' '.join(arguments)}\n{captured.err}"
        return captured.out

    return run
