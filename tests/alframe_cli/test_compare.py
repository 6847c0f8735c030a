import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from alframe_cli.main import COMMANDS


def test_no_torch_is_imported(runs, tmp_path):
    probe = (
        "import sys\nfrom alframe_cli.main import main\n"
        f"try:\n    main(['compare', {str(tmp_path / 'runs')!r}])\n"
        "except SystemExit as exit_:\n    assert not exit_.code\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", probe], check=True, capture_output=True)


def test_it_is_a_command():
    assert list(COMMANDS)[:3] == ["demo", "run", "compare"]


def test_the_table(alframe, runs):
    outcome = alframe("compare", "runs")
    assert outcome.code == 0
    assert "a_b beats random by 0.075 (95 % 0.075 to 0.075, p < 0.001, 3 seeds: few)" in outcome.out
    assert "a_b against random, of 2 settings: beats in 2" in outcome.out
    assert outcome.err.splitlines() == [
        "note: digits/s1: margin has 2 of 3 seeds: pairs are compared over the seeds in common",
        "note: digits/s2: nothing is held against margin: there are no runs of it",
        "note: as few as 2 seeds a strategy: 10 or more make a difference easier to trust",
        "note: the matrix sums the 1 of 2 settings that have every strategy, tested against every other; "
        "with fewer strategies more settings may count",
        "note: mean ranks need two strategies, and two settings that have every strategy: 3 and 1",
    ]


@pytest.mark.parametrize("form", ["table", "markdown", "latex", "csv", "json"])
def test_every_format_on_every_level(alframe, runs, form):
    for folder in ("runs", "runs/digits", "runs/digits/s1"):
        outcome = alframe("compare", folder, "--format", form)
        assert outcome.code == 0
        assert "random" in outcome.out
        assert "note:" not in outcome.out
        assert "note: as few as 2 seeds a strategy" in outcome.err


@pytest.mark.parametrize(
    ("level", "folder", "settings"),
    [("overall", "runs", 2), ("dataset", "runs/digits", 2), ("setting", "runs/digits/s1", 1)],
)
def test_the_level_that_is_said(alframe, runs, level, folder, settings):
    found = json.loads(alframe("compare", folder, "--level", level, "--format", "json").out)
    assert (found["level"], len(found["settings"])) == (level, settings)


def test_runs_at_two_levels_are_told_apart_by_the_flag(alframe, runs, tmp_path):
    (tmp_path / "runs/digits/s1").rename(tmp_path / "runs/s1")  # now a setting lies beside a data set
    outcome = alframe("compare", "runs")
    assert outcome.code == 2
    assert "runs has runs as dataset and as overall: say which with --level" in outcome.err
    for level, setting in (("dataset", "s1"), ("overall", "s2")):
        found = json.loads(alframe("compare", "runs", "--level", level, "--format", "json").out)
        assert [one["setting"] for one in found["settings"]] == [setting]


def test_strategies_and_references(alframe, runs):
    outcome = alframe("compare", "runs", "--strategies", "random,a_b", "--reference", "a_b")
    assert "margin" not in outcome.out
    assert "random loses to a_b by 0.075" in outcome.out
    assert "Mean ranks by area over 2 settings" in outcome.out
    assert "note: too few settings for Wilcoxon's test" in outcome.err


def test_the_options_of_the_test(alframe, runs):
    flags = ["--format", "json", "--ddof", "0", "--critical", "2.776", "--strategies", "random,margin"]
    found = json.loads(alframe("compare", "runs/digits/s1", *flags).out)
    assert found["criterion"] == {"ddof": 0, "critical": 2.776, "holm": False}
    found = json.loads(alframe("compare", "runs", "--holm", "--format", "json").out)
    assert found["criterion"]["holm"] is True


def test_ten_seeds_have_no_note(alframe, write_run):
    for seed in range(10):
        write_run("d", "s", "random", seed, [0.5, 0.6])
        write_run("d", "s", "margin", seed, [0.5, 0.6])
    assert alframe("compare", "runs").err == "note: mean ranks need at least two settings\n"


def test_a_truncated_file_is_named_and_the_rest_compared(alframe, runs, tmp_path):
    file = tmp_path / "runs/digits/s1/a_b/seed-3/rounds.jsonl"
    file.write_bytes(file.read_bytes()[:-9])
    outcome = alframe("compare", "runs/digits/s1")
    assert outcome.code == 0
    assert "note: runs/digits/s1/a_b/seed-3/rounds.jsonl is left out: damaged or cut off" in outcome.err
    assert "a_b and random: too few seeds (2 in common, 3 needed)" in outcome.out


def test_the_authors_tree_with_their_names(alframe, tmp_path):
    setting = tmp_path / "Overall" / "MNIST" / "low"
    for name, lead in (("RandomSampling", 0), ("AlphaMixSampling", 10)):
        for seed in (1, 10, 100):
            (setting / f"{name}_seed{seed}").mkdir(parents=True)
            (setting / f"{name}_seed{seed}" / "args.json").write_text('{"n_init_lb": 100, "n_query": 50}')
            rows = f'"50.0","0.0"\n"{60 + lead + seed / 50}","1.5"\n'
            (setting / f"{name}_seed{seed}.csv").write_text(rows)
    outcome = alframe("compare", "Overall", "--strategies", "AlphaMixSampling,random")
    assert outcome.code == 0
    assert "alfamix beats random by 0.050" in outcome.out
    assert "6 csv files have accuracies above 1 and are read as percent" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none"], "there is no folder none"),
        (["empty"], "no runs in empty: expected <dataset>/<setting>/<strategy>/seed-<k>/rounds.jsonl"),
        (["runs", "--level", "setting"], "no runs in runs at level setting; with --level overall there are"),
        (["runs", "--strategies", "random,b"], "no runs of strategy 'b' here; there are runs of a_b, margin"),
        (["runs", "--reference", "b"], "no runs of strategy 'b' here; there are runs of a_b, margin, random"),
        (["runs", "--critical", "-1"], "the critical value of |t| must be above 0"),
        (["runs", "--critical", "inf"], "the critical value of |t| must be above 0 and finite"),
        (["runs", "--critical", "2", "--holm"], "exclude each other"),
        (["runs", "--ddof", "2"], "'2' is not one of '0', '1'"),
        (["runs", "--format", "pdf"], "'pdf' is not one of"),
    ],
)
def test_what_can_not_be_ends_in_one_line(alframe, runs, tmp_path, arguments, message):
    (tmp_path / "empty").mkdir()
    outcome = alframe("compare", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err.splitlines()[-1]


README = (Path(__file__).parents[2] / "README.md").read_text()


@pytest.mark.parametrize(
    "command", [line.strip() for line in README.splitlines() if line.startswith("    alframe compare")]
)
def test_the_readmes_commands(alframe, write_run, command):
    for setting in ("s1", "s2"):
        for strategy in ("random", "margin", "alfamix", "badge"):
            for seed in (1, 2, 3):
                rounds = write_run("digits", setting, strategy, seed, [0.5, 0.6])
    np.save(rounds.with_name("features.npy"), np.random.default_rng(0).normal(size=(12, 3)))
    outcome = alframe(*shlex.split(command, comments=True)[1:])
    assert outcome.code == 0
    assert "alfamix" in outcome.out
