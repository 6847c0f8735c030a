import json

import pytest

from alframe.errors import UsageError
from alframe.labelling.formats import label_studio

OWN = {"id": 1, "annotator": 2, "annotation_id": 3, "created_at": "2026-01-02T03:04:05Z", "lead_time": 1.5}


@pytest.fixture
def take(other, tmp_path):
    def read(content):
        path = tmp_path / "in.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        found = label_studio.read(other, path)
        other.take(found.events)
        return {other.samples[p].id: label.label for p, label in other.labels().items()}, found.notes

    return read


@pytest.mark.parametrize("key", ["label", "animal", "choice"])
def test_json_min(take, other, key):
    rows = [
        {"image": "/data/upload/1/0123abcd-00.png", key: "cat", "height": 3} | OWN,
        {"image": "a/02.png", key: {"choices": ["dog"]}} | OWN,
        {"image": "a/04.png"} | OWN,
    ]
    assert take(rows) == ({"a/00.png": "cat", "a/02.png": "dog"}, [])
    event = other.events[0]
    assert (event.by, event.at, event.seconds) == ("user 2", "2026-01-02T03:04:05Z", 1.5)


def test_several_choices_and_unknown_files_are_listed(take):
    rows = [
        {"image": "a/00.png", "label": {"choices": ["cat", "dog"]}},
        {"image": "zzz.png", "label": "cat"},
        {"image": "a/02.png", "label": "dog"},
    ]
    assert take(rows) == (
        {"a/02.png": "dog"},
        [
            "in.json: several choices for one sample: a/00.png (cat, dog)",
            "in.json: of no sample here: zzz.png",
        ],
    )


def test_csv(take):
    several = '"{""choices"": [""cat"", ""dog""]}"'
    rows = [
        "image,id,label,annotator,lead_time",
        "a/00.png,1,cat,ada@x.org,1.5",
        f"a/02.png,2,{several},3,",
        "",
    ]
    found, notes = take("\n".join(rows))
    assert found == {"a/00.png": "cat"}
    assert notes == ["in.json: several choices for one sample: a/02.png (cat, dog)"]


def test_a_new_class_under_the_usual_name(take):
    rows = [{"image": "a/00.png", "sentiment": "fine", "other": "x"}]
    assert take(rows) == ({"a/00.png": "fine"}, ["in.json: new classes: fine"])


def test_which_key_holds_the_labels_is_asked(take):
    with pytest.raises(UsageError, match="which of one, two holds the labels"):
        take([{"image": "a/00.png", "one": "x", "two": "y"}])


def test_nothing(take):
    assert take([]) == ({}, [])
    assert take("image,label\n") == ({}, [])
