import sys

import pytest

from alframe import (
    DatasetInfo,
    ModelInfo,
    PluginError,
    PresetInfo,
    UsageError,
)
from alframe.registry.offers import DATASETS, MODELS, PRESETS, Offer
from alframe.registry.plugin import Plugin


def test_resources_are_collected_and_looked_up(bare_registry, make_plugin):
    offered = DatasetInfo(summary="toy", load=lambda request: None)
    bare_registry.register(make_plugin(alframe_datasets=lambda: {"toy": offered}), "a", "dist")
    assert bare_registry.offers.named(DATASETS, "toy").value is offered
    assert bare_registry.offers.named(DATASETS, "dist/toy").value is offered
    with pytest.raises(UsageError, match="unknown data set 'tooy'. Did you mean 'toy'"):
        bare_registry.offers.named(DATASETS, "tooy")


@pytest.mark.parametrize(
    ("kind", "hook", "value"),
    [
        (DATASETS, "alframe_datasets", DatasetInfo(summary="", load=lambda request: None)),
        (MODELS, "alframe_models", ModelInfo(summary="", build=lambda request: None)),
        (PRESETS, "alframe_presets", PresetInfo(summary="", settings={})),
    ],
)
def test_two_resources_of_one_name_are_not_guessed_between(bare_registry, make_plugin, kind, hook, value):
    for name in ("one", "two"):
        bare_registry.register(make_plugin(**{hook: lambda: {"x": value}}), name, f"dist-{name}")
    with pytest.raises(UsageError, match="2 plugins offer the"):
        bare_registry.offers.named(kind, "x")
    assert bare_registry.offers.named(kind, "dist-two/x").plugin.name == "two"


@pytest.mark.parametrize(
    ("offer", "reason"),
    [
        (lambda: 1 / 0, "ZeroDivisionError"),
        (lambda: None, "wanted a mapping of names and DatasetInfo, got None"),
        (lambda: {"x": 3}, "wanted a DatasetInfo, got 3"),
        (lambda: {"x": DatasetInfo(summary="", load=print, options=int)}, "options must be a dataclass"),
    ],
)
def test_a_plugin_that_fails_to_offer_harms_nobody(bare_registry, make_plugin, offer, reason):
    bare_registry.register(make_plugin(alframe_datasets=offer), "broken")
    good = DatasetInfo(summary="", load=lambda request: None)
    bare_registry.register(make_plugin(alframe_datasets=lambda: {"good": good}), "good")
    assert bare_registry.offers.named(DATASETS, "good").value is good
    assert any(reason in row[2] for row in bare_registry.problems())
    with pytest.raises(PluginError, match="broken"):
        bare_registry.offers.named(DATASETS, "x")


def test_what_follows_a_colon(bare_registry, make_plugin):
    models = {
        "any": ModelInfo(summary="", build=lambda request: None, location="NAME"),
        "one": ModelInfo(summary="", build=lambda request: None),
    }
    bare_registry.register(make_plugin(alframe_models=lambda: models), "nets", "dist")
    assert bare_registry.offers.located(MODELS, "one")[1] == ""
    for name in ("any:a:b", "dist/any:a:b"):
        offer, location = bare_registry.offers.located(MODELS, name)
        assert (offer.value, location) == (models["any"], "a:b")
    with pytest.raises(UsageError, match="model 'any:' needs NAME after a colon: any:NAME"):
        bare_registry.offers.located(MODELS, "any:")
    with pytest.raises(UsageError, match="model 'one' takes nothing after a colon, got 'one:x'"):
        bare_registry.offers.located(MODELS, "one:x")


def offering(network, bare_registry, make_plugin):
    offered = DatasetInfo(summary="toy", load=lambda request: None, location="PATH", network=network)
    bare_registry.register(make_plugin(alframe_datasets=lambda: {"toy": offered}), "a")
    return bare_registry.offers


@pytest.mark.parametrize(("suits", "wanted"), [("cnn", "cnn"), (None, "mlp"), ("", "mlp")])
def test_data_say_which_network_suits_who_names_none(bare_registry, make_plugin, suits, wanted):
    asked = []
    offers = offering(lambda location: asked.append(location) or suits, bare_registry, make_plugin)
    assert offers.network_for("lenet", "toy:there") == "lenet"
    assert not asked
    assert offers.network_for("auto", "toy:there") == wanted
    assert asked == ["there"]


def test_data_that_say_nothing_of_networks(bare_registry, make_plugin):
    assert offering(None, bare_registry, make_plugin).network_for("auto", "toy:there") == "mlp"


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (lambda location: 1 / 0, "plugin 'a', network of data set 'toy': ZeroDivisionError"),
        (lambda location: sys.exit(3), "plugin 'a', network of data set 'toy': "),
        (lambda location: 3, "plugin 'a': network of data set 'toy' wants a name or None, got 3"),
    ],
)
def test_a_plugin_that_fails_to_say_so(bare_registry, make_plugin, network, message):
    with pytest.raises(PluginError, match=message):
        offering(network, bare_registry, make_plugin).network_for("auto", "toy:there")


def test_what_an_offer_is_called():
    plugin = Plugin("gini", "alframe-strategy-gini", "1.0")
    preset = Offer("moons", plugin, PresetInfo(summary="", settings={}))
    assert (preset.key, preset.location) == ("alframe-strategy-gini/moons", "")
    assert Offer("net", plugin, ModelInfo(summary="", build=print, location="NAME")).location == "NAME"


def test_kinds_have_a_section_where_they_have_options():
    assert [kind.section for kind in (DATASETS, MODELS, PRESETS)] == ["data", "model", ""]
