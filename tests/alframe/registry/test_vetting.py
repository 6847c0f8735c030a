import dataclasses
import sys
from typing import Literal

import pytest

from alframe import API_VERSION, PluginError, PluginInfo, hookimpl, option
from alframe.contract.needs import NEEDS
from alframe.registry import vetting


def info(**fields):
    return lambda: PluginInfo(summary="a plugin", **fields)


@pytest.mark.parametrize(
    ("hooks", "reason"),
    [
        ({"alframe_scroe": lambda pool: None}, "unknown hook 'alframe_scroe'. Did you mean 'alframe_score'"),
        (
            {"alframe_score": lambda pool, colour: None},
            "alframe_score has no argument 'colour'; it has pool, labelled, options, ctx",
        ),
        ({"alframe_datasets": lambda pool: {}}, "alframe_datasets has no argument 'pool'; it has none"),
        ({"alframe_info": lambda: "me"}, "alframe_info: wanted a PluginInfo, got 'me'"),
        ({"alframe_info": info(api=API_VERSION + 1)}, "upgrade alframe"),
        ({"alframe_info": lambda: sys.exit(3)}, "SystemExit"),
        ({"alframe_info": info(uses={"choose": "x"})}, "unknown stages ['choose']"),
        ({"alframe_info": info(options=int)}, "options must be a dataclass"),
        ({"alframe_info": info(aliases=(1, None))}, "aliases must be texts, got 1"),
        ({"alframe_info": lambda: PluginInfo(summary=3)}, "summary must be a text, got 3"),
        ({"alframe_info": lambda: 1 / 0}, "ZeroDivisionError"),
    ],
)
def test_a_plugin_that_breaks_the_specification_takes_no_part(bare_registry, make_plugin, hooks, reason):
    plugin = make_plugin(**{"alframe_select": lambda pool: None, **hooks})
    row = bare_registry.register(plugin, "broken")
    assert reason in row.problem
    assert bare_registry.strategies == []
    with pytest.raises(PluginError, match="broken"):
        bare_registry.plugin("broken")


def test_options_without_help_are_refused(bare_registry, make_plugin):
    @dataclasses.dataclass(frozen=True)
    class Options:
        a: int = 1

    row = bare_registry.register(make_plugin(alframe_info=info(options=Options)), "x")
    assert "has no help" in row.problem


def test_a_plugin_without_info_is_described_by_its_docstring(bare_registry):
    class Plugin:
        """Clever sampling.

        More of it.
        """

        @hookimpl
        def alframe_score(self, pool):
            return pool.probs

    assert bare_registry.register(Plugin(), "clever").info.summary == "Clever sampling."


@dataclasses.dataclass(frozen=True)
class Form:
    form: Literal["power", "rank"] = option("power", "a form")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"score_range": "positive"}, "score_range must be one of any, nonnegative, unit, got 'positive'"),
        ({"needs_scores": "positive"}, "needs_scores must be one of any, nonnegative, unit, got 'positive'"),
        ({"needs_scores": {"form=power": "good"}}, "needs_scores must be one of any, nonnegative, unit, got"),
        ({"needs_scores": {"kind=a": "unit"}}, "needs_scores names 'kind=a': unknown option"),
        ({"needs_scores": {"form=root": "unit"}}, "needs_scores names 'form=root': option needs_scores.form"),
        ({"score_range": "unit", "needs_scores": {"form=power": "unit"}}, ""),
        ({"asks": ("of",)}, "asks came with API 4: declare it, PluginInfo"),
        ({"asks": ("of",), "api": 4}, "asks names 'of', and there is no such option; there are"),
        (
            {"wants_labels_every": "form", "api": 4},
            "wants_labels_every names 'form', an option whose default is not a whole",
        ),
    ],
)
def test_ranges_of_scores_must_be_known(bare_registry, make_plugin, fields, reason):
    hooks = {"alframe_info": lambda: PluginInfo(summary="x", options=Form, **fields)}
    problem = bare_registry.register(make_plugin(**hooks), "ranged").problem
    assert problem.startswith(reason) if reason else problem == ""


def test_needs_must_be_known(bare_registry, make_plugin):
    hooks = {"alframe_info": lambda: PluginInfo(summary="x", needs=("coffee",))}
    plugin = bare_registry.register(make_plugin(**hooks), "tired")
    assert plugin.problem == "needs names ['coffee']; there are " + ", ".join(NEEDS)


def test_a_plugin_for_a_newer_alframe_is_called_that_whatever_else_is_new(bare_registry, make_plugin):
    newer = make_plugin(
        alframe_info=lambda: PluginInfo(summary="x", api=API_VERSION + 1, licence="MIT"),
        alframe_explain=lambda pool: None,
    )
    plugin = bare_registry.register(newer, "newer", "their-package", "2.0")
    assert (
        plugin.problem
        == f"needs plugin API {API_VERSION + 1}, this alframe has {API_VERSION}: upgrade alframe"
    )
    assert plugin.state == "needs a newer alframe"
    with pytest.raises(PluginError, match=r"plugin 'newer' \(their-package 2.0\): needs plugin API"):
        bare_registry.plugin("newer")
    older = make_plugin(alframe_info=info(api=1), alframe_score=lambda pool: None)
    assert bare_registry.register(older, "older").state == "ready"


def test_hooks_that_pluggy_would_pass_over_are_named(bare_registry):
    class Unmarked:
        @hookimpl
        def alframe_info(self):
            return PluginInfo(summary="x")

        def alframe_score(self, pool):
            return pool.probs

    class Empty:
        pass

    assert (
        bare_registry.register(Unmarked(), "a").problem
        == "alframe_score is not marked with @alframe.hookimpl"
    )
    assert bare_registry.register(Empty(), "b").problem.startswith("has no hooks")
    assert bare_registry.register(Empty, "c").problem.startswith("Empty is a class")


def test_a_rehearsal_leaves_no_trace(bare_registry, make_plugin):
    def good():
        return make_plugin(alframe_score=lambda pool: None)

    bad = make_plugin(alframe_score=lambda pool: None, alframe_scroe=lambda pool: None)
    rows = [bare_registry.register(plugin, str(i)) for i, plugin in enumerate((good(), bad, good()))]
    assert [row.state for row in rows] == ["ready", "broken", "ready"]
    assert vetting._IDLE
    for manager in vetting._IDLE:
        assert manager.get_plugins() == set()
        assert not any(caller.get_hookimpls() for caller in vars(manager.hook).values())
