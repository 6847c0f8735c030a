import io
import sys
import types

import pytest

from alframe import watching


@pytest.fixture
def notebook(monkeypatch):
    """A double of a notebook's front end: the pictures that it was shown."""
    shown = []
    handle = types.SimpleNamespace(update=lambda picture: shown.append(picture))
    ipython, display = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    ipython.get_ipython = lambda: types.SimpleNamespace(kernel=object())
    display.HTML = str

    def put(picture, display_id):
        assert display_id is True
        shown.append(picture)
        return handle

    display.display = put
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return shown


def test_where_it_is(notebook, monkeypatch):
    assert watching.in_notebook()
    sys.modules["IPython"].get_ipython = lambda: None
    assert not watching.in_notebook()
    monkeypatch.delitem(sys.modules, "IPython")
    assert not watching.in_notebook()


def test_a_bar_in_a_notebook_replaces_itself(notebook):
    progress = watching.StageProgress()
    for done in range(1, 101):
        progress("<train>", done, 100)
    assert 2 <= len(notebook) < 50
    assert 'value="1" max="100"' in notebook[0]
    assert 'value="100"' in notebook[-1]
    assert "&lt;train&gt; 100 of at most 100" in notebook[-1]


@pytest.mark.parametrize("terminal", [True, False])
def test_a_line_in_a_terminal(monkeypatch, terminal):
    stream = io.StringIO()
    stream.isatty = lambda: terminal
    monkeypatch.setattr("sys.stderr", stream)
    progress = watching.StageProgress()
    progress("train\x1b[31m", 1, 2)
    progress("train", 2, 2)
    assert stream.getvalue() == (
        "\r\x1b[Ktrain?[31m 1 of at most 2\r\x1b[Ktrain 2 of at most 2\n" if terminal else ""
    )
