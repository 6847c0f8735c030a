import json

import numpy as np
import pandas as pd
import pytest

from alframe.comparison.compare import compare
from alframe.comparison.frames import curves_frame, rounds_frame, summary_frame, verdicts_frame
from alframe.records.tree import SettingRuns


@pytest.fixture
def found(make_setting):
    seeds = (1, 2, 3)
    first = make_setting(
        "digits",
        "s1",
        random={k: [0.5, 0.6, 0.7 + k / 1000] for k in seeds},
        margin={k: [0.5, 0.8 + k / 1000, 0.9] for k in seeds},
        fresh={1: [0.5]},
    )
    return compare([first, make_setting("digits", "s2", random={1: [0.25, 0.5]}, margin={1: [0.5, 0.75]})])


def test_a_summary_has_a_row_a_setting_and_strategy(make_setting):
    seeds = (1, 2, 3)
    setting = make_setting(
        "digits",
        "s1",
        random={k: [0.5, 0.6 + k / 1000, 0.7] for k in seeds},
        margin={k: [0.5, 0.8 + k / 2000, 0.9] for k in seeds},
    )
    frame = summary_frame(compare([setting]))
    assert frame.strategy.tolist() == ["margin", "random"]  # the better one first
    margin = frame.iloc[0]
    assert (margin.dataset, margin.setting, margin.seeds, margin.labelled) == ("digits", "s1", 3, 300)
    assert margin.accuracy == pytest.approx(0.9)
    assert margin.area == pytest.approx((0.5 / 2 + 0.801 + 0.9 / 2) / 2)
    assert (margin.query_seconds, margin.train_seconds, margin.query_peak_memory) == (1.0, 1.0, 1000)
    assert frame["against random"].fillna("").tolist() == ["beats", ""]
    assert "against margin" not in frame  # the pair is judged once
    assert frame["accuracy"].dtype.kind == "f"
    assert margin[["ece", "brier"]].isna().all()  # these records have none


def test_what_is_not_known_is_empty(found):
    frame = summary_frame(found).set_index(["setting", "strategy"])
    assert np.isnan(frame.loc[("s1", "fresh"), "area"])
    assert frame.loc[("s1", "fresh"), "accuracy"] == 0.5
    assert np.isnan(frame.loc[("s2", "random"), "accuracy_std"])


def test_curves_are_tidy(found):
    frame = curves_frame(found)
    assert list(frame) == ["dataset", "setting", "strategy", "labelled", "seeds", "accuracy", "accuracy_std"]
    assert len(frame) == 3 + 3 + 1 + 2 + 2
    wide = frame[frame.setting == "s1"].pivot(index="labelled", columns="strategy", values="accuracy")
    assert wide.loc[300, "random"] == pytest.approx(0.702)
    assert np.isnan(wide.loc[300, "fresh"])


def test_verdicts_have_the_savings(make_setting):
    seeds = (1, 2, 3)
    setting = make_setting(
        random={k: [0.5, 0.6 + k / 1000, 0.7] for k in seeds}, margin={k: [0.5, 0.7, 0.9] for k in seeds}
    )
    [row] = verdicts_frame(compare([setting])).to_dict("records")
    assert (row["strategy"], row["reference"], row["outcome"]) == ("margin", "random", "beats")
    assert row["labels_saved"] == pytest.approx(100)
    assert row["words"].startswith("margin beats random by")
    none = verdicts_frame(compare([make_setting(a={1: [0.5, 0.6]})]))
    assert (len(none), none.columns[-1]) == (0, "words")


def test_rounds_are_the_records(tmp_path, trial):
    folder = tmp_path / "margin" / "seed-7"
    folder.mkdir(parents=True)
    records = [
        {"round": k, "labelled": 100 * (k + 1), "accuracy": 0.5, "loss": 1.5, "queried": [k]}
        | {"logged": {"margin": {"kept": 3 + k}}}
        for k in range(2)
    ]
    (folder / "rounds.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    strategies = {"margin": {7: trial([0.5, 0.5])}, "theirs": {1: trial([0.25, 0.75])}}
    frame = rounds_frame([SettingRuns("digits", "s", strategies, tmp_path)])
    assert list(frame)[:7] == ["dataset", "setting", "strategy", "seed", "round", "labelled", "accuracy"]
    ours = frame[frame.strategy == "margin"]
    assert (ours.seed.tolist(), ours.labelled.tolist(), ours.loss.tolist()) == (
        [7, 7],
        [100, 200],
        [1.5, 1.5],
    )
    assert ours["logged/margin/kept"].tolist() == [3, 4]
    theirs = frame[frame.strategy == "theirs"]  # another program's, which says less
    assert theirs.accuracy.tolist() == [0.25, 0.75]
    assert theirs.loss.isna().all()
    assert "queried" not in frame
    (folder / "rounds.jsonl").unlink()
    assert len(rounds_frame([SettingRuns("digits", "s", strategies, tmp_path)])) == 4
    assert isinstance(frame, pd.DataFrame)
