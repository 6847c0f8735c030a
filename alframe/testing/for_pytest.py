"""The checks as pytest's parameters."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from alframe.registry.registry import Registry
from alframe.testing.kit import Check, CheckFailedError, CheckSkippedError, checks_of

if TYPE_CHECKING:
    import pytest


def parametrize_with_checks(
    plugins: Iterable[str | Any],
    *,
    expected_failures: Mapping[str, str] | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    flags: tuple[str, ...] = (),
    registry: Registry | None = None,
) -> pytest.MarkDecorator:
    """Makes one test of each check that makes sense for each plugin.

    Args:
        plugins: names of plugins, or modules.
        expected_failures: name of a check and why it is known to fail, for all of these plugins; added to
            what each declares itself. Strict: one that passes is a failure.
        options: plugins' options by plugin name, as ``{"mine": {"steps": 3}}``.
        flags: what else to look at: ``"scale"``, ``"cuda"``.
        registry: where names are looked up; the installed plugins by default.

    Raises:
        UsageError: no such plugin, check, or option.
        PluginError: a plugin is broken.

    Example::

        from alframe.testing import parametrize_with_checks

        @parametrize_with_checks(["mine"])
        def test_conforms(check):
            check()
    """
    import pytest

    registry = registry or Registry()
    parameters = []
    for plugin in plugins:
        for check in checks_of(
            plugin, expected_failures=expected_failures, options=options, flags=flags, registry=registry
        ):
            marks = []
            if check.expected_failure:
                xfail = pytest.mark.xfail(reason=check.expected_failure, strict=True, raises=CheckFailedError)
                marks.append(xfail)
            parameters.append(pytest.param(_skipping(check), id=check.id, marks=marks))
    return pytest.mark.parametrize("check", parameters)


def _skipping(check: Check) -> Callable[[], str]:
    """The check, which skips the test where it says nothing."""

    @functools.wraps(check.__call__)
    def call() -> str:
        __tracebackhide__ = True
        import pytest

        try:
            return check()
        except CheckSkippedError as skipped:
            pytest.skip(str(skipped))

    return call
