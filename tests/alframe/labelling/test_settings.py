import shutil

import pytest

from alframe.errors import UsageError
from alframe.labelling.settings import FILE, SessionSettings, read_settings, write_settings


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos.alframe").mkdir()
    return tmp_path / "photos.alframe"


def test_what_was_written_is_read(folder, tmp_path):
    settings = SessionSettings(
        str(tmp_path / "photos"),
        "images",
        "review",
        ("cat", "hund ü"),
        "margin",
        "cnn",
        7,
        5,
        "active",
        0.25,
        ("a", "b"),
    )
    write_settings(folder, settings, [3, 1])
    assert read_settings(folder) == (settings, (3, 1))


def test_source_and_session_move_together(folder, tmp_path):
    write_settings(folder, SessionSettings(str(tmp_path / "photos")), [])
    shutil.copytree(tmp_path / "photos.alframe", tmp_path / "new" / "photos.alframe")
    assert read_settings(tmp_path / "new" / "photos.alframe")[0].source == str(tmp_path / "new" / "photos")


def test_a_source_elsewhere_keeps_its_path(folder):
    write_settings(folder, SessionSettings("/data/photos"), [])
    assert read_settings(folder)[0].source == "/data/photos"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"overlap": 1.5}, "overlap: expected a share of 0 to 1, got 1.5"),
        ({"audit": -1}, "audit: expected a number of samples"),
        ({"classes": ("cat", "cat ")}, "classes: 'cat' is there twice"),
        ({"classes": ("",)}, "a class needs a name"),
        ({"people": ()}, "people: expected at least one name"),
        ({"people": ("ada", "ada")}, "people: 'ada' is there twice"),
    ],
)
def test_values_that_can_not_be(values, message):
    with pytest.raises(UsageError, match=message):
        SessionSettings("x", **values)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "required field `source`"),
        ("source = 1", "Expected `str`, got `int`"),
        ('source = "x"\ncolour = 1', "there is no setting colour"),
        ('source = "x"\nversion = 2', "a later alframe"),
        ('source = "x"\nkind = 3', "Expected `str`, got `int`"),
        ("{", "damaged or cut off"),
    ],
)
def test_a_file_that_was_changed(folder, content, message):
    (folder / FILE).write_text(content)
    with pytest.raises(UsageError, match=message):
        read_settings(folder)


def test_no_session(tmp_path):
    with pytest.raises(UsageError, match="is no session: it has no session.toml"):
        read_settings(tmp_path)
