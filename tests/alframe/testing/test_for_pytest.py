"""The kit in a test suite of another project, in a process of its own."""

import pytest

SUITE = """
from alframe import PluginInfo, hookimpl
from alframe.registry.registry import Registry
from alframe.testing import parametrize_with_checks

class Mine:
    @hookimpl
    def alframe_info(self):
        return PluginInfo(summary="mine")

    @hookimpl
    def alframe_score(self, pool):
        return {score}

registry = Registry(entry_points=[])
registry.register(Mine(), "mine")

@parametrize_with_checks(["mine"], registry=registry, expected_failures={expected})
def test_conforms(check):
    check()
"""
PYTEST = "import sys, pytest; sys.exit(pytest.main(sys.argv[1:]))"
GOOD, THIRDS = "pool.features.sum(dim=1)", "pool.probs.topk(3, dim=1).values[:, 2]"


@pytest.fixture
def suite(tmp_path, forks):
    """Runs the suite; gives pytest's report."""

    def run(score, expected, *arguments):
        (tmp_path / "test_mine.py").write_text(SUITE.format(score=score, expected=expected))
        return forks.run(PYTEST, "-rA", "-q", "-p", "no:cacheprovider", *arguments, cwd=tmp_path)

    return run


def test_each_check_is_a_test(suite):
    done = suite(GOOD, "None", "-k", "budget or imports")
    assert done.returncode == 0
    assert "PASSED test_mine.py::test_conforms[mine-budget_of_one]" in done.stdout
    assert "the plugin is an object, not a module" in done.stdout
    assert "2 passed, 1 skipped" in done.stdout


def test_a_failure_names_check_and_reason(suite):
    done = suite(THIRDS, "None", "-k", "two_classes or budget_of_one")
    assert done.returncode == 1
    assert "FAILED test_mine.py::test_conforms[mine-two_classes]" in done.stdout
    assert "1 failed, 1 passed" in done.stdout


def test_expected_failures_are_strict(suite):
    expected = {"two_classes": "looks at a third"}
    done = suite(THIRDS, expected, "-k", "two_classes")
    assert done.returncode == 0
    assert "XFAIL test_mine.py::test_conforms[mine-two_classes] - looks at a third" in done.stdout
    done = suite(GOOD, expected, "-k", "two_classes")
    assert done.returncode == 1
    assert "[XPASS(strict)] looks at a third" in done.stdout
