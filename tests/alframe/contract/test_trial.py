import json
from pathlib import Path

import pytest

from alframe.contract.trial import MEASURED, UNWATCHED, Round, RunSummary
from alframe.records.rounds import read_rounds
from doubles import make_round

WRITTEN = sorted((Path(__file__).parents[2] / "data" / "written_before_api_2").rglob("rounds.jsonl"))


def test_a_record_and_back():
    done = make_round(2, 30, 0.7, queried=(5, 3), logged={"x": {"n": 1}}, stability=None)
    assert Round.of(done.as_dict()) == done
    assert Round.of(json.loads(json.dumps(done.as_dict()))) == done


def test_the_record_is_a_dictionary_of_its_own():
    done = make_round(queried=(1, 2), diagnostics={"margin": 0.5}, logged={"x": {"n": 1}})
    record = done.as_dict()
    record["queried"].append(3)
    record["diagnostics"]["margin"] = record["logged"]["x"]["n"] = 0
    assert done.as_dict()["queried"] == [1, 2]
    assert done.as_dict()["diagnostics"] == {"margin": 0.5}
    assert done.as_dict()["logged"] == {"x": {"n": 1}}


def test_no_stability_where_predictions_are_not_compared():
    assert make_round().stability == UNWATCHED
    assert "stability" not in make_round().as_dict()
    assert make_round(stability=None).as_dict()["stability"] is None


def test_calibration_in_the_record():
    bins = ((3, 2, 0.25, 0.5), (14, 9, 0.99, 1.0))
    done = make_round(1, 30, 0.7, ece=0.1, brier=0.2, reliability=bins, temperature=1.5)
    assert Round.of(json.loads(json.dumps(done.as_dict()))) == done
    assert (done.flat()["ece"], done.flat()["brier"], done.flat()["temperature"]) == (0.1, 0.2, 1.5)
    assert not {"ece", "brier", "reliability", "temperature"} & set(make_round().as_dict())


def test_what_another_version_recorded_beside_is_kept():
    record = make_round().as_dict() | {"joules": 3.5}
    assert Round.of(record).as_dict() == record


def test_a_record_that_lacks_what_every_round_has():
    with pytest.raises(ValueError, match="a round's record lacks labelled"):
        Round.of({"round": 1, "accuracy": 0.5})


def test_single_values_by_name():
    flat = make_round(queried=(1,), diagnostics={"margin": 0.1}, logged={"a": {"b": 7}}).flat()
    assert flat["diagnostics/margin"] == 0.1
    assert flat["logged/a/b"] == 7
    assert flat["best_epoch"] is None
    assert not {"queried", "diagnostics", "logged"} & set(flat)


def test_what_is_measured_are_fields():
    assert set(make_round().as_dict()) >= MEASURED


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: "-".join(path.parts[-5:-2]))
def test_rounds_of_an_earlier_alframe_are_read_and_written_as_they_stand(path):
    lines = path.read_text().splitlines()
    assert [json.dumps(done.as_dict()) for done in read_rounds(path.parent)] == lines


def test_a_summary_has_records():
    rounds = (make_round(0), make_round(1))
    assert RunSummary(rounds).records == [done.as_dict() for done in rounds]
