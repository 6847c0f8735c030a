import json
from pathlib import Path

import pytest

from alframe.errors import UsageError
from alframe.records.tree import read_tree


def write(folder, *accuracies):
    folder.mkdir(parents=True)
    lines = [json.dumps({"labelled": 10 * (k + 1), "accuracy": a}) + "\n" for k, a in enumerate(accuracies)]
    (folder / "rounds.jsonl").write_text("".join(lines))
    return folder / "rounds.jsonl"


def write_csv(setting, name, first, args=(10, 5)):
    (setting / name).mkdir(parents=True)
    (setting / f"{name}.csv").write_text(f'"{first}","0.0"\n"{first}","1.0"\n')
    (setting / name / "args.json").write_text(json.dumps({"n_init_lb": args[0], "n_query": args[1]}))


@pytest.fixture
def runs(tmp_path):
    write(tmp_path / "digits/mlp/badge/seed-2", 0.5, 0.7)
    write(tmp_path / "digits/mlp/badge/seed-10", 0.4)
    write(tmp_path / "digits/mlp/alfamix/seed-2", 0.6)
    write(tmp_path / "usps/mlp/badge/seed-2", 0.9)
    write(tmp_path / ".features/x/y/seed-1", 0.1)
    return tmp_path


def shape(tree):
    return {(s.dataset, s.name): {k: list(v) for k, v in s.strategies.items()} for s in tree.settings}


DIGITS = {("digits", "mlp"): {"alfamix": [2], "badge": [2, 10]}}


def test_the_level_is_found_out(runs):
    overall = read_tree(runs)
    assert (overall.level, overall.notes) == ("overall", [])
    assert shape(overall) == DIGITS | {("usps", "mlp"): {"badge": [2]}}
    assert overall.settings[0].strategies["badge"][2].accuracy.tolist() == [0.5, 0.7]
    dataset = read_tree(runs / "digits")
    assert (dataset.level, shape(dataset)) == ("dataset", DIGITS)
    setting = read_tree(runs / "digits" / "mlp")
    assert (setting.level, shape(setting)) == ("setting", DIGITS)


def test_the_names_of_a_relative_folder(runs, monkeypatch):
    monkeypatch.chdir(runs / "digits" / "mlp")
    assert shape(read_tree(Path())) == DIGITS


def test_the_level_that_is_said(runs):
    assert shape(read_tree(runs / "digits", "dataset")) == DIGITS
    with pytest.raises(UsageError, match="no runs in .* at level setting; with --level dataset there are"):
        read_tree(runs / "digits", "setting")


def test_runs_at_two_levels_are_not_guessed(runs):
    write(runs / "mlp/badge/seed-1", 0.5)
    with pytest.raises(UsageError, match="has runs as dataset and as overall: say which with --level"):
        read_tree(runs)
    assert len(read_tree(runs, "overall").settings) == 2


def test_nothing_there(tmp_path):
    with pytest.raises(UsageError, match="there is no folder"):
        read_tree(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is not a folder"):
        read_tree(tmp_path / "file")
    with pytest.raises(UsageError, match=r"no runs in .*: expected <dataset>/<setting>/<strategy>/seed-<k>"):
        read_tree(tmp_path)


def test_a_damaged_file_is_left_out_and_named(runs):
    file = runs / "digits/mlp/badge/seed-2/rounds.jsonl"
    file.write_text(file.read_text()[:-5])
    tree = read_tree(runs)
    assert shape(tree)["digits", "mlp"] == {"alfamix": [2], "badge": [10]}
    assert tree.notes == [f"{file} is left out: damaged or cut off, not a JSON document a line"]


def test_a_trial_that_died_before_its_first_record_is_named(runs):
    (runs / "digits/mlp/badge/seed-3").mkdir()
    tree = read_tree(runs)
    assert shape(tree)["digits", "mlp"]["badge"] == [2, 10]
    [note] = tree.notes
    assert note.endswith("seed-3/rounds.jsonl is left out: no round is finished yet")


def test_a_strategy_and_a_setting_with_nothing_usable_are_absent(runs):
    (runs / "digits/mlp/alfamix/seed-2/rounds.jsonl").write_text("")
    (runs / "usps/mlp/badge/seed-2/rounds.jsonl").write_text("")
    tree = read_tree(runs)
    assert shape(tree) == {("digits", "mlp"): {"badge": [2, 10]}}
    assert len(tree.notes) == 2
    with pytest.raises(UsageError, match="no usable run in .*: .* is left out: no rounds in it yet"):
        read_tree(runs / "usps")


def test_the_programs_tree(tmp_path):
    write_csv(tmp_path / "MNIST/s", "A_seed1", 0.5)
    write_csv(tmp_path / "MNIST/s", "B_C_seed100", 50.0, args=(20, 7))
    (tmp_path / "MNIST/s/.A_seed1.csv").touch()
    tree = read_tree(tmp_path)
    assert shape(tree) == {("MNIST", "s"): {"A": [1], "B_C": [100]}}
    strategies = tree.settings[0].strategies
    assert strategies["A"][1].labelled.tolist() == [10, 15]
    assert strategies["B_C"][100].labelled.tolist() == [20, 27]  # each strategy's own args.json
    assert strategies["B_C"][100].accuracy.tolist() == [0.5, 0.5]
    assert tree.notes == [
        f"{tmp_path / 'MNIST/s'}: 1 csv files have accuracies above 1 and are read as percent"
    ]
    assert read_tree(tmp_path / "MNIST").level == "dataset"
    assert read_tree(tmp_path / "MNIST/s").level == "setting"


def test_both_kinds_in_one_setting(tmp_path):
    write(tmp_path / "A/seed-1", 0.5)
    write_csv(tmp_path, "A_seed1", 0.9)
    write_csv(tmp_path, "A_seed2", 0.9)
    tree = read_tree(tmp_path)
    assert {seed: t.accuracy[0] for seed, t in tree.settings[0].strategies["A"].items()} == {1: 0.5, 2: 0.9}
    assert tree.notes == [f"{tmp_path / 'A_seed1.csv'} is left out: A with seed 1 is there already"]


def test_the_programs_names_become_ours(tmp_path):
    write(tmp_path / "random/seed-1", 0.5)
    write_csv(tmp_path, "RandomSampling_seed2", 0.9)
    write_csv(tmp_path, "Other_seed2", 0.9)
    tree = read_tree(tmp_path, aliases={"RandomSampling": "random"})
    assert {name: list(t) for name, t in tree.settings[0].strategies.items()} == {
        "Other": [2],
        "random": [1, 2],
    }
