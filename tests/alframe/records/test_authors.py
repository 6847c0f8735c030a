import json
import math

import numpy as np
import pytest

from alframe.records.authors import read_csv_curves
from alframe.records.rounds import Unusable


def program(path, rows, args=None):
    file = path / "A_seed1.csv"
    file.write_text("".join(",".join(f'"{value}"' for value in row) + "\n" for row in rows))
    (path / "A_seed1").mkdir(exist_ok=True)
    args = {"n_init_lb": 20, "n_query": 10, "n_round": 2, "seeds": [1]} if args is None else args
    (path / "A_seed1" / "args.json").write_text(json.dumps(args))
    return file


def test_the_programs_csv(tmp_path):
    trial, in_percent = read_csv_curves(program(tmp_path, [(0.5, 0.0), (0.6, 1.5), (0.7, 2.5)]))
    assert not in_percent
    assert trial.labelled.tolist() == [20, 30, 40]
    assert trial.accuracy.tolist() == [0.5, 0.6, 0.7]
    assert trial.query_seconds.tolist()[1:] == [1.5, 2.5]
    assert math.isnan(trial.query_seconds[0])
    assert np.isnan(trial.query_peak_memory).all()
    assert np.isnan(trial.train_seconds).all()


def test_a_heading_is_passed_over_and_percent_found_out(tmp_path):
    trial, in_percent = read_csv_curves(program(tmp_path, [("Accuracy", "Duration"), (0.5, 0), (60, 1)]))
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
    trial, _ = read_csv_curves(file)
    assert trial.accuracy.tolist() == [0.5, 0.6]
    assert trial.query_seconds.tolist()[1:] == [1.5]


def test_a_growing_budget(tmp_path):
    args = {"n_init_lb": 20, "n_query": 10, "query_growth_ratio": 2}
    trial, _ = read_csv_curves(program(tmp_path, [(0.5, 0)] * 4, args))
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
        read_csv_curves(program(tmp_path, rows, args))


def test_cut_off_inside_quotes_and_no_args(tmp_path):
    file = program(tmp_path, [(0.5, 0.0), (0.6, 1.5)])
    file.write_text(file.read_text()[:-3])
    with pytest.raises(Unusable, match="cut off"):
        read_csv_curves(file)
    file = program(tmp_path, [(0.5, 0.0)])
    (tmp_path / "A_seed1" / "args.json").unlink()
    with pytest.raises(Unusable, match=r"args.json, which tells the labelled-set sizes, can't be read"):
        read_csv_curves(file)
    with pytest.raises(Unusable, match="No such file"):
        read_csv_curves(tmp_path / "B_seed1.csv")
