import csv
import dataclasses
import io
import json
from pathlib import Path

import pytest

from alframe.comparison.ranks import PairTest
from alframe.comparison.verdicts import OUTCOMES


def refuse(constant):
    raise AssertionError(f"{constant} is not JSON")


def test_csv_is_one_tidy_table(alframe, runs):
    rows = list(csv.DictReader(io.StringIO(alframe("compare", "runs", "--format", "csv").out)))
    assert list(rows[0]) == ["dataset", "setting", "strategy", "labelled", "seeds", "mean", "std"]
    assert len(rows) == 3 * 3 + 2 * 3
    row = next(r for r in rows if (r["setting"], r["strategy"], r["labelled"]) == ("s1", "random", "2000"))
    assert (row["dataset"], row["seeds"]) == ("digits", "3")
    assert float(row["mean"]) == pytest.approx(0.63)
    assert float(row["std"]) == pytest.approx(0.0360555)


def test_one_seed_has_no_deviation(alframe, write_run):
    write_run("d", "s", "random", 1, [0.5])
    assert alframe("compare", "runs", "--format", "csv").out.splitlines()[1] == "d,s,random,1000,1,0.5,"


def test_json_has_everything(alframe, runs):
    found = json.loads(alframe("compare", "runs", "--format", "json").out, parse_constant=refuse)
    assert found["level"] == "overall"
    assert [one["setting"] for one in found["settings"]] == ["s1", "s2"]
    first = found["settings"][0]
    random = first["strategies"]["random"]
    assert random["curve"][0] == {
        "labelled": 1000,
        "seeds": 3,
        "mean": pytest.approx(0.53),
        "std": pytest.approx(0.0360555),
    }
    assert random["area"]["by_seed"] == pytest.approx({"1": 0.6, "2": 0.62, "3": 0.67})
    assert random["cost"] == {
        "seconds": 2.25,
        "seconds_std": 0.0,
        "peak_memory": 3 * 2**20,
        "train_seconds": 2.0,
    }
    assert random["trials"]["1"]["query_seconds"] == [None, 1.5, 3.0]
    assert first["penalties"]["strategies"] == ["a_b", "margin", "random"]
    assert first["penalties"]["wins"][0][2] == 1
    assert first["penalties"]["wins"][0][0] is None
    assert first["penalties"]["penalties"][0] == 0
    saving = next(s for s in first["labels_saved"] if (s["strategy"], s["reference"]) == ("a_b", "random"))
    assert saving["labels"] == pytest.approx(2000)
    assert first["verdicts"][0]["words"].startswith("a_b beats random by 0.075")
    assert found["total"]["settings"] == 1
    assert found["ranks"] is None
    assert {"strategy": "a_b", "reference": "random", "beats": 2} in found["tally"]
    assert any(note.startswith("as few as 2 seeds") for note in found["notes"])


def keys(value):
    """All keys of objects but those that are names or seeds."""
    if isinstance(value, list):
        return set().union(*map(keys, value))
    if not isinstance(value, dict):
        return set()
    found = set().union(*map(keys, value.values()))
    names = {"a_b", "margin", "random", "1", "2", "3"}
    return found | (set(value) - names)


def test_every_key_is_in_the_guide(alframe, runs):
    flags = ["--format", "json", "--strategies", "random,a_b"]
    told = json.loads(alframe("compare", "runs", *flags).out)
    told["ranks"]["pairs"] = [dataclasses.asdict(PairTest("a", "b", 0.5))]  # of six settings or more
    guide = (Path(__file__).parents[2] / "docs/guide/comparing.md").read_text()
    assert {"curve", "query_peak_memory", "friedman_p", "wins"} <= keys(told)
    assert {key for key in {*keys(told), *OUTCOMES} if f"`{key}`" not in guide} == set()


def test_the_ranks(alframe, runs):
    found = json.loads(alframe("compare", "runs", "--format", "json", "--strategies", "random,a_b").out)
    assert found["ranks"]["strategies"] == ["a_b", "random"]
    assert found["ranks"]["mean_ranks"] == [1.0, 2.0]
