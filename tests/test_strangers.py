"""Other people's distributions, broken in every way we know of: all commands work, and name them."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from forks import COMMAND

GOOD = "from alframe import PluginInfo, hookimpl\n@hookimpl\ndef alframe_info(): return PluginInfo('x')\n"
HOOKS = "from alframe import DatasetInfo, PluginInfo, hookimpl, option\n"
SCORE = "@hookimpl\ndef alframe_score(pool):\n    return pool.probs[:, 0]\n"
BROKEN = {  # the module's text, and what is said about it
    "import-error": ("import no_such_module\n", "ModuleNotFoundError: No module named 'no_such_module'"),
    "missing-attribute": ("import os\nos.no_such_name\n", "no attribute 'no_such_name'"),
    "syntax-error": ("def f(:\n", "SyntaxError: invalid syntax"),
    "exits": ("import sys\nsys.exit(3)\n", "SystemExit: 3"),
    "raises": ("class Odd(BaseException): ...\nraise Odd('!')\n", "Odd: !"),
    "unknown-hook": (GOOD + "@hookimpl\ndef alframe_scroe(pool): ...\n", "unknown hook 'alframe_scroe'"),
    "unknown-argument": (
        GOOD + "@hookimpl\ndef alframe_score(colour): ...\n",
        "alframe_score has no argument 'colour'",
    ),
    "no-hooks": ("x = 1\n", "has no hooks"),
    "unmarked": (
        GOOD + "def alframe_score(pool): ...\n",
        "alframe_score is not marked with @alframe.hookimpl",
    ),
    "info-raises": (HOOKS + SCORE + "@hookimpl\ndef alframe_info(): 1 / 0\n", "ZeroDivisionError"),
    "info-exits": (HOOKS + SCORE + "@hookimpl\ndef alframe_info(): raise SystemExit(0)\n", "SystemExit: 0"),
    "info-is-none": (HOOKS + SCORE + "@hookimpl\ndef alframe_info(): ...\n", "wanted a PluginInfo, got None"),
    "odd-options": (
        HOOKS + SCORE + "@hookimpl\ndef alframe_info(): return PluginInfo('x', options=dict)\n",
        "options must be a dataclass",
    ),
    "newer": (
        HOOKS + "@hookimpl\ndef alframe_info(): return PluginInfo(summary='x', api=99, colour='red')\n",
        "needs plugin API 99, this alframe has 4: upgrade alframe",
    ),
    "offers-nothing": (HOOKS + "@hookimpl\ndef alframe_datasets(): 1 / 0\n", "ZeroDivisionError"),
    "offers-oddly": (
        HOOKS + "@hookimpl\ndef alframe_models(): return {'x': 3}\n",
        "wanted a ModelInfo, got 3",
    ),
    "offers-exit": (HOOKS + "@hookimpl\ndef alframe_presets(): raise SystemExit(0)\n", "SystemExit: 0"),
    "sources-list": (
        HOOKS + "@hookimpl\ndef alframe_labelled_sources(): return ['x']\n",
        "wanted a mapping of names and SourceInfo, got ['x']",
    ),
    "formats-own": (
        HOOKS + "@hookimpl\ndef alframe_label_formats(): return {'csv': 3}\n",
        "the name 'csv' is that of alframe's own format",
    ),
    "executors-own": (
        HOOKS + "@hookimpl\ndef alframe_executors(): return {'local': 3}\n",
        "the name 'local' is that of alframe's own executor",
    ),
    "a-class": (
        HOOKS + "class Plugin:\n    @hookimpl\n    def alframe_score(self): ...\n",
        "Plugin is a class",
    ),
    "no-object": ("", "no attribute 'missing'"),
    "train": (GOOD, "taken by a section"),
}
TARGETS = {"a-class": "a_class_module:Plugin", "no-object": "no_object_module:missing"}
ODD = {  # works, but does what an import should not
    "prints": ("print('hello from an import')\n", "prints when it is imported"),
    "moves": ("import os\nos.chdir('/')\n", "changed the working directory"),
    "seeds": ("import random\nrandom.seed(0)\n", "changed Python's random state"),
    "slow": ("import os, time\nif os.environ.get('BE_SLOW'): time.sleep(1.1)\n", "s to import"),
}


def add(site, distribution, entries, metadata=True):
    folder = site / f"{distribution.replace('-', '_')}-1.0.dist-info"
    folder.mkdir()
    if metadata:
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[alframe]\n" + entries)


@pytest.fixture(scope="module")
def alframe(tmp_path_factory, forks):
    """Runs ``alframe ARGS`` beside all of them, in a process and an empty folder."""
    site = tmp_path_factory.mktemp("site")
    for name, (text, _) in {**BROKEN, **{k: (t + GOOD, _) for k, (t, _) in ODD.items()}}.items():
        module = f"{name.replace('-', '_')}_module"
        (site / f"{module}.py").write_text(text)
        add(site, f"stranger-{name}", f"{name} = {TARGETS.get(name, module)}\n")
    for module in ("twin_one", "twin_two", "bare"):
        (site / f"{module}.py").write_text(GOOD)
    add(site, "stranger-twin-one", "twin = twin_one\n")
    add(site, "stranger-twin-two", "twin = twin_two\n")
    add(site, "stranger-bare", "bare = bare\n", metadata=False)
    where = tmp_path_factory.mktemp("here")

    def run(*arguments, path=(), **environment):
        paths = os.pathsep.join(map(str, [site, *path]))
        how = {"env": os.environ | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", **environment}}
        how |= {"cwd": where}
        if path:  # where something is in torch's place, say
            command = [sys.executable, "-m", "alframe_cli", *arguments]
            outcome = subprocess.run(command, capture_output=True, text=True, **how)
        else:
            outcome = forks.run(COMMAND, *arguments, **how)
        return SimpleNamespace(code=outcome.returncode, out=outcome.stdout, err=outcome.stderr, folder=where)

    return run


@pytest.fixture(scope="module")
def problems(alframe):
    """What ``list-strategies --json`` says can't be used, by name."""
    outcome = alframe("list-strategies", "--json", BE_SLOW="1")
    found = json.loads(outcome.out)
    assert outcome.code == 0
    return SimpleNamespace(
        by_name={row["name"]: row for row in found["problems"]},
        strategies={row["name"] for row in found["strategies"]},
        notes=outcome.err,
    )


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_named_with_the_reason(problems, name):
    row = problems.by_name[name]
    assert row["provider"] == f"stranger-{name} 1.0"
    assert BROKEN[name][1] in row["problem"]
    assert name not in problems.strategies


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_is_used_and_named(problems, name):
    assert name in problems.strategies
    (note,) = [
        line for line in problems.notes.splitlines() if f"plugin {name!r} (stranger-{name} 1.0)" in line
    ]
    assert ODD[name][1] in note


def test_nothing_else_is_amiss(problems):
    assert set(problems.by_name) == set(BROKEN)
    assert {"margin", "alfamix", "twin", "bare"} <= problems.strategies


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["list-strategies"],
        ["list-datasets"],
        ["list-models"],
        ["list-presets"],
        ["show", "margin"],
        ["show", "syntax-error"],
        ["compare", "--help"],
        ["new-plugin", "mine"],
    ],
    ids=" ".join,
)
def test_every_command_works(alframe, arguments):
    outcome = alframe(*arguments)
    assert outcome.code == 0
    assert "Traceback" not in outcome.err
    assert "hello" not in outcome.out
    if arguments[0].startswith("list-"):
        for name in BROKEN:
            assert f"stranger-{name} 1.0" in outcome.out


def test_a_run_works_and_writes_where_it_was_asked_to(alframe):
    flags = ["--seeds", "1", "--rounds", "1", "--epochs", "2", "--device", "cpu"]
    outcome = alframe("run", "--strategy", "margin,bare", *flags)
    assert outcome.code == 0
    assert "Traceback" not in outcome.err
    assert len(list(outcome.folder.glob("runs/digits/*/*/seed-1/rounds.jsonl"))) == 2


def test_the_kit_checks_a_plugin_beside_them(alframe):
    outcome = alframe("check", "bare", "-q")
    assert outcome.code == 0, outcome.out
    assert outcome.out.rstrip().splitlines()[-1].startswith("bare: ")


def test_the_kit_finds_what_is_wrong_with_an_offer(alframe):
    outcome = alframe("check", "offers-exit", "-q")
    assert outcome.code == 1
    assert "says_what_it_offers failed" in outcome.out
    assert "SystemExit: 0" in outcome.out


@pytest.mark.parametrize(("name", "code"), [("exits", 3), ("newer", 3), ("twin", 2)])
def test_the_kit_says_in_one_line_why_it_checks_nothing(alframe, name, code):
    outcome = alframe("check", name)
    assert (outcome.code, outcome.out) == (code, "")
    assert "Traceback" not in outcome.err
    assert [line for line in outcome.err.splitlines() if line.startswith("error")]


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("exits", 3, "error: plugin 'exits' (stranger-exits 1.0): could not be imported: SystemExit: 3"),
        ("newer", 3, "error: plugin 'newer' (stranger-newer 1.0): needs plugin API 99"),
        ("twin", 2, "error: 2 plugins offer the strategy 'twin': stranger-twin-one/twin"),
    ],
)
def test_what_is_asked_for_by_name_is_one_clear_line(alframe, name, code, message):
    outcome = alframe("run", "--strategy", name)
    assert outcome.code == code
    (line,) = [line for line in outcome.err.splitlines() if line.startswith("error")]
    assert line.startswith(message)
    assert "Traceback" not in outcome.err


def test_the_doctor_names_them_all_and_says_what_to_do(alframe, tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('not now')\n")  # asking the real one takes seconds
    outcome = alframe("doctor", "--json", path=[tmp_path], BE_SLOW="1")
    assert outcome.code == 1
    findings = [f for f in json.loads(outcome.out)["findings"] if f["area"] == "plugins"]
    advice = {f["name"]: f["advice"] for f in findings if f["state"] == "problem"}
    assert set(advice) == {*BROKEN, "twin"}
    assert all(advice.values())
    assert {f["name"] for f in findings if f["state"] == "note"} == set(ODD)


def test_a_damaged_distribution_is_named(alframe, tmp_path):
    add(tmp_path, "stranger-damaged", "this line is no entry point\n")
    outcome = alframe("list-strategies", path=[tmp_path])
    assert outcome.code == 0
    assert "stranger-damaged" in outcome.out
    assert "its entry_points.txt can't be read" in outcome.out
    assert "alfamix" in outcome.out


def test_all_of_them_can_be_left_out(alframe):
    found = json.loads(alframe("list-strategies", "--json", ALFRAME_DISABLE_PLUGINS="*").out)
    assert {row["state"] for row in found["problems"]} == {"disabled"}
    assert {row["distribution"] for row in found["strategies"]} == {"alframe"}
