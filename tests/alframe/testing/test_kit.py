import random
import subprocess
import sys
import types

import numpy as np
import pytest
import torch

from alframe import PluginError, PluginInfo, UsageError, hookimpl
from alframe.experiments.randomness import random_states
from alframe.registry.registry import Registry
from alframe.testing import CHECKS, CheckFailedError, CheckSkippedError, checks_of, outcome_of
from alframe.testing.kit import kinds_of


def sums(pool):
    return pool.features.sum(dim=1)


def nothing(pool):
    return None


@pytest.fixture
def checks(make_plugin):
    """The checks of a plugin with these hooks, by name."""

    def make(expected_failures=None, declared=None, **hooks):
        registry = Registry(entry_points=[])
        info = PluginInfo(summary="mine", expected_failures=declared or {})
        registry.register(make_plugin(alframe_info=lambda: info, **hooks), "mine")
        found = checks_of("mine", registry=registry, expected_failures=expected_failures)
        return {check.name: check for check in found}

    return make


def test_every_check_says_what_it_demands_in_a_sentence():
    for registered in CHECKS.values():
        assert registered.demand.endswith("."), registered.name
        assert set(registered.after) <= set(CHECKS)


def test_a_check_comes_after_those_that_it_waits_for():
    names = list(CHECKS)
    for name, registered in CHECKS.items():
        assert all(names.index(earlier) < names.index(name) for earlier in registered.after)


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("random", {"plugin", "strategy"}),
        ("cdal", {"plugin", "strategy", "embed"}),
        ("mixup", {"plugin", "train"}),
        ("openml", {"plugin", "datasets", "presets"}),
        ("networks", {"plugin", "models", "presets"}),
        ("default", {"plugin", "train", "embed", "select"}),
    ],
)
def test_kinds(registry, name, kinds):
    assert kinds_of(registry.plugin(name)) == kinds


def test_the_checks_of_a_plugin_suit_what_it_has(checks):
    scorer = checks(alframe_score=sums)
    assert "follows_the_rows" in scorer
    assert not {"foreign_scores", "trains_a_model_that_predicts", "hears_every_event"} & set(scorer)
    listener = checks(alframe_run_started=lambda run: None)
    assert "hears_every_event" in listener
    assert "budget_of_one" not in listener


def test_a_check_returns_a_remark_or_raises(checks):
    assert checks(alframe_score=sums)["budget_of_one"]() == ""
    failing = checks(alframe_score=nothing)
    with pytest.raises(CheckFailedError, match="alframe_score returned None"):
        failing["answers"]()
    with pytest.raises(CheckSkippedError, match="nothing can be said before answers passes"):
        failing["budget_of_one"]()


def test_what_waits_for_an_expected_failure_is_made(checks):
    calls = {"many": 0}

    def twice_fails(pool):
        calls["many"] += 1
        return None if calls["many"] == 3 else sums(pool)

    found = checks(alframe_score=twice_fails, expected_failures={"answers": "once"})
    with pytest.raises(CheckFailedError):
        found["answers"]()
    assert found["answers"].expected_failure == "once"
    assert found["budget_of_one"]() == ""


def test_expected_failures_of_the_plugin_and_of_the_call_add_up(checks):
    found = checks({"two_rounds": "b"}, {"two_classes": "a", "two_rounds": "a"}, alframe_score=sums)
    expected = {name: check.expected_failure for name, check in found.items() if check.expected_failure}
    assert expected == {"two_classes": "a", "two_rounds": "b"}


def test_an_expected_failure_of_no_check():
    with pytest.raises(UsageError, match="Did you mean 'two_classes'"):
        list(checks_of("margin", expected_failures={"two_class": "typo"}))


def test_options_are_those_of_plugins():
    with pytest.raises(UsageError, match="unknown option of 'coregcn' 'step'"):
        list(checks_of("coregcn", options={"coregcn": {"step": 3}}))


def test_a_broken_plugin_is_not_checked(make_plugin):
    registry = Registry(entry_points=[])
    registry.register(make_plugin(alframe_scroe=sums), "typo")
    with pytest.raises(PluginError, match="alframe_scroe"):
        list(checks_of("typo", registry=registry))


def test_a_module_is_checked_before_it_is_installed():
    module = types.ModuleType("package.mine", "A plugin.")
    module.alframe_score = hookimpl(sums)
    checks = {check.name: check for check in checks_of(module, registry=Registry(entry_points=[]))}
    assert checks["budget_of_one"].id == "mine-budget_of_one"
    assert checks["budget_of_one"]() == ""
    assert checks["has_summaries"]() == ""


def test_an_installed_module_is_checked_under_its_name(registry):
    module = registry.plugin("margin").module
    assert next(checks_of(module, registry=registry)).subject.plugin is not None
    assert next(checks_of(module, registry=registry)).id.startswith("margin-")


def test_the_registry_is_left_as_it_was(checks, make_plugin):
    registry = Registry(entry_points=[])
    registry.register(make_plugin(alframe_score=sums), "mine")
    before = [plugin.name for plugin in registry.plugins]
    for check in checks_of("mine", registry=registry):
        outcome_of(check)
    assert [plugin.name for plugin in registry.plugins] == before


def test_the_kit_leaves_the_global_random_state(checks):
    """Also where the plugin does not."""

    def careless(pool):
        torch.rand(1), np.random.rand(), random.random()  # noqa: NPY002 (the fault)
        return sums(pool)

    found = checks(alframe_score=careless)
    before = random_states()
    verdicts = {name: outcome_of(check).verdict for name, check in found.items()}
    assert random_states() == before
    assert verdicts["leaves_global_random_state"] == "failed"


def test_warnings_of_a_plugin_fail_no_check(checks):
    import warnings

    def warns(pool):
        warnings.warn("odd samples", stacklevel=1)
        return sums(pool)

    assert checks(alframe_score=warns)["answers"]() == ""


def test_the_cause_of_a_failure_is_kept(checks):
    def fails(pool):
        raise ZeroDivisionError("by zero")

    with pytest.raises(CheckFailedError, match="alframe_score raised ZeroDivisionError: by zero") as caught:
        checks(alframe_score=fails)["answers"]()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_alframe_does_not_import_the_kit():
    code = "import sys, alframe, alframe_cli.main; assert 'alframe.testing' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_kit_does_not_import_pytest(forks):
    code = "import sys, alframe.testing; assert 'pytest' not in sys.modules"
    assert forks.run(code).returncode == 0


@pytest.mark.parametrize(("draws", "remark"), [(False, "draw them by ctx.generator"), (True, "")])
def test_a_selector_that_does_not_draw_among_equals_is_told(draws, remark, make_plugin):
    def alframe_select(pool, scores, n, ctx):
        values = pool.logits.sum(dim=1)
        if scores is not None:
            values = values.where(scores > -torch.inf, -torch.inf)
        order = torch.randperm(len(pool), generator=ctx.generator) if draws else torch.arange(len(pool))
        best, picks = values[order].topk(n)
        return order[picks[best > -torch.inf]]

    registry = Registry(entry_points=[])
    registry.register(make_plugin(alframe_select=alframe_select), "bad")
    outcomes = {o.check: o for o in map(outcome_of, checks_of("bad", registry=registry))}
    assert outcomes["same_samples"].verdict == "passed"
    assert outcomes["same_samples"].reason.endswith(remark)
    assert bool(outcomes["same_samples"].reason) == bool(remark)
