import dataclasses
import json
import tomllib

import numpy as np
import pytest
import torch

from alframe import DatasetInfo, PluginInfo, TrainResult, TrialError, option
from alframe.contract.views import UnknownLabelsError
from alframe.experiments.data import load_data
from alframe.experiments.plan import trials
from alframe.experiments.settings import resolve
from alframe.experiments.trial_loop import has_work_left, run_trial
from alframe.registry.registry import Registry
from doubles import Watch, repeatable


@pytest.fixture
def lab(tmp_path, toy, make_plugin):
    """A registry with the toy data, and a function that runs one trial."""
    registry = Registry()
    offer = {"toy": DatasetInfo(summary="toy", load=lambda request: toy)}
    registry.register(make_plugin(alframe_datasets=lambda: offer), "toys")

    def run(listener=None, out="runs", train=None, stages=None, stop=None, **run_options):
        options = {"strategy": ["margin"], "seeds": [1], "initial_size": 10, "query_size": 10, "rounds": 3}
        sections = {
            "run": options | {"device": "cpu", "out": str(tmp_path / out)} | run_options,
            "data": {"name": "toy"},
            "train": {"epochs": 10, "learning_rate": 0.01} | (train or {}),
            "stages": stages or {},
            "stop": stop or {},
        }
        settings = resolve(registry, sections)
        trial = trials(settings)[0]
        return trial, run_trial(trial, load_data(settings), listener or Watch())

    run.registry = registry
    return run


def test_a_trial_is_written(lab, toy):
    trial, summary = lab()
    assert [record["labelled"] for record in summary.records] == [10, 20, 30, 40]
    assert summary.records[-1]["accuracy"] > 0.8
    queried = [index for record in summary.records for index in record["queried"]]
    assert len(set(queried)) == 40
    lines = (trial.folder / "rounds.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == summary.records
    config = tomllib.loads((trial.folder / "config.toml").read_text())
    assert config["run"]["strategy"] == ["margin"]
    assert config["train"]["epochs"] == 10
    environment = json.loads((trial.folder / "environment.json").read_text())
    assert environment["packages"]["alframe"]
    assert "alframe/margin" in environment["plugins"]
    assert trial.folder.parts[-4:][0] == "toy"
    assert trial.folder.parts[-2:] == ("margin", "seed-1")


def test_the_written_configuration_gives_the_same_folder(lab):
    trial, _ = lab()
    config = tomllib.loads((trial.folder / "config.toml").read_text())
    assert trials(resolve(lab.registry, config))[0].folder == trial.folder


def test_a_finished_trial_is_not_run_again(lab):
    trial, first = lab()
    before = (trial.folder / "checkpoint.pt").stat().st_mtime_ns
    watch = Watch()
    _, second = lab(watch)
    assert second.records == first.records
    assert watch.events == [("started", 4), ("finished", 4)]
    assert (trial.folder / "checkpoint.pt").stat().st_mtime_ns == before


@pytest.mark.parametrize("stop_after", [0, 1, 2])
@pytest.mark.parametrize("strategy", ["margin", "alfamix", "random"])
def test_an_interrupted_trial_continues_as_if_it_never_was(lab, stop_after, strategy):
    with pytest.raises(KeyboardInterrupt):
        lab(Watch(stop_after), strategy=[strategy])
    watch = Watch()
    _, continued = lab(watch, strategy=[strategy])
    assert watch.events[0] == ("started", stop_after + 1)
    _, whole = lab(out="other", strategy=[strategy])
    assert repeatable(continued.records) == repeatable(whole.records)


def test_strategies_share_initial_set_and_first_accuracy(lab):
    firsts = [lab(strategy=[name])[1].records[0] for name in ("random", "margin", "entropy")]
    assert len({tuple(record["queried"]) for record in firsts}) == 1
    assert len({record["accuracy"] for record in firsts}) == 1


def test_a_strategy_may_choose_the_initial_set(lab):
    drawn = lab()[1].records[0]["queried"]
    runs = {
        (initial, name): lab(strategy=[name], initial=initial, rounds=1)[1].records
        for initial in ("coreset", "own")
        for name in ("margin", "coreset")
    }
    first = {key: records[0]["queried"] for key, records in runs.items()}
    assert first["own", "margin"] == drawn
    assert len(set(first["coreset", "margin"])) == 10
    assert first["coreset", "margin"] == first["coreset", "coreset"] == first["own", "coreset"] != drawn
    assert runs["coreset", "margin"][0]["query_seconds"] > 0


@pytest.mark.parametrize("stop_after", [0, 1])
def test_an_interrupted_trial_with_a_start_of_its_own(lab, stop_after):
    options = {"strategy": ["random"], "initial": "coreset"}
    with pytest.raises(KeyboardInterrupt):
        lab(Watch(stop_after=stop_after), **options)
    _, continued = lab(**options)
    assert repeatable(continued.records) == repeatable(lab(out="other", **options)[1].records)


@pytest.fixture
def in_twos(lab, make_plugin):
    """A strategy that wants the labels of every two samples, and takes those nearest to the last label."""
    options = dataclasses.make_dataclass("Options", [("batch", int, option(2, "samples"))], frozen=True)
    info = PluginInfo(summary="in twos", options=options, wants_labels_every="batch", api=4)

    def nearest_to_the_last(pool, labelled, n, ctx):
        ctx.state["steps"] = [*ctx.state.get("steps", []), ctx.step]
        ctx.log("seen", len(labelled))
        x, label = labelled.features[-1], labelled.targets[-1]
        distances = (pool.features - x).norm(dim=1) * (1 + label)
        return distances.topk(n, largest=bool(label % 2)).indices

    plugin = make_plugin(alframe_info=lambda: info, alframe_select=nearest_to_the_last)
    lab.registry.register(plugin, "in-twos")


@pytest.mark.usefixtures("in_twos")
class TestLabelsWithinARound:
    """Rounds with several queries."""

    def test_a_strategy_has_its_labels_as_often_as_it_wants(self, lab):
        _, summary = lab(strategy=["in-twos"], query_size=5, rounds=2)
        assert [record["labelled"] for record in summary.records] == [10, 15, 20]
        assert [record["logged"] for record in summary.records[1:]] == [
            {"in-twos": {"seen": 14, "queries": 3}},
            {"in-twos": {"seen": 19, "queries": 3}},
        ]

    def test_others_in_the_same_run_are_asked_once(self, lab):
        folders = {lab(strategy=[name])[0].folder.parent.parent for name in ("in-twos", "margin")}
        assert len(folders) == 1
        assert lab(strategy=["margin"])[1].records[1]["logged"] == {}

    @pytest.mark.parametrize(("count", "queries"), [(1, None), (4, 4), (99, 5)])
    def test_the_user_decides_for_all(self, lab, count, queries):
        _, summary = lab(strategy=["in-twos"], query_size=5, rounds=1, retrain_every=count)
        assert summary.records[1]["logged"]["in-twos"].get("queries") == queries
        _, plain = lab(strategy=["margin"], query_size=5, rounds=1, retrain_every=count)
        _, once = lab(strategy=["margin"], query_size=5, rounds=1)
        assert plain.records[1]["queried"] == once.records[1]["queried"]

    @pytest.mark.parametrize("stop_after", [0, 1])
    def test_an_interrupted_one_goes_on(self, lab, stop_after):
        options = {"strategy": ["in-twos"], "query_size": 5}
        with pytest.raises(KeyboardInterrupt):
            lab(Watch(stop_after), **options)
        _, continued = lab(**options)
        assert repeatable(continued.records) == repeatable(lab(out="other", **options)[1].records)

    def test_the_end_of_the_pool(self, lab):
        _, summary = lab(strategy=["in-twos"], query_size=59, rounds=9)
        assert [record["labelled"] for record in summary.records] == [10, 69, 120]
        assert summary.records[-1]["logged"]["in-twos"]["queries"] == 26

    def test_hidden_labels_are_not_seen(self, lab, toy, make_plugin):
        seen = []

        def peeks(pool, labelled, n):
            with pytest.raises(UnknownLabelsError):
                pool.targets  # noqa: B018
            seen.append(len(labelled.targets))
            return torch.arange(n)

        lab.registry.register(make_plugin(alframe_select=peeks), "peeks")
        lab(strategy=["peeks"], query_size=6, rounds=1, retrain_every=3)
        assert seen == [10, 12, 14]


def test_growing_queries(lab):
    _, summary = lab(query_growth=2.0)
    assert [record["labelled"] for record in summary.records] == [10, 20, 40, 80]


def test_a_budget_above_the_pool_ends_early_with_a_note(lab):
    _, summary = lab(query_size=60, rounds=9)
    assert [record["labelled"] for record in summary.records] == [10, 70, 120]
    assert summary.note == "the pool was exhausted after 2 of 9 rounds"
    _, again = lab(query_size=60, rounds=9)
    assert again == summary


@pytest.mark.parametrize("stop_after", [None, 0])
def test_a_rule_stops_and_says_why(lab, stop_after):
    if stop_after is not None:
        with pytest.raises(KeyboardInterrupt):
            lab(Watch(stop_after), stop={"labels": 20})
    trial, summary = lab(stop={"labels": 20})
    assert [record["labelled"] for record in summary.records] == [10, 20]
    assert summary.note == "stopped after 1 of 3 rounds: 20 samples are labelled"
    _, again = lab(stop={"labels": 20})
    assert again == summary
    assert lab()[0].folder != trial.folder
    assert lab(stop={"labels": None})[0].folder == lab()[0].folder


def test_a_rule_that_comes_true_in_the_last_round_is_no_news(lab):
    _, summary = lab(stop={"labels": 40})
    assert len(summary.records) == 4
    assert summary.note == ""


STABLE = {"stability": 0.6, "stability_window": 2, "stability_samples": 50}


@pytest.mark.parametrize("strategy", ["margin", "random"])
@pytest.mark.parametrize("stages", [{}, {"train": "linear-probe"}])
def test_stable_predictions_stop_a_continued_trial_where_they_stop_a_whole_one(lab, strategy, stages):
    run = {"stop": STABLE, "stages": stages, "strategy": [strategy], "rounds": 8}
    _, whole = lab(out="whole", **run)
    assert whole.note.startswith(
        f"stopped after {len(whole.records) - 1} of 8 rounds: the predictions are stable"
    )
    agreements = [record["stability"] for record in whole.records]
    assert agreements[0] is None
    assert all(-1 <= value <= 1 for value in agreements[1:])
    for number in range(len(whole.records) - 1):
        with pytest.raises(KeyboardInterrupt):
            lab(Watch(number), out=f"from-{number}", **run)
        _, continued = lab(out=f"from-{number}", **run)
        assert repeatable(continued.records) == repeatable(whole.records)
        assert continued.note == whole.note


def test_without_the_rule_the_records_are_the_same_but_for_the_agreement(lab):
    _, with_rule = lab(out="with", stop={"stability": 1.0})
    trial, without = lab(stop={"stability_window": 7})
    assert "stability" not in without.records[-1]
    records = [{k: v for k, v in record.items() if k != "stability"} for record in with_rule.records]
    assert repeatable(without.records) == repeatable(records)
    assert lab()[0].folder == trial.folder


def test_an_initial_set_above_the_pool(lab):
    _, summary = lab(initial_size=1000)
    assert [record["labelled"] for record in summary.records] == [120]
    assert "exhausted after 0 of 3" in summary.note


def test_no_rounds_is_the_initial_set_alone(lab):
    _, summary = lab(rounds=0)
    assert [record["labelled"] for record in summary.records] == [10]
    assert summary.note == ""


def test_a_balanced_initial_set(lab, toy):
    _, summary = lab(initial="balanced", initial_size=12)
    assert toy.targets[summary.records[0]["queried"]].bincount().tolist() == [4, 4, 4]
    _, other = lab(initial="balanced", initial_size=12, seeds=[2])
    assert other.records[0]["queried"] != summary.records[0]["queried"]


def test_each_query_is_described(lab):
    _, summary = lab(strategy=["margin"])
    first, *others = (record["diagnostics"] for record in summary.records)
    assert set(first) == {"labelled_entropy"}
    assert {len(d) for d in others} == {7}
    _, random = lab(strategy=["random"])
    for one, other in zip(others, random.records[1:], strict=True):
        assert one["margin"] < other["diagnostics"]["margin"]


def test_topping_up_is_recorded(lab, make_plugin):
    plugin = make_plugin(
        alframe_info=lambda: PluginInfo(summary="lazy"), alframe_select=lambda pool, n: torch.arange(4)
    )
    lab.registry.register(plugin, "lazy")
    _, summary = lab(strategy=["lazy"])
    assert [record["topped_up"] for record in summary.records] == [0, 6, 6, 6]


def test_what_plugins_log_is_recorded(lab):
    _, summary = lab(strategy=["alfamix"])
    assert summary.records[0]["logged"] == {}
    assert summary.records[1]["logged"]["alfamix"]["candidates"] >= 0


def test_events_are_sent_and_a_failing_one_harms_nothing(lab, make_plugin):
    heard = []
    plugin = make_plugin(
        alframe_run_started=lambda run: heard.append(run.strategy),
        alframe_round_finished=lambda run, record: heard.append(record["round"]),
        alframe_run_finished=lambda run, summary: heard.append(len(summary.records)),
    )
    lab.registry.register(plugin, "ears")
    lab.registry.register(make_plugin(alframe_round_finished=lambda run: 1 / 0), "failing")
    watch = Watch()
    lab(watch)
    assert heard == ["margin", 0, 1, 2, 3, 4]
    (note,) = watch.notes
    assert note == (
        "plugin 'failing' (local) failed in alframe_round_finished and hears no more of this run: "
        "ZeroDivisionError: division by zero"
    )


def test_a_plugin_written_for_api_1_goes_on_working(lab, make_plugin):
    heard = []
    plugin = make_plugin(
        alframe_info=lambda: PluginInfo(summary="old", api=1),
        alframe_run_started=lambda run: heard.append(run.settings.run.rounds),
        alframe_round_finished=lambda run, record: heard.append(json.loads(json.dumps(record))["labelled"]),
        alframe_run_finished=lambda run, summary: heard.append(summary.records[-1]["accuracy"]),
    )
    lab.registry.register(plugin, "old")
    watch = Watch()
    _, summary = lab(watch)
    assert heard == [3, 10, 20, 30, 40, summary.rounds[-1].accuracy]
    assert watch.notes == []


def test_a_plugin_that_changes_what_it_is_told_changes_nothing(lab, make_plugin):
    _, alone = lab(out="alone")

    def polishes(run, record):
        record["accuracy"] = 1.0
        record["queried"].clear()
        run.config["run"]["rounds"] = 0

    lab.registry.register(make_plugin(alframe_round_finished=polishes), "polishing")
    trial, summary = lab(stop={"accuracy": 1.0})
    assert repeatable(summary.records) == repeatable(alone.records)
    lines = (trial.folder / "rounds.jsonl").read_text().splitlines()
    assert repeatable(map(json.loads, lines)) == repeatable(alone.records)


def test_what_a_plugin_logs_in_the_query_and_in_training_is_recorded(lab, make_plugin):
    def select(pool, n, ctx):
        ctx.log("asked", n)
        return torch.arange(n)

    def train(model, labelled, recipe, ctx):
        ctx.log("trained", len(labelled))
        return TrainResult(1, 0.5, 0.5)

    info = {"alframe_info": lambda: PluginInfo(summary="both")}
    lab.registry.register(make_plugin(**info, alframe_select=select, alframe_train=train), "both")
    _, summary = lab(strategy=["both"])
    first, *others = (record["logged"] for record in summary.records)
    assert first == {"both": {"trained": 10}}
    assert others == [{"both": {"asked": 10, "trained": labels}} for labels in (20, 30, 40)]


def test_who_is_asked_for_hears_also_of_what_was_finished_before(lab, make_plugin):
    heard = []

    def ears(name, **info):
        return make_plugin(
            alframe_info=lambda: PluginInfo(summary="", **info),
            alframe_run_started=lambda run: heard.append((name, "started")),
            alframe_round_finished=lambda run, record: heard.append((name, record["round"])),
            alframe_run_finished=lambda run, summary: heard.append((name, len(summary.records))),
        )

    lab.registry.register(ears("observer"), "observer")
    lab.registry.register(ears("writer", on_request=True), "writer")
    trial, _ = lab(rounds=1)
    assert {name for name, _ in heard} == {"observer"}
    heard.clear()
    assert lab(rounds=1, log=["writer"])[0].folder == trial.folder
    assert heard == [("writer", "started"), ("writer", 2)]
    heard.clear()
    lab(rounds=1, log=["writer"], out="other")
    assert [what for name, what in heard if name == "writer"] == ["started", 0, 1, 2]
    assert [what for name, what in heard if name == "observer"] == ["started", 0, 1, 2]


def test_changed_data_are_noticed(lab, toy):
    with pytest.raises(KeyboardInterrupt):
        lab(Watch(stop_after=1))
    toy.inputs[0] += 1
    with pytest.raises(TrialError, match="the data have changed since this trial began"):
        lab()


def test_a_training_that_diverges_is_the_trials_failure(lab, toy):
    toy.inputs.mul_(1e38).clamp_(-3e38, 3e38)
    with pytest.raises(TrialError, match="loss became NaN"):
        lab()


def test_the_validation_part_is_counted_and_reported(lab):
    _, summary = lab()
    assert {(r["validation"], r["validation_accuracy"], r["best_epoch"]) for r in summary.records} == {
        (0, None, None)
    }
    _, summary = lab(out="validated", train={"validation": 0.2})
    assert [(record["labelled"], record["validation"]) for record in summary.records] == [
        (10, 2),
        (20, 4),
        (30, 6),
        (40, 8),
    ]
    assert all(0 <= record["validation_accuracy"] <= 1 for record in summary.records)
    assert all(1 <= record["best_epoch"] <= record["epochs"] for record in summary.records)


def test_features_of_a_frozen_body_are_kept_beside_the_runs(lab, tmp_path, monkeypatch):
    monkeypatch.setattr("alframe.learning.frozen.WORTH_KEEPING", 0)
    lab(stages={"train": "linear-probe"})
    kept = sorted((tmp_path / "runs" / ".features").iterdir())
    assert len(kept) == 2  # of the training and of the test part
    times = [path.stat().st_mtime_ns for path in kept]
    lab(strategy=["random"], stages={"train": "linear-probe"})
    assert [path.stat().st_mtime_ns for path in sorted((tmp_path / "runs" / ".features").iterdir())] == times


def test_work_that_is_left(lab):
    seen = []

    class Asking(Watch):
        def round_finished(self, trial, done):
            seen.append(has_work_left(trial))

    trial, _ = lab(Asking())
    assert seen == [True, True, True, False]
    assert not has_work_left(trial)
    keeping, _ = lab(out="keeping", keep_features=True)
    assert not has_work_left(keeping)
    (keeping.folder / "features.npy").unlink()
    assert has_work_left(keeping)
    checkpoint = trial.folder / "checkpoint.pt"
    checkpoint.write_bytes(checkpoint.read_bytes().replace(b"checkpoint 3", b"checkpoint 9", 1))
    assert has_work_left(trial)  # another version's: running it says so


def test_features_are_kept_where_that_is_asked_for(lab, toy):
    trial, summary = lab()
    assert not (trial.folder / "features.npy").exists()
    other, again = lab(out="other", keep_features=True)
    assert repeatable(summary.records) == repeatable(again.records)
    kept = np.load(other.folder / "features.npy")
    assert len(kept) == len(toy.targets)
    assert max(index for record in again.records for index in record["queried"]) < len(kept)


@pytest.mark.parametrize("stop", [None, {"labels": 20}])
def test_a_finished_trial_gets_its_features_later_without_being_run_again(lab, stop):
    lab(stop=stop)
    watch = Watch()
    trial, summary = lab(watch, stop=stop, keep_features=True)
    rounds = 2 if stop else 4
    assert watch.events == [("started", rounds), ("finished", rounds)]
    assert bool(summary.note) == bool(stop)
    late = (trial.folder / "features.npy").read_bytes()
    at_once, _ = lab(out="other", stop=stop, keep_features=True)
    assert (at_once.folder / "features.npy").read_bytes() == late


def test_a_trial_that_was_killed_before_its_features_were_written(lab, monkeypatch):
    def killed(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("alframe.records.folder.TrialFolder.keep_features", killed)
        with pytest.raises(KeyboardInterrupt):
            lab(keep_features=True)
    trial, summary = lab(keep_features=True)
    assert len(summary.records) == 4
    assert (trial.folder / "features.npy").exists()


def test_calibration_is_recorded_and_goes_on_where_it_was(lab, toy):
    recipe = {"validation": 0.2, "calibrate": "temperature", "warm_start": True}
    _, whole = lab(train=recipe, out="whole")
    assert all(0.05 <= record["temperature"] <= 20 for record in whole.records)
    assert sum(row[1] for row in whole.records[-1]["reliability"]) == len(toy.test_targets)
    with pytest.raises(KeyboardInterrupt):
        lab(Watch(stop_after=2), train=recipe)
    _, again = lab(train=recipe)
    assert repeatable(again.records) == repeatable(whole.records)
    _, plain = lab(out="plain")
    assert "temperature" not in plain.records[0]
    assert 0 <= plain.records[0]["ece"] <= 1 <= 1 + plain.records[0]["brier"] <= 3
