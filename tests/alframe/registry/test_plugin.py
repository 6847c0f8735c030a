import pytest

from alframe import PluginInfo
from alframe.registry.plugin import Offer, Plugin


def nothing():
    return {}


def test_who_provides_it():
    plugin = Plugin("gini", "alframe-strategy-gini", "1.0")
    assert (plugin.key, plugin.provider) == ("alframe-strategy-gini/gini", "alframe-strategy-gini 1.0")
    assert Offer("moons", plugin, None).key == "alframe-strategy-gini/moons"


@pytest.mark.parametrize(
    ("problem", "state"), [("", "ready"), ("disabled by X", "disabled"), ("has no hooks", "broken")]
)
def test_its_state(problem, state):
    assert Plugin("a", "b", problem=problem).state == state


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
