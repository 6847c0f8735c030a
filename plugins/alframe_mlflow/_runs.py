"""Runs of MLflow, each the trial's of one folder.

The folder keeps a token, which is written before the run is made and is a tag of it: whenever the process
dies, the run is found again.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import hashlib
import json
import logging
import math
import os
import re
import time
import uuid
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import filelock

from alframe import Round, RunSummary, TrialRun, UsageError

# Nobody waits for minutes for a server that is away; and nothing goes to anybody but the user's own server.
ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
FILE = "mlflow.json"
TAG = "alframe_trial"
WAIT = 60  # seconds for another process that makes the database
LONGEST = 500  # characters of a parameter's value, for any version
PARAMS, METRICS = 100, 1000  # of one call


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """What the user has not set is set for a block; MLflow's remarks are not the run's."""
    new = {name: value for name, value in ENVIRONMENT.items() if name not in os.environ}
    loggers = {name: logging.getLogger(name) for name in ("mlflow", "alembic")}
    levels = {name: logger.level for name, logger in loggers.items()}
    os.environ.update(new)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for logger in loggers.values():
                logger.setLevel(logging.ERROR)
            yield
    finally:
        for name in new:
            os.environ.pop(name, None)
        for name, logger in loggers.items():
            logger.setLevel(levels[name])


try:
    with quiet():
        import mlflow
        from mlflow.entities import Metric, Param, ViewType
        from mlflow.exceptions import MlflowException
except ImportError as error:
    raise UsageError(f'it needs MLflow: pip install "alframe[mlflow]" ({error})') from error


@dataclasses.dataclass(frozen=True)
class Open:
    """A run that is written to.

    Attributes:
        client: of its server.
        id: MLflow's.
        place: a hash of server and experiment.
        steps: which it has of each metric. A trial that went back by a round, as those that are trained at
            once do, tells of that again.
    """

    client: Any
    id: str
    place: str
    steps: dict[str, set[int]]


_open: dict[Path, Open] = {}


def start(run: TrialRun, rounds: Sequence[Round], uri: str | None, experiment: str | None) -> None:
    """Finds a trial's run or makes it, and sends what it lacks.

    Args:
        run: the trial.
        rounds: those that are recorded already.
        uri: of the server or database; None: as MLflow has it.
        experiment: its name; None: as the environment has it, or else that of the setting.
    """
    _open.pop(run.folder, None)
    with quiet():
        uri = uri or mlflow.get_tracking_uri()
        setting = run.folder.parent.parent
        experiment = experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME")
        experiment = experiment or f"{setting.parent.name}/{setting.name}"
        place = hashlib.sha256(json.dumps([uri, experiment]).encode()).hexdigest()
        state = _state(run.folder)
        if state.get("complete") == [place, len(rounds)]:
            return
        with _alone(run, uri):
            client = mlflow.MlflowClient(tracking_uri=uri)
        found = _run(client, _experiment(client, experiment), state["token"], run.name)
        number = found.info.run_id
        steps = {
            key: {old.step for old in client.get_metric_history(number, key)} for key in found.data.metrics
        }
        opened = Open(client, number, place, steps)
        client.update_run(opened.id, status="RUNNING")
        _send_params(opened, run, found.data.params)
        _send(opened, rounds)
        _open[run.folder] = opened


def append(folder: Path, done: Round) -> None:
    """Adds a round."""
    with quiet():
        _send(_open[folder], [done])


def finish(folder: Path, summary: RunSummary) -> None:
    """Ends a run; one that was complete before was not opened."""
    if (opened := _open.pop(folder, None)) is not None:
        with quiet():
            if summary.note:
                opened.client.set_tag(opened.id, "note", summary.note[:LONGEST])
            opened.client.set_terminated(opened.id, "FINISHED")
        _keep(folder, _state(folder) | {"complete": [opened.place, len(summary.rounds)]})


def fail(folder: Path, reason: str) -> None:
    """Ends a run as one that failed."""
    if (opened := _open.pop(folder, None)) is not None:
        with quiet():
            opened.client.set_tag(opened.id, "failure", reason[:LONGEST])
            opened.client.set_terminated(opened.id, "FAILED")


@atexit.register
def interrupted() -> None:
    """Ends the runs of trials that were interrupted; they go on when the trials do."""
    with contextlib.suppress(Exception), quiet():  # a server that is away is asked once
        while _open:
            _, opened = _open.popitem()
            opened.client.set_terminated(opened.id, "KILLED")


def _alone(run: TrialRun, uri: str) -> contextlib.AbstractContextManager[object]:
    """Keeps processes side by side from making one new database at once, which none of them survives."""
    if not uri.startswith("sqlite"):
        return contextlib.nullcontext()
    return filelock.FileLock(Path(run.config["run"]["out"]) / ".mlflow.lock", timeout=WAIT)


def _state(folder: Path) -> dict[str, Any]:
    """What the folder keeps: ``token``, and once it is finished ``complete``."""
    try:
        state = json.loads((folder / FILE).read_text())
        if re.fullmatch("[0-9a-f]{32}", state["token"]):
            return dict(state)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    state = {"token": uuid.uuid4().hex}
    _keep(folder, state)
    return state


def _keep(folder: Path, state: Mapping[str, Any]) -> None:
    new = folder / f"{FILE}.{os.getpid()}"
    new.write_text(json.dumps(state))
    new.replace(folder / FILE)


def _experiment(client: Any, name: str) -> str:
    """The id of an experiment, which is made where there is none."""
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name))
        except MlflowException:  # another process has made it meanwhile
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    return str(found.experiment_id)


def _run(client: Any, experiment: str, token: str, name: str) -> Any:
    """The trial's run, which is made where there is none."""
    wanted = f"tags.{TAG} = '{token}'"
    found = client.search_runs([experiment], wanted, ViewType.ACTIVE_ONLY, max_results=1)
    return found[0] if found else client.create_run(experiment, run_name=name, tags={TAG: token})


def _send_params(opened: Open, run: TrialRun, there: Mapping[str, str]) -> None:
    """Sends the configuration; what is there already can't be changed."""
    values = {"strategy": run.strategy, "seed": run.seed}
    for section, options in run.config.items():
        values |= {f"{section}.{key}": value for key, value in options.items() if section != "mlflow"}
    params = [
        Param(_name(key), str(value)[:LONGEST]) for key, value in values.items() if _name(key) not in there
    ]
    for first in range(0, len(params), PARAMS):
        opened.client.log_batch(opened.id, params=params[first : first + PARAMS])


def _metrics(done: Round) -> list[Any]:
    """A round's numbers; the step is the labelled-set size."""
    now = int(time.time() * 1000)
    return [
        Metric(_name(key), float(value), now, done.labelled)
        for key, value in done.flat().items()
        if isinstance(value, int | float) and math.isfinite(value)
    ]


def _send(opened: Open, rounds: Sequence[Round]) -> None:
    """Sends what the run lacks of these rounds."""
    metrics = [
        metric
        for one in rounds
        for metric in _metrics(one)
        if metric.step not in opened.steps.get(metric.key, ())
    ]
    for first in range(0, len(metrics), METRICS):
        opened.client.log_batch(opened.id, metrics=metrics[first : first + METRICS])


def _name(key: str) -> str:
    """A key that MLflow takes."""
    return re.sub(r"[^\w\-. /]", "_", key, flags=re.ASCII)[:250]
