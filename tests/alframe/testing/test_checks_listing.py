import importlib

import pytest

from alframe.registry.registry import Registry
from alframe.testing import checks_of, outcome_of

INFO = """
from alframe import DatasetInfo, PluginInfo, hookimpl

@hookimpl
def alframe_info():
    return PluginInfo(summary="a plugin")
"""
DATA = """
@hookimpl
def alframe_datasets():
    {line}
    return {{"two": DatasetInfo(summary="two", load=lambda request: None)}}
"""
LISTING = ("imports_without_torch", "lists_without_torch")


@pytest.fixture
def verdicts(tmp_path, monkeypatch):
    """Writes a module, and makes the checks of its import."""

    def make(name, code):
        (tmp_path / f"{name}.py").write_text(code)
        monkeypatch.syspath_prepend(tmp_path)
        module = importlib.import_module(name)
        checks = checks_of(module, registry=Registry(entry_points=[]))
        return {o.check: o for o in (outcome_of(check) for check in checks if check.name in LISTING)}

    return make


def test_a_plugin_that_imports_torch_at_the_top(verdicts):
    found = verdicts("kit_heavy", "import torch\n" + INFO + DATA.format(line=""))
    assert [found[name].verdict for name in LISTING] == ["failed", "skipped"]
    assert "imports torch" in found["imports_without_torch"].reason


def test_a_plugin_that_imports_torch_when_it_lists_data_sets(verdicts):
    found = verdicts("kit_lazy", INFO + DATA.format(line="import torch"))
    assert [found[name].verdict for name in LISTING] == ["passed", "failed"]
    assert "alframe_datasets" in found["lists_without_torch"].reason


def test_a_plugin_that_imports_torch_in_neither(verdicts):
    found = verdicts("kit_light", INFO + DATA.format(line=""))
    assert [found[name].verdict for name in LISTING] == ["passed", "passed"]


def test_a_plugin_that_prints(verdicts):
    found = verdicts("kit_loud", "print('hello')\n" + INFO)
    assert found["imports_without_torch"].verdict == "passed"


def test_a_plugin_that_is_imported_here_alone(verdicts):
    """In another process the module is not there in the same way: its environment is."""
    code = "import sys\nassert 'pytest' in sys.modules, 'not under pytest'\n" + INFO
    found = verdicts("kit_tied", code)
    assert found["imports_without_torch"].verdict == "failed"
    assert "not under pytest" in found["imports_without_torch"].reason


def test_a_plugin_that_is_no_module(make_plugin):
    registry = Registry(entry_points=[])
    registry.register(make_plugin(alframe_score=lambda pool: None), "object")
    outcomes = {o.check: o for o in (outcome_of(c) for c in checks_of("object", registry=registry))}
    assert outcomes["imports_without_torch"].verdict == "skipped"
