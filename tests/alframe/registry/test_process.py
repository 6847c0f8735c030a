import contextlib
import gc
import logging
import os
import signal
import sys
import threading
import warnings

import numpy as np
import pytest
import torch

from alframe.registry.process import (
    SETTINGS,
    ChangedSettingsWarning,
    kept_settings,
    no_script,
    process_settings,
)

CHANGES = {
    "the working directory": lambda: os.chdir("/"),
    "environment variables": lambda: os.environ.pop("HOME"),
    "sys.path": lambda: sys.path.insert(0, "/nowhere"),
    "standard output or error": lambda: setattr(sys, "stdout", None),
    "what is done at a signal": lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    "filters that make warnings errors": lambda: warnings.simplefilter("error", ResourceWarning),
    "the root logger": lambda: logging.getLogger().setLevel(7),
    "the locale": lambda: __import__("locale").setlocale(__import__("locale").LC_ALL, "C.UTF-8"),
    "the recursion limit": lambda: sys.setrecursionlimit(4321),
    "the garbage collector": gc.disable,
    "numpy's handling of errors": lambda: np.seterr(all="raise"),
    "torch's default dtype": lambda: torch.set_default_dtype(torch.float16),
    "torch's default device": lambda: torch.set_default_device("meta"),
    "torch's number of threads": lambda: torch.set_num_threads(torch.get_num_threads() + 1),
    "torch's deterministic mode": lambda: torch.use_deterministic_algorithms(True),
    "whether torch takes gradients": lambda: torch.set_grad_enabled(False),
    "torch's search for anomalies": lambda: torch.autograd.set_detect_anomaly(True, check_nan=False),
    "torch's precision of products": lambda: torch.set_float32_matmul_precision("medium"),
    "torch's flags of cuDNN": lambda: setattr(torch.backends.cudnn, "benchmark", True),
}


def test_there_is_a_change_of_each():
    assert CHANGES.keys() == SETTINGS.keys()


@pytest.mark.parametrize("name", SETTINGS)
def test_a_change_is_undone_and_told(name, monkeypatch):
    monkeypatch.setenv("HOME", "/home/of/nobody")
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = process_settings()

    def change():
        with kept_settings("plugin 'x'"):
            CHANGES[name]()
            assert process_settings() != before

    with pytest.warns(ChangedSettingsWarning) as caught:
        change()
    after = process_settings()
    assert all(SETTINGS[name].kept(value, after[name]) for name, value in before.items())
    (warning,) = caught
    assert warning.message.changed == [name]
    assert str(warning.message) == f"plugin 'x' changed {name}, for everybody's code; that was undone"


def test_a_change_is_undone_where_an_error_passes():
    before = process_settings()

    def change():
        with kept_settings("x"):
            torch.set_default_dtype(torch.float64)
            raise KeyError

    with pytest.raises(KeyError):
        change()
    assert process_settings() == before


def test_what_a_library_adds_when_it_is_imported_stays(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delenv("ALFRAME_TEST", raising=False)
    with kept_settings("x"):
        sys.path.append("/nowhere")
        os.environ["ALFRAME_TEST"] = "new"
        warnings.filterwarnings("ignore", "nothing")
    assert sys.path[-1] == "/nowhere"
    assert os.environ.pop("ALFRAME_TEST") == "new"
    assert any(
        filter_[0] == "ignore" and filter_[1] and filter_[1].pattern == "nothing"
        for filter_ in warnings.filters
    )


def test_a_folder_of_imports_that_was_put_first_is_last(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = list(sys.path)
    with kept_settings():
        sys.path.insert(0, "/nowhere")
    assert sys.path == [*before, "/nowhere"]


def test_of_what_may_be_left_nothing_is_put_back(monkeypatch):
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    with kept_settings("x", leave=["standard output or error"]):
        sys.stdout = sys.stderr
    assert sys.stdout is sys.stderr


def test_a_folder_that_is_gone_is_no_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").mkdir()
    os.chdir(tmp_path / "a")
    with kept_settings():
        os.chdir(tmp_path)
        (tmp_path / "a").rmdir()
    assert os.getcwd() == str(tmp_path)


def test_other_threads_put_nothing_back():
    """What the main thread sets meanwhile would be lost."""
    inside, set_ = threading.Event(), threading.Event()

    def other():
        with kept_settings():
            inside.set()
            set_.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait(10)
    limit = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(limit + 1)
        set_.set()
        thread.join()
        assert sys.getrecursionlimit() == limit + 1
    finally:
        sys.setrecursionlimit(limit)


def test_a_new_process_finds_no_script_to_run():
    script = sys.modules["__main__"]
    with contextlib.suppress(ValueError), no_script():
        assert not hasattr(sys.modules["__main__"], "__file__")
        raise ValueError
    assert sys.modules["__main__"] is script
