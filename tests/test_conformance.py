"""Every built-in plugin runs the kit that other people's plugins run."""

import json
import subprocess
import sys

import pytest

from alframe.registry.registry import Registry
from alframe.testing import checks_of, parametrize_with_checks

# The graph networks train in each query: a few steps show as much.
OPTIONS = {name: {"steps": 10, "hidden": 8} for name in ("coregcn", "uncertaingcn")}
NAMES = [plugin.key for plugin in Registry().plugins]
# Types are checked while tests run: beartype looks at one item of a list, which it draws by `random`.
BEARTYPE = {"leaves_global_random_state": "beartype draws from Python's random state"}
CLUSTERING = (
    "alfamix",
    "centroids",
    "dropquery",
    "probcover",
    "typiclust",
)  # k-means looks at blocks, which are tuples


@parametrize_with_checks(
    [name for name in NAMES if name.removeprefix("alframe/") not in CLUSTERING], options=OPTIONS
)
def test_conforms(check):
    check()


@parametrize_with_checks(list(CLUSTERING), expected_failures=BEARTYPE)
def test_what_clusters_conforms(check):
    check()


@pytest.mark.parametrize("name", [plugin.key for plugin in Registry().plugins if "select" in plugin.stages])
def test_every_selector_draws_among_equals(name):
    (check,) = (check for check in checks_of(name) if check.name == "same_samples")
    assert check() == ""


@pytest.mark.parametrize("name", CLUSTERING)
def test_it_leaves_the_global_random_state_where_types_are_not_checked(name):
    command = [sys.executable, "-m", "alframe_cli", "check", name, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    outcomes = {outcome["check"]: outcome["verdict"] for outcome in json.loads(done.stdout)["checks"]}
    assert outcomes["leaves_global_random_state"] == "passed"
