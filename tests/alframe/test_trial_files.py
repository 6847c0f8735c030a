import json
import math

import numpy as np
import pytest

from alframe.trial_files import Unusable, read_csv_trial, read_trial

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


def program(path, rows, args=None):
    file = path / "A_seed1.csv"
    file.write_text("".join(",".join(f'"{value}"' for value in row) + "\n" for row in rows))
    (path / "A_seed1").mkdir(exist_ok=True)
    args = {"n_init_lb": 20, "n_query": 10, "n_round": 2, "seeds": [1]} if args is None else args
    (path / "A_seed1" / "args.json").write_text(json.dumps(args))
    return file


def test_alframes_own_rounds(tmp_path):
    trial = read_trial(jsonl(tmp_path, RECORDS))
    assert trial.labelled.tolist() == [100, 150, 200]
    assert trial.accuracy.tolist() == [0.5, 0.6, 0.7]
    assert trial.query_seconds.tolist()[1:] == [2.0, 3.0]
    assert math.isnan(trial.query_seconds[0])  # no query comes before the initial set
    assert math.isnan(trial.query_peak_memory[0])
    assert trial.query_peak_memory.tolist()[1:] == [1000, 2000]
    assert trial.train_seconds.tolist() == [2.0, 2.0, 2.0]


def test_what_a_record_lacks_is_not_a_number(tmp_path):
    trial = read_trial(jsonl(tmp_path, [{"labelled": 5, "accuracy": 1}, {"labelled": 6, "accuracy": 0}]))
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
        read_trial(jsonl(tmp_path, records))


def test_cut_off_in_a_line(tmp_path):
    file = jsonl(tmp_path, RECORDS)
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(Unusable, match="cut off"):
        read_trial(file)


def test_no_text_and_no_file(tmp_path):
    (tmp_path / "rounds.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Unusable, match="damaged"):
        read_trial(tmp_path / "rounds.jsonl")
    with pytest.raises(Unusable, match="no round is finished yet"):
        read_trial(tmp_path / "none.jsonl")


def test_the_programs_csv(tmp_path):
    trial, in_percent = read_csv_trial(program(tmp_path, [(0.5, 0.0), (0.6, 1.5), (0.7, 2.5)]))
    assert not in_percent
    assert trial.labelled.tolist() == [20, 30, 40]
    assert trial.accuracy.tolist() == [0.5, 0.6, 0.7]
    assert trial.query_seconds.tolist()[1:] == [1.5, 2.5]
    assert math.isnan(trial.query_seconds[0])
    assert np.isnan(trial.query_peak_memory).all()
    assert np.isnan(trial.train_seconds).all()


def test_a_heading_is_passed_over_and_percent_found_out(tmp_path):
    trial, in_percent = read_csv_trial(program(tmp_path, [("Accuracy", "Duration"), (0.5, 0), (60, 1)]))
    assert in_percent
    assert trial.accuracy.tolist() == pytest.approx([0.005, 0.6])


@pytest.mark.parametrize(
    "text",
    [
        "0.5,0.0\n0.6,1.5\n",  # no quotes
        '"0.5","0.0"\r\n"0.6","1.5"\r\n',
        '"0.5", "0.0"\n\n "0.6", "1.5"\n',  # blanks and an empty line
        '\ufeff"0.5","0.0"\n"0.6","1.5"',  # saved by a spreadsheet; no end of line
        "\ufeffAccuracy,Duration\n5e-1,0\n+.6,1.5\n",
    ],
)
def test_other_ways_to_write_the_same(tmp_path, text):
    file = program(tmp_path, [(0.5, 0.0)])
    file.write_bytes(text.encode())
    trial, _ = read_csv_trial(file)
    assert trial.accuracy.tolist() == [0.5, 0.6]
    assert trial.query_seconds.tolist()[1:] == [1.5]


def test_a_growing_budget(tmp_path):
    args = {"n_init_lb": 20, "n_query": 10, "query_growth_ratio": 2}
    trial, _ = read_csv_trial(program(tmp_path, [(0.5, 0)] * 4, args))
    assert trial.labelled.tolist() == [20, 30, 50, 90]


@pytest.mark.parametrize(
    ("rows", "args", "reason"),
    [
        ([], None, "no rounds"),
        ([(0.5, "x")], None, "not an accuracy and a duration"),
        ([(0.5,)], None, "not an accuracy and a duration"),
        ([(101, 0)], None, "not between 0 and 1"),
        ([("nan", 0)], None, "not between 0 and 1"),
        ([(-0.1, 0)], None, "not between 0 and 1"),
        ([("", "")], None, "not an accuracy and a duration"),
        ([(0.5, 0, 1)], None, "not an accuracy and a duration"),
        ([(0.5, 0)], {"n_query": 10}, "lacks 'n_init_lb'"),
        ([(0.5, 0), (0.6, 0)], {"n_init_lb": "20", "n_query": "10"}, "size is missing or not"),
        ([(0.5, 0), (0.6, 0)], {"n_init_lb": 20, "n_query": "10"}, "must be whole numbers"),
        ([(0.5, 0), (0.6, 0)], [1], "must be whole numbers"),
        ([(0.5, 0)], {"n_init_lb": 1, "n_query": 10, "init_lb_method": "per_class"}, "by class"),
    ],
)
def test_unusable_csv(tmp_path, rows, args, reason):
    with pytest.raises(Unusable, match=reason):
        read_csv_trial(program(tmp_path, rows, args))


def test_cut_off_inside_quotes_and_no_args(tmp_path):
    file = program(tmp_path, [(0.5, 0.0), (0.6, 1.5)])
    file.write_text(file.read_text()[:-3])
    with pytest.raises(Unusable, match="cut off"):
        read_csv_trial(file)
    file = program(tmp_path, [(0.5, 0.0)])
    (tmp_path / "A_seed1" / "args.json").unlink()
    with pytest.raises(Unusable, match=r"args.json, which tells the labelled-set sizes, can't be read"):
        read_csv_trial(file)
    with pytest.raises(Unusable, match="No such file"):
        read_csv_trial(tmp_path / "B_seed1.csv")
