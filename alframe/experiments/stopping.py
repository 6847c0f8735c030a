"""The rules that end a trial before its last round: one function a rule, each seeing the rounds so far."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from alframe.contract.stopping import StopOptions
from alframe.contract.trial import Round

Rule = Callable[[StopOptions, Sequence[Round]], str]


def reason_to_stop(options: StopOptions, rounds: Sequence[Round]) -> str:
    """Why a trial with these rounds stops, or "" where it goes on.

    Args:
        options: the section ``[stop]``.
        rounds: every round so far, at least one.
    """
    return next(filter(None, (rule(options, rounds) for rule in RULES)), "")


def enough_labels(options: StopOptions, rounds: Sequence[Round]) -> str:
    """So many samples are labelled."""
    labelled = rounds[-1].labelled
    reached = options.labels is not None and labelled >= options.labels
    return f"{labelled} samples are labelled" if reached else ""


def accurate(options: StopOptions, rounds: Sequence[Round]) -> str:
    """The test accuracy is reached."""
    accuracy = rounds[-1].accuracy
    reached = options.accuracy is not None and accuracy >= options.accuracy
    return f"the accuracy is {accuracy:.4f}" if reached else ""


def no_better(options: StopOptions, rounds: Sequence[Round]) -> str:
    """The best accuracy is so many rounds ago."""
    accuracies = [one.accuracy for one in rounds]
    since = len(accuracies) - 1 - accuracies.index(max(accuracies))
    over = options.patience is not None and since >= options.patience
    return f"no better accuracy for {since} rounds" if over else ""


def stable(options: StopOptions, rounds: Sequence[Round]) -> str:
    """The networks of successive rounds agree (Bloodgood and Vijay-Shanker, CoNLL 2009, arXiv 1409.5165)."""
    if options.stability is None:
        return ""
    window = options.stability_window
    agreements = [one.stability for one in rounds[1:] if isinstance(one.stability, float | int)][-window:]
    if len(agreements) < window:
        return ""
    mean = round(statistics.fmean(agreements), 6)
    if mean < options.stability:
        return ""
    return f"the predictions are stable: mean kappa {mean:.4f} over {window} rounds"


RULES: tuple[Rule, ...] = (enough_labels, accurate, no_better, stable)
