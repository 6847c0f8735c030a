"""Doubles that several test files use, and the one place that says which fields of a record are measured."""

import itertools

import numpy as np

from alframe import ActiveLearner, Recipe
from alframe.contract.trial import MEASURED, Round
from alframe.experiments.sweep import resolve_sweep
from alframe.experiments.trials import Listener
from alframe.ops.crew import Bench
from alframe.records.origin import Origin
from alframe.registry.registry import Registry

NAMES = {"dataset": "digits", "setting": "mlp", "kind": "k", "strategy": "margin", "seed": "1"}
ORIGIN = Origin(NAMES, {"training inputs": "1"}, {"initial": "2"})


def make_round(number=0, labelled=100, accuracy=0.5, **others):
    measured = dict.fromkeys(sorted(MEASURED), 0) | {"topped_up": 0, "validation": 0}
    return Round.of(measured | {"round": number, "labelled": labelled, "accuracy": accuracy} | others)


def repeatable(records):
    """Records without what is measured, which no two runs have in common."""
    return [{key: value for key, value in record.items() if key not in MEASURED} for record in records]


def error_by_bins(confidence, right, bins):
    """The expected calibration error of Naeini et al., AAAI 2015, one bin after the other."""
    total, edges = 0.0, np.linspace(0, 1, bins + 1)
    for low, high in itertools.pairwise(edges):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return total


class Watch(Listener):
    """A listener that remembers what it is told, and can stop a trial.

    ``events`` are what happened in order; ``started``, ``rounds`` and ``finished`` tell the trials apart.
    """

    def __init__(self, stop_after=None, on_round=None):
        self.events, self.notes, self.failed = [], [], []
        self.started, self.rounds, self.finished, self.stages = [], [], [], set()
        self._stop_after, self._on_round = stop_after, on_round

    def trial_started(self, trial, rounds_done, finished):
        self.events.append(("started", rounds_done))
        self.started.append((trial.strategy, trial.seed, rounds_done))

    def progress(self, trial, stage, done, total):
        self.events.append(("progress", stage))
        self.stages.add((trial.seed, stage))

    def round_finished(self, trial, done):
        self.events.append(("round", done.round))
        self.rounds.append((trial.strategy, trial.seed, done.round))
        if self._on_round is not None:
            self._on_round(trial)
        if done.round == self._stop_after:
            raise KeyboardInterrupt

    def trial_finished(self, trial, summary):
        self.events.append(("finished", len(summary.rounds)))
        self.finished.append((trial.strategy, trial.seed))

    def trial_failed(self, trial, reason):
        self.failed.append((trial.strategy, trial.seed, str(reason)))

    def note(self, text):
        self.notes.append(text)


ODD = """
import dataclasses, os, random, signal, sys, time
from alframe import PluginInfo, hookimpl, option

@dataclasses.dataclass(frozen=True)
class Options:
    fault: str = option("none", "what it does")

class Own(Exception):  # can't be made anew from its message alone, as unpickling does
    def __init__(self, a, b):
        super().__init__()

class Hostile(Exception):
    def __str__(self):
        raise RuntimeError
    __repr__ = __str__

def recurse():
    recurse()

@hookimpl
def alframe_info():
    return PluginInfo(summary="misbehaves", options=Options)

@hookimpl
def alframe_score(pool, options, ctx):
    import numpy, torch
    match options.fault:
        case "own": raise Own(1, 2)
        case "hostile": raise Hostile
        case "system_exit": sys.exit(0)
        case "exit": os._exit(0)
        case "kill": os.kill(os.getpid(), signal.SIGKILL)
        case "group": raise ExceptionGroup("two", [Own(1, 2), Hostile()])
        case "recursion": recurse()
        case "interrupt": raise KeyboardInterrupt
        case "progress": ctx.progress([], None)
        case "fork":
            if not (child := os.fork()):
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        case "chdir": os.chdir("/")
        case "dtype": torch.set_default_dtype(torch.float64)
        case "device": torch.set_default_device("meta")
        case "environ": os.environ["PATH"] = ""
        case "grad": torch.set_grad_enabled(True)
        case "seterr": numpy.seterr(all="raise")
        case "limit": sys.setrecursionlimit(400)
        case "stdout": sys.stdout = None
        case "sigint": signal.signal(signal.SIGINT, signal.SIG_IGN)
        case "seeds": (random.seed(1), numpy.random.seed(1), torch.manual_seed(1))
        case "print": (print("printed"), os.write(1, b"written"))
        case "stay":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            open("stays", "w").close()
            while True:
                time.sleep(100)
    return pool.features[:, 0]
"""


def odd_settings(tmp_path, faults, **run):
    """A setting for each fault of a strategy that is a file, and the registry that has it."""
    path = tmp_path / "odd.py"
    path.write_text(ODD)
    registry = Registry()
    registry.require_file(path)
    small = {"strategy": ["odd"], "seeds": [1], "initial_size": 10, "query_size": 5, "rounds": 1}
    small |= {"device": "cpu", "out": str(tmp_path / "runs")} | run
    faults = list(faults) if len(faults) > 1 else faults[0]
    sections = {"run": small, "train": {"epochs": 1}, "odd": {"fault": faults}}
    return resolve_sweep(registry, sections), registry


AT_ONCE = """
import dataclasses
from alframe import PluginInfo, hookimpl, option

@dataclasses.dataclass(frozen=True)
class Options:
    fault: str = option("none", "what it does")

@hookimpl
def alframe_info():
    return PluginInfo(summary="trains several at once, in truth one by one", options=Options)

@hookimpl
def alframe_train(model, labelled, validation, recipe, ctx):
    from alframe import train_supervised
    ctx.log("at_once", 1)
    return train_supervised(model, labelled, validation, recipe, ctx)

@hookimpl
def alframe_train_together(trainings, recipe, options):
    from alframe import TrialError
    answers = [fit(one, recipe, len(trainings)) for one in trainings]
    second = trainings[0].ctx.round == 1
    if second and options.fault == "declines":
        return None
    if second and options.fault == "raises":
        raise ZeroDivisionError("by zero")
    if second and options.fault == "miscounts":
        return answers[1:]
    if second and options.fault == "one fails":
        answers[0] = TrialError("the loss is no number")
    if second and options.fault == "interrupt":
        raise KeyboardInterrupt
    return answers

def fit(one, recipe, number):
    from alframe import train_supervised
    one.ctx.log("at_once", number)
    return train_supervised(one.model, one.labelled, one.validation, recipe, one.ctx)
"""


def at_once_settings(tmp_path, *, fault="none", **run):
    """Settings whose trainer is a file that takes several networks at once, and the registry that has it."""
    path = tmp_path / "team.py"
    path.write_text(AT_ONCE)
    registry = Registry()
    registry.require_file(path)
    small = {"strategy": ["margin"], "seeds": [1, 2, 3], "initial_size": 20, "query_size": 10, "rounds": 2}
    small |= {"device": "cpu", "out": str(tmp_path / "runs"), "together": "8"} | run
    sections = {"run": small, "train": {"epochs": 5}, "stages": {"train": "team"}}
    (settings,) = resolve_sweep(registry, sections | {"team": {"fault": fault}})
    return settings, registry


FAST = Recipe(epochs=15, learning_rate=0.01)


def fast_learner(dataset, strategy="margin", **kwargs):
    return ActiveLearner(dataset, "mlp", strategy, device="cpu", **{"recipe": FAST} | kwargs)


def label_rounds(learner, oracle, rounds=3, n=10):
    """Asks, tells and fits; what was asked for in each round."""
    asked = []
    for _ in range(rounds):
        picks = learner.ask(n)
        asked.append(picks.tolist())
        learner.tell(picks, oracle[picks])
        learner.fit()
    return asked


class BenchCrew:
    """A crew whose workers are objects of this process, some of which are lost.

    Args:
        workers: how many.
        losses: after how many runs one is lost, in the middle of the next; several times.
        shuffled: the order of runs.
    """

    def __init__(self, workers, losses=(), shuffled=None):
        self.workers, self.lost, self.fetched = workers, 0, 0
        self._benches = [Bench() for _ in range(workers)]
        self._losses = sorted(losses)
        self._shuffled = shuffled
        self._done = 0

    def map(self, job, runs):
        def fetch(number):
            self.fetched += 1
            return job.piece(number)

        waiting = list(range(len(runs)))
        if self._shuffled:
            self._shuffled.shuffle(waiting)
        while waiting and self._benches:
            number = waiting.pop(0)
            bench = self._benches.pop(0)
            answer = bench.work(job.kept, job.call, fetch, runs[number])
            if self._losses and self._done >= self._losses[0]:
                del self._losses[0]
                self.lost += 1
                waiting.append(number)
                continue
            self._done += 1
            self._benches.append(bench)
            yield number, answer


class Whole:
    """Points on a grid, whose distances have no rounding; a geometry with nothing but what one must have."""

    def __init__(self, x):
        self.x = x

    def __len__(self):
        return len(self.x)

    def __getitem__(self, positions):
        return Whole(self.x[positions])

    def squared_norms(self):
        return self.x.square().sum(dim=1)

    def squared_distances(self, other):
        return (self.x[:, None] - other.x).square().sum(dim=2)
