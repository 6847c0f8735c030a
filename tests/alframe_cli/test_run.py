import json
import multiprocessing
import os
import re
import sys
import tomllib

import numpy as np
import pytest
import torch

from alframe import PluginInfo
from alframe.records.folder import TrialFolder
from alframe.registry.registry import installed


def test_the_results_are_a_table_and_a_folder(alframe, quick, tmp_path):
    outcome = alframe("run", "--strategy", "margin,random", *quick)
    assert outcome.code == 0
    for text in (
        "labels",
        "margin",
        "random",
        "20",
        "60",
        "±",
        "over 2 seeds",
        "runs: runs/digits/mlp-20+2x20-",
    ):
        assert text in outcome.out
    assert len(list(tmp_path.glob("runs/digits/mlp-20+2x20-*/*/seed-*/rounds.jsonl"))) == 4
    assert outcome.err.count("round 2/2") == 4
    assert "\x1b" not in outcome.out + outcome.err


def test_the_same_command_again_says_finished(alframe, quick):
    first = alframe("run", "--strategy", "random", *quick)
    second = alframe("run", "--strategy", "random", *quick)
    assert second.out == first.out
    assert "random seed 1: finished" in second.err
    assert "round" not in second.err


def test_more_seeds_are_added(alframe, quick, tmp_path):
    alframe("run", "--strategy", "random", *quick)
    outcome = alframe("run", "--strategy", "random", *quick, "--seeds", "1-3")
    assert outcome.err.count("round 2/2") == 1
    assert "over 3 seeds" in outcome.out


def test_what_is_finished_is_read_without_processes(alframe, quick, monkeypatch):
    first = alframe("run", "--strategy", "random", *quick)
    command = ["run", "--strategy", "random", *quick, "--jobs", "2"]
    started = []

    def start(process):
        started.append(process)
        raise KeyboardInterrupt

    monkeypatch.setattr(multiprocessing.process.BaseProcess, "start", start)
    assert alframe(*command).out == first.out
    assert started == []
    assert alframe(*command, "--force").code == 130
    assert len(started) == 1


def test_force_starts_anew(alframe, quick):
    alframe("run", "--strategy", "random", *quick)
    assert alframe("run", "--strategy", "random", *quick, "--force").err.count("round 2/2") == 2


def test_json_is_one_document(alframe, quick):
    outcome = alframe("run", "--strategy", "margin", *quick, "--json")
    found = json.loads(outcome.out)
    assert [point["labelled"] for point in found["curves"]["margin"]] == [20, 40, 60]
    assert found["trials"][0]["seed"] == 1
    assert len(found["trials"][1]["rounds"]) == 3
    assert found["failed"] == []
    assert os.path.isdir(found["folder"])


@pytest.mark.parametrize("flags", [["-q"], ["--display", "none"]])
def test_quiet(alframe, quick, flags):
    outcome = alframe("run", "--strategy", "random", *quick, *flags)
    assert outcome.err == ""
    assert "labels" in outcome.out


def test_the_configuration_is_printed_and_read_back(alframe, quick, tmp_path):
    printed = alframe("run", "--strategy", "alfamix", *quick, "-o", "alfamix.cap=0.1", "--print-config")
    assert printed.code == 0
    config = tomllib.loads(printed.out)
    assert config["alfamix"]["cap"] == 0.1
    assert config["run"]["seeds"] == [1, 2]
    assert config["train"]["stop_accuracy"] == 0.99
    (tmp_path / "c.toml").write_text(printed.out)
    assert alframe("run", "--config", "c.toml", "--print-config").out == printed.out
    assert not (tmp_path / "runs").exists()


def test_flags_win_over_the_file_and_the_file_over_defaults(alframe, tmp_path):
    (tmp_path / "c.toml").write_text("[run]\nrounds = 7\nquery_size = 5\n[train]\nepochs = 9\n")
    out = alframe(
        "run", "--config", "c.toml", "--rounds", "3", "-o", "train.batch_size=8", "--print-config"
    ).out
    config = tomllib.loads(out)
    assert config["run"]["rounds"] == 3
    assert config["run"]["query_size"] == 5
    assert config["train"] == config["train"] | {"epochs": 9, "batch_size": 8, "learning_rate": 0.001}


def test_a_preset_lies_below_file_and_flags(alframe):
    out = alframe("run", "--preset", "mnist-mlp", "--epochs", "5", "--print-config").out
    config = tomllib.loads(out)
    assert config["data"]["name"] == "mnist"
    assert config["train"]["epochs"] == 5
    assert alframe("run", "--preset", "mnist").code == 2


def test_dry_run(alframe, quick, tmp_path):
    arguments = ["run", "--strategy", "random", *quick]
    first = alframe(*arguments, "--dry-run")
    assert first.code == 0
    assert first.out.count("new") == 2
    assert not (tmp_path / "runs").exists()
    alframe(*arguments)
    assert alframe(*arguments, "--dry-run").out.count("finished") == 2
    rows = json.loads(alframe(*arguments, "--seeds", "1-3", "--dry-run", "--json").out)
    assert [row["state"] for row in rows] == ["finished", "finished", "new"]


def test_a_dry_run_names_a_damaged_trial(alframe, quick, tmp_path):
    alframe("run", "--strategy", "random", *quick)
    folder = next(tmp_path.glob("runs/digits/*/random/seed-2"))
    (folder / "checkpoint.pt").write_bytes(b"damaged")
    outcome = alframe("run", "--strategy", "random", *quick, "--dry-run", "--json")
    first, second = (row["state"] for row in json.loads(outcome.out))
    assert first == "finished"
    assert re.fullmatch(r"damaged, \d of \d", second)


def test_a_damaged_checkpoint_is_named_and_the_trial_ends_as_it_did(alframe, quick, tmp_path):
    arguments = ("run", "--strategy", "margin", *quick)
    whole = json.loads(alframe(*arguments, "--json").out)
    folder = next(tmp_path.glob("runs/digits/*/margin/seed-2"))
    content = (folder / "checkpoint.pt").read_bytes()
    (folder / "checkpoint.pt").write_bytes(content[:-100] + bytes(100))
    outcome = alframe(*arguments, "--json")
    assert outcome.code == 0
    assert (
        "checkpoint.pt is damaged (its checksum differs); the trial goes on from the round before"
        in outcome.err
    )
    again = json.loads(outcome.out)
    assert [t["rounds"][-1]["queried"] for t in again["trials"]] == [
        t["rounds"][-1]["queried"] for t in whole["trials"]
    ]
    assert again["curves"] == whole["curves"]


def test_stages_of_different_strategies_combine(alframe, quick, tmp_path):
    outcome = alframe("run", "--strategy", "margin", "--select", "alfamix", "--embed", "default", *quick)
    assert outcome.code == 0
    assert "margin+embed=default+select=alfamix" in outcome.out
    assert len(list(tmp_path.glob("runs/digits/*/margin+embed=default+select=alfamix/seed-*"))) == 2


def test_options_nobody_uses_are_noted(alframe, quick):
    outcome = alframe("run", "--strategy", "random", *quick, "-o", "alfamix.cap=0.1")
    assert outcome.code == 0
    assert "note: options of 'alfamix' are given, but no strategy here uses it" in outcome.err


def test_a_presets_options_nobody_uses_are_not(alframe, quick):
    options = ["--preset", "mnist-mlp", "--dataset", "digits", "--strategy", "random", *quick]
    outcome = alframe("run", *options, "-o", "alfamix.cap=0.1")
    assert outcome.code == 0
    assert "options of 'alfamix'" in outcome.err
    assert "coregcn" not in outcome.err


def test_a_budget_above_the_pool_ends_early(alframe, quick):
    outcome = alframe("run", "--strategy", "random", *quick, "--query-size", "5000")
    assert outcome.code == 0
    assert "note: random seed 1: the pool was exhausted after 1 of 2 rounds" in outcome.err
    assert "1,438" in outcome.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--strategy", "alfamx"], "unknown strategy 'alfamx'. Did you mean 'alfamix'"),
        (["--dataset", "digitz"], "unknown data set 'digitz'. Did you mean 'digits'"),
        (["--model", "mpl"], "unknown model 'mpl'. Did you mean 'mlp'"),
        (["-o", "alfamix.capp=1"], "unknown option of 'alfamix' 'capp'. Did you mean 'cap'"),
        (["-o", "alfamix.cap=much"], "option alfamix.cap: expected float|none, got 'much'"),
        (["-o", "cap=1"], "section.key=value"),
        (["--query-size", "0"], "query_size must be at least 1, got 0"),
        (["--query-size", "-3"], "query_size must be at least 1, got -3"),
        (["--initial-size", "0"], "initial_size must be at least 1"),
        (["--epochs", "0"], "epochs must be at least 1"),
        (["--initial", "lucky"], "unknown start 'lucky'. Known: activeft, balanced, centroids, "),
        (["--seeds", "a,b"], "'a' is not a seed"),
        (["--device", "gpu"], "device 'gpu' can't be used"),
        (["--select", "entropy"], "'entropy' has no select stage"),
        (["--config", "none.toml"], "none.toml can't be read: No such file"),
        (["--dataset", "npz:none.npz"], "none.npz can't be read as .npz"),
        (["--model", "lenet"], "lenet takes images of shape (channels, height, width) from 12 x 12"),
        (["--dataset", "mnist", "--data-dir", "nowhere"], "no train-images-idx3-ubyte in nowhere/MNIST/raw"),
    ],
)
def test_mistakes_are_one_clear_line_and_exit_2(alframe, arguments, message, tmp_path):
    outcome = alframe("run", *arguments)
    assert outcome.code == 2
    assert message in outcome.err
    assert "Traceback" not in outcome.err
    assert outcome.out == ""
    assert not list(tmp_path.glob("runs/**/checkpoint.pt"))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x_train": np.zeros((4, 2))}, "has no array 'y_train'; it has x_train"),
        ({"x_train": np.full((4, 2), np.nan), "y_train": np.arange(4) % 2}, "contain NaN"),
        ({"x_train": np.zeros((4, 2)), "y_train": np.arange(3)}, "x_train has 4 rows but y_train has 3"),
        ({"x_train": np.zeros((4, 2)), "y_train": np.zeros(4)}, "has 1 class; at least 2 are needed"),
    ],
)
def test_files_that_cannot_be_used(alframe, tmp_path, arrays, message):
    np.savez(tmp_path / "d.npz", **arrays)
    outcome = alframe("run", "--dataset", "npz:d.npz")
    assert outcome.code == 2
    assert message in outcome.err
    assert outcome.err.count("\n") == 1


def test_data_of_ones_own(alframe, quick, tmp_path):
    rng = np.random.default_rng(0)
    y = np.array(["cat", "dog"])[np.arange(200) % 2]
    np.savez(tmp_path / "pets.npz", x_train=rng.normal(size=(200, 3)) + 3 * (y == "dog")[:, None], y_train=y)
    outcome = alframe("run", "--strategy", "margin", "--dataset", "npz:pets.npz", *quick)
    assert outcome.code == 0
    assert "runs/npz-pets/" in outcome.out


def test_an_output_folder_that_cannot_be_written_to(alframe, tmp_path):
    (tmp_path / "file").write_text("")
    outcome = alframe("run", "--out", "file/runs")
    assert outcome.code == 2
    assert "error: output folder file/runs can't be written to" in outcome.err


@pytest.mark.parametrize(
    ("hook", "message"),
    [
        (lambda pool: pool.nothing, "raised AttributeError"),
        (lambda pool: sys.exit(0), "raised SystemExit: 0"),
        (lambda pool: None, "wanted a floating-point tensor of shape [1418], got None"),
        (lambda pool: torch.full((len(pool),), torch.nan), "got 1418 NaN"),
        (lambda pool: torch.zeros(3), "of shape [1418], got a float32 tensor of shape [3]"),
    ],
)
def test_a_plugin_that_breaks_its_contract_ends_with_3(alframe, quick, make_plugin, hook, message):
    plugin = make_plugin(alframe_info=lambda: PluginInfo(summary="x"), alframe_score=hook)
    installed().register(plugin, "broken", "their-package", "0.3")
    outcome = alframe("run", "--strategy", "broken", *quick, "-q")
    assert outcome.code == 3
    assert "error: plugin 'broken' (their-package 0.3), hook alframe_score" in outcome.err
    assert message in outcome.err
    assert outcome.err.count("\n") == 1


def test_a_failed_trial_ends_with_1_and_does_not_stop_the_others(alframe, quick, tmp_path):
    alframe("run", "--strategy", "random", *quick)
    with TrialFolder(next(tmp_path.glob("runs/digits/*/random/seed-1"))).held():
        outcome = alframe("run", "--strategy", "random", *quick, "--seeds", "1-3", "--json")
    assert outcome.code == 1
    assert "error: random seed 1: " in outcome.err
    assert f"seed-1 is in use by process {os.getpid()} on " in outcome.err
    found = json.loads(outcome.out)
    assert [trial["seed"] for trial in found["trials"]] == [2, 3]
    assert [failure["seed"] for failure in found["failed"]] == [1]
    assert alframe("run", "--strategy", "random", *quick, "--force").code == 0


FEW = (
    "coregcn.steps=3",
    "uncertaingcn.steps=3",
    "activeft.steps=3",
    "learningloss.steps=3",
    "dal.subqueries=2",
)
FEW += ("refine.depth=1", "refine.subsets=1", "selectal.repeats=1", "selectal.draws=1")
QUICK_GRAPH = [*(word for one in FEW for word in ("-o", one)), "--rounds", "1", "--seeds", "1"]


def test_all_runs_every_strategy_that_suits(alframe, quick):
    outcome = alframe("run", "--strategy", "all", *quick, *QUICK_GRAPH)
    assert outcome.code == 0
    assert "note: bald is left out: bald needs a network with dropout" in outcome.err
    ranking = outcome.out.partition("Ranking by the area")[2]
    ranked = {line.split()[1].partition("+")[0] for line in ranking.splitlines() if len(line.split()) == 6}
    assert ranked >= set(installed().worth_running) - {"bald", "batchbald", "epig", "powerbald"}
    assert not {"bald", "batchbald", "epig", "powerbald", "stochastic"} & ranked


def test_all_with_dropout_leaves_nothing_out(alframe, quick):
    flags = ["--strategy", "all", "-o", "model.dropout=0.5", "--dry-run", "--json"]
    planned = json.loads(alframe("run", *quick, *QUICK_GRAPH, *flags).out)
    found = [row["strategy"].partition("+")[0] for row in planned]
    assert found == installed().worth_running
    assert {plugin.name for plugin in installed().strategies} - set(found) == {"leaves", "stochastic"}


def test_all_leaves_out_whose_scores_do_not_suit_the_selector(alframe, quick):
    flags = ["--strategy", "all", "--select", "maxherding", "-o", "model.dropout=0.5", "--dry-run", "--json"]
    outcome = alframe("run", *quick, *flags)
    planned = {row["strategy"].partition("+")[0] for row in json.loads(outcome.out)}
    assert planned >= {"entropy", "coreset", "bald"}
    assert not {"margin", "deepfool"} & planned
    assert "margin+select=maxherding is left out: maxherding needs scores of at least 0" in outcome.err


def test_scores_that_do_not_suit_are_said_before_anything_runs(alframe, quick, tmp_path):
    outcome = alframe("run", "--strategy", "margin", "--select", "stochastic", *quick)
    assert outcome.code == 2
    assert outcome.err.startswith(
        "error: stochastic with form=power needs scores of at least 0, and those of"
    )
    assert outcome.err.count("\n") == 1
    assert not list(tmp_path.glob("runs/*"))


@pytest.mark.slow
def test_all_survives_a_strategy_that_nobody_asked_for(alframe, quick, make_plugin):
    installed().register(make_plugin(alframe_score=lambda pool: None), "broken", "their-package")
    outcome = alframe("run", "--strategy", "all", *quick, *QUICK_GRAPH, "--seeds", "1,2")
    assert outcome.code == 0
    assert outcome.err.count("note: broken is left out: plugin 'broken' (their-package)") == 1


def test_a_strategy_that_does_not_suit_is_said_before_anything_runs(alframe, quick, tmp_path):
    outcome = alframe("run", "--strategy", "random,bald", *quick)
    assert outcome.code == 2
    assert outcome.err == (
        "error: bald needs a network with dropout: one with a Dropout layer whose rate is above 0, "
        "e.g. `-o model.dropout=0.5`\n"
    )
    assert not list(tmp_path.glob("runs/*"))


def test_an_alias_is_the_same_folder(alframe, quick):
    first = alframe("run", "--strategy", "random", *quick, "--json")
    second = alframe("run", "--strategy", "RandomSampling", *quick, "--json")
    assert second.out == first.out


def test_an_imbalance_is_applied_and_recorded(alframe, quick, tmp_path):
    flags = ["--strategy", "random", *quick, "--seeds", "1", "--rounds", "9", "--query-size", "300", "--json"]
    found = json.loads(alframe("run", *flags, "-o", "data.imbalance=0.1").out)
    config = tomllib.loads(next(tmp_path.glob("runs/**/config.toml")).read_text())
    assert config["data"]["imbalance"] == 0.1
    assert 500 < found["trials"][0]["rounds"][-1]["labelled"] < 800  # the pool is exhausted early
    assert "imbalance must lie" in alframe("run", *flags, "-o", "data.imbalance=2").err


def test_a_sweep_runs_every_setting(alframe, quick, tmp_path):
    flags = ["--strategy", "margin,random", *quick, "--query-size", "10,20", "--seeds", "1"]
    planned = alframe("run", *flags, "--dry-run")
    assert planned.out.count("new") == 4
    outcome = alframe("run", *flags)
    assert outcome.code == 0
    assert len(list(tmp_path.glob("runs/digits/mlp-20+2x*/*/seed-1/rounds.jsonl"))) == 4
    for text in (
        "query_size=10, one seed",
        "query_size=20, one seed",
        "across settings: alframe compare runs/",
    ):
        assert text in outcome.out
    assert "query_size=20: random seed 1  round 2/2  60 labels" in outcome.err
    assert alframe("run", *flags, "--dry-run").out.count("finished") == 4
    again = alframe("run", *flags, "--jobs", "2", "--json")
    assert "round" not in again.err
    one, other = json.loads(again.out)["settings"]
    assert [one["varied"], other["varied"]] == [{"run.query_size": "10"}, {"run.query_size": "20"}]
    alone = json.loads(alframe("run", *flags, "--query-size", "20", "--json").out)
    assert alone["curves"] == other["curves"]
    assert alframe("compare", "runs").code == 0


def test_a_sweep_in_a_file_is_that_of_the_flags(alframe, quick, tmp_path):
    flags = ["--strategy", "margin", *quick]
    wanted = alframe("run", *flags, "--query-size", "10,20", "--dataset", "digits,mnist", "--dry-run")
    (tmp_path / "sweep.toml").write_text('[run]\nquery_size = [10, 20]\n[data]\nname = ["digits", "mnist"]\n')
    del flags[flags.index("--query-size") : flags.index("--query-size") + 2]
    found = alframe("run", *flags, "--config", "sweep.toml", "--dry-run")
    assert found.out == wanted.out
    assert found.out.count("new") == 8
    printed = alframe("run", *flags, "--config", "sweep.toml", "--print-config")
    (tmp_path / "printed.toml").write_text(printed.out)
    assert alframe("run", "--config", "printed.toml", "--dry-run").out == wanted.out
    assert alframe("run", "--config", "printed.toml", "--print-config").out == printed.out


def test_a_setting_that_cannot_run_is_named_before_anything_runs(alframe, quick, tmp_path):
    outcome = alframe("run", "--strategy", "margin", *quick, "--model", "mlp,lenet")
    assert outcome.code == 2
    assert outcome.err.startswith("error: lenet: lenet takes images")
    assert outcome.err.count("\n") == 1
    assert not list(tmp_path.glob("runs/**/checkpoint.pt"))


@pytest.mark.parametrize("jobs", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_a_setting_that_fails_stops_no_other(alframe, quick, tmp_path, jobs):
    flags = ["--strategy", "random", *quick, "--query-size", "10,20", "--seeds", "1"]
    folder = json.loads(alframe("run", *flags, "--dry-run", "--json").out)[0]["folder"]
    (tmp_path / folder).parent.parent.mkdir(parents=True)
    (tmp_path / folder).parent.write_text("a file where the trial's folder should be")
    outcome = alframe("run", *flags, "--jobs", jobs, "--json")
    assert outcome.code == 1
    assert f"error: query_size=10: random seed 1: folder {folder} can't be written to" in outcome.err
    first, second = json.loads(outcome.out)["settings"]
    assert [len(first["failed"]), len(second["trials"])] == [1, 1]


def test_several_presets_are_several_settings(alframe):
    flags = ["--preset", "mnist-mlp,mnist-lenet", "--strategy", "random", "--seeds", "1"]
    rows = json.loads(alframe("run", *flags, "--dry-run", "--json").out)
    assert [row["setting"] for row in rows] == ["mnist-mlp", "mnist-lenet"]
    outcome = alframe("run", *flags, "--print-config")
    assert outcome.code == 2
    assert "presets" in outcome.err


@pytest.mark.parametrize("more", [[], ["--query-size", "10,20"]])
def test_a_full_disk_is_one_line_a_trial_and_the_same_command_goes_on(alframe, quick, monkeypatch, more):
    flags = ["--strategy", "random", *quick, *more, "--seeds", "1,2"]
    fsync = os.fsync

    def full(descriptor):
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        if "seed-2" in path and "rounds.jsonl" in path:
            raise OSError(28, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    outcome = alframe("run", *flags)
    assert outcome.code == 1
    errors = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == (2 if more else 1)
    assert all("seed-2 can't be written to: No space left on device; what" in line for line in errors)
    assert "20" in outcome.out
    monkeypatch.setattr(os, "fsync", fsync)
    again = alframe("run", *flags)
    assert again.code == 0
    assert "seed 2: continues after 1 of 3 trainings" in again.err
