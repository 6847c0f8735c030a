import json

import pytest

from alframe import DatasetInfo, PluginInfo
from alframe.registry.registry import installed
from alframe_cli.listing import by_family


def test_strategies(alframe):
    outcome = alframe("list-strategies")
    assert outcome.code == 0
    for text in ("alfamix", "embed, score, select", "2203.07034", "random", "alframe 0."):
        assert text in outcome.out
    assert "can't be used" not in outcome.out
    assert "\x1b" not in outcome.out


def test_strategies_as_json(alframe):
    found = json.loads(alframe("list-strategies", "--json").out)
    row = next(row for row in found["strategies"] if row["name"] == "margin")
    assert row["stages"] == ["score"]
    assert row["distribution"] == "alframe"
    assert found["problems"] == []


def test_strategies_stand_together_by_what_they_go_by(alframe, make_plugin):
    rows = json.loads(alframe("list-strategies", "--json").out)["strategies"]
    assert all(row["family"] for row in rows)
    silent = make_plugin(alframe_info=lambda: PluginInfo(summary="x"), alframe_score=lambda pool: None)
    installed().register(silent, "silent", "their-package", "0.3")
    families = dict(by_family(installed().strategies))
    assert next(iter(families)) == "uncertainty"
    assert list(families)[-3:] == ["baseline", "", "part"]
    assert [plugin.name for plugin in families["part"]] == ["leaves", "stochastic"]
    assert [plugin.name for plugin in families[""]] == ["silent"]
    assert "coreset" in [plugin.name for plugin in families["diversity"]]
    assert sum(map(len, families.values())) == len(rows) + 1
    listed = alframe("list-strategies").out
    assert listed.count(" diversity:") == 1
    assert "stochastic" in listed.partition(" parts: ")[2]


def test_what_a_strategy_says_of_scores_is_data(alframe):
    rows = {row["name"]: row for row in json.loads(alframe("list-strategies", "--json").out)["strategies"]}
    of = {name: (row["part"], row["score_range"], row["needs_scores"]) for name, row in rows.items()}
    assert of["entropy"] == (False, "nonnegative", "any")
    assert of["stochastic"] == (True, "", {"form=power": "nonnegative"})


def test_broken_plugins_are_listed_with_the_reason(alframe, make_plugin):
    installed().register(make_plugin(alframe_scroe=lambda: None), "typo", "their-package", "0.3")
    outcome = alframe("list-strategies")
    assert outcome.code == 0
    assert "typo" in outcome.out
    assert "their-package 0.3" in outcome.out
    assert "unknown hook" in outcome.out
    problems = json.loads(alframe("list-strategies", "--json").out)["problems"]
    assert [problem["name"] for problem in problems] == ["typo"]


def test_a_third_partys_strategy_appears(alframe, make_plugin):
    plugin = make_plugin(
        alframe_info=lambda: PluginInfo(summary="[bold]clever[/bold]", uses={"select": "alfamix"}),
        alframe_score=lambda pool: None,
    )
    installed().register(plugin, "clever", "alframe-strategy-clever", "2.0")
    out = alframe("list-strategies").out
    assert "score, select of alfamix" in out
    assert "alframe-strategy-clever 2.0" in out
    assert "[bold]clever[/bold]" in out  # text, not markup


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("list-datasets", ["digits", "mnist", "npz:PATH"]),
        ("list-models", ["lenet", "mlp", "timm:NAME"]),
        ("list-presets", ["mnist-mlp"]),
    ],
)
def test_resources(alframe, command, names):
    outcome = alframe(command)
    assert outcome.code == 0
    assert all(name in outcome.out for name in names)
    found = json.loads(alframe(command, "--json").out)
    rows = next(value for key, value in found.items() if key != "problems")
    assert {row["name"] for row in rows} >= {name.partition(":")[0] for name in names}


def test_a_plugin_that_fails_to_offer_is_listed(alframe, make_plugin):
    installed().register(make_plugin(alframe_datasets=lambda: 1 / 0), "failing")
    installed().register(make_plugin(alframe_datasets=lambda: {"x": DatasetInfo("toy", print)}), "good")
    out = alframe("list-datasets").out
    assert "ZeroDivisionError" in out
    assert "toy" in out


def test_what_of_a_data_set_is_on_disk(alframe, tmp_path):
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte"):
        (raw / part).write_bytes(bytes(1000))

    def state(*flags):
        rows = json.loads(alframe("list-datasets", "--json", *flags).out)["data_sets"]
        return {row["name"]: (row["on_disk"], row["bytes"]) for row in rows}

    assert state()["mnist"] == ("part of it", 3000)
    (raw / "t10k-labels-idx1-ubyte").write_bytes(bytes(1000))
    assert state()["mnist"] == ("present", 4000)
    assert state()["cifar10"] == ("missing", 0)
    assert state()["digits"] == ("-", 0)
    assert state("--data-dir", str(tmp_path))["mnist"] == ("missing", 0)
    assert "present, 4.0 kB" in alframe("list-datasets").out


def test_json_can_be_read_whatever_a_plugins_hooks_print(alframe, tmp_path):
    hook = "from alframe import PluginInfo, hookimpl\n@hookimpl\ndef alframe_{}(): print('x'); return {}\n"
    text = hook.format("info", "PluginInfo(summary='prints')") + hook.format("models", "{}")
    (tmp_path / "prints.py").write_text(text)
    outcome = alframe("list-models", "--plugin", "prints.py", "--json")
    assert json.loads(outcome.out)
    assert set(outcome.err.splitlines()) == {"x"}


@pytest.mark.parametrize("spoil", ["sys.stderr = None", "sys.stdout.close()", "os._exit(0)", "os.chdir('/')"])
def test_a_hook_that_spoils_the_process_costs_its_plugin_alone(alframe, tmp_path, spoil):
    hook = "import os, sys\nfrom alframe import hookimpl\n@hookimpl\ndef alframe_models(): {}; return 3\n"
    (tmp_path / "spoils.py").write_text(hook.format(spoil))
    outcome = alframe("list-models", "--plugin", "spoils.py", "--json")
    found = json.loads(outcome.out)
    assert "mlp" in {row["name"] for row in found["models"]}
    assert "spoils" in outcome.out
