import dataclasses
import gc
import weakref

import pytest

from alframe import DamagedFileError, DatasetInfo, UsageError
from alframe.experiments.data import LoadedData
from alframe.experiments.executors.in_turn import InTurn
from alframe.experiments.plan import plan, suited_plan, where
from alframe.experiments.settings import resolve
from alframe.experiments.sweep import resolve_sweep
from alframe.registry.registry import installed
from alframe_cli.display import SilentDisplay

LENET = "lenet takes images of shape (channels, height, width) from 12 x 12"


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
        return settings, *suited_plan(settings, loaded or LoadedData())

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
        outcomes = dict(InTurn(registry, loaded).run(planned, SilentDisplay()))
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

    def test_a_damaged_file_alone_is_no_usage(self, registry, make_plugin):
        def load(request):
            raise DamagedFileError("cut off")

        offer = {"torn": DatasetInfo("", load), "odd": DatasetInfo("", lambda request: 1 / 0)}
        registry.register(make_plugin(alframe_datasets=lambda: offer), "toys")
        with pytest.raises(DamagedFileError, match="cut off"):
            self.suit(registry, data={"name": "torn"})

    def test_all_is_resolved_for_each_setting(self, toys):
        settings, planned, left_out = self.suit(
            toys, data={"name": "toy"}, run={"strategy": ["all"]}, model={"dropout": [0, 0.5]}
        )
        has_bald = {t.settings.label for t in planned if t.strategy == "bald"}
        assert has_bald == {"model.dropout=0.5"}
        assert {name for name, _ in left_out} == {"bald", "batchbald", "epig", "powerbald"}
        for name, reason in left_out:
            assert "a network with dropout" in reason
            assert where(left_out[name, reason], settings) == "model.dropout=0: "


def test_where(registry):
    settings = resolve_sweep(registry, {"run": {"query_size": "1,2,3,4"}, "model": {"name": ["mlp", "cnn"]}})
    mlp, cnn = settings[:4], settings[4:]
    assert where(settings, settings) == ""
    assert where(mlp, settings) == "mlp: "
    assert where([mlp[1], cnn[1]], settings) == "query_size=2: "
    assert where([mlp[1], cnn[2]], settings) == "mlp query_size=2; cnn query_size=3: "
    assert where(settings[:6], settings).endswith("cnn query_size=1; ...: ")


def test_more_trials_than_anybody_means_are_refused():
    run = {"strategy": ["random", "margin"], "seeds": list(range(50_001))}
    settings = [resolve(installed(), {"run": run})]
    for make in (plan, lambda settings: suited_plan(settings, LoadedData())):
        with pytest.raises(
            UsageError, match="this makes 100,002 trials, of 1 settings with up to 50,001 seeds; a"
        ):
            make(settings)
