import dataclasses
import json

import pytest

from alframe.records.origin import ENVIRONMENT, Origin, facts_of, read_recorded
from alframe.records.reading import Unusable
from doubles import NAMES, ORIGIN


def test_it_comes_back():
    with_features = dataclasses.replace(ORIGIN, features={"content": "3", "sketch": "1 2"})
    for origin in (ORIGIN, with_features):
        assert Origin.of(json.loads(json.dumps(origin.as_dict()))) == origin
    assert "features" not in ORIGIN.as_dict()  # what an earlier alframe reads stays as it is


@pytest.mark.parametrize(
    "content",
    [
        *(None, [], {}, {"trial": NAMES}, ORIGIN.as_dict() | {"trial": {}}, ORIGIN.as_dict() | {"data": {}}),
        *(ORIGIN.as_dict() | {"network": {"initial": 1}}, ORIGIN.as_dict() | {"data": "text"}),
    ],
)
def test_what_is_none(content):
    with pytest.raises(ValueError, match="no"):
        Origin.of(content)


def test_whose_it_is():
    assert ORIGIN.name == "margin seed 1"
    moved = dataclasses.replace(ORIGIN, trial=NAMES | {"dataset": "x", "setting": "y"}, data={})
    assert moved.is_trial_of(ORIGIN)
    for name in ("strategy", "seed", "kind"):
        assert not dataclasses.replace(ORIGIN, trial=NAMES | {name: "other"}).is_trial_of(ORIGIN)


def test_which_data_changed():
    other = dataclasses.replace(ORIGIN, data={"training inputs": "1", "test labels": "2"})
    assert ORIGIN.changed_data(other) == other.changed_data(ORIGIN) == ["test labels"]
    assert ORIGIN.content != other.content
    assert ORIGIN.changed_data(ORIGIN) == []


def test_what_is_recorded_is_read(tmp_path):
    assert read_recorded(tmp_path) is None
    (tmp_path / ENVIRONMENT).write_text(json.dumps({"python": "3"} | facts_of(ORIGIN)))
    recorded = read_recorded(tmp_path)
    assert (recorded.trial, recorded.content, recorded.initial) == (NAMES, ORIGIN.content, "2")
    assert recorded.name == "margin seed 1"
    assert recorded.features == ""
    facts = facts_of(dataclasses.replace(ORIGIN, features={"content": "3", "sketch": "1 2"}))
    (tmp_path / ENVIRONMENT).write_text(json.dumps(facts))
    assert read_recorded(tmp_path).features == "3"
    (tmp_path / ENVIRONMENT).write_text('{"python": "3"}')  # of an earlier alframe
    assert read_recorded(tmp_path) is None


STRANGE = [None, 1, "x", [], {}, [[]], {"a": 1}, {"strategy": "margin", "seed": 1}]


@pytest.mark.parametrize("name", ["trial", "data", "network"])
@pytest.mark.parametrize("value", STRANGE)
def test_what_was_edited(tmp_path, name, value):
    content = facts_of(ORIGIN) | {name: value}
    (tmp_path / ENVIRONMENT).write_text(json.dumps(content))
    if name == "network" and value == {}:
        assert read_recorded(tmp_path).initial == ""
        return
    with pytest.raises(Unusable, match="does not say what the trial was made of"):
        read_recorded(tmp_path)
