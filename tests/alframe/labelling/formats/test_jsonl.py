import json

import pytest

from alframe.errors import UsageError
from alframe.labelling.formats import jsonl


def test_what_was_exported_is_imported(labelled, other, tmp_path, same):
    jsonl.write(labelled, tmp_path / "out.jsonl")
    found = jsonl.read(other, tmp_path / "out.jsonl")
    other.take(found.events)
    assert found.notes == []
    assert len(same(labelled, other)) == 3


def test_texts_come_with_their_text(start, texts, tmp_path):
    session = start(texts, kind="texts")
    session.post({"event": "label", "sample": 1, "label": "cat"}, "ada")
    jsonl.write(session, tmp_path / "out.jsonl")
    (row,) = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert (row["sample"], row["text"]) == ("1", "review number 1 is good")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 1: this is no JSON"),
        ("[]", "line 1: expected"),
        ('{"sample": 1, "label": "x"}', "expected"),
    ],
)
def test_lines_that_are_none(other, tmp_path, line, message):
    (tmp_path / "in.jsonl").write_text(line)
    with pytest.raises(UsageError, match=message):
        jsonl.read(other, tmp_path / "in.jsonl")


def test_labels_that_can_not_be_are_left_out(other, tmp_path):
    (tmp_path / "in.jsonl").write_text(
        '{"sample": "a/00.png", "label": 7}\n{"sample": "a/02.png", "label": null}\n'
    )
    found = jsonl.read(other, tmp_path / "in.jsonl")
    assert found.events == []
    assert found.notes == ["in.jsonl: labels that can't be: a/00.png (7)"]
