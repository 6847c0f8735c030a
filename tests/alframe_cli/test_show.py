import json

import pytest

from alframe.contract.sections import SECTIONS
from alframe.registry.registry import installed


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("alfamix", ["strategy alfamix", "arXiv 2203.07034", "alfamix.cap", "0.2", "alfamix.growth"]),
        ("random", ["uniformly at random", "default: the network's features"]),
        ("CoreSet", ["strategy coreset", "also called CoreSet", "2-approximation"]),
        ("cdal", ["select   coreset"]),
        ("bald", ["needs a network with dropout", "bald.passes"]),
        ("entropy", ["its scores are of at least 0", "a pool in files is scored by blocks"]),
        (
            "stochastic",
            ["its selector needs scores of at least 0 with form=power", "a part for others: --strategy all"],
        ),
        ("digits", ["data set digits", "data.test_fraction"]),
        ("mlp", ["model mlp", "model.hidden", "256"]),
        ("mnist-mlp", ["preset mnist-mlp", "epochs = 1000", "ALFA-Mix authors"]),
        ("train", ["train.weight_decay", "adam|adamw|sgd", "train.stop_accuracy"]),
        ("data", ["data.dir", "`alframe show NAME`"]),
        (
            "stages",
            [
                "stages.train",
                "default, ensemble, estimator, learningloss, linear-probe, mixup",
                "dropquery, entropy",
            ],
        ),
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


def test_whether_scores_depend_on_other_samples(alframe):
    for name, stages in (("margin", ["score"]), ("badge", [])):
        assert json.loads(alframe("show", name, "--json").out)[0]["rowwise"] == stages
        assert ("scored by blocks" in alframe("show", name).out) == bool(stages)


def test_long_sections_are_in_groups_of_which_each_option_is_in_one(alframe):
    lines = [line.split("  ")[0].strip() for line in alframe("show", "train").out.splitlines()]
    (options,) = (found["options"] for found in json.loads(alframe("show", "train", "--json").out))
    wanted = [option["group"] + ":" for option in options]
    for option, heading in zip(options, wanted, strict=True):
        above = lines[: lines.index(f"train.{option['name']}")]
        assert [line for line in above if line in wanted][-1] == heading
    assert len(set(wanted)) > 2
    assert all(lines.count(heading) == 1 for heading in wanted)


def test_a_short_section_has_no_headings(alframe):
    lines = alframe("show", "data").out.splitlines()
    options = [line for line in lines if line.strip().startswith("data.")]
    first = lines.index(options[0])
    assert lines[first : first + len(options)] == options


def test_the_help_names_every_section(alframe):
    assert f"of a configuration: {', '.join(SECTIONS)}." in " ".join(alframe("show", "--help").out.split())


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
