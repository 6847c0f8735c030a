"""The conformance kit: what a plugin promises, as checks with names.

In a plugin's test suite::

    from alframe.testing import parametrize_with_checks

    @parametrize_with_checks(["mine"])
    def test_conforms(check):
        check()

or ``alframe check mine`` on the command line. `checks_of` generates the checks for anything else.
"""

from alframe.testing import (  # noqa: F401, I001 (importing registers the checks, in the order of reports)
    checks_listing,
    checks_answers,
    checks_footprint,
    checks_edges,
    checks_invariance,
    checks_training,
    checks_trials,
    checks_rounds,
    checks_offers,
    checks_extra,
)
from alframe.testing.for_pytest import parametrize_with_checks
from alframe.testing.kit import CHECKS, Check, CheckFailedError, CheckSkippedError, checks_of
from alframe.testing.outcomes import Outcome, outcome_of

__all__ = [
    "CHECKS",
    "Check",
    "CheckFailedError",
    "CheckSkippedError",
    "Outcome",
    "checks_of",
    "outcome_of",
    "parametrize_with_checks",
]
