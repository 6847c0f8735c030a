import locale
import os
import random
import warnings

import numpy as np
import pytest
import torch

from alframe import AlframeWarning, PluginError, TrialError, UsageError
from alframe.contract.trial import RunSummary
from alframe.experiments.executors.executor import ListenerFault, guarded
from alframe.experiments.randomness import OwnRandomness


class HostileError(Exception):
    def __str__(self):
        raise RuntimeError("no message")

    __repr__ = __str__


class Own(BaseException):
    pass


def end(run, seed=1, notes=None):
    return guarded(run, OwnRandomness(seed), [].append if notes is None else notes.append)


def raises(error):
    def run():
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ZeroDivisionError("by\nzero"), "ZeroDivisionError: by zero"),
        (SystemExit(0), "SystemExit: 0"),
        (Own("!"), "Own: !"),
        (GeneratorExit(), "GeneratorExit"),
        (HostileError(), "HostileError"),
        (RecursionError("too deep"), "RecursionError: too deep"),
        (torch.OutOfMemoryError("2 GiB"), "OutOfMemoryError: 2 GiB"),
        (ExceptionGroup("two", [KeyError(1), HostileError()]), "ExceptionGroup: two (2 sub-exceptions)"),
        (BaseExceptionGroup("one", [Own()]), "BaseExceptionGroup: one (1 sub-exception)"),
        (ValueError("x" * 10**6), "ValueError: " + "x" * 2000 + "..."),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_is_raised_is_the_trials_failure_in_one_line(error, message):
    found = end(raises(error))
    assert isinstance(found, TrialError)
    assert str(found) == message
    assert found.__cause__ is error


@pytest.mark.parametrize("error", [TrialError("a"), UsageError("b"), PluginError("c")])
def test_errors_that_are_ours_stay_as_they_are(error):
    assert end(raises(error)) is error


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), BaseExceptionGroup("a task group", [KeyError(1), KeyboardInterrupt()])]
)
def test_an_interrupt_ends_the_run(error):
    with pytest.raises(KeyboardInterrupt):
        end(raises(error))


def test_a_listeners_fault_is_no_trials_failure():
    with pytest.raises(ListenerFault):
        end(raises(ListenerFault(BrokenPipeError())))


@pytest.mark.parametrize("fails", [False, True])
def test_a_trial_leaves_the_process_as_it_was(tmp_path, monkeypatch, fails):
    monkeypatch.setenv("ALFRAME_TEST", "before")
    before = os.getcwd(), torch.get_rng_state(), random.getstate(), locale.setlocale(locale.LC_ALL)

    def run():
        os.chdir(tmp_path)
        os.environ["ALFRAME_TEST"] = "after"
        torch.set_default_dtype(torch.float64)
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002
        random.seed(0)
        warnings.simplefilter("error")
        if fails:
            raise KeyError
        return RunSummary(())

    state = np.random.get_state()[1].tolist()  # noqa: NPY002
    filters = list(warnings.filters)
    with warnings.catch_warnings():
        end(run)
        assert list(warnings.filters) == filters
    after = os.getcwd(), torch.get_rng_state(), random.getstate(), locale.setlocale(locale.LC_ALL)
    assert (after[0], after[2:]) == (before[0], before[2:])
    assert torch.equal(after[1], before[1])
    assert np.random.get_state()[1].tolist() == state  # noqa: NPY002
    assert torch.get_default_dtype() == torch.float32
    assert os.environ["ALFRAME_TEST"] == "before"


def test_global_random_numbers_are_the_seeds_whatever_ran_before():
    drawn = []

    def run():
        drawn.append((random.random(), float(np.random.rand()), float(torch.rand(()))))  # noqa: NPY002
        return RunSummary(())

    for seed in (1, 2, 1):
        end(run, seed)
    assert drawn[0] == drawn[2]
    assert drawn[0] != drawn[1]


def test_a_trials_steps_go_on_in_its_random_states_whatever_runs_between():
    def draw():
        return random.random(), float(np.random.rand()), float(torch.rand(()))  # noqa: NPY002

    def steps(own, between):
        found = []
        for _ in range(3):
            found.append(guarded(draw, own, print))
            between()
        return found

    other = OwnRandomness(2)
    alone = steps(OwnRandomness(1), between=lambda: None)
    assert steps(OwnRandomness(1), between=lambda: (guarded(draw, other, print), draw())) == alone
    assert len(set(alone)) == 3


def test_what_is_warned_of_is_a_note_and_other_warnings_are_shown():
    notes = []

    def run():
        warnings.warn("an option\nis old", AlframeWarning, stacklevel=1)
        warnings.warn("another's", UserWarning, stacklevel=1)
        return RunSummary(())

    shown = []
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda message, *others, **more: shown.append(str(message))
        end(run, notes=notes)
    assert (notes, shown) == (["an option is old"], ["another's"])
