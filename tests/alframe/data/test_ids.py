import pytest

from alframe import UsageError
from alframe.data.ids import RowNames, as_line, names_beside, read_rows
from alframe.errors import DamagedFileError

NAMES = ["a/1.jpg", "7", "b/\udce9.jpg", "two\\nlines"]


@pytest.fixture
def names(tmp_path):
    (tmp_path / "ids.txt").write_bytes(b"".join(map(as_line, [*NAMES[:3], "two\nlines"])))
    return names_beside(tmp_path, 4)


def rows(tmp_path, names, *lines):
    file = tmp_path / "rows.txt"
    file.write_bytes("\n".join(lines).encode(errors="surrogateescape"))
    return read_rows(file, names)


def test_names_of_rows_and_back(names):
    assert names.of([3, 0, 2]) == [NAMES[3], NAMES[0], NAMES[2]]
    assert names.rows_of([*NAMES[2:], "missing"]) == {NAMES[2]: 2, NAMES[3]: 3}


def test_a_file_of_names_or_of_numbers(names, tmp_path):
    assert rows(tmp_path, names, *reversed(NAMES)) == [3, 2, 1, 0]
    assert rows(tmp_path, names, "2", "", "0") == [2, 0]
    assert rows(tmp_path, names, "7", "a/1.jpg") == [1, 0]  # all are names
    assert rows(tmp_path, names, "2", "b/\udce9.jpg") == [2, 2]
    assert rows(tmp_path, None, "11 ", "5") == [11, 5]
    assert rows(tmp_path, None) == []


def test_what_is_neither_is_named_with_its_line(names, tmp_path):
    with pytest.raises(UsageError, match=r"rows.txt, line 2: expected a row number, or a name of ids.txt"):
        rows(tmp_path, names, "1", "c/3.jpg")
    with pytest.raises(UsageError, match="line 1: expected a row number, got '-1'"):
        rows(tmp_path, None, "-1")
    with pytest.raises(UsageError, match="can't be read: No such file"):
        read_rows(tmp_path / "none", None)


def test_names_of_other_rows_are_refused(names, tmp_path):
    with pytest.raises(DamagedFileError, match="has 4 lines, and there are 5 rows"):
        RowNames(tmp_path / "ids.txt", 5).of([0])
    with pytest.raises(UsageError, match="can't be read"):
        RowNames(tmp_path / "none", 5).of([0])
    assert names_beside(tmp_path / "ids.txt", 4) is None
