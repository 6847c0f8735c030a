"""Plugins that misbehave, one trial after another in this process; test_processes.py has them in others."""

import dataclasses
import os

import pytest

from alframe import DatasetInfo, PluginError, TrialError
from alframe.contract.trial import RunSummary
from alframe.experiments.executors.in_turn import InTurn
from alframe.experiments.open_trial import OpenTrial
from alframe.experiments.plan import plan
from alframe.experiments.settings import resolve
from doubles import Watch, odd_settings

pytestmark = pytest.mark.filterwarnings("always::alframe.AlframeWarning")


def ends(tmp_path, *faults, **run):
    settings, registry = odd_settings(tmp_path, faults, **run)
    watch = Watch()
    planned = plan(settings)
    found = list(InTurn(registry).run(planned, watch))
    assert [trial for trial, _ in found] == planned
    return {trial.pipeline.options["odd"].fault: end for trial, end in found}, watch


RAISES = {
    "own": "raised Own",
    "hostile": "raised Hostile",
    "system_exit": "raised SystemExit: 0",
    "exit": "raised SystemExit: os._exit(0)",
    "group": "raised ExceptionGroup: two (2 sub-exceptions)",
    "recursion": "raised RecursionError: ",
    "progress": "raised TypeError: int() argument must be",
}


def test_what_is_raised_costs_its_trial_alone_and_names_the_plugin(tmp_path):
    found, _ = ends(tmp_path, *RAISES, "none")
    assert isinstance(found.pop("none"), RunSummary)
    for fault, end in found.items():
        assert isinstance(end, PluginError), fault
        assert str(end).startswith(f"plugin 'odd' ({tmp_path}/odd.py), hook alframe_score {RAISES[fault]}"), (
            fault
        )
        assert "\n" not in str(end)


def test_a_child_that_a_plugin_forks_ends_as_it_wants(tmp_path):
    found, _ = ends(tmp_path, "fork")
    assert isinstance(found["fork"], RunSummary)


def test_os_exit_is_what_it_was(tmp_path):
    before = os._exit
    ends(tmp_path, "exit")
    assert os._exit is before


CHANGES = ("chdir", "dtype", "device", "environ", "grad", "seterr", "limit", "seeds", "stdout", "sigint")


def test_what_a_plugin_changes_for_everybody_concerns_no_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found, watch = ends(tmp_path, *CHANGES, "none", out="runs")
    alone, _ = ends(tmp_path, "none", out="alone")
    rounds = alone["none"].records
    for fault, end in found.items():
        assert isinstance(end, RunSummary), (fault, end)
        assert [r["queried"] for r in end.records] == [r["queried"] for r in rounds], fault
        assert [r["accuracy"] for r in end.records] == [r["accuracy"] for r in rounds], fault
    assert len(list((tmp_path / "runs").rglob("rounds.jsonl"))) == len(CHANGES) + 1
    told = [note for note in watch.notes if "that was undone" in note]
    assert len(told) == len(CHANGES) - 1  # of random states nothing is said
    assert all(" hook alframe_score changed " in note for note in told)


def test_a_trial_that_fails_outside_of_plugins_fails_alone(tmp_path, monkeypatch):
    real = OpenTrial.begin

    def begin(self):
        if self.trial.seed == 1:
            raise SystemExit(0)
        return real(self)

    monkeypatch.setattr(OpenTrial, "begin", begin)
    settings, registry = odd_settings(tmp_path, ["none"], seeds=[1, 2])
    first, second = (end for _, end in InTurn(registry).run(plan(settings), Watch()))
    assert isinstance(first, TrialError)
    assert isinstance(second, RunSummary)


@pytest.mark.parametrize("fault", ["interrupt"])
def test_an_interrupt_ends_the_run(tmp_path, fault):
    settings, registry = odd_settings(tmp_path, [fault])
    with pytest.raises(KeyboardInterrupt):
        list(InTurn(registry).run(plan(settings), Watch()))


def test_results_are_in_their_folder_wherever_somebodys_code_leads(tmp_path, monkeypatch, make_plugin, toy):
    """A transform runs inside of no plugin's call."""
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)

    def lead(batch):
        os.chdir(tmp_path / "other")
        return batch

    settings, registry = odd_settings(tmp_path, ["none"], out="runs")
    dataset = dataclasses.replace(toy, transform=lead)
    offer = {"toy": DatasetInfo(summary="toy", load=lambda request: dataset)}
    registry.register(make_plugin(alframe_datasets=lambda: offer), "toys")
    sections = settings[0].sections()
    settings = resolve(registry, sections | {"data": {"name": "toy"}})
    ((trial, end),) = InTurn(registry).run(plan([settings]), Watch())
    assert isinstance(end, RunSummary)
    assert os.getcwd() == str(tmp_path)
    assert {"rounds.jsonl", "config.toml"} <= {path.name for path in trial.folder.iterdir()}
    assert list((tmp_path / "other").iterdir()) == []
