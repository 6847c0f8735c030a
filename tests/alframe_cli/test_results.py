import json
from types import SimpleNamespace

import pytest

from alframe import TrialError
from alframe.contract.trial import RunSummary
from alframe_cli.results import print_results
from doubles import make_round


def setting(folder="mlp-1", dataset="digits", **varied):
    return SimpleNamespace(
        run=SimpleNamespace(out="runs"),
        source=SimpleNamespace(name=dataset),
        model_name="mlp",
        dataset_folder=dataset,
        setting_folder=folder,
        varied=varied,
    )


SETTINGS = setting()


def trial(strategy, seed, *accuracies, of=SETTINGS):
    rounds = tuple(
        make_round(i, 1000 * (i + 1), a, query_seconds=1.5, train_seconds=2.0)
        for i, a in enumerate(accuracies)
    )
    return SimpleNamespace(settings=of, strategy=strategy, seed=seed, folder=f"f/{seed}"), RunSummary(rounds)


def cells(text):
    return [line.split() for line in text.splitlines() if line.split() and line.split()[0].endswith("000")]


def test_mean_and_deviation_by_size(capsys):
    print_results([SETTINGS], [trial("a", 1, 0.5, 0.7), trial("a", 2, 0.6, 0.9)], [], as_json=False)
    out = capsys.readouterr().out
    assert cells(out) == [["1,000", "0.550", "±", "0.071"], ["2,000", "0.800", "±", "0.141"]]
    assert "runs: runs/digits/mlp-1" in out


def test_one_seed(capsys):
    print_results([SETTINGS], [trial("a", 1, 0.5)], [], as_json=False)
    out = capsys.readouterr().out
    assert cells(out) == [["1,000", "0.500"]]
    assert "one seed" in out


def test_a_strategy_without_a_value_shows_a_dash(capsys):
    print_results([SETTINGS], [trial("a", 1, 0.5, 0.6), trial("b", 1, 0.4)], [], as_json=False)
    assert cells(capsys.readouterr().out)[1] == ["2,000", "0.600", "-"]


def test_nothing_done_prints_nothing(capsys):
    print_results([SETTINGS], [], [(trial("a", 1)[0], TrialError("x"))], as_json=False)
    assert capsys.readouterr().out == ""


def test_json(capsys):
    failed = [(trial("a", 2)[0], TrialError("boom"))]
    print_results([SETTINGS], [trial("a", 1, 0.5)], failed, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["curves"]["a"] == [{"labelled": 1000, "mean": pytest.approx(0.5), "std": None, "seeds": 1}]
    assert found["failed"] == [{"strategy": "a", "seed": 2, "error": "boom"}]


def test_a_ranking_where_there_is_something_to_rank(capsys):
    done = [trial("worse", 1, 0.5, 0.6), trial("better", 1, 0.5, 0.7)]
    print_results([SETTINGS], done, [], as_json=False)
    lines = capsys.readouterr().out.splitlines()
    ranks = [line.split() for line in lines if line.split()[:1] in (["1"], ["2"])]
    assert ranks == [
        ["1", "better", "0.6000", "0.7000", "1.50", "4.00"],
        ["2", "worse", "0.5500", "0.6000", "1.50", "4.00"],
    ]
    print_results([SETTINGS], done[:1], [], as_json=False)
    assert "Ranking" not in capsys.readouterr().out


def test_a_ranking_is_over_the_seeds_that_all_have(capsys):
    done = [trial("a", 1, 0.5), trial("a", 2, 0.9), trial("b", 1, 0.6)]
    print_results([SETTINGS], done, [], as_json=False)
    out = capsys.readouterr().out
    assert "over the 1 of 2 seeds that all strategies have" in out
    assert [line.split()[1] for line in out.splitlines() if "0.6000" in line] == ["b"]
    print_results([SETTINGS], [done[1], done[2]], [], as_json=False)
    assert "no ranking: the strategies have no seed" in capsys.readouterr().out


def test_many_strategies_are_printed_a_few_at_a_time(capsys):
    done = [trial(f"strategy-{number}", seed, 0.5, 0.6) for number in range(20) for seed in (1, 2)]
    print_results([SETTINGS], done, [], as_json=False)
    table = capsys.readouterr().out.partition("Ranking")[0]
    assert max(map(len, table.splitlines())) <= 160
    assert table.count("0.500 ± 0.000") == 20
    assert table.count("Accuracy on") == 1


def test_several_settings_have_a_table_each_and_a_hint(capsys):
    both = [setting(**{"run.query_size": "10"}), setting("mlp-2", **{"run.query_size": "20"})]
    done = [trial("a", 1, 0.5, of=both[0]), trial("a", 1, 0.6, of=both[1])]
    print_results(both, done, [], as_json=False)
    out = capsys.readouterr().out
    assert "Accuracy on digits, mlp, query_size=10, one seed" in out
    assert cells(out) == [["1,000", "0.500"], ["1,000", "0.600"]]
    assert out.endswith("runs: runs/digits/mlp-2\n\nacross settings: alframe compare runs/digits\n")


def test_the_hint_names_the_folder_of_all_data_sets(capsys):
    both = [setting(), setting(dataset="mnist")]
    print_results(both, [trial("a", 1, 0.5, of=one) for one in both], [], as_json=False)
    assert capsys.readouterr().out.endswith("across settings: alframe compare runs\n")


def test_settings_of_one_folder_share_a_table(capsys):
    both = [setting(), setting()]
    done = [trial("a+cap=1", 1, 0.5, of=both[0]), trial("a+cap=2", 1, 0.6, of=both[1])]
    print_results(both, done, [], as_json=False)
    out = capsys.readouterr().out
    assert cells(out) == [["1,000", "0.500", "0.600"]]
    assert "across" not in out


def test_json_of_several_settings(capsys):
    both = [setting(**{"model.name": "mlp"}), setting("other", **{"model.name": "cnn"})]
    failed = [(trial("a", 2, of=both[1])[0], TrialError("boom"))]
    print_results(both, [trial("a", 1, 0.5, of=both[0])], failed, as_json=True)
    first, second = json.loads(capsys.readouterr().out)["settings"]
    assert (first["folder"], second["folder"]) == ("runs/digits/mlp-1", "runs/digits/other")
    assert (first["varied"], second["varied"]) == ({"model.name": "mlp"}, {"model.name": "cnn"})
    assert [t["seed"] for t in first["trials"]] == [1]
    assert second["trials"] == []
    assert second["failed"] == [{"strategy": "a", "seed": 2, "error": "boom"}]
