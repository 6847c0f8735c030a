import json

import pytest

from alframe import UsageError
from alframe.experiments.task_files import read_document, tasks_in

DOCUMENT = {
    "format": 1,
    "alframe": "0.1.0",
    "name": "margin seed 1",
    "folder": "/runs/x/seed-1",
    "directory": "/",
    "sections": {"run": {"device": "cpu", "rounds": 3, "seeds": [1]}},
    "varied": {},
    "plugins": [],
    "force": False,
}


def test_what_is_well_formed_is_read(tmp_path):
    (tmp_path / "0.json").write_text(json.dumps(DOCUMENT))
    assert read_document(tmp_path / "0.json") == DOCUMENT


@pytest.mark.parametrize("missing", DOCUMENT)
def test_what_lacks_something_is_refused(tmp_path, missing):
    (tmp_path / "0.json").write_text(
        json.dumps({name: value for name, value in DOCUMENT.items() if name != missing})
    )
    with pytest.raises(UsageError, match=rf"task .*0\.json (is damaged: {missing}|has format None)"):
        read_document(tmp_path / "0.json")


def test_tasks_are_in_the_order_of_their_numbers(tmp_path):
    for name in ("10.json", "2.json", "jobs.json", "0.json"):
        (tmp_path / name).touch()
    assert [path.name for path in tasks_in(tmp_path)] == ["0.json", "2.json", "10.json"]
    assert tasks_in(tmp_path / "2.json") == [tmp_path / "2.json"]
