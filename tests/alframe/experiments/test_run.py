from importlib.metadata import entry_points

import pytest

import alframe
from alframe import PluginError, PluginInfo, TrialError, UsageError
from alframe.experiments.data import LoadedData
from alframe.experiments.executors.in_turn import InTurn
from alframe.experiments.executors.processes import Processes
from alframe.experiments.plan import plan
from alframe.experiments.run import PreparedRun, executor_for
from alframe.experiments.sweep import resolve_sweep
from alframe.registry.registry import Registry
from doubles import Watch, repeatable

RUN = {"strategy": ["margin", "random"], "seeds": [1], "initial_size": 20, "query_size": 10, "rounds": 1}


@pytest.fixture
def sections(tmp_path):
    def sections(**run):
        run = RUN | {"device": "cpu", "out": str(tmp_path / "runs")} | run
        return {"run": run, "train": {"epochs": 3}}

    return sections


def test_a_comparison_from_python(sections):
    watch = Watch()
    result = alframe.run(sections(), listener=watch)
    assert [trial.strategy for trial, _ in result.done] == ["margin", "random"]
    assert [[r["labelled"] for r in summary.records] for _, summary in result.done] == [[20, 30]] * 2
    assert (result.failed, result.left_out) == ([], {})
    assert repr(result) == "RunResult(2 done, 0 failed, 0 left out)"
    assert repr(result.done[0][0]) == "Trial('margin seed 1')"
    assert repr(result.done[0][1]).startswith("RunSummary(2 rounds, accuracy 0.")
    assert watch.finished == [("margin", 1), ("random", 1)]
    trial, _ = result.done[0]
    assert trial.config["run"]["seeds"] == [1]
    assert (trial.folder / "rounds.jsonl").exists()


def test_it_goes_on_and_starts_anew(sections):
    first = alframe.run(sections())
    watch = Watch()
    again = alframe.run(sections(), listener=watch)
    assert [s.rounds for _, s in again.done] == [s.rounds for _, s in first.done]
    assert watch.rounds == []
    anew = alframe.run(sections(), listener=watch, force=True)
    assert len(watch.rounds) == 4
    for (_, one), (_, other) in zip(first.done, anew.done, strict=True):
        assert repeatable(one.records) == repeatable(other.records)


def test_a_file_presets_and_lists(tmp_path, sections):
    path = tmp_path / "config.toml"
    path.write_text(
        f"[run]\nstrategy = ['random']\nseeds = [1]\nquery_size = [5, 10]\nrounds = 1\n"
        f"device = 'cpu'\nout = '{tmp_path}/runs'\n[train]\nepochs = 2\n"
    )
    names = [trial.name for trial, _ in alframe.run(path).done]
    assert names == ["query_size=5: random seed 1", "query_size=10: random seed 1"]
    with pytest.raises(UsageError, match="unknown preset 'mnist-mpl'"):
        alframe.run(sections(), presets="mnist-mpl")


def test_what_all_leaves_out_is_said_with_the_reason(sections):
    result = alframe.run(sections(strategy=["all"], rounds=0))
    assert "bald" in result.left_out
    assert "dropout" in result.left_out["bald"]
    assert "bald" not in {trial.strategy for trial, _ in result.done}


def raising(error):
    def score(pool):
        raise error

    return score


@pytest.fixture
def with_broken(make_plugin):
    """A registry of two strategies, what their trials need, and a plugin that raises."""

    def with_broken(error):
        few = ("margin", "random", "sklearn", "networks")
        registry = Registry(entry for entry in entry_points(group="alframe") if entry.name in few)
        info = {"alframe_info": lambda: PluginInfo(summary="broken")}
        registry.register(make_plugin(**info, alframe_score=raising(error)), "broken")
        return registry

    return with_broken


def test_a_trial_that_fails_ends_no_other(sections, with_broken):
    watch = Watch()
    config = sections(strategy=["broken", "margin"])
    result = alframe.run(config, registry=with_broken(TrialError("no luck")), listener=watch)
    assert [trial.strategy for trial, _ in result.done] == ["margin"]
    ((trial, error),) = result.failed
    assert (trial.strategy, str(error)) == ("broken", "no luck")
    assert watch.failed == [("broken", 1, "no luck")]


def test_a_broken_plugin_ends_the_run_where_it_was_asked_for_by_name(sections, with_broken):
    with pytest.raises(PluginError, match="ZeroDivisionError"):
        alframe.run(sections(strategy=["broken", "margin"]), registry=with_broken(ZeroDivisionError()))


def test_of_several_settings_it_costs_its_own_trials(sections, with_broken):
    config = sections(strategy=["broken", "margin"], query_size=[5, 10])
    result = alframe.run(config, registry=with_broken(ZeroDivisionError()))
    assert [trial.strategy for trial, _ in result.failed] == ["broken"] * 2
    assert [trial.strategy for trial, _ in result.done] == ["margin"] * 2


def test_a_broken_plugin_that_all_means_is_left_out(sections, with_broken):
    watch = Watch()
    registry = with_broken(ZeroDivisionError())
    result = alframe.run(sections(strategy=["all"], seeds=[1, 2]), registry=registry, listener=watch)
    assert "ZeroDivisionError" in result.left_out["broken"]
    assert len([note for note in watch.notes if note.startswith("broken is left out")]) == 1
    assert result.failed == []
    assert {trial.strategy for trial, _ in result.done} == {"margin", "random"}


def test_who_runs(sections, registry):
    def executor(**run):
        planned = plan(resolve_sweep(registry, sections(**run)))
        return executor_for(planned, registry, LoadedData())

    assert isinstance(executor(), InTurn)
    assert isinstance(executor(jobs=2), Processes)
    assert isinstance(executor(jobs=2, strategy=["random"]), InTurn)  # one trial
    alframe.run(sections())
    assert isinstance(executor(jobs=2), InTurn)  # nothing is left to do
    assert isinstance(executor_for([], registry, LoadedData()), InTurn)


def test_the_executor_is_closed_when_the_run_ends_early(sections, registry):
    planned = plan(resolve_sweep(registry, sections()))
    closed = []

    class Elsewhere:
        def run(self, planned, listener):
            try:
                yield planned[0], PluginError("broken")
                raise AssertionError("nobody asks for more")
            finally:
                closed.append(True)

    with pytest.raises(PluginError, match="broken"):
        PreparedRun(planned, {}, Elsewhere(), several=False).run(Watch())
    assert closed == [True]
