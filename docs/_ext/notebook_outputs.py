"""Runs the notebooks of the site, and writes their outputs anew: ``python docs/_ext/notebook_outputs.py``.

The site shows what is stored in them; a test runs them, so that none stays there that no longer works.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "notebooks"


def run(path: Path, folder: str, seconds: int = 240) -> nbformat.NotebookNode:
    """A notebook as it is after all cells were run, in a folder of its own.

    Args:
        path: the notebook.
        folder: where its kernel works.
        seconds: most of a cell.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised an error; the message has its trace.
    """
    book = nbformat.read(path, as_version=4)
    NotebookClient(
        book, timeout=seconds, kernel_name="python3", resources={"metadata": {"path": folder}}
    ).execute()
    return book


def cleaned(book: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Without times and versions, which change whenever it is run."""
    book.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    for cell in book.cells:
        cell.metadata = {}
    return book


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for file in sorted(FOLDER.glob("*.ipynb")):
        with tempfile.TemporaryDirectory() as empty:
            nbformat.write(cleaned(run(file, empty)), file)
        print(file, file=sys.stderr)
