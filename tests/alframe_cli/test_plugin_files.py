import json

import pytest

from alframe.registry.registry import installed

STRATEGY = """
import dataclasses
from alframe import PluginInfo, hookimpl, option

@dataclasses.dataclass(frozen=True)
class Options:
    power: float = option(2.0, "exponent of the probabilities")

@hookimpl
def alframe_info():
    return PluginInfo(summary="Gini impurity", options=Options, aliases=("mine",))

@hookimpl
def alframe_score(pool, options):
    return 1 - (pool.probs**options.power).sum(dim=1)
"""


@pytest.fixture
def strategy_file(tmp_path):
    path = tmp_path / "my_strategy.py"
    path.write_text(STRATEGY)
    return path


def test_a_strategy_that_is_a_file(alframe, quick, tmp_path, strategy_file):
    command = ["run", "--plugin", "my_strategy.py", *quick, "--strategy", "mine", "-o", "my-strategy.power=3"]
    assert alframe(*command).code == 0
    (folder,) = tmp_path.glob("runs/digits/*/my-strategy+power=3.0/seed-1")
    plugins = json.loads((folder / "environment.json").read_text())["plugins"]
    assert plugins["local/my-strategy"]["file"] == str(strategy_file)
    assert plugins["local/my-strategy"]["code"]


def test_a_file_that_has_changed_since_is_noted_once_and_recorded(alframe, quick, tmp_path, strategy_file):
    command = ["run", "--plugin", "my_strategy.py", "--strategy", "mine", *quick]

    def again(*flags):
        installed.cache_clear()
        return alframe(*command, *flags)

    assert again().code == 0
    assert "is not that of" not in again().err
    strategy_file.write_text(STRATEGY.replace("1 - (", "2 - ("))
    assert again("--jobs", "2").err.count("the code of plugin 'my-strategy'") == 1
    (folder,) = tmp_path.glob("runs/digits/*/my-strategy/seed-1")
    (folder / "checkpoint.pt").unlink()  # as after an interruption: the round before is gone on from
    old = json.loads((folder / "environment.json").read_text())["plugins"]["local/my-strategy"]
    again()
    facts = json.loads((folder / "environment.json").read_text())
    assert facts["earlier"] == [{"rounds": 2, "plugins": {"local/my-strategy": old}}]
    assert facts["plugins"]["local/my-strategy"]["code"] != old["code"]
    assert "is not that of" not in again("--force", "-q").err
    assert "is not that of" not in again().err


@pytest.mark.parametrize(
    ("name", "text", "code", "message"),
    [
        ("missing.py", None, 2, "there is no missing.py"),
        ("notes.txt", "", 2, "wanted a file of Python"),
        ("two words.py", STRATEGY, 2, "letters, digits"),
        ("entropy.py", STRATEGY, 2, "there is a plugin 'entropy' already (alframe 0."),
        ("syntax.py", "def f(:", 3, "syntax.py: could not be imported: SyntaxError"),
        ("empty.py", "", 3, "empty.py: has no hooks"),
        (
            "unmarked.py",
            STRATEGY.replace("@hookimpl\ndef alframe_score", "def alframe_score"),
            3,
            "not marked",
        ),
        ("newer.py", STRATEGY.replace("PluginInfo(", "PluginInfo(api=99, "), 3, "needs plugin API 99"),
        ("train.py", STRATEGY, 3, "taken by a section"),
    ],
)
@pytest.mark.parametrize("command", ["run", "list-strategies"])
def test_files_that_are_no_plugin_are_one_clear_line(alframe, tmp_path, command, name, text, code, message):
    if text is not None:
        (tmp_path / name).write_text(text)
    outcome = alframe(command, "--plugin", name)
    assert (outcome.code, outcome.out) == (code, "")
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("command", ["list-strategies", "list-models", "list-datasets", "list-presets"])
def test_files_are_listed_with_their_path(alframe, command, tmp_path):
    (tmp_path / "nets.py").write_text(
        "from alframe import DatasetInfo, ModelInfo, PluginInfo, PresetInfo, hookimpl\n"
        "@hookimpl\ndef alframe_score(pool): ...\n"
        "@hookimpl\ndef alframe_models(): return {'wide': ModelInfo('wide one', print)}\n"
        "@hookimpl\ndef alframe_datasets(): return {'moons': DatasetInfo('two', print)}\n"
        "@hookimpl\ndef alframe_presets(): return {'quick': PresetInfo('two', {})}\n"
    )
    out = alframe(command, "--plugin", "nets.py", "--json").out
    assert str(tmp_path / "nets.py") in out or '"local"' in out
    assert alframe("show", "nets", "--plugin", "nets.py").code == 0


def test_a_traceback_of_a_file_that_cannot_be_imported(alframe, tmp_path):
    (tmp_path / "bad.py").write_text("x = 1\n1 / 0\n")
    outcome = alframe("run", "--plugin", "bad.py")
    assert "ZeroDivisionError: division by zero (bad.py, line 2)" in outcome.err
    assert "Traceback" not in outcome.err
    installed.cache_clear()
    assert 'bad.py", line 2' in alframe("run", "--plugin", "bad.py", "-v").err
