"""The notebooks of the site: each runs as it stands, and what is stored of it is whole and clean."""

import json
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))


@pytest.fixture
def tool(monkeypatch):
    pytest.importorskip("nbclient", reason="the extra `test` is not installed")
    pytest.importorskip("ipykernel", reason="the extra `test` is not installed")
    monkeypatch.syspath_prepend(DOCS / "_ext")
    import notebook_outputs

    yield notebook_outputs
    sys.modules.pop("notebook_outputs")


def kinds(book):
    return [sorted({kind for out in cell.outputs for kind in out.get("data", {})}) for cell in code_of(book)]


def code_of(book):
    return [cell for cell in book.cells if cell.cell_type == "code"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning")  # of zmq and asyncio
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows_what_is_stored(path, tool, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib", reason="the extra `figures` is not installed")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    stored = tool.nbformat.read(path, as_version=4)
    book = tool.run(path, str(tmp_path))
    assert kinds(book) == kinds(stored)
    assert not [
        out for cell in code_of(book) for out in cell.outputs if out.output_type in ("error", "stream")
    ]
    answers = [out["data"] for cell in code_of(book) for out in cell.outputs if "text/html" in out["data"]]
    assert all("<script" not in answer["text/html"] for answer in answers)
    assert "30 of 30 rounds, 6 of 6 trials" in str(answers)  # how the run went, shown while it did


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_stored_is_whole_and_clean(path):
    book = json.loads(path.read_text())
    code = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert all(cell["metadata"] == {} for cell in book["cells"])
    assert set(book["metadata"]) == {"kernelspec"}
    assert len(path.read_bytes()) < 150_000
