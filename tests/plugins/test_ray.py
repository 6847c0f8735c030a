"""The executor `ray` beside a Ray of plain functions; test_ray_cluster has the real one."""

import dataclasses
import pickle
import signal
import socket
import sys
import types

import pytest

import alframe
from alframe import UsageError
from alframe.registry.registry import installed
from alframe_ray import RayOptions, open_ray

SETTINGS = {
    "run": {"strategy": ["random"], "seeds": [1, 2], "initial_size": 20, "query_size": 10, "rounds": 1}
    | {"executor": "ray", "device": "cpu"},
    "train": {"epochs": 1},
}


class WorkerCrashedError(Exception):
    """As Ray's."""


@dataclasses.dataclass(eq=False)
class Ref:
    call: object
    answer: object = None
    is_ready: bool = False


class Ray(types.ModuleType):
    """One that runs a task in this process when it is asked how that is."""

    def __init__(self, machines=({"CPU": 2.0},), fault=None):
        super().__init__("ray")
        self.machines, self.fault = machines, fault
        self.started, self.options, self.cancelled, self.stopped = None, {}, [], 0

    def is_initialized(self):
        return self.started is not None

    def init(self, address, **more):
        signal.signal(signal.SIGTERM, lambda *_: None)  # as Ray does
        if self.fault:
            raise self.fault
        self.started = (address, more)

    def shutdown(self):
        self.started, self.stopped = None, self.stopped + 1

    def nodes(self):
        return [{"Alive": True, "Resources": one} for one in self.machines] + [
            {"Alive": False, "Resources": {"CPU": 64.0, "GPU": 8.0}}
        ]

    def remote(self, **options):
        self.options = options

        def wrap(function):
            task = types.SimpleNamespace(remote=lambda *call: Ref(lambda: function(*call)))
            return types.SimpleNamespace(options=lambda name: task)

        return wrap

    def wait(self, refs, num_returns, timeout, fetch_local):
        assert num_returns == len(refs) > 0
        for ref in refs:
            if not ref.is_ready and self.has_room():
                ref.is_ready = True
                try:
                    ref.answer = ref.call()
                except Exception as error:
                    ref.answer = error
        return [ref for ref in refs if ref.is_ready], [ref for ref in refs if not ref.is_ready]

    def has_room(self):
        return any(
            one.get("CPU", 0) >= self.options["num_cpus"] and one.get("GPU", 0) >= self.options["num_gpus"]
            for one in self.machines
        )

    def get(self, ref):
        if isinstance(ref.answer, Exception):
            raise ref.answer
        return ref.answer

    def cancel(self, ref, force):
        assert force
        self.cancelled.append(ref)
        ref.is_ready = True


class Connection:
    """One whose other end says something."""

    def __init__(self, answer):
        self.answer = answer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def sendall(self, data):
        assert data.startswith(b"PRI * HTTP/2.0")

    def recv(self, count):
        return self.answer[:count]


@pytest.fixture
def with_ray(monkeypatch):
    def forget():
        for name in ("alframe_ray._cluster", "alframe_ray._jobs"):
            sys.modules.pop(name, None)

    def with_ray(*, ray=None, **settings):
        forget()
        found = Ray(**settings) if ray is None else ray
        monkeypatch.setitem(sys.modules, "ray", found)
        return found

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    before = signal.getsignal(signal.SIGTERM)
    yield with_ray
    assert signal.getsignal(signal.SIGTERM) is before
    forget()


@pytest.fixture
def run(tmp_path):
    def run(**options):
        sections = {name: dict(section) for name, section in SETTINGS.items()}
        sections["run"]["out"] = str(tmp_path / "runs")
        return alframe.run(sections | {"ray": options}, registry=installed())

    return run


def test_trials_run_and_ray_is_left(with_ray, run):
    ray = with_ray()
    result = run()
    assert len(result.done) == 2
    assert ray.options == {"num_cpus": 1.0, "num_gpus": 0.0, "max_retries": 3}
    assert ray.stopped == 1
    assert ray.cancelled == []


def test_ray_of_ones_own_is_small_and_silent(with_ray, tmp_path):
    ray = with_ray()
    open_ray(RayOptions(), tmp_path).submit([])
    address, more = ray.started
    assert address == "local"
    assert more["include_dashboard"] is more["log_to_driver"] is False
    assert more["object_store_memory"] < 100e6


@pytest.mark.parametrize(
    ("option", "variable", "used"),
    [
        (None, "", "local"),
        (None, "h:1", "h:1"),
        ("auto", "", "auto"),
        ("auto", "h:1", "h:1"),
        ("local", "h:1", "local"),
        ("h:2", "h:1", "h:2"),
        ("ray://h:1", "", "ray://h:1"),
    ],
)
def test_which_ray(with_ray, tmp_path, monkeypatch, option, variable, used):
    ray = with_ray()
    monkeypatch.setenv("RAY_ADDRESS", variable)
    monkeypatch.setattr(socket, "create_connection", lambda *_: Connection(b"\0\0\x12\4\0\0\0\0\0"))
    open_ray(RayOptions(address=option), tmp_path).submit([])
    assert ray.started[0] == used
    assert ("object_store_memory" in ray.started[1]) is (used == "local")


def test_a_program_s_own_ray_is_used_and_stays(with_ray, run):
    ray = with_ray(machines=[{"CPU": 4.0, "GPU": 1.0}])
    ray.started = ("theirs", {})
    run(gpus=0.25, retries=0)
    assert ray.options["num_gpus"] == 0.25
    assert ray.options["max_retries"] == 0
    assert ray.started == ("theirs", {})
    assert ray.stopped == 0


@pytest.mark.parametrize(("option", "asked"), [(None, 1.0), (0.0, 0.0), (0.5, 0.5), (4.0, 4.0)])
def test_a_gpu_is_asked_for_where_there_is_one(with_ray, tmp_path, option, asked):
    ray = with_ray(machines=[{"CPU": 4.0}, {"CPU": 4.0, "GPU": 8.0}])
    open_ray(RayOptions(gpus=option), tmp_path).submit([])
    assert ray.options["num_gpus"] == asked


def test_a_ray_that_grows_not_is_too_small(with_ray, run):
    ray = with_ray()
    with pytest.raises(UsageError, match=r"a trial waits for 1 CPU and 4 GPU, and no .*: 2 CPU and 0 GPU"):
        run(gpus=4)
    assert ray.stopped == 1


def test_a_cluster_that_may_grow_is_waited_for(with_ray, tmp_path):
    ray = with_ray()
    jobs = open_ray(RayOptions(address="auto", cpus=4), tmp_path)
    names = jobs.submit([tmp_path / "0.json"])
    [job] = jobs.look(names)
    assert job.state == "waiting"
    assert job.note == "waits for 4 CPU and 0 GPU, and no machine of Ray's has that: 2 CPU and 0 GPU"
    ray.machines = [{"CPU": 4.0}]
    [job] = jobs.look(names)
    assert job.state == "ended"
    assert "there is no task" in job.note


def test_jobs_end_when_they_are_cancelled(with_ray, tmp_path):
    ray = with_ray()
    ray.has_room = lambda: False
    jobs = open_ray(RayOptions(), tmp_path)
    names = jobs.submit([tmp_path / "0.json", tmp_path / "1.json"])
    assert [job.state for job in jobs.look(names)] == ["waiting"] * 2
    (tmp_path / "0.began").write_text("far\n")
    assert [job.state for job in jobs.look(names)] == ["running", "waiting"]
    jobs.cancel(names[:1])
    assert ray.stopped == 0
    jobs.cancel(names)
    assert len(ray.cancelled) == 2
    assert ray.stopped == 1
    assert {job.state for job in jobs.look(names)} == {"ended"}


def test_a_job_of_an_earlier_command_has_ended(with_ray, tmp_path):
    ray = with_ray()
    [job] = open_ray(RayOptions(), tmp_path).look(["0a0b/0"])
    assert job == alframe.Job("ended", "it ended with the command that had started it")
    assert ray.started is None


def test_ray_s_reason_is_told(with_ray, tmp_path, monkeypatch):
    ray = with_ray()
    jobs = open_ray(RayOptions(), tmp_path)
    names = jobs.submit([tmp_path / "0.json"])
    (tmp_path / "0.began").write_text("far\n")
    (ref,) = jobs._refs.values()
    ref.answer, ref.is_ready = WorkerCrashedError("It died.\nA great dump."), True
    [job] = jobs.look(names)
    assert job.note == "WorkerCrashedError on far: It died. Its output is in Ray's folder logs there"
    assert not ray.cancelled


def test_a_worker_without_alframe(with_ray, tmp_path, monkeypatch):
    with_ray()
    jobs = open_ray(RayOptions(), tmp_path)
    names = jobs.submit([tmp_path / "0.json"])
    monkeypatch.setitem(sys.modules, "alframe", None)
    [job] = jobs.look(names)
    assert "can't import alframe" in job.note
    assert sys.executable in job.note


def test_the_code_of_a_task_travels(with_ray):
    """A worker without this plugin runs it all the same."""
    cloudpickle = pytest.importorskip("cloudpickle")
    from alframe_ray._task import function

    sent = cloudpickle.dumps(function())
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(function())
    before = {name: sys.modules.pop(name) for name in list(sys.modules) if name.startswith("alframe_ray")}
    try:
        arrived = cloudpickle.loads(sent)
        assert not any(name.startswith("alframe_ray") for name in sys.modules)
    finally:
        sys.modules.update(before)
    assert "there is no task" in arrived("nowhere.json", "nowhere/0.began", 1, 0.0)


def test_ray_is_not_installed(with_ray, run):
    sys.modules.pop("ray", None)
    with_ray(ray=False)
    sys.modules["ray"] = None
    with pytest.raises(UsageError, match=r'it needs Ray: pip install "alframe\[ray\]"'):
        run()


def test_ray_refuses(with_ray, run):
    with_ray(fault=RuntimeError("Version mismatch: Ray is 2.60,\n  and here 2.45"))
    with pytest.raises(
        UsageError, match=r"Ray at 'auto' can't be used: Version mismatch: Ray is 2.60, and he"
    ):
        run(address="auto")


def test_nobody_answers(with_ray, run):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        with_ray()
        with pytest.raises(UsageError, match=f"nobody answers at {address} .*Connection refused"):
            run(address=address)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request", b""])
def test_what_answers_is_no_ray(with_ray, run, monkeypatch, answer):
    monkeypatch.setattr(socket, "create_connection", lambda *_: Connection(answer))
    with_ray()
    with pytest.raises(UsageError, match="what answers at h:8265 is no Ray; the address of a cluster is"):
        run(address="h:8265")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"cpus": 0}, "cpus must be above 0"),
        ({"gpus": -1}, "gpus must be at least 0"),
        ({"gpus": 1.5}, "gpus above 1 must be whole, got 1.5"),
        ({"cpus": 2.5}, "cpus above 1 must be whole, got 2.5"),
        ({"retries": -1}, "retries must not be negative"),
        ({"gpu": 1}, "Did you mean 'gpus'"),
    ],
)
def test_options_that_are_refused(with_ray, run, option, message):
    with_ray()
    with pytest.raises(UsageError, match=message):
        run(**option)
