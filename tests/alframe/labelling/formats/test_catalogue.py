import pytest

from alframe.errors import UsageError
from alframe.labelling.formats.catalogue import FORMATS, import_labels, named


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"dataset"}))
@pytest.mark.parametrize("is_named", [True, False])
def test_each_format_comes_back_named_or_not(labelled, other, tmp_path, name, is_named):
    path = tmp_path / f"out{FORMATS[name].suffix}"
    named(name).write(labelled, path, None)
    found = import_labels(other, path, name if is_named else None)
    assert found.notes == []
    wanted = {position: label.label for position, label in labelled.labels().items()}
    assert {position: label.label for position, label in other.labels().items()} == wanted


def test_their_csv_is_told_from_ours(other, tmp_path):
    (tmp_path / "x.csv").write_text("image,id,animal,annotator,annotation_id\na/00.png,1,cat,1,1\n")
    import_labels(other, tmp_path / "x.csv")
    assert len(other.labels()) == 1


def test_what_can_not_be_read(other, tmp_path):
    with pytest.raises(UsageError, match="unknown format 'cvs'. Did you mean 'csv'"):
        import_labels(other, tmp_path / "x", "cvs")
    with pytest.raises(UsageError, match="dataset can be written, but not read"):
        import_labels(other, tmp_path / "x", "dataset")
    with pytest.raises(UsageError, match="there is no file"):
        import_labels(other, tmp_path / "x.csv")
