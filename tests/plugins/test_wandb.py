import json
import math
import os
import signal
import struct
import subprocess
import sys
import time
import types
from types import SimpleNamespace

import pytest

import alframe_wandb
import wandb_server
from alframe import Round, RunSummary, UsageError


def record(labelled, accuracy=0.5, **others):
    return Round.of({"round": 0, "labelled": labelled, "accuracy": accuracy, "queried": [1, 2]} | others)


class Server(types.ModuleType):
    """A double of wandb: what it was sent by run, and how each run ended."""

    def __init__(self):
        super().__init__("wandb")
        self.key, self.runs, self.ends, self.asked = "key", {}, [], []
        self.Settings = type(
            "Settings", (dict,), {"model_fields": ["init_timeout", "finish_timeout", "silent"]}
        )
        self.global_settings = SimpleNamespace(mode="online", base_url="https://wandb.example")

    def setup(self):
        return SimpleNamespace(settings=self.global_settings)

    def login(self, prompt=True):
        assert prompt is False
        return bool(self.key)

    def init(self, **given):
        self.asked.append(given)
        sent = self.runs.setdefault(given["id"], [])
        run = SimpleNamespace(id=given["id"], summary={}, settings=SimpleNamespace(sync_dir=given["dir"]))
        run.step = sent[-1][0] + 1 if sent else 0

        def log(values, step, commit):
            assert commit
            assert step >= run.step, "wandb drops this"
            run.step = step + 1
            sent.append((step, values))

        run.log = log
        run.finish = lambda exit_code: self.ends.append((run.id, exit_code, run.summary))
        return run


@pytest.fixture
def server(monkeypatch):
    double = Server()
    monkeypatch.setitem(sys.modules, "wandb", double)
    monkeypatch.delitem(sys.modules, "alframe_wandb._runs", raising=False)
    yield double
    sys.modules.pop("alframe_wandb._runs", None)


class Trial:
    """A trial's folder, and a process that runs it: its events as the engine sends them."""

    strategy, seed, name = "margin", 1, "margin seed 1"
    config = {"run": {"rounds": 2}, "wandb": {"project": "alframe"}}  # noqa: RUF012

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True)
        self.rounds = []

    def start(self, **options):
        alframe_wandb.alframe_run_started(self, alframe_wandb.Options(**options))

    def add(self, done):
        self.rounds.append(done)
        lines = [json.dumps(one.as_dict() | {"round": k}) + "\n" for k, one in enumerate(self.rounds)]
        (self.folder / "rounds.jsonl").write_text("".join(lines))
        alframe_wandb.alframe_round_finished(self, done.as_dict())

    def finish(self, note=""):
        alframe_wandb.alframe_run_finished(self, RunSummary(tuple(self.rounds), note))

    def killed(self):
        sys.modules.pop("alframe_wandb._runs")


@pytest.fixture
def trial(tmp_path):
    return Trial(tmp_path / "digits" / "mlp-1" / "margin" / "seed-1")


def test_a_trial_is_one_run_however_often_it_is_killed(server, trial):
    trial.start()
    trial.add(record(10, 0.1, diagnostics={"margin": 0.25}, bad=math.nan, note="text"))
    trial.add(record(20, 0.2))
    trial.killed()
    trial.start()
    trial.killed()
    trial.start()
    trial.add(record(30, 0.3))
    trial.finish("no more labels")
    [sent] = server.runs.values()
    assert [step for step, _ in sent] == [10, 20, 30]
    wanted = {"round": 0, "labelled": 10, "accuracy": 0.1, "diagnostics/margin": 0.25}
    assert sent[0][1] == wanted
    assert [end[1:] for end in server.ends] == [(0, {"note": "no more labels"})]
    asked = server.asked[0]
    assert (asked["project"], asked["group"], asked["name"]) == ("alframe", "digits/mlp-1", "margin seed 1")
    assert asked["config"] == {"strategy": "margin", "seed": 1, "run": {"rounds": 2}}
    assert (asked["mode"], asked["resume"], asked["reinit"]) == ("online", "allow", "create_new")
    assert asked["settings"] == {"silent": True, "init_timeout": 30.0, "finish_timeout": 30.0}

    trial.start()  # the same command again: nothing is sent twice, nothing is asked
    trial.finish()
    assert len(server.asked) == 3
    trial.start(project="other")
    trial.finish()
    assert len(server.asked) == 4


def test_what_was_killed_before_its_rounds_were_sent_is_sent(server, trial):
    trial.start()
    [sent] = server.runs.values()
    for size in (10, 20):
        trial.add(record(size))
    sent.pop()
    trial.killed()
    trial.start()
    assert [step for step, _ in sent] == [10, 20]


def test_a_round_that_comes_again_is_sent_once(server, trial):
    """Trials that are trained at once go back by a round where one of them was killed before the others."""
    trial.start()
    for size in (10, 20):
        trial.add(record(size))
    trial.killed()
    trial.rounds.pop()
    (trial.folder / "rounds.jsonl").write_text(json.dumps(trial.rounds[0].as_dict()) + "\n")
    trial.start()
    trial.add(record(20))
    [sent] = server.runs.values()
    assert [step for step, _ in sent] == [10, 20]


def test_several_are_open_at_once_and_one_fails(server, trial, tmp_path):
    other = Trial(tmp_path / "digits" / "mlp-1" / "margin" / "seed-2")
    for one in (trial, other):
        one.start()
    for one in (trial, other, other, trial):
        one.add(record(10 * (1 + len(one.rounds))))
    alframe_wandb.alframe_run_failed(other, "the disk is full")
    trial.finish()
    assert [[step for step, _ in sent] for sent in server.runs.values()] == [[10, 20], [10, 20]]
    assert [end[1:] for end in server.ends] == [(1, {"failure": "the disk is full"}), (0, {})]
    other.start()
    other.finish()
    assert len(server.runs) == 2
    assert server.ends[-1][1] == 0


def test_a_trial_that_starts_anew_is_another_run(server, trial):
    trial.start()
    trial.add(record(10))
    (trial.folder / "wandb" / "alframe.json").unlink()  # the folder is emptied by --force
    trial.start()
    assert len(server.runs) == 2
    assert server.ends[0][1] == 1


def test_nobody_is_asked_for_a_password(server, trial):
    server.key = ""
    with pytest.raises(
        UsageError, match="nobody is logged in to Weights & Biases: `wandb login`, or -o wandb.mode"
    ):
        trial.start()
    trial.start(mode="offline")
    server.global_settings.mode = "offline"
    trial.start()
    assert [asked["mode"] for asked in server.asked] == ["offline", "offline"]


def test_a_server_that_went_away_is_named(server, trial):
    def finish(exit_code):
        raise TimeoutError("Timed out finishing run.")

    trial.start()
    trial.add(record(10))
    sys.modules["alframe_wandb._runs"]._open[trial.folder][0].finish = finish
    with pytest.raises(UsageError, match="within 30 s; the same command sends what it lacks"):
        trial.finish()
    trial.start()
    trial.finish()
    assert [end[1] for end in server.ends] == [0]


def test_without_the_library_the_line_says_what_to_install(trial, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    monkeypatch.delitem(sys.modules, "alframe_wandb._runs", raising=False)
    with pytest.raises(UsageError, match=r'pip install "alframe\[wandb\]"'):
        trial.start()


# -- the real package --------------------------------------------------------------------------------------


def histories(folder):
    """What the files below a folder hold: by run's id, step and accuracy of each point, and the exit code."""
    from wandb.proto.wandb_internal_pb2 import Record

    found = {}
    for path in sorted(folder.rglob("*.wandb")):
        points, code = [], None
        for content in contents(path.read_bytes()):
            one = Record.FromString(content)
            if one.HasField("history"):
                values = {
                    item.key or "/".join(item.nested_key): json.loads(item.value_json)
                    for item in one.history.item
                }
                points.append((values["_step"], values["accuracy"]))
            elif one.HasField("exit"):
                code = one.exit.exit_code
        found.setdefault(path.stem, []).append((points, code))
    return found


def contents(data):
    """The records of a log in LevelDB's format: blocks of 32 KB, seven bytes before each part of a record."""
    at, parts = 7, b""
    while at + 7 <= len(data):
        if (left := 32768 - at % 32768) < 7:
            at += left
            continue
        length, kind = struct.unpack("<HB", data[at + 4 : at + 7])
        if kind == 0:
            return
        parts += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            yield parts
            parts = b""


SMALL = [
    "--rounds",
    "2",
    "--initial-size",
    "20",
    "--query-size",
    "5",
    "--device",
    "cpu",
    "-o",
    "train.epochs=3",
]


def command(out, *more):
    return [
        *(sys.executable, "-m", "alframe_cli", "run", "--strategy", "margin", "--out", str(out)),
        *(*SMALL, "--log", "wandb", "-o", "wandb.mode=offline", *more),
    ]


def recorded(out):
    return sorted(
        [
            [(one["labelled"], one["accuracy"]) for one in map(json.loads, path.read_text().splitlines())]
            for path in out.rglob("rounds.jsonl")
        ]
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the package's own threads and sockets
def test_online_it_goes_on_where_the_server_is(tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="the extra `wandb` is not installed")
    monkeypatch.delitem(sys.modules, "alframe_wandb._runs", raising=False)
    with wandb_server.serving() as (address, runs):
        monkeypatch.setenv("WANDB_BASE_URL", address)
        monkeypatch.setenv("WANDB_API_KEY", "0123456789" * 4)
        monkeypatch.delenv("WANDB_MODE", raising=False)
        trial = Trial(tmp_path / "digits" / "mlp-1" / "margin" / "seed-1")
        for size in (10, 20):
            trial.start()
            trial.add(record(size, size / 100))
            alframe_wandb.alframe_run_failed(trial, "the disk is full")
        trial.start()
        trial.add(record(30, 0.3))
        trial.finish()
        [run] = runs.values()
    assert [(point["_step"], point["accuracy"]) for point in run.points] == [(10, 0.1), (20, 0.2), (30, 0.3)]
    assert (run.codes, run.name, run.group) == ([1, 1, 0], "margin seed 1", "digits/mlp-1")
    sys.modules["wandb"].teardown()


@pytest.mark.slow
def test_killed_and_continued_in_processes_side_by_side_each_trial_is_one_run(tmp_path):
    pytest.importorskip("wandb", reason="the extra `wandb` is not installed")
    out = tmp_path / "runs"
    many = ["--seeds", "1-2", "--rounds", "8", "--jobs", "2"]
    started = command(out, *many, "-o", "train.epochs=60", "-o", "train.stop_accuracy=none")
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(started, start_new_session=True, **silent) as running:
        deadline = time.monotonic() + 100
        while not any(len(rounds) > 2 for rounds in recorded(out)):
            assert running.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(running.pid, signal.SIGKILL)
    assert all(len(before) < 9 for before in recorded(out))
    done = subprocess.run(started, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert "wandb" not in done.stdout + done.stderr
    found = histories(out)
    assert sorted(points for [(points, _)] in found.values()) == recorded(out)
    assert [(len(points), code) for [(points, code)] in found.values()] == [(9, 0)] * 2
