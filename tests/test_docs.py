"""What the documents say is so: commands, code, names."""

import re
import textwrap
import tomllib
import types
from pathlib import Path

import pytest
import torch

import alframe
from alframe import hookspecs
from alframe.experiments.data import load_data
from alframe.experiments.plan import trials
from alframe.experiments.settings import resolve
from alframe.experiments.sweep import resolve_sweep
from alframe.experiments.trial_loop import run_trial
from alframe.registry.registry import Registry
from alframe.testing import CHECKS
from alframe_cli.display import SilentDisplay
from alframe_cli.main import COMMANDS, main

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TUTORIAL = (DOCS / "plugins.md").read_text()
REFERENCE = (DOCS / "plugin-reference.md").read_text()
KIT = (DOCS / "kit.md").read_text()
README = (ROOT / "README.md").read_text()


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def of_reference(word):
    """The one Python block of the plugin reference that has a word."""
    (code,) = [block for block in blocks(REFERENCE, "python") if word in block]
    return code


def run_block(code, namespace):
    module = types.ModuleType("block")
    module.__dict__.update(namespace)
    # Dataclasses and type hints look their module up by name.
    exec(compile(code, "docs", "exec"), module.__dict__)
    return module


def test_the_tutorials_strategy_works(monkeypatch):
    codes = blocks(TUTORIAL, "python")
    assert len(codes) == 2  # a file, and the module of a package
    for code in codes:
        module = run_block(code, {})
        monkeypatch.setitem(__import__("sys").modules, "block", module)
        registry = Registry(entry_points=[])
        plugin = registry.register(module, "gini")
        assert plugin.problem == ""
        x = [[3.0, 0.0], [0.0, 0.0]]
        result = alframe.query(
            "gini", features=x, head=([[1.0, 0.0], [0.0, 1.0]], None), n=1, registry=registry
        )
        assert result.indices.tolist() == [1]


def test_the_references_selector_works_on_any_geometry():
    registry = Registry()
    assert registry.register(run_block(of_reference("alframe_select"), {}), "near").problem == ""
    x, head = [[3.0, 0.0], [0.1, 0.2], [0.0, 2.0]], ([[1.0, 0.0], [0.0, 1.0]], None)
    for embedder, nearest in (("default", 1), ("badge", 1), ("cdal", 1)):
        stages = {"embed": embedder, "select": "near"}
        result = alframe.query("random", features=x, head=head, n=1, stages=stages, registry=registry)
        assert result.indices.tolist() == [nearest]


def test_the_references_data_set_and_network_work():
    registry = Registry()
    plugin = registry.register(run_block(of_reference("moons"), {}), "moons")
    assert plugin.problem == ""
    moons = alframe.load_dataset("moons", registry=registry)
    learner = alframe.ActiveLearner(moons.hide_labels(), "wide", "margin", registry=registry)
    assert len(learner.ask(5)) == 5


def test_the_references_frozen_network_works(tmp_path):
    registry = Registry()
    module = run_block(of_reference("tuned"), {})
    assert registry.register(module, "tuned").problem == ""
    images = alframe.Dataset("grey", torch.randn(20, 1, 8, 8), torch.arange(20) % 2, 2)
    path = tmp_path / "w.pt"
    with pytest.raises(alframe.UsageError, match="--download fetches them"):
        alframe.ActiveLearner(images, f"tuned:{path}", "margin", registry=registry)
    trunk = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8))
    torch.save(trunk.state_dict(), path)
    learner = alframe.ActiveLearner(images, f"tuned:{path}", "margin", registry=registry, device="cpu")
    learner.fit()
    state = learner.model.body[1].state_dict()
    assert all(torch.equal(value, state[name]) for name, value in trunk.state_dict().items())


@pytest.mark.parametrize("name", [name for name in vars(hookspecs) if name.startswith("alframe_")])
def test_every_hook_is_in_the_reference(name):
    assert name in REFERENCE


def test_the_kits_page_lists_its_checks():
    rows = re.findall(r"^\| `(\w+)` \| [\w, ]+ \| (.*) \|$", KIT, re.MULTILINE)
    assert rows == [(check.name, check.demand) for check in CHECKS.values()]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme_or_the_guide_and_on_its_page(command):
    """As `alframe NAME`: "run" alone is just a word."""
    assert f"\n## alframe {command}\n" in (DOCS / "cli.md").read_text()
    guide = [page.read_text() for page in DOCS.rglob("*.md") if page.name != "cli.md"]
    assert re.search(rf"\balframe {command}(?![\w-])", "\n".join([README, *guide]))


def test_the_readmes_file_is_a_strategy_and_its_command_runs(tmp_path, monkeypatch, capsys):
    section = README.partition("## A strategy of your own in five minutes")[2]
    code = section.partition("`gini.py`:")[2].partition("\nand\n")[0]
    (tmp_path / "gini.py").write_text(textwrap.dedent(code).strip() + "\n")
    (command,) = re.findall(r"alframe (run --plugin gini.py.*)", section)
    quick = ["--seeds", "1", "--rounds", "1", "--epochs", "3", "--device", "cpu"]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_:
        main([*command.split(), *quick])
    assert exit_.value.code == 0
    assert "gini" in capsys.readouterr().out


def test_the_readmes_new_plugin_is_where_it_says(tmp_path, monkeypatch):
    (commands,) = re.findall(r'    alframe (new-plugin .*)\n    pip install -e "(.*)\[test\]"', README)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(commands[0].split())
    assert (tmp_path / commands[1] / "pyproject.toml").is_file()


def test_every_strategy_is_in_the_readmes_table(registry):
    for plugin in registry.strategies:
        assert f"| `{plugin.name}` |" in README


def test_the_citation_is_of_this_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = (ROOT / "CITATION.cff").read_text()
    for line in (f"version: {project['version']}", f"license: {project['license']}"):
        assert f"\n{line}\n" in citation
    assert "(CITATION.cff)" in README


def test_the_gate_runs_the_readmes_commands():
    gate = (ROOT / ".ci" / "run").read_text()
    assert "pip install -e . && alframe run --strategy alfamix" in README
    assert 'pip install -e ".[test]" && ./check' in README
    for part in ("-e .", "alframe run --strategy alfamix", '-e ".[test]"', "./check"):
        assert part in gate


def test_the_readmes_python_runs():
    codes = blocks(README, "python")
    assert codes
    for code in codes:
        run_block(code, {})


def test_the_guides_sweep_is_four_settings():
    (toml,) = blocks((DOCS / "guide" / "running.md").read_text(), "toml")
    settings = resolve_sweep(Registry(), tomllib.loads(toml))
    assert [one.label for one in settings] == [
        f"{data} query_size={size}" for data in ("digits", "mnist") for size in (10, 100)
    ]


def test_the_references_trainer_works(toy):
    registry = Registry()
    assert registry.register(run_block(of_reference("smoothed"), {}), "smooth").problem == ""
    learner = alframe.ActiveLearner(
        toy, "mlp", "random", stages={"train": "smooth"}, registry=registry, device="cpu"
    )
    learner.fit()
    assert learner.evaluate().accuracy > 0.9


def test_the_references_event_plugin_hears_where_it_is_asked_for(tmp_path, toy, make_plugin):
    registry = Registry()
    assert registry.register(run_block(of_reference("on_request"), {}), "result").problem == ""
    offer = {"toy": alframe.DatasetInfo("toy", lambda request: toy)}
    registry.register(make_plugin(alframe_datasets=lambda: offer), "toys")
    for log, out in (([], "without"), (["result"], "with")):
        run = {"strategy": ["random"], "seeds": [1], "rounds": 0, "device": "cpu", "out": str(tmp_path / out)}
        sections = {"run": run | {"log": log}, "data": {"name": "toy"}, "train": {"epochs": 1}}
        settings = resolve(registry, sections)
        run_trial(trials(settings)[0], load_data(settings), SilentDisplay())
    (path,) = tmp_path.rglob("result.txt")
    assert re.fullmatch(r"0\.\d{4} with 100 labels\n", path.read_text())
    assert "with/toy" in str(path)
