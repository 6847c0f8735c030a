import os

import pytest

from alframe import UsageError
from alframe.records.writing import require_writable


@pytest.mark.parametrize("where", ["file/below", "file"])
def test_a_folder_that_cannot_be_written_to(tmp_path, where):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="can't be written to: .*--out"):
        require_writable(tmp_path / where)


def test_a_writable_folder_is_made_and_left_empty(tmp_path):
    require_writable(tmp_path / "a" / "b")
    assert os.listdir(tmp_path / "a" / "b") == []
