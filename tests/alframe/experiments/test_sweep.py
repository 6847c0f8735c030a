import tomllib

import pytest
import tomli_w

from alframe import UsageError
from alframe.experiments.plan import plan
from alframe.experiments.sweep import as_sections, resolve_presets, resolve_sweep
from alframe.registry.registry import installed


def labels(registry, sections):
    return [one.label for one in resolve_sweep(registry, sections)]


def test_one_value_is_one_setting_without_a_label(registry):
    assert labels(registry, {}) == [""]
    assert labels(registry, {"run": {"query_size": [7]}, "data": {"name": ["digits"]}}) == [""]


def test_lists_are_crossed_data_sets_first(registry):
    given = {
        "train": {"optimizer": "sgd,adam"},
        "run": {"query_size": "10, 20", "seeds": [1, 2]},
        "data": {"name": ["digits", "mnist"]},
        "model": {"name": ["mlp"]},
    }
    assert labels(registry, given) == [
        f"{data} query_size={size} train.optimizer={optimizer}"
        for data in ("digits", "mnist")
        for size in (10, 20)
        for optimizer in ("sgd", "adam")
    ]
    settings = resolve_sweep(registry, given)
    assert [(s.dataset.name, s.run.query_size, s.recipe.optimizer) for s in settings[:3]] == [
        ("digits", 10, "sgd"),
        ("digits", 10, "adam"),
        ("digits", 20, "sgd"),
    ]
    assert len({(s.dataset_folder, s.setting_folder) for s in settings}) == 8


def test_a_setting_of_a_sweep_is_the_same_as_alone(registry):
    _, swept = resolve_sweep(registry, {"run": {"query_size": [10, 20]}})
    (alone,) = resolve_sweep(registry, {"run": {"query_size": 20}})
    assert swept.setting_folder == alone.setting_folder


def test_every_kind_of_value_can_vary(registry):
    given = {"stop": {"labels": "none,500"}, "model": {"hidden": "8,16"}, "data": {"imbalance": [0.1]}}
    settings = resolve_sweep(registry, given)
    assert {(s.stop.labels, s.model_options.hidden) for s in settings} == {
        (None, 8),
        (None, 16),
        (500, 8),
        (500, 16),
    }
    assert {s.data_options.imbalance for s in settings} == {0.1}


def test_fixed_features_and_their_options_vary(registry):
    given = {"features": {"name": ["mlp", "lenet"], "dropout": [0.0, 0.5]}}
    settings = resolve_sweep(registry, given)
    assert [one.label for one in settings] == [
        f"{name} features.dropout={rate}" for name in ("mlp", "lenet") for rate in (0.0, 0.5)
    ]
    assert len({one.setting_folder for one in settings}) == 4
    with_none = resolve_sweep(registry, {"features": {"name": ["none", "mlp"]}})
    assert [one.features and one.features.name for one in with_none] == [None, "mlp"]
    written = as_sections(settings, given)["features"]
    assert written["name"] == ["mlp", "lenet"]
    assert written["dropout"] == [0.0, 0.5]


def test_a_list_option_has_one_value(registry):
    (settings,) = resolve_sweep(registry, {"train": {"augment": "crop,flip"}})
    assert settings.recipe.augment == ("crop", "flip")
    (settings,) = resolve_sweep(registry, {"train": {"augment": ["crop", "flip"]}})
    assert settings.recipe.augment == ("crop", "flip")


def test_a_comma_in_a_path_is_a_comma(registry):
    (settings,) = resolve_sweep(registry, {"data": {"name": "npz:a,b.npz", "dir": "c,d"}})
    assert (settings.location, settings.source.dir) == ("a,b.npz", "c,d")


def test_an_option_of_the_trainer_that_is_named_gives_settings(registry):
    sections = {"stages": {"train": "linear-probe"}, "linear-probe": {"c": [0.1, 1]}}
    found = resolve_sweep(registry, sections)
    assert [one.label for one in found] == ["linear-probe.c=0.1", "linear-probe.c=1"]
    assert [one.pipelines[0].label for one in found] == ["alfamix", "alfamix"]
    assert len({one.setting_folder for one in found}) == 2


def test_a_strategys_option_gives_strategies_not_settings(registry):
    given = {"run": {"strategy": ["alfamix", "random"], "seeds": [1]}, "alfamix": {"cap": "0.1,0.2"}}
    settings = resolve_sweep(registry, given)
    assert [one.label for one in settings] == ["", ""]
    assert [trial.strategy for trial in plan(settings)] == ["alfamix+cap=0.1", "random", "alfamix+cap=0.2"]
    assert len({trial.folder.parents[1] for trial in plan(settings)}) == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"run": {"query_size": "10,10"}}, "run.query_size names one twice: 10, 10"),
        ({"run": {"query_size": ["10", 10]}}, "run.query_size names one twice: 10, 10"),
        ({"run": {"query_size": []}}, "run.query_size is empty"),
        ({"run": {"query_size": "10,ten"}}, "option run.query_size: expected int, got 'ten'"),
        ({"run": {"query_size": "10,0"}}, "query_size must be at least 1, got 0"),
        ({"run": {"jobs": "1,2"}}, "option run.jobs: expected int, got '1,2'"),
        ({"run": {"out": ["a", "b"]}}, "option run.out: expected str"),
        ({"data": {"name": ["digits", "mnits"]}}, "unknown data set 'mnits'"),
        ({"model": {"name": ["mlp", "mpl"]}}, "unknown model 'mpl'"),
        ({"features": {"name": ["mlp", "mpl"]}}, "unknown model 'mpl'"),
        ({"features": {"name": 3}}, "option features.name: expected str|none, got 3"),
        ({"features": {"name": "mlp", "hidden": "8,x"}}, "option features.hidden: expected int, got 'x'"),
        ({"nothing": {"x": [1, 2]}}, "unknown section 'nothing'"),
        ({"run": {"roundz": "1,2"}}, "unknown option of 'run' 'roundz'"),
        ({"data": {"name": ["csv:a", "digits"], "target": "t"}}, "unknown option of 'data' 'target'"),
    ],
)
def test_mistakes(registry, given, message):
    with pytest.raises(UsageError, match=message):
        resolve_sweep(registry, given)


def test_a_sweep_survives_the_way_through_a_file(registry):
    given = {
        "run": {"query_size": "10,20", "strategy": ["margin", "alfamix"]},
        "data": {"name": ["digits", "csv:mine.csv"]},
        "train": {"optimizer": ["sgd", "adam"]},
        "alfamix": {"cap": "0.1,0.2"},
        "stop": {"labels": "none,500"},
    }
    settings = resolve_sweep(registry, given)
    sections = as_sections(settings, given)
    assert sections["data"]["name"] == ["digits", "csv:mine.csv"]
    assert sections["run"]["query_size"] == [10, 20]
    assert sections["train"]["epochs"] == 200
    assert "target" not in sections["data"]  # digits has none
    again = resolve_sweep(registry, tomllib.loads(tomli_w.dumps(sections)))
    assert [one.sections() for one in again] == [one.sections() for one in settings]
    assert [one.label for one in again] == [one.label for one in settings]


def test_one_setting_is_printed_complete(registry):
    (settings,) = resolve_sweep(registry, {"run": {"query_size": 7}})
    assert as_sections([settings], {"run": {"query_size": 7}}) == settings.sections()


def test_presets_are_settings(registry):
    settings = resolve_presets(registry, ["mnist-mlp", "mnist-lenet"], {"run": {"query_size": "10,20"}})
    assert [one.label for one in settings] == [
        "mnist-mlp query_size=10",
        "mnist-mlp query_size=20",
        "mnist-lenet query_size=10",
        "mnist-lenet query_size=20",
    ]
    assert [one.label for one in resolve_presets(registry, ["mnist-mlp"], {})] == [""]


def test_a_sweep_that_nobody_means_is_refused_before_it_is_made():
    values = ",".join(str(k / 1000) for k in range(1, 1001))
    sections = {"train": {"weight_decay": values, "learning_rate": values}}
    with pytest.raises(UsageError) as caught:
        resolve_sweep(installed(), sections)
    assert str(caught.value) == (
        "the values make 1,000,000 settings (1,000 of train.learning_rate x 1,000 of train.weight_decay); a "
        "run has at most 100,000: give fewer"
    )
