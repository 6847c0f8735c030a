import pytest

from alframe import UsageError, hookimpl
from alframe.experiments import groups
from alframe.experiments.data import LoadedData
from alframe.experiments.executors.in_turn import InTurn
from alframe.experiments.plan import suited_plan, trials
from alframe.experiments.settings import resolve
from doubles import Watch, at_once_settings


def grouped(found, jobs=1, data=None, **more):
    return groups.grouped(found, data or LoadedData(), jobs, **more)


def places(found):
    return [[trial.place for trial in group] for group in found]


def planned(tmp_path, **run):
    settings, registry = at_once_settings(tmp_path, **run)
    return trials(settings), registry


SIX = {"strategy": ["margin", "random"], "seeds": [1, 2, 3]}


@pytest.mark.parametrize(
    ("together", "jobs", "sizes"),
    [
        ("off", 1, [1] * 6),
        ("auto", 1, [1] * 6),  # nobody has looked at the network
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
    parts = grouped(found, jobs)
    assert [len(part) for part in parts] == sizes
    assert [trial for part in parts for trial in part] == found


@pytest.mark.parametrize(
    ("model", "stages", "most", "sizes"),
    [
        ("mlp", {}, 10, [6]),
        ("mlp", {}, 4, [3, 3]),
        ("mlp", {"train": "linear-probe"}, 10, [1] * 6),
        ("cnn", {}, 10, [1] * 6),
    ],
)
def test_automatically_where_it_pays(tmp_path, registry, model, stages, most, sizes, monkeypatch):
    monkeypatch.setattr(groups, "MOST_ELSEWHERE", most)
    run = SIX | {"device": "cpu", "out": str(tmp_path)}
    settings = resolve(registry, {"run": run, "model": {"name": model}, "stages": stages})
    loaded = LoadedData()
    found, _ = suited_plan([settings], loaded)
    assert [len(part) for part in grouped(found, data=loaded)] == sizes


def test_a_group_holds_no_more_copies_of_large_data_than_fit(tmp_path, monkeypatch):
    found, _ = planned(tmp_path, **SIX)
    data = LoadedData()
    digits = data.of(found[0].settings)
    own = digits.inputs.numel() * 4
    assert set(data.own_bytes.values()) == {own}
    monkeypatch.setattr(groups, "MOST_BYTES", 2 * own)
    assert [len(part) for part in grouped(found, data=data)] == [2, 2, 2]
    monkeypatch.setattr(groups, "MOST_BYTES", own - 1)
    assert [len(part) for part in grouped(found, data=data)] == [1] * 6


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


def test_settings_are_apart(tmp_path):
    settings, _ = at_once_settings(tmp_path, **SIX)
    other, _ = at_once_settings(tmp_path, **SIX)
    parts = grouped([*trials(settings), *trials(other)])
    assert [len(part) for part in parts] == [6, 6]  # two settings


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
