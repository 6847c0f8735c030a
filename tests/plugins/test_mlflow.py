import json
import math
import sys
import types
from types import SimpleNamespace

import filelock
import pytest

import alframe_mlflow
from alframe import Round, RunSummary, UsageError


def record(labelled, accuracy=0.5, **others):
    return Round.of({"round": 0, "labelled": labelled, "accuracy": accuracy, "queried": [1, 2]} | others)


class Client:
    """A double of a tracking server."""

    def __init__(self, runs, calls):
        self.runs, self.calls = runs, calls

    def get_experiment_by_name(self, name):
        found = any(run.experiment == name for run in self.runs.values())
        return SimpleNamespace(experiment_id=name) if found else None

    def create_experiment(self, name):
        return name

    def search_runs(self, experiments, wanted, view, max_results):
        self.calls.append("search")
        found = [run for run in self.runs.values() if run.experiment in experiments]
        return [run for run in found if wanted == f"tags.alframe_trial = '{run.tags['alframe_trial']}'"]

    def create_run(self, experiment, run_name, tags):
        data = SimpleNamespace(params={}, metrics={})
        info = SimpleNamespace(run_id=str(len(self.runs)), run_name=run_name, status="RUNNING")
        run = SimpleNamespace(experiment=experiment, info=info, tags=dict(tags), data=data, points=[])
        self.runs[info.run_id] = run
        return run

    def update_run(self, number, status):
        self.runs[number].info.status = status

    set_terminated = update_run

    def set_tag(self, number, key, value):
        self.runs[number].tags[key] = value

    def log_batch(self, number, metrics=(), params=()):
        assert len(params) <= 100
        run = self.runs[number]
        for param in params:
            assert param.key not in run.data.params
            run.data.params[param.key] = param.value
        run.data.metrics |= {metric.key: metric.value for metric in metrics}
        run.points += [(metric.key, metric.step, metric.value) for metric in metrics]

    def get_metric_history(self, number, key):
        return [SimpleNamespace(step=step, value=v) for k, step, v in self.runs[number].points if k == key]


@pytest.fixture(params=["double", pytest.param("package", marks=pytest.mark.slow)])
def server(request, tmp_path, monkeypatch):
    """The address of a store; `runs()` of it says what there is."""
    monkeypatch.delitem(sys.modules, "alframe_mlflow._runs", raising=False)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # else newer versions want a database
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    if request.param == "package":
        pytest.importorskip("mlflow", reason="the extra `mlflow` is not installed")
        yield SimpleNamespace(uri=(tmp_path / "store").as_uri(), calls=None)
    else:
        runs, calls = {}, []
        double, entities, exceptions = (
            types.ModuleType(name) for name in ("mlflow", "mlflow.entities", "mlflow.exceptions")
        )
        double.MlflowClient = lambda tracking_uri: Client(runs, calls)
        double.get_tracking_uri = lambda: "here"
        entities.Metric = lambda key, value, timestamp, step: SimpleNamespace(key=key, value=value, step=step)
        entities.Param = lambda key, value: SimpleNamespace(key=key, value=value)
        entities.ViewType = SimpleNamespace(ACTIVE_ONLY=1)
        exceptions.MlflowException = type("MlflowException", (Exception,), {})
        for module in (double, entities, exceptions):
            monkeypatch.setitem(sys.modules, module.__name__, module)
        yield SimpleNamespace(uri="there", calls=calls)
    sys.modules.pop("alframe_mlflow._runs", None)


def found(server, experiment="digits/mlp-1"):
    """Name, status, tags, parameters and points of each run."""
    from alframe_mlflow._runs import mlflow, quiet

    with quiet():
        client = mlflow.MlflowClient(tracking_uri=server.uri)
        [experiment] = [client.get_experiment_by_name(experiment).experiment_id]
        if server.calls is not None:
            runs = [run for run in client.runs.values() if run.experiment == experiment]
        else:
            runs = client.search_runs([experiment])
        return [
            SimpleNamespace(
                name=run.info.run_name,
                status=run.info.status,
                tags=run.tags if server.calls is not None else run.data.tags,
                params=run.data.params,
                accuracy=[
                    (one.step, one.value) for one in client.get_metric_history(run.info.run_id, "accuracy")
                ],
                margin=client.get_metric_history(run.info.run_id, "diagnostics/odd _name"),
            )
            for run in runs
        ]


class Trial:
    """A trial's folder, and a process that runs it: its events as the engine sends them."""

    strategy, seed = "margin", 1

    def __init__(self, folder, uri):
        self.folder, self.name = folder, f"margin {folder.name}"
        folder.mkdir(parents=True)
        self.rounds, self.options = [], alframe_mlflow.Options(tracking_uri=uri)
        options = {f"option{k}": "x" * 600 for k in range(120)}
        self.config = {"run": {"rounds": 2} | options, "mlflow": {"tracking_uri": "https://me:secret@host"}}

    def start(self):
        alframe_mlflow.alframe_run_started(self, self.options)

    def add(self, done):
        self.rounds.append(done)
        lines = [json.dumps(one.as_dict() | {"round": k}) + "\n" for k, one in enumerate(self.rounds)]
        (self.folder / "rounds.jsonl").write_text("".join(lines))
        alframe_mlflow.alframe_round_finished(self, done.as_dict())

    def finish(self, note=""):
        alframe_mlflow.alframe_run_finished(self, RunSummary(tuple(self.rounds), note))

    def killed(self):
        sys.modules.pop("alframe_mlflow._runs")


@pytest.fixture
def trial(tmp_path, server):
    return Trial(tmp_path / "digits" / "mlp-1" / "margin" / "seed-1", server.uri)


def test_a_trial_is_one_run_however_often_it_is_killed(server, trial):
    trial.start()
    trial.add(record(10, 0.1, diagnostics={"odd:name": 0.25}, bad=math.nan, note="text"))
    sys.modules["alframe_mlflow._runs"].interrupted()  # as when the program ends
    assert found(server)[0].status == "KILLED"
    trial.killed()
    trial.rounds.append(record(20, 0.2))
    lines = [json.dumps(one.as_dict() | {"round": k}) + "\n" for k, one in enumerate(trial.rounds)]
    (trial.folder / "rounds.jsonl").write_text("".join(lines))  # killed before the plugin heard of it
    trial.config["run"]["rounds"] = 3  # what is sent of a configuration can't be changed
    trial.start()
    assert found(server)[0].status == "RUNNING"
    trial.add(record(30, 0.3))
    trial.finish("no more labels")
    [run] = found(server)
    assert (run.name, run.status, run.tags["note"]) == ("margin seed-1", "FINISHED", "no more labels")
    assert run.accuracy == [(10, 0.1), (20, 0.2), (30, 0.3)]
    assert (run.params["strategy"], run.params["seed"], run.params["run.rounds"]) == ("margin", "1", "2")
    assert len(run.params) == 123
    assert "secret" not in str(run.params)
    assert (trial.folder / "mlflow.json").read_text().count("secret") == 0

    trial.killed()
    trial.rounds.pop()  # it went back by a round, which comes again
    (trial.folder / "mlflow.json").write_text(
        json.dumps({"token": json.loads((trial.folder / "mlflow.json").read_text())["token"]})
    )
    trial.start()
    trial.add(record(30, 0.3))
    trial.finish()
    assert found(server)[0].accuracy == run.accuracy

    if server.calls is not None:
        trial.start()  # the same command again: nothing is asked
        trial.finish()
        assert server.calls == ["search"] * 3


def test_several_are_open_at_once_and_one_fails(server, trial):
    other = Trial(trial.folder.with_name("seed-2"), server.uri)
    for one in (trial, other):
        one.start()
    for one in (trial, other, other, trial):
        one.add(record(10 * (1 + len(one.rounds))))
    alframe_mlflow.alframe_run_failed(other, "the disk is full")
    trial.finish()
    runs = sorted(found(server), key=lambda run: run.name)
    assert [[step for step, _ in run.accuracy] for run in runs] == [[10, 20], [10, 20]]
    assert [(run.status, run.tags.get("failure")) for run in runs] == [
        ("FINISHED", None),
        ("FAILED", "the disk is full"),
    ]
    other.start()
    other.finish()
    assert {run.status for run in found(server)} == {"FINISHED"}

    (trial.folder / "mlflow.json").unlink()  # the folder is emptied by --force: another run
    trial.start()
    assert len(found(server)) == 3


def test_the_experiment_is_the_option_or_the_environments(server, trial, monkeypatch):
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "theirs")
    trial.start()
    assert len(found(server, "theirs")) == 1
    trial.options = alframe_mlflow.Options(tracking_uri=server.uri, experiment="mine")
    trial.start()
    assert len(found(server, "mine")) == 1


def test_processes_make_one_database_one_after_another(trial, server, tmp_path, monkeypatch):
    """Side by side each failed of the other's half-made tables."""
    if server.calls is None:
        pytest.skip("the package needs alembic for it")
    import alframe_mlflow._runs as module

    monkeypatch.setattr(module, "WAIT", 0.01)
    trial.config["run"]["out"] = str(tmp_path)
    trial.options = alframe_mlflow.Options(tracking_uri="sqlite:///new.db")
    with filelock.FileLock(tmp_path / ".mlflow.lock"), pytest.raises(filelock.Timeout):
        trial.start()
    trial.start()


def test_without_the_library_the_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    monkeypatch.delitem(sys.modules, "alframe_mlflow._runs", raising=False)
    with pytest.raises(UsageError, match=r'pip install "alframe\[mlflow\]"'):
        Trial(tmp_path / "a" / "b" / "c" / "d", "x").start()


@pytest.mark.slow
def test_a_server_that_is_away_is_told_of_within_seconds(tmp_path, monkeypatch):
    pytest.importorskip("mlflow", reason="the extra `mlflow` is not installed")
    from mlflow.exceptions import MlflowException

    monkeypatch.delitem(sys.modules, "alframe_mlflow._runs", raising=False)
    trial = Trial(tmp_path / "a" / "b" / "c" / "d", "http://127.0.0.1:9")
    with pytest.raises(MlflowException, match="127.0.0.1"):
        trial.start()
    sys.modules.pop("alframe_mlflow._runs")
