"""Fixtures: small problems, registries that see no installed plugin, the shared data."""

import os
from pathlib import Path
from types import SimpleNamespace

import jaxtyping
import pytest
import torch

from alframe import Classifier, Dataset, hookimpl
from alframe.registry.registry import Registry, installed
from forks import forks  # noqa: F401 (a fixture)
from label_pages import chromium, served, visit  # noqa: F401 (fixtures)

if "PYTEST_XDIST_WORKER" in os.environ:
    torch.set_num_threads(1)  # the workers share the cores

SHARED_DATA = Path(os.environ.get("ALFRAME_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data():
    if not (SHARED_DATA / "MNIST" / "raw").is_dir():
        pytest.skip(f"no real data in {SHARED_DATA}; ALFRAME_TEST_DATA names another folder")
    return SHARED_DATA


@pytest.fixture
def registry():
    """The installed plugins, in a registry of the test's own."""
    return Registry()


@pytest.fixture
def bare_registry():
    """The defaults and nothing else."""
    return Registry(entry_points=[])


@pytest.fixture
def toy():
    """Three separable classes: 120 samples for the pool, 30 for testing."""
    generator = torch.Generator().manual_seed(0)
    targets = torch.arange(150) % 3
    inputs = torch.randn(150, 6, generator=generator) + 3 * torch.eye(3, 6)[targets]
    return Dataset("toy", inputs[:120], targets[:120], 3, inputs[120:], targets[120:])


@pytest.fixture
def linear_model():
    """A classifier with known numbers: features are the inputs, one logit a feature."""
    head = torch.nn.Linear(3, 3)
    with torch.no_grad():
        head.weight.copy_(torch.eye(3))
        head.bias.zero_()
    return Classifier(torch.nn.Identity(), head)


class Hooks:
    """Makes a plugin object of plain functions, each marked as a hook."""

    def __new__(cls, **hooks):
        plugin = type("Hooks", (), {})()
        for name, function in hooks.items():
            setattr(plugin, name, hookimpl(function))
        return plugin


@pytest.fixture
def make_plugin():
    return Hooks


@pytest.fixture
def count_calls():
    """Wraps a function so that ``.calls`` counts."""

    def wrap(function):
        counter = SimpleNamespace(calls=0)

        def counted(*args, **kwargs):
            counter.calls += 1
            return function(*args, **kwargs)

        counted.counter = counter
        return counted

    return wrap


@pytest.fixture
def types_unchecked():
    """For tests that draw thousands of times: to check types takes most of that, and others do it."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch):
    for name in ("ALFRAME_DISABLE_PLUGINS", "ALFRAME_DATA_DIR", "ALFRAME_PLUGINS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _discovered_anew():
    """No test sees what another has registered or installed."""
    installed.cache_clear()
    yield
    installed.cache_clear()
