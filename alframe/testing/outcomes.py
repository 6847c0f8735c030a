"""Making checks outside of pytest: what came of each, as data."""

from __future__ import annotations

import dataclasses
import time
from typing import Literal

from alframe.testing.kit import Check, CheckFailedError, CheckSkippedError

Verdict = Literal["passed", "failed", "skipped", "expected failure"]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of a check.

    Attributes:
        check: its name.
        demand: what it demands.
        verdict: ``passed``, ``failed``, ``skipped`` or ``expected failure``.
        reason: why it failed, was skipped or is expected to fail; of one that passed, a remark or "".
        seconds: how long it took.
    """

    check: str
    demand: str
    verdict: Verdict
    reason: str
    seconds: float


def outcome_of(check: Check) -> Outcome:
    """Makes a check. An expected failure that passes has failed: the expectation is to be taken back."""
    start = time.perf_counter()
    verdict, reason = _verdict(check)
    return Outcome(check.name, check.demand, verdict, reason, time.perf_counter() - start)


def _verdict(check: Check) -> tuple[Verdict, str]:
    try:
        remark = check()
    except CheckSkippedError as skipped:
        return "skipped", str(skipped)
    except CheckFailedError as failure:
        if check.expected_failure:
            return "expected failure", check.expected_failure
        return "failed", str(failure)
    if check.expected_failure:
        return "failed", f"passes, but is expected to fail ({check.expected_failure}): take that back"
    return "passed", remark
