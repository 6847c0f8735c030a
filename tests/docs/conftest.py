"""Reading the documents, and installing what their examples make."""

import dataclasses
import importlib
import re
import sys
from pathlib import Path

import pytest

from alframe.registry import installed

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
FENCE = re.compile(r"^```(\{?[\w-]+\}?)[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NAMED = re.compile(r"^`(\w+)\.py`:\n\n```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ENTRY_POINTS = re.compile(r"^\[project\.entry-points\.alframe\]\n((?:[\w-]+ = .*\n)+)", re.MULTILINE)


def name_of(page):
    return str(page.relative_to(ROOT))


@dataclasses.dataclass(frozen=True)
class Block:
    language: str
    text: str


def blocks(page):
    """The fenced blocks of a page, in order."""
    return [Block(*match) for match in FENCE.findall(page.read_text())]


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
    """Installs the modules of a page: those it names, under the entry points that it gives them."""

    def put(page):
        text = page.read_text()
        modules = dict(NAMED.findall(text))
        given = "".join(ENTRY_POINTS.findall(text)).replace('"', "")
        if modules:
            install(modules, given)
        return modules

    return put
