import json

import pytest

from alframe.registry.registry import installed


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("alfamix", ["strategy alfamix", "arXiv 2203.07034", "alfamix.cap", "0.2", "alfamix.growth"]),
        ("random", ["uniformly at random", "default: the network's features"]),
        ("CoreSet", ["strategy coreset", "also called CoreSet", "2-approximation"]),
        ("cdal", ["select   coreset"]),
        ("bald", ["needs a network with dropout", "bald.passes"]),
        ("digits", ["data set digits", "data.test_fraction"]),
        ("mlp", ["model mlp", "model.hidden", "256"]),
        ("mnist-mlp", ["preset mnist-mlp", "epochs = 1000", "ALFA-Mix authors"]),
        ("train", ["train.weight_decay", "adam|adamw|sgd", "train.stop_accuracy"]),
        ("data", ["data.dir", "`alframe show NAME`"]),
        ("stages", ["stages.train", "default, linear-probe, mixup", "deepfool, entropy"]),
        ("vision", ["plugin vision"]),
        ("alframe/margin", ["strategy margin"]),
    ],
)
def test_show(alframe, name, texts):
    outcome = alframe("show", name)
    assert outcome.code == 0
    for text in texts:
        assert text in outcome.out
    assert isinstance(json.loads(alframe("show", name, "--json").out), list)


def test_options_as_json(alframe):
    (found,) = json.loads(alframe("show", "alfamix", "--json").out)
    options = {option["name"]: option for option in found["options"]}
    assert options["cap"]["default"] is None
    assert options["variant"]["default"] == "closed-form"
    assert found["served_by"]["train"] == "default: supervised"


def test_a_broken_plugin_says_why(alframe, make_plugin):
    installed().register(make_plugin(alframe_scroe=lambda: None), "typo")
    assert "can't be used: " in alframe("show", "typo").out


def test_an_unknown_name(alframe):
    outcome = alframe("show", "alfamixx")
    assert outcome.code == 2
    assert outcome.err == "error: unknown name 'alfamixx'. Did you mean 'alfamix'?\n"
