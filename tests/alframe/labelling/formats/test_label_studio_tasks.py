import json

import pytest

from alframe.labelling.formats import label_studio


def choice(*names, question="label", kind="choices"):
    return {"from_name": question, "to_name": "image", "type": kind, "value": {"choices": list(names)}}


def task(image, *results, **annotation):
    return {"data": {"image": image}, "annotations": [{"result": list(results), **annotation}]}


@pytest.fixture
def take(other, tmp_path):
    def read(*tasks):
        (tmp_path / "in.json").write_text(json.dumps(tasks))
        found = label_studio.read(other, tmp_path / "in.json")
        other.take(found.events)
        return {other.samples[p].id: label for p, label in other.labels().items()}, found.notes

    return read


def test_people_times_and_seconds(take, other):
    when = {"created_at": "2026-01-02T03:04:05.123456Z", "lead_time": 1.8}
    found, notes = take(
        task("/data/local-files/?d=photos/a/00.png", choice("cat"), completed_by=3, **when),
        task("/data/upload/2/0123abcd-02.png", choice("dog"), completed_by={"id": 1, "email": "ada@x.org"}),
        task("s3://bucket/a/04.png", choice("cat")),
        task("b/01.png", was_cancelled=True, completed_by="bob"),
    )
    assert {name: (label.label, label.by) for name, label in found.items()} == {
        "a/00.png": ("cat", "user 3"),
        "a/02.png": ("dog", "ada@x.org"),
        "a/04.png": ("cat", "import"),
    }
    assert found["a/00.png"].at == "2026-01-02T03:04:05Z"
    assert other.events[0].seconds == 1.8
    assert other.skipped() == {20}
    assert notes == []


def test_boxes_several_choices_and_other_questions_are_left_out_and_named(take):
    found, notes = take(
        task("a/00.png", choice("cat"), choice("sunny", question="weather")),
        task("a/02.png", choice("cat", "dog")),
        task("a/04.png", choice(kind="rectanglelabels"), choice(kind="rectanglelabels")),
        task("zzz.png", choice("cat")),
        task("a/06.png"),
    )
    assert set(found) == {"a/00.png"}
    assert notes == [
        "in.json: choices 'weather' are left out, of: a/00.png",
        "in.json: several choices for one sample: a/02.png (cat, dog)",
        "in.json: results of type rectanglelabels are left out, of: a/04.png, a/04.png",
        "in.json: of no sample here: zzz.png",
    ]


def test_choices_of_any_name(take):
    found, _ = take(
        task("a/00.png", choice("cat", question="animal")), task("a/02.png", choice("dog", question="animal"))
    )
    assert len(found) == 2


@pytest.mark.parametrize(
    "strange",
    [
        {"data": 3, "annotations": [{"result": [choice("cat")]}]},
        {"data": {"image": "a/00.png"}, "annotations": "x"},
        {
            "data": {"image": "a/00.png"},
            "annotations": [3, {"result": "x"}, {"result": [3, {"type": "choices"}]}],
        },
        {
            "data": {"image": "a/00.png"},
            "annotations": [{"result": [{"type": "choices", "from_name": "label", "value": 3}]}],
        },
        {"data": {"image": None}, "annotations": [{"result": [choice("cat")], "lead_time": "x"}]},
        {"data": {"image": "a/00.png"}},
    ],
)
def test_strange_tasks_are_no_labels(take, strange):
    found, _ = take(strange, task("a/02.png", choice("cat")))
    assert set(found) == {"a/02.png"}


def test_their_older_name_of_annotations(take):
    found, _ = take({"data": {"image": "a/00.png"}, "completions": [{"result": [choice("cat")]}]})
    assert set(found) == {"a/00.png"}
