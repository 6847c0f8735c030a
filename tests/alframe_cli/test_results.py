import json
from types import SimpleNamespace

import pytest

from alframe import TrialError
from alframe.experiment import RunSummary
from alframe_cli.results import print_results

SETTINGS = SimpleNamespace(
    run=SimpleNamespace(out="runs"),
    source=SimpleNamespace(name="digits"),
    model_name="mlp",
    dataset_folder="digits",
    setting_folder="mlp-1",
)


def trial(strategy, seed, *accuracies):
    records = [
        {"labelled": 1000 * (i + 1), "accuracy": a, "query_seconds": 1.5, "train_seconds": 2.0}
        for i, a in enumerate(accuracies)
    ]
    return SimpleNamespace(strategy=strategy, seed=seed, folder=f"f/{seed}"), RunSummary(records)


def cells(text):
    return [line.split() for line in text.splitlines() if line.split() and line.split()[0].endswith("000")]


def test_mean_and_deviation_by_size(capsys):
    print_results(SETTINGS, [trial("a", 1, 0.5, 0.7), trial("a", 2, 0.6, 0.9)], [], as_json=False)
    out = capsys.readouterr().out
    assert cells(out) == [["1,000", "0.550", "±", "0.071"], ["2,000", "0.800", "±", "0.141"]]
    assert "runs: runs/digits/mlp-1" in out


def test_one_seed(capsys):
    print_results(SETTINGS, [trial("a", 1, 0.5)], [], as_json=False)
    out = capsys.readouterr().out
    assert cells(out) == [["1,000", "0.500"]]
    assert "one seed" in out


def test_a_strategy_without_a_value_shows_a_dash(capsys):
    print_results(SETTINGS, [trial("a", 1, 0.5, 0.6), trial("b", 1, 0.4)], [], as_json=False)
    assert cells(capsys.readouterr().out)[1] == ["2,000", "0.600", "-"]


def test_nothing_done_prints_nothing(capsys):
    print_results(SETTINGS, [], [(trial("a", 1)[0], TrialError("x"))], as_json=False)
    assert capsys.readouterr().out == ""


def test_json(capsys):
    failed = [(trial("a", 2)[0], TrialError("boom"))]
    print_results(SETTINGS, [trial("a", 1, 0.5)], failed, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["curves"]["a"] == [{"labelled": 1000, "mean": pytest.approx(0.5), "std": None, "seeds": 1}]
    assert found["failed"] == [{"strategy": "a", "seed": 2, "error": "boom"}]


def test_a_ranking_where_there_is_something_to_rank(capsys):
    done = [trial("worse", 1, 0.5, 0.6), trial("better", 1, 0.5, 0.7)]
    print_results(SETTINGS, done, [], as_json=False)
    lines = capsys.readouterr().out.splitlines()
    ranks = [line.split() for line in lines if line.split()[:1] in (["1"], ["2"])]
    assert ranks == [
        ["1", "better", "0.6000", "0.7000", "3.00", "4.00"],
        ["2", "worse", "0.5500", "0.6000", "3.00", "4.00"],
    ]
    print_results(SETTINGS, done[:1], [], as_json=False)
    assert "Ranking" not in capsys.readouterr().out


def test_many_strategies_are_printed_a_few_at_a_time(capsys):
    done = [trial(f"strategy-{number}", seed, 0.5, 0.6) for number in range(20) for seed in (1, 2)]
    print_results(SETTINGS, done, [], as_json=False)
    table = capsys.readouterr().out.partition("Ranking")[0]
    assert max(map(len, table.splitlines())) <= 160
    assert table.count("0.500 ± 0.000") == 20
    assert table.count("Accuracy on") == 1
