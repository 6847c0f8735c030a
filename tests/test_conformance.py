"""Every built-in plugin runs the kit that other people's plugins run."""

import json

import pytest

from alframe.registry.registry import Registry
from alframe.testing import checks_of, parametrize_with_checks

# The graph networks train in each query: a few steps show as much.
OPTIONS = {name: {"steps": 10, "hidden": 8} for name in ("coregcn", "uncertaingcn")}
OPTIONS["refine"] = {"depth": 1, "subsets": 1, "strategies": ("random", "alfamix", "badge")}
OPTIONS["selectal"] = {"repeats": 1, "draws": 1}  # and so is one of 35 fits
OPTIONS["activeft"] = {"steps": 20}
OPTIONS["learningloss"] = {"steps": 3}
NAMES = [plugin.key for plugin in Registry().plugins]
# Types are checked while tests run: beartype looks at one item of a list, which it draws by `random`.
BEARTYPE = {"leaves_global_random_state": "beartype draws from Python's random state"}
CLUSTERING = (
    "alfamix",
    "direct",
    "freesel",
    "galaxy",
    "refine",
    "selectal",
    "tcm",
    "typiclust",
)  # have tuples


UNCHECKED = """
import json, sys
from alframe.registry.registry import Registry
from alframe.testing import checks_of, outcome_of
registry, verdicts, options = Registry(), {}, json.loads(sys.argv[1])
for name in sys.argv[2:]:
    checks = {check.name: check for check in checks_of(name, registry=registry, options=options)}
    verdicts[name] = outcome_of(checks["leaves_global_random_state"]).verdict
print(json.dumps(verdicts))
"""
BY_POSITION = {"direct", "galaxy"}  # their orders are the same in a round, whatever was drawn meanwhile
SELECTORS = {p.name for p in Registry().plugins if "select" in p.stages} - BY_POSITION


def conforms(check, request):
    """Makes a check; a selector's that draws among equals has no exception to remark."""
    remark = check()
    name, _, made = request.node.callspec.id.rpartition("-")
    if made == "same_samples" and name in SELECTORS:
        assert remark == ""


@parametrize_with_checks(
    [name for name in NAMES if name.removeprefix("alframe/") not in CLUSTERING], options=OPTIONS
)
def test_conforms(check, request):
    conforms(check, request)


@parametrize_with_checks(list(CLUSTERING), options=OPTIONS, expected_failures=BEARTYPE)
def test_what_clusters_conforms(check, request):
    conforms(check, request)


def test_every_selector_is_asked_to_draw_among_equals():
    assert len(SELECTORS) > 10
    for name in SELECTORS:
        assert "same_samples" in {check.name for check in checks_of(name)}


@pytest.fixture(scope="module")
def unchecked(forks):
    """Verdicts by plugin, of a process in which nobody checks types."""
    done = forks.run(UNCHECKED, json.dumps(OPTIONS), *CLUSTERING)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", CLUSTERING)
def test_it_leaves_the_global_random_state_where_types_are_not_checked(name, unchecked):
    assert unchecked[name] == "passed"
