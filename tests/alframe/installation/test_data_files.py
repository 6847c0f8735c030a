import pytest

from alframe.installation.data_files import on_disk


@pytest.mark.parametrize(
    ("there", "wanted"),
    [
        ([], ("missing", 0)),
        (["raw/a"], ("part of it", 10)),
        (["raw/a", "b"], ("present", 20)),
        (["raw/a", "b.gz"], ("present", 20)),
        (["raw/a", "raw/a.gz", "b"], ("present", 20)),
        (["b.gz", "other"], ("part of it", 10)),
    ],
)
def test_what_of_two_files_is_there(tmp_path, there, wanted):
    (tmp_path / "raw").mkdir()
    for name in there:
        (tmp_path / name).write_bytes(bytes(10))
    assert on_disk(("raw/a", "b"), tmp_path) == wanted


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "a").mkdir()
    assert on_disk(("a",), tmp_path) == ("missing", 0)


def test_no_folder_has_no_files(tmp_path):
    assert on_disk(("a",), tmp_path / "none") == ("missing", 0)


def test_what_has_no_files_of_its_own(tmp_path):
    assert on_disk((), tmp_path) == ("-", 0)
