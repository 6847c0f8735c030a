"""Runs of Weights & Biases, each the trial's of one folder, which keeps the run's id.

Online the server says which rounds it has. Offline a run is written anew whenever the trial goes on, with all
rounds: what is synchronised has each once.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import json
import math
import os
import re
import shutil
import uuid
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from alframe import Round, RunSummary, TrialRun, UsageError

ENVIRONMENT = {"WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false"}
# Nobody waits for minutes for a server that is away.
SETTINGS = {
    "console": "off",  # several runs share it, and it is alframe's
    "silent": True,
    "init_timeout": 30.0,
    "finish_timeout": 30.0,
    "finish_timeout_raises": True,
}
OLDER = {
    f"x_{what}_retry_max": 3 for what in ("graphql", "file_stream", "file_transfer")
}  # no finish_timeout
FILE = Path("wandb") / "alframe.json"
OFFLINE = ("offline", "dryrun")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """What the user has not set is set for a block; wandb's remarks are not the run's."""
    new = {name: value for name, value in ENVIRONMENT.items() if name not in os.environ}
    os.environ.update(new)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name in new:
            os.environ.pop(name, None)


try:
    with quiet():
        import wandb
except ImportError as error:
    raise UsageError(f'it needs Weights & Biases: pip install "alframe[wandb]" ({error})') from error

_open: dict[Path, tuple[Any, str]] = {}  # each with a hash of where it is


def start(run: TrialRun, rounds: Sequence[Round], options: Mapping[str, Any]) -> None:
    """Opens a trial's run, and sends the rounds that it lacks.

    Args:
        run: the trial.
        rounds: those that are recorded already.
        options: project, entity, group and mode.

    Raises:
        UsageError: it is to be online, and nobody is logged in.
    """
    folder = run.folder
    _end(folder, 1)  # of a trial that was interrupted in this process
    with quiet():
        settings = wandb.setup().settings
        mode = options["mode"] or settings.mode
        where = [mode in OFFLINE, options["entity"], options["project"], settings.base_url]
        place = hashlib.sha256(json.dumps(where).encode()).hexdigest()
        state = _state(folder)
        if state.get("complete") == [place, len(rounds)]:
            return
        if mode not in (*OFFLINE, "disabled") and not _is_logged_in():
            raise UsageError(
                "nobody is logged in to Weights & Biases: `wandb login`, or -o wandb.mode=offline"
            )
        setting = folder.parent.parent
        opened = wandb.init(
            project=options["project"],
            entity=options["entity"],
            group=options["group"] or f"{setting.parent.name}/{setting.name}",
            job_type=run.strategy,
            name=run.name,
            id=state["id"],
            resume="allow",
            reinit="create_new",
            mode=mode,
            dir=str(folder.absolute()),
            config=_config(run),
            allow_val_change=True,
            settings=wandb.Settings(**_settings()),
        )
        _open[folder] = opened, place
        if mode in OFFLINE:
            _remove_older(folder, opened)
        for done in rounds:
            _send(opened, done)


def append(folder: Path, done: Round) -> None:
    """Adds a round."""
    with quiet():
        _send(_open[folder][0], done)


def finish(folder: Path, summary: RunSummary) -> None:
    """Ends a run; one that was complete before was not opened."""
    if folder in _open:
        opened, place = _open[folder]
        if summary.note:
            opened.summary["note"] = summary.note
        _end(folder, 0)
        _keep(folder, _state(folder) | {"complete": [place, len(summary.rounds)]})


def fail(folder: Path, reason: str) -> None:
    """Ends a run as one that failed."""
    if folder in _open:
        _open[folder][0].summary["failure"] = reason
        _end(folder, 1)


def _end(folder: Path, code: int) -> None:
    if (opened := _open.pop(folder, None)) is not None:
        try:
            with quiet():
                opened[0].finish(exit_code=code)
        except TimeoutError as error:
            raise UsageError(
                f"the server has not taken the end of run {opened[0].id} within "
                f"{SETTINGS['finish_timeout']:.0f} s; the same command sends what it lacks"
            ) from error


def _settings() -> dict[str, Any]:
    """What this version knows of the settings."""
    known = wandb.Settings.model_fields
    wanted = SETTINGS if "finish_timeout" in known else SETTINGS | OLDER
    return {name: value for name, value in wanted.items() if name in known}


def _is_logged_in() -> bool:
    """Whether there is a key; nobody is asked for one."""
    if "prompt" in inspect.signature(wandb.login).parameters:
        return bool(wandb.login(prompt=False))
    return bool(wandb.api.api_key)


def _config(run: TrialRun) -> dict[str, Any]:
    sections = {name: dict(section) for name, section in run.config.items() if name != "wandb"}
    return {"strategy": run.strategy, "seed": run.seed, **sections}


def _send(opened: Any, done: Round) -> None:
    """Sends a round's numbers, unless the server has them; the step is the labelled-set size."""
    if done.labelled < opened.step:  # the first that it lacks
        return
    values = {
        key: value
        for key, value in done.flat().items()
        if isinstance(value, int | float) and math.isfinite(value)
    }
    opened.log(values, step=done.labelled, commit=True)  # so that none waits for the next


def _remove_older(folder: Path, opened: Any) -> None:
    """Removes what earlier starts wrote offline, all of which this one writes again."""
    own = Path(opened.settings.sync_dir).resolve()
    for old in (folder / "wandb").glob(f"offline-run-*-{opened.id}"):
        if not old.is_symlink() and old.resolve() != own:
            shutil.rmtree(old, ignore_errors=True)


def _state(folder: Path) -> dict[str, Any]:
    """What the folder keeps: ``id``, and once it is finished ``complete``."""
    try:
        state = json.loads((folder / FILE).read_text())
        if re.fullmatch("[0-9a-f]{16}", state["id"]):
            return dict(state)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    state = {"id": uuid.uuid4().hex[:16]}
    _keep(folder, state)
    return state


def _keep(folder: Path, state: Mapping[str, Any]) -> None:
    path = folder / FILE
    path.parent.mkdir(exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}")
    new.write_text(json.dumps(state))
    new.replace(path)
