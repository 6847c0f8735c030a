import pytest

from alframe.errors import UsageError
from alframe.labelling.settings import SessionSettings
from alframe.labelling.sources import kind_of, open_source


def test_a_folder_has_images_and_a_table_has_texts(photos, texts):
    assert kind_of(photos) == "images"
    assert kind_of(texts) == "texts"


def test_what_is_neither(tmp_path):
    (tmp_path / "a.pdf").write_text("x")
    with pytest.raises(
        UsageError, match="can't be labelled: expected a folder of images, or a file of texts"
    ):
        kind_of(tmp_path / "a.pdf")
    with pytest.raises(UsageError, match="there is no such file or folder"):
        kind_of(tmp_path / "b.csv")


def test_settings_open_a_source(photos, texts):
    settings = SessionSettings(str(photos))
    assert len(list(open_source(settings, photos.parent / "s").items())) == 40
    settings = SessionSettings(str(texts), "texts", "review")
    assert len(list(open_source(settings, photos.parent / "s").items())) == 12
