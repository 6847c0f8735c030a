import importlib.util
import json
import math
import xml.etree.ElementTree as ElementTree

import pytest

from alframe.contract.labelling import Prediction
from alframe.errors import UsageError
from alframe.labelling.formats import label_studio
from alframe.labelling.formats.label_studio import label_config, scores_from_0_to_1


def imported(session, path):
    found = label_studio.read(session, path)
    session.take(found.events)
    return found


def labels(session):
    return {position: label.label for position, label in session.labels().items()}


def test_what_was_exported_is_imported(labelled, other, tmp_path, same):
    label_studio.write(labelled, tmp_path / "out.json")
    assert imported(other, tmp_path / "out.json").notes == []
    assert len(same(labelled, other)) == 3
    assert other.skipped() == labelled.skipped() == {5}


def test_votes_that_differ_come_back_as_votes(start, tmp_path):
    people = ("ada", "bob")
    one = start(overlap=1.0, people=people)
    two = start(overlap=1.0, people=people, folder=tmp_path / "two")
    one.post({"event": "label", "sample": 0, "label": "cat"}, "ada")
    one.post({"event": "label", "sample": 0, "label": "dog"}, "bob")
    label_studio.write(one, tmp_path / "out.json")
    imported(two, tmp_path / "out.json")
    assert two.disagreements() == one.disagreements() != []


def test_a_task_is_as_label_studio_writes_it(labelled, tmp_path):
    notes = label_studio.write(labelled, tmp_path / "out.json")
    tasks = json.loads((tmp_path / "out.json").read_text())
    choice = {"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": ["cat"]}}
    assert tasks[0] == {
        "data": {
            "image": "/data/local-files/?d=photos/a/00.png",
            "alframe_id": "a/00.png",
            "alframe_by": ["ada"],
        },
        "annotations": [
            {
                "result": [choice],
                "was_cancelled": False,
                "ground_truth": False,
                "created_at": labelled.labels()[0].at,
            }
        ],
    }
    assert "annotations" not in tasks[2]
    assert f"LOCAL_FILES_DOCUMENT_ROOT={tmp_path}" in notes[1]


def test_predictions_come_first_by_their_scores_and_in_label_studios_range(labelled, tmp_path):
    scores = {7: 3.0, 8: -1.0, 9: 5.0, 10: -math.inf}
    given = {position: Prediction("dog", 0.7, score, 4) for position, score in scores.items()}
    label_studio.write(labelled, tmp_path / "out.json", given)
    tasks = json.loads((tmp_path / "out.json").read_text())
    found = [labelled.position_of(task["data"]["alframe_id"]) for task in tasks]
    assert found[:4] == [9, 7, 8, 10]
    assert len(found) == 40
    assert [task["predictions"][0].get("score") for task in tasks[:4]] == [1, 4 / 6, 0, None]
    assert [task["data"].get("alframe_score") for task in tasks[:4]] == [5, 3, -1, None]
    assert tasks[0]["predictions"][0]["model_version"] == "alframe-4"


def test_scores_that_fit_stay():
    assert scores_from_0_to_1({1: Prediction("a", 1, 0.25), 2: Prediction("a", 1, 1)}) == {1: 0.25, 2: 1}
    assert scores_from_0_to_1({1: Prediction("a", 1, 7), 2: Prediction("a", 1, 7)}) == {1: 0, 2: 0}
    assert scores_from_0_to_1({1: Prediction("a", 1, math.nan)}) == {}


def test_the_interface_has_every_class_whatever_it_is_called(start):
    names = ("a&b", '"q"', "<x>", "ü")
    root = ElementTree.fromstring(label_config(start(classes=names)))
    assert [choice.get("value") for choice in root.iter("Choice")] == list(names)
    assert root.find("Image").attrib == {"name": "image", "value": "$image"}


def test_texts(start, texts, tmp_path):
    one, two = start(texts, kind="texts"), start(texts, kind="texts", folder=tmp_path / "two")
    one.post({"event": "label", "sample": 3, "label": "cat"}, "ada")
    label_studio.write(one, tmp_path / "out.json")
    task = json.loads((tmp_path / "out.json").read_text())[3]
    assert task["data"]["text"] == "review number 3 is good"
    imported(two, tmp_path / "out.json")
    assert labels(two) == {3: "cat"}


@pytest.mark.parametrize("content", ["[1]", "3.5", '"x"', "{", "[{]"])
def test_what_is_no_export(other, tmp_path, content):
    (tmp_path / "in.json").write_text(content)
    try:
        found = imported(other, tmp_path / "in.json")
    except UsageError as error:
        assert "in.json" in str(error)  # noqa: PT017
    else:
        assert found.events == []


needs_sdk = pytest.mark.skipif(
    importlib.util.find_spec("label_studio_sdk") is None, reason="label-studio-sdk is not installed"
)


@needs_sdk
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # another's
class TestWithTheirs:
    """Label Studio's own library takes what is written, and what it makes of that is read."""

    def test_interface_annotations_and_predictions_are_valid(self, labelled, tmp_path):
        from label_studio_sdk.label_interface import LabelInterface

        given = {position: Prediction("dog", 0.7, position - 5.0) for position in range(40)}
        label_studio.write(labelled, tmp_path / "out.json", given)
        interface = LabelInterface(label_config(labelled))
        interface.validate()
        for task in json.loads((tmp_path / "out.json").read_text()):
            assert interface.validate_task({"data": task["data"]})
            for prediction in task["predictions"]:
                assert interface.validate_prediction(prediction, return_errors=True) == []
            for annotation in task.get("annotations", ()):
                assert interface.validate_annotation(annotation)

    @pytest.mark.parametrize("form", ["JSON_MIN", "CSV", "TSV"])
    def test_their_flat_exports_come_back(self, labelled, other, tmp_path, form):
        from label_studio_sdk.converter import Converter

        label_studio.write(labelled, tmp_path / "out.json")
        tasks = json.loads((tmp_path / "out.json").read_text())
        for number, task in enumerate(tasks, 1):
            task["id"] = number
            for annotation in task.get("annotations", ()):
                annotation |= {
                    "id": number,
                    "completed_by": {"id": 1, "email": "ada@example.org"},
                    "lead_time": 1.5,
                }
        (tmp_path / "export.json").write_text(json.dumps(tasks))
        converter = Converter(label_config(labelled), str(tmp_path))
        names = str(tmp_path / "export.json"), str(tmp_path / "theirs")
        if form == "JSON_MIN":
            converter.convert_to_json_min(*names, is_dir=False)
        else:
            converter.convert_to_csv(*names, is_dir=False, header=True, sep="\t" if form == "TSV" else ",")
        (result,) = (path for path in (tmp_path / "theirs").iterdir())
        assert imported(other, result).notes == []
        assert labels(other) == labels(labelled)
        times = [{label.at for label in session.labels().values()} for session in (labelled, other)]
        assert times[0] == times[1]
