import pytest

from alframe import UsageError, hookimpl
from alframe.experiments.executors.in_turn import InTurn
from alframe.experiments.groups import grouped
from alframe.experiments.plan import trials
from alframe.experiments.settings import resolve
from doubles import Watch, at_once_settings


def places(groups):
    return [[trial.place for trial in group] for group in groups]


def planned(tmp_path, **run):
    settings, registry = at_once_settings(tmp_path, **run)
    return trials(settings), registry


SIX = {"strategy": ["margin", "random"], "seeds": [1, 2, 3]}


@pytest.mark.parametrize(
    ("together", "jobs", "sizes"),
    [
        ("off", 1, [1] * 6),
        ("auto", 1, [1] * 6),  # on a CPU
        ("8", 1, [6]),
        ("4", 1, [3, 3]),
        ("5", 1, [3, 3]),
        ("2", 1, [2, 2, 2]),
        ("8", 2, [3, 3]),
        ("8", 9, [1] * 6),
    ],
)
def test_trials_that_begin_are_in_groups_of_like_sizes_that_are_as_many_as_jobs(
    tmp_path, together, jobs, sizes
):
    found, _ = planned(tmp_path, together=together, **SIX)
    groups = grouped(found, jobs)
    assert [len(group) for group in groups] == sizes
    assert [trial for group in groups for trial in group] == found


def test_a_trainer_that_is_watched_trains_one_at_a_time(tmp_path):
    class Watcher:
        @hookimpl(wrapper=True)
        def alframe_train(self):
            return (yield)

    found, registry = planned(tmp_path)
    assert len(grouped(found)) == 1
    registry.register(Watcher(), "watcher")
    assert len(grouped(found)) == 3


def test_a_trainer_that_cannot_trains_one_at_a_time(tmp_path):
    settings, registry = at_once_settings(tmp_path)
    found = trials(resolve(registry, settings.sections() | {"stages": {"train": "mixup"}, "team": {}}))
    assert len(grouped(found)) == 3


def test_strategies_with_trainers_of_their_own_are_apart(tmp_path, make_plugin):
    settings, _ = at_once_settings(tmp_path, **SIX)
    other, _ = at_once_settings(tmp_path, **SIX)
    groups = grouped([*trials(settings), *trials(other)])
    assert [len(group) for group in groups] == [6, 6]  # two settings


def test_what_began_together_stays_so_and_what_comes_later_is_another_group(tmp_path):
    found, registry = planned(tmp_path, seeds=[1, 2])
    with pytest.raises(KeyboardInterrupt):
        list(InTurn(registry).run(found, Watch(stop_after=0)))
    found, registry = planned(tmp_path, seeds=[1, 2])
    assert places(grouped(found, jobs=2)) == [["margin/seed-1"], ["margin/seed-2"]]  # round 0 is not of both
    watch = Watch()
    with pytest.raises(KeyboardInterrupt):
        list(InTurn(registry).run(found, Watch(stop_after=1)))
    found, registry = planned(tmp_path, seeds=[1, 2, 3, 4])
    assert places(grouped(found, jobs=2)) == [
        ["margin/seed-1", "margin/seed-2"],
        ["margin/seed-3"],
        ["margin/seed-4"],
    ]
    assert len(list(InTurn(registry).run(found, watch))) == 4
    assert len(grouped(found)) == 4  # finished: each is read alone
    assert places(grouped(found, force=True)) == [[trial.place for trial in found]]


@pytest.mark.parametrize("value", ["1", "0", "-2", "many", "2.5", "", "٣", "9" * 30])
def test_together_is_auto_off_or_a_number(tmp_path, value):
    with pytest.raises(UsageError, match="together must be auto, off, or a number from 2"):
        at_once_settings(tmp_path, together=value)


def test_how_many_are_trained_at_once_makes_no_other_setting(tmp_path):
    one, _ = at_once_settings(tmp_path, together="off")
    other, _ = at_once_settings(tmp_path, together="3")
    assert one.folder == other.folder
    assert one.sections()["run"]["together"] == "off"
