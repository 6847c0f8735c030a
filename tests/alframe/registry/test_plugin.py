import pytest

from alframe import PluginInfo
from alframe.contract.info import NewerApiError
from alframe.registry.plugin import Plugin, State


def nothing():
    return {}


def test_who_provides_it():
    plugin = Plugin("gini", "alframe-strategy-gini", "1.0")
    assert (plugin.key, plugin.provider) == ("alframe-strategy-gini/gini", "alframe-strategy-gini 1.0")


def test_its_state_stands_beside_the_reason():
    plugin = Plugin("a", "b")
    assert (plugin.state, plugin.problem) == (State.READY, "")
    broken = plugin.unusable("disabled itself", ValueError("x"))  # whatever the words
    assert (broken.state, broken.problem, str(broken.cause)) == (State.BROKEN, "disabled itself", "x")
    newer = plugin.unusable("too old", NewerApiError("too old"))
    assert newer.state == "needs a newer alframe"
    assert plugin.disabled("switched off by X").state == State.DISABLED


def test_what_it_has_and_hears():
    plugin = Plugin("a", "b", hooks=frozenset({"alframe_select", "alframe_embed", "alframe_info"}))
    assert (plugin.stages, plugin.hears_events) == (("embed", "select"), False)
    assert Plugin("a", "b", hooks=frozenset({"alframe_run_started"})).hears_events


@pytest.mark.parametrize(
    ("hooks", "uses", "expected"),
    [
        ({}, {}, True),
        ({"alframe_score": lambda pool: None}, {}, True),
        ({}, {"select": "x"}, True),
        ({"alframe_train": lambda model: None}, {}, False),
        ({"alframe_models": nothing}, {}, False),
        ({"alframe_models": nothing, "alframe_score": lambda pool: None}, {}, True),
        ({"alframe_round_finished": lambda run: None}, {}, False),
    ],
)
def test_what_counts_as_a_strategy(bare_registry, make_plugin, hooks, uses, expected):
    described = make_plugin(alframe_info=lambda: PluginInfo("a plugin", uses=uses), **hooks)
    plugin = bare_registry.register(described, "x")
    assert plugin.is_strategy is expected
