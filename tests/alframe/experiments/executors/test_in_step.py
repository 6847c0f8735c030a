"""Trials whose networks are trained at once: each gives what it gives alone, whatever befalls it."""

import json

import numpy as np
import pytest

from alframe import TrialError
from alframe.contract.trial import RunSummary
from alframe.experiments.executors.in_turn import InTurn
from alframe.experiments.executors.processes import Processes
from alframe.experiments.open_trial import OpenTrial
from alframe.experiments.plan import trials
from alframe.experiments.settings import resolve
from alframe.records.rounds import read_rounds
from alframe.registry.registry import installed
from doubles import Watch, at_once_settings, repeatable

pytestmark = pytest.mark.filterwarnings("always::alframe.AlframeWarning")


def run(tmp_path, watch=None, executor=InTurn, **more):
    settings, registry = at_once_settings(tmp_path, **more)
    planned = trials(settings)
    ends = executor(registry).run(planned, watch or Watch())
    return {trial.place: end for trial, end in ends}


def records(ends):
    """What of the rounds does not say who was trained with whom."""
    return {
        place: [
            {key: value for key, value in record.items() if key not in ("together", "logged")}
            for record in repeatable(end.records)
        ]
        for place, end in ends.items()
    }


def whole(ends):
    return {place: repeatable(end.records) for place, end in ends.items()}


def numbers_of(found):
    """What of the rounds does not depend on the strategy's name."""
    for rounds in found.values() if isinstance(found, dict) else found:
        yield [[record["queried"], record["accuracy"], record["train_loss"]] for record in rounds]


def numbers(ends):
    ends = ends.values() if isinstance(ends, dict) else ends
    return list(numbers_of([end.records for end in ends]))


ALL = ("margin/seed-1", "margin/seed-2", "margin/seed-3")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    return whole(run(tmp_path_factory.mktemp("whole")))


def test_each_gives_what_it_gives_alone_and_its_records_say_with_whom(tmp_path):
    watch = Watch()
    at_once = run(tmp_path, watch)
    alone = run(tmp_path, out=str(tmp_path / "alone"), together="off")
    assert records(at_once) == records(alone)
    for end in at_once.values():
        assert [done.together for done in end.rounds] == [ALL] * 3
        assert [done.logged["team"]["at_once"] for done in end.rounds] == [3] * 3
        assert all(done.train_seconds > 0 for done in end.rounds)
    for end in alone.values():
        assert [done.together for done in end.rounds] == [()] * 3
        assert not any("together" in record for record in end.records)
    rounds = [number for _, _, number in watch.rounds]
    assert rounds == sorted(rounds)  # in step
    (folder,) = (tmp_path / "runs").glob("*/*/margin/seed-2")
    assert [done.together for done in read_rounds(folder)] == [ALL] * 3


class Stop(BaseException):
    """Stands for a death at any moment."""


@pytest.mark.parametrize("number", range(1, 10))
def test_killed_after_any_save_and_continued_is_as_uninterrupted(
    tmp_path, number, uninterrupted, monkeypatch
):
    """Nine saves: three trials with three rounds. All that a death can leave is some ahead by one round."""
    saves = iter(range(1, 100))

    def stop(trial):
        if next(saves) == number:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Watch(on_round=stop))
    watch = Watch()
    assert whole(run(tmp_path, watch)) == uninterrupted
    again = [note for note in watch.notes if "its last round is run again" in note]
    assert len(again) == number % 3
    watch = Watch()
    assert whole(run(tmp_path, watch)) == uninterrupted
    assert watch.rounds == []


def test_one_that_went_back_and_was_killed_before_its_next_save_goes_on(tmp_path, uninterrupted):
    stops = iter([False, False, False, False, True])
    for watch in (Watch(on_round=lambda trial: next(stops) and interrupt()), Watch(on_round=interrupt)):
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, watch)
    assert whole(run(tmp_path)) == uninterrupted


def interrupt(trial=None):
    raise KeyboardInterrupt


@pytest.mark.slow  # processes that import torch
def test_side_by_side_processes_have_groups_of_their_own(tmp_path):
    ends = run(tmp_path, executor=lambda registry: Processes(2), seeds=[1, 2, 3, 4])
    assert records(ends) == records(
        run(tmp_path, out=str(tmp_path / "alone"), together="off", seeds=[1, 2, 3, 4])
    )
    assert {end.rounds[1].together for end in ends.values()} == {
        ("margin/seed-1", "margin/seed-2"),
        ("margin/seed-3", "margin/seed-4"),
    }


@pytest.mark.parametrize("fault", ["declines", "raises", "miscounts"])
def test_where_the_trainer_cannot_each_is_trained_alone(tmp_path, fault, uninterrupted):
    watch = Watch()
    ends = run(tmp_path, watch, fault=fault)
    assert all(isinstance(end, RunSummary) for end in ends.values())
    assert numbers(ends) == list(numbers_of(uninterrupted))
    assert [[len(done.together) for done in end.rounds] for end in ends.values()] == [[3, 0, 3]] * 3
    said = [note for note in watch.notes if note.startswith("trained one by one: plugin 'team'")]
    assert len(said) == (fault != "declines")


def test_a_training_that_fails_costs_its_trial_alone_and_is_tried_again(tmp_path, uninterrupted):
    watch = Watch()
    first, *others = run(tmp_path, watch, fault="one fails").values()
    assert isinstance(first, TrialError)
    assert str(first) == "the loss is no number"
    assert numbers(others) == list(numbers_of(uninterrupted))[1:]
    assert [[len(done.together) for done in end.rounds] for end in others] == [[3, 2, 2]] * 2
    watch = Watch()
    again, *others = run(tmp_path, watch, fault="one fails").values()
    assert numbers([again, *others]) == list(numbers_of(uninterrupted))  # alone now
    assert [number for _, seed, number in watch.rounds if seed > 1] == []


@pytest.mark.parametrize("step", ["load", "begin", "tested", "end"])
def test_what_is_raised_in_a_step_of_one_harms_no_other(tmp_path, monkeypatch, step, uninterrupted):
    real = getattr(OpenTrial, step)
    calls = iter(range(100))

    def broken(self, *arguments):
        if self.trial.seed == 2 and (step == "load" or next(calls) == 1):
            raise OSError(28, "No space left on device")
        return real(self, *arguments)

    monkeypatch.setattr(OpenTrial, step, broken)
    ends = run(tmp_path)
    failed = ends.pop(ALL[1])
    assert isinstance(failed, TrialError)
    assert "No space left" in str(failed)
    assert all(isinstance(end, RunSummary) for end in ends.values())
    others = (ALL[0], ALL[2])
    first = others if step == "load" else ALL
    second = ALL if step == "end" else others
    for place, end in ends.items():
        assert [done.together for done in end.rounds] == [first, second, others]
        assert [done.queried for done in end.rounds] == [tuple(r["queried"]) for r in uninterrupted[place]]
    monkeypatch.setattr(OpenTrial, step, real)
    ends = run(tmp_path)
    assert [record["queried"] for record in ends[ALL[1]].records] == [
        record["queried"] for record in uninterrupted[ALL[1]]
    ]


def test_one_that_stops_early_leaves_the_others(tmp_path):
    settings, registry = at_once_settings(tmp_path)
    alone = run(tmp_path, out=str(tmp_path / "alone"), together="off")
    best = sorted(end.rounds[1].accuracy for end in alone.values())
    limit = (best[-2] + best[-1]) / 2
    settings = resolve(registry, settings.sections() | {"stop": {"accuracy": limit}})
    ends = {trial.place: end for trial, end in InTurn(registry).run(trials(settings), Watch())}
    lengths = sorted(len(end.rounds) for end in ends.values())
    assert lengths[0] < lengths[-1] == 3
    last = {place for place, end in ends.items() if len(end.rounds) == 3}
    assert all(set(ends[place].rounds[2].together) == (last if len(last) > 1 else set()) for place in last)
    again = {trial.place: end for trial, end in InTurn(registry).run(trials(settings), Watch())}
    assert whole(again) == whole(ends)


def test_a_folder_in_use_costs_that_trial_alone(tmp_path):
    from alframe.records.folder import TrialFolder

    settings, registry = at_once_settings(tmp_path)
    planned = trials(settings)
    with TrialFolder(planned[1].folder).held():
        ends = {trial.place: end for trial, end in InTurn(registry).run(planned, Watch())}
    assert "is in use by" in str(ends[ALL[1]])
    assert isinstance(ends[ALL[0]], RunSummary)
    assert not list((tmp_path / "runs").rglob("*.owner"))


def test_a_partner_that_is_gone_or_cannot_be_read_holds_nobody_up(tmp_path):
    settings, registry = at_once_settings(tmp_path)
    planned = trials(settings)
    ends = {trial.place: end for trial, end in InTurn(registry).run(planned, Watch())}
    (planned[0].folder / "checkpoint.pt").write_bytes(b"alframe checkpoint 99 x\n")
    watch = Watch()
    found = {trial.place: end for trial, end in InTurn(registry).run(planned[1:], watch)}
    assert watch.rounds == []
    assert whole(found) == whole({place: ends[place] for place in ALL[1:]})


def test_records_with_names_that_are_none_are_damaged(tmp_path):
    run(tmp_path)
    (folder,) = (tmp_path / "runs").glob("*/*/margin/seed-1")
    lines = (folder / "rounds.jsonl").read_text().splitlines()
    record = json.loads(lines[0]) | {"together": [1]}
    (folder / "rounds.jsonl").write_text("\n".join([json.dumps(record), *lines[1:]]) + "\n")
    with pytest.raises(ValueError, match="line 1 is not the record"):
        read_rounds(folder)


def default_trainer(tmp_path, **run):
    """Accuracies and picks of trials that the default trainer trains: ``S x R`` numbers, S lists of R."""
    small = {"strategy": ["margin"], "initial_size": 50, "query_size": 50, "device": "cpu"}
    settings = resolve(installed(), {"run": small | {"out": str(tmp_path / run["together"])} | run})
    ends = [end for _, end in InTurn(installed()).run(trials(settings), Watch())]
    assert all(isinstance(end, RunSummary) for end in ends)
    sizes = {len(done.together) for end in ends for done in end.rounds}
    assert sizes == ({0} if run["together"] == "off" else {len(ends)})
    accuracies = np.array([[done.accuracy for done in end.rounds] for end in ends])
    return accuracies, [[done.queried for done in end.rounds] for end in ends]


@pytest.mark.slow
def test_the_default_trainer_gives_the_same_picks_for_several_rounds(tmp_path):
    one = default_trainer(tmp_path, seeds=[1, 2, 3], rounds=3, together="off")
    other = default_trainer(tmp_path, seeds=[1, 2, 3], rounds=3, together="3")
    assert one[1] == other[1]
    assert np.abs(one[0] - other[0]).max() < 0.01


@pytest.mark.slow  # forty trials
def test_the_curves_of_twenty_seeds_are_the_same_within_noise(tmp_path):
    alone, _ = default_trainer(tmp_path, seeds=list(range(20)), rounds=6, together="off")
    at_once, _ = default_trainer(tmp_path, seeds=list(range(20)), rounds=6, together="20")
    differences = (at_once - alone).mean(axis=0)
    noise = (at_once - alone).std(axis=0, ddof=1) / 20**0.5
    assert (np.abs(differences) <= 3 * noise + 1e-4).all()
    assert np.abs(differences).max() < 0.005
