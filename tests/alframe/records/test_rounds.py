import json
import math

import numpy as np
import pytest

from alframe.records.rounds import Unusable, read_curves

RECORDS = [
    {
        "round": k,
        "labelled": 100 + 50 * k,
        "accuracy": 0.5 + k / 10,
        "query_seconds": 1.0 + k,
        "query_peak_memory": 1000 * k,
        "train_seconds": 2.0,
    }
    for k in range(3)
]


def jsonl(path, records):
    file = path / "rounds.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    return file


def test_alframes_own_rounds(tmp_path):
    trial = read_curves(jsonl(tmp_path, RECORDS))
    assert trial.labelled.tolist() == [100, 150, 200]
    assert trial.accuracy.tolist() == [0.5, 0.6, 0.7]
    assert trial.query_seconds.tolist()[1:] == [2.0, 3.0]
    assert math.isnan(trial.query_seconds[0])  # no query comes before the initial set
    assert math.isnan(trial.query_peak_memory[0])
    assert trial.query_peak_memory.tolist()[1:] == [1000, 2000]
    assert trial.train_seconds.tolist() == [2.0, 2.0, 2.0]


def test_what_a_record_lacks_is_not_a_number(tmp_path):
    trial = read_curves(jsonl(tmp_path, [{"labelled": 5, "accuracy": 1}, {"labelled": 6, "accuracy": 0}]))
    assert np.isnan(trial.query_seconds).all()
    assert np.isnan(trial.train_seconds).all()


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ([], "no rounds"),
        ([[1]], "not a round's record"),
        ([{"labelled": 10}], "accuracy is missing"),
        ([{"labelled": 10, "accuracy": 1.2}], "not between 0 and 1"),
        ([{"labelled": 10, "accuracy": float("nan")}], "not between 0 and 1"),
        ([{"labelled": 10, "accuracy": True}], "not between 0 and 1"),
        ([{"accuracy": 0.5}], "size is missing"),
        ([{"labelled": 0, "accuracy": 0.5}], "not a positive whole number"),
        ([{"labelled": 10**400, "accuracy": 0.5}], "not a positive whole number"),
        ([{"labelled": True, "accuracy": 0.5}], "not a positive whole number"),
        ([{"labelled": 10, "accuracy": 0.5}] * 2, "don't increase"),
    ],
)
def test_unusable_records(tmp_path, records, reason):
    with pytest.raises(Unusable, match=reason):
        read_curves(jsonl(tmp_path, records))


def test_cut_off_in_a_line(tmp_path):
    file = jsonl(tmp_path, RECORDS)
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(Unusable, match="cut off"):
        read_curves(file)


def test_no_text_and_no_file(tmp_path):
    (tmp_path / "rounds.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Unusable, match="damaged"):
        read_curves(tmp_path / "rounds.jsonl")
    with pytest.raises(Unusable, match="no round is finished yet"):
        read_curves(tmp_path / "none.jsonl")
