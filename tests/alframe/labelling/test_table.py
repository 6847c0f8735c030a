import csv

import pytest

from alframe.labelling.table import marked, unmarked, write_table


@pytest.mark.parametrize("text", ["cat", "=1+1", "-a.png", "+", "@x", "\tx", "'x", "", "a,b", 'a"b', "a\nb"])
def test_a_text_stays_a_text_and_comes_back(tmp_path, text):
    write_table(tmp_path / "t.csv", ("a", "b"), [(text, "x")])
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["a"] == marked(text)
    assert not row["a"].startswith(("=", "+", "-", "@", "\t"))
    assert unmarked(row["a"]) == text
