import dataclasses
import gc
import tomllib
import weakref

import pytest
import tomli_w

from alframe import DatasetInfo, UsageError
from alframe.jobs import run_in_turn
from alframe.sweep import LoadedData, as_sections, plan, resolve_presets, resolve_sweep, suited_plan, where
from alframe_cli.display import SilentDisplay

LENET = "lenet takes images of shape (channels, height, width) from 12 x 12"


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


def test_a_list_option_has_one_value(registry):
    (settings,) = resolve_sweep(registry, {"train": {"augment": "crop,flip"}})
    assert settings.recipe.augment == ("crop", "flip")
    (settings,) = resolve_sweep(registry, {"train": {"augment": ["crop", "flip"]}})
    assert settings.recipe.augment == ("crop", "flip")


def test_a_comma_in_a_path_is_a_comma(registry):
    (settings,) = resolve_sweep(registry, {"data": {"name": "npz:a,b.npz", "dir": "c,d"}})
    assert (settings.location, settings.source.dir) == ("a,b.npz", "c,d")


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


class TestSuited:
    @pytest.fixture
    def toys(self, registry, make_plugin, toy, count_calls):
        """Two data sets, ``toy`` and ``odd``, which can't be loaded; counts loads of the first."""

        def fail(request):
            raise UsageError("odd can't be read")

        load = count_calls(lambda request: toy)
        offer = {"toy": DatasetInfo("toy", load), "odd": DatasetInfo("odd", fail)}
        registry.register(make_plugin(alframe_datasets=lambda: offer), "toys")
        registry.loads = load.counter
        return registry

    def suit(self, registry, loaded=None, **given):
        run = {"strategy": ["margin"], "seeds": [1], "device": "cpu"} | given.pop("run", {})
        settings = resolve_sweep(registry, {"run": run, **given})
        return settings, *suited_plan(settings, loaded or LoadedData(), registry)

    def test_a_data_set_is_loaded_once_for_all_its_settings(self, toys):
        loaded = LoadedData()
        settings, planned, _ = self.suit(
            toys, loaded, data={"name": ["toy", "digits"]}, run={"query_size": [1, 2, 3]}
        )
        assert len(planned) == 6
        assert toys.loads.calls == 1
        assert loaded.of(settings[0]).name == "toy"  # what is needed first is at hand
        assert toys.loads.calls == 1

    def test_one_data_set_is_in_memory_at_a_time(self, registry, make_plugin, toy, tmp_path):
        alive = weakref.WeakSet()
        most = []

        def load(request):
            gc.collect()
            most.append(len(alive))
            dataset = dataclasses.replace(toy)
            alive.add(dataset)
            return dataset

        offer = {name: DatasetInfo(name, load) for name in ("one", "two", "three")}
        registry.register(make_plugin(alframe_datasets=lambda: offer), "toys")
        loaded = LoadedData()
        run = {"query_size": [5, 6], "rounds": 0, "out": str(tmp_path)}
        given = {"data": {"name": list(offer)}, "train": {"epochs": 1}}
        _, planned, _ = self.suit(registry, loaded, run=run, **given)
        outcomes = dict(run_in_turn(planned, loaded, registry, SilentDisplay()))
        assert len([summary for summary in outcomes.values() if summary.records]) == 6
        assert most == [0] * 5  # three to be checked, and all but the first anew to be run

    def test_what_cannot_run_is_named_before_anything_does(self, toys):
        with pytest.raises(UsageError) as failure:
            self.suit(toys, data={"name": ["toy", "digits", "odd"]}, model={"name": ["mlp", "lenet"]})
        assert str(failure.value).splitlines() == [
            "nothing is run, as some settings can't:",
            f"  toy lenet: {LENET}, got (6,); try mlp",
            f"  digits lenet: {LENET}, got (1, 8, 8); try mlp",
            "  odd: odd can't be read",
        ]
        with pytest.raises(UsageError, match=r"^odd: odd can't be read$"):
            self.suit(toys, data={"name": ["toy", "odd"]})
        with pytest.raises(UsageError, match=r"^odd can't be read$"):
            self.suit(toys, data={"name": "odd"}, run={"query_size": [1, 2]})

    def test_all_is_resolved_for_each_setting(self, toys):
        settings, planned, left_out = self.suit(
            toys, data={"name": "toy"}, run={"strategy": ["all"]}, model={"dropout": [0, 0.5]}
        )
        has_bald = {t.settings.label for t in planned if t.strategy == "bald"}
        assert has_bald == {"model.dropout=0.5"}
        ((name, reason),) = left_out
        assert name == "bald"
        assert "needs a network with dropout" in reason
        assert where(left_out[name, reason], settings) == "model.dropout=0: "


def test_where(registry):
    settings = resolve_sweep(registry, {"run": {"query_size": "1,2,3,4"}, "model": {"name": ["mlp", "cnn"]}})
    mlp, cnn = settings[:4], settings[4:]
    assert where(settings, settings) == ""
    assert where(mlp, settings) == "mlp: "
    assert where([mlp[1], cnn[1]], settings) == "query_size=2: "
    assert where([mlp[1], cnn[2]], settings) == "mlp query_size=2; cnn query_size=3: "
    assert where(settings[:6], settings).endswith("cnn query_size=1; ...: ")
