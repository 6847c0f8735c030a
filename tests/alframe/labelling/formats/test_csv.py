import pytest

from alframe.errors import UsageError
from alframe.labelling.formats import csv


def imported(session, path):
    found = csv.read(session, path)
    session.take(found.events)
    return found


def test_what_was_exported_is_imported(labelled, other, tmp_path, same):
    assert csv.write(labelled, tmp_path / "out.csv") == []
    assert imported(other, tmp_path / "out.csv").notes == []
    assert same(labelled, other)["a/02.png"] == ("dog", "bob", "2020-01-02T03:04:05Z")
    assert {event.why for event in other.events} == {"import"}


def test_twice_imported_is_once(labelled, other, tmp_path):
    csv.write(labelled, tmp_path / "out.csv")
    imported(other, tmp_path / "out.csv")
    assert imported(other, tmp_path / "out.csv").events == []
    assert len(other.events) == 3


def test_the_table_in_the_sessions_folder_can_be_imported(labelled, other, same):
    labelled.write_table()
    imported(other, labelled.folder / "labels.csv")
    same(labelled, other)


@pytest.mark.parametrize(
    "name", ["=1.png", "-a.png", "'x.png", 'q"q.png', "a,b.png", "a\nb.png", "@.png", "ä.png"]
)
def test_names_that_spreadsheets_would_take_for_formulas(start, photos, tmp_path, name):
    (photos / "a" / "00.png").rename(photos / name)
    one, two = start(), start(folder=tmp_path / "two")
    one.post({"event": "label", "sample": name, "label": "cat"}, "ada")
    csv.write(one, tmp_path / "out.csv")
    found = imported(two, tmp_path / "out.csv")
    assert found.notes == []
    assert [label.label for label in two.labels().values()] == ["cat"]


def test_texts_come_with_their_text_and_are_found_by_it(start, texts, tmp_path):
    session = start(texts, kind="texts")
    session.post({"event": "label", "sample": 1, "label": "cat"}, "ada")
    csv.write(session, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().splitlines()[1].endswith(",review number 1 is good")
    (tmp_path / "in.csv").write_text("sample,label\nreview number 2 is bad,dog\nnothing like it,dog\n")
    found = imported(session, tmp_path / "in.csv")
    assert {position: label.label for position, label in session.labels().items()} == {1: "cat", 2: "dog"}
    assert found.notes == ["in.csv: of no sample here: nothing like it"]


def test_a_spreadsheets_own_separators_and_new_classes(other, tmp_path):
    (tmp_path / "in.csv").write_text(
        "\ufefflabel;sample;n\nfox;a/00.png;1\n;a/02.png;2\nox;b/01.png;3\n", "utf-8"
    )
    found = imported(other, tmp_path / "in.csv")
    assert found.notes == ["in.csv: new classes: fox, ox"]
    assert {position: label.label for position, label in other.labels().items()} == {0: "fox", 20: "ox"}
    assert {label.by for label in other.labels().values()} == {"import"}


def test_another_label_overrules_and_is_said(labelled, tmp_path):
    (tmp_path / "in.csv").write_text("sample,label\na/00.png,dog\nb/39.png,cat\n")
    assert imported(labelled, tmp_path / "in.csv").notes == [
        "in.csv: had another label, which the imported one overrules: a/00.png"
    ]
    assert labelled.labels()[0].label == "dog"


def test_columns_that_are_not_there(other, tmp_path):
    (tmp_path / "in.csv").write_text("file,class\na,b\n")
    with pytest.raises(UsageError, match="expected the columns sample and label, got file, class"):
        csv.read(other, tmp_path / "in.csv")
    with pytest.raises(UsageError, match="there is no file"):
        csv.read(other, tmp_path / "no.csv")
