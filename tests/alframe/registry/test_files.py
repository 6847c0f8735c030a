import sys
from pathlib import Path

import pytest

from alframe import UsageError
from alframe.registry import files


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("gini.py", "gini"),
        ("a/b/my_strategy.py", "my-strategy"),
        ("alframe_strategy_two_words.py", "two-words"),
        ("alframe_dataset_moons.py", "moons"),
        ("alframe_gini", "gini"),
        ("alframe.py", "alframe"),
        ("strategy_gini.py", "strategy-gini"),
    ],
)
def test_the_name_is_the_files(path, name):
    assert files.name_of(Path(path)) == name


@pytest.mark.parametrize("path", ["2fast.py", "my strategy.py", "a.b.py", "alframe_.py", "..", "ü.py"])
def test_a_name_that_cannot_be_typed_is_refused(path):
    with pytest.raises(UsageError, match="letters, digits"):
        files.name_of(Path(path))


def test_a_file_is_read_anew_each_time_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "mine.py"
    for number in ("1", "2"):  # the same length and second: a cache by time and size would not notice
        path.write_text(f"x = {number}\n")
        assert files.load(path).x == int(number)
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_a_package(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    with pytest.raises(UsageError, match=r"there is no __init__\.py in"):
        files.load(folder)
    (folder / "__init__.py").write_text("from ._inner import x\n")
    (folder / "_inner.py").write_text("x = 3\n")
    assert files.load(folder).x == 3


def test_a_file_that_fails_is_no_module(tmp_path):
    path = tmp_path / "bad.py"
    path.write_text("1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        files.load(path)
    assert not [name for name in sys.modules if name.endswith("_bad")]


def test_what_is_no_file_of_python(tmp_path):
    with pytest.raises(UsageError, match=r"there is no no\.py in"):
        files.load(tmp_path / "no.py")
    (tmp_path / "notes.txt").write_text("hello\n")
    with pytest.raises(UsageError, match="wanted a file of Python"):
        files.load(tmp_path / "notes.txt")


def test_files_of_the_environment(monkeypatch):
    assert files.from_environment() == []
    monkeypatch.setenv("ALFRAME_PLUGINS", "a.py:b/c.py:")
    assert files.from_environment() == [Path("a.py"), Path("b/c.py")]
