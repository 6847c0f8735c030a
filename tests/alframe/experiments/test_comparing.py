import json

import pytest

import alframe
from alframe import UsageError
from alframe_cli.main import main


@pytest.fixture
def runs(tmp_path):
    """Runs of two settings."""
    for setting, sizes in (("s1", 3), ("s2", 2)):
        for strategy, gain in (("random", 0.1), ("margin", 0.15), ("badge", 0.12)):
            for seed in (1, 2, 3):
                folder = tmp_path / "runs" / "digits" / setting / strategy / f"seed-{seed}"
                folder.mkdir(parents=True)
                records = [
                    {"round": k, "labelled": 100 * (k + 1), "accuracy": 0.4 + gain * k + seed / 100 * k}
                    | {"query_seconds": 1.5 * k, "train_seconds": 2.0, "query_peak_memory": 100}
                    for k in range(sizes)
                ]
                (folder / "rounds.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    return tmp_path / "runs"


def test_the_numbers_are_those_of_the_command(runs, capsys):
    with pytest.raises(SystemExit):
        main(["compare", str(runs), "--reference", "random", "--format", "json"])
    told = json.loads(capsys.readouterr().out)
    frame = alframe.compare(runs, reference="random").set_index(["setting", "strategy"])
    curves = alframe.compare(str(runs), "curves").set_index(["setting", "strategy", "labelled"])
    verdicts = alframe.compare(runs, "verdicts", reference=["random"])
    assert len(frame) == 6
    for setting in told["settings"]:
        for name, one in setting["strategies"].items():
            row = frame.loc[(setting["setting"], name)]
            area, cost = one["area"], one["cost"]
            assert [row.area, row.area_std, row.area_low, row.area_high] == [
                area[key] for key in ("mean", "std", "low", "high")
            ]
            assert [row.query_seconds, row.train_seconds] == [cost["seconds"], cost["train_seconds"]]
            assert [row.accuracy, row.labelled] == [one["curve"][-1][key] for key in ("mean", "labelled")]
            for point in one["curve"]:
                there = curves.loc[(setting["setting"], name, point["labelled"])]
                assert (there.accuracy, there.accuracy_std, there.seeds) == (
                    *(point["mean"], point["std"]),
                    point["seeds"],
                )
        here = verdicts[verdicts.setting == setting["setting"]]
        assert here.words.tolist() == [verdict["words"] for verdict in setting["verdicts"]]
        assert here.p.tolist() == [verdict["p"] for verdict in setting["verdicts"]]
    assert set(told["notes"]) <= set(frame.attrs["notes"])
    assert len(alframe.compare(runs, "rounds")) == 3 * 3 * (3 + 2)


def test_strategies_and_levels(runs):
    assert alframe.compare(runs / "digits" / "s1", strategies="margin").strategy.tolist() == ["margin"]
    assert len(alframe.compare(runs, strategies=["margin", "random"])) == 4


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"table": "curve"}, "unknown table 'curve'. Did you mean 'curves'"),
        ({"strategies": ["bald"]}, "no runs of strategy 'bald' here"),
        ({"ddof": 3}, "ddof is 0 or 1, not 3"),
        ({"level": "all"}, "level is overall, dataset or setting, got 'all'"),
    ],
)
def test_mistakes_are_named(runs, given, message):
    with pytest.raises(UsageError, match=message):
        alframe.compare(runs, **given)
    with pytest.raises(UsageError, match="there is no folder"):
        alframe.compare(runs / "nowhere")
