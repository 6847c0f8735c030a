import dataclasses

from alframe.contract.stopping import StopOptions
from alframe.experiments.stopping import reason_to_stop
from doubles import make_round


def rounds(*accuracies):
    return [make_round(n, 10 * (n + 1), accuracy) for n, accuracy in enumerate(accuracies)]


def stops_after(options, *accuracies):
    """The number of rounds after which a trial stops, and why."""
    records = rounds(*accuracies)
    for n in range(1, len(records) + 1):
        if reason := reason_to_stop(options, records[:n]):
            return n, reason
    return None


def test_no_rule_never_stops():
    assert stops_after(StopOptions(), 0.5, 0.5, 0.5, 1.0, 0.0) is None


def test_labels():
    assert stops_after(StopOptions(labels=25), 0.1, 0.2, 0.3) == (3, "30 samples are labelled")
    assert stops_after(StopOptions(labels=20), 0.1, 0.2, 0.3) == (2, "20 samples are labelled")


def test_accuracy():
    assert stops_after(StopOptions(accuracy=0.3), 0.1, 0.3, 0.2) == (2, "the accuracy is 0.3000")


def test_patience_counts_from_the_first_best_round():
    options = StopOptions(patience=2)
    assert stops_after(options, 0.1, 0.5, 0.4, 0.6, 0.6, 0.5) == (6, "no better accuracy for 2 rounds")
    assert stops_after(options, 0.5, 0.5, 0.5) == (3, "no better accuracy for 2 rounds")
    assert stops_after(options, 0.1, 0.2, 0.3) is None


def after_agreements(options, *agreements):
    records = [
        dataclasses.replace(one, stability=value)
        for one, value in zip(rounds(*[0.5] * (len(agreements) + 1)), [None, *agreements], strict=True)
    ]
    return [reason_to_stop(options, records[:n]) for n in range(1, len(records) + 1)]


def test_stability_waits_for_its_window():
    found = after_agreements(StopOptions(stability=0.99), 1.0, 1.0, 0.96, 1.0, 0.97, 1.0)
    assert found == [*[""] * 6, "the predictions are stable: mean kappa 0.9900 over 3 rounds"]
    found = after_agreements(StopOptions(stability=0.9, stability_window=1), 0.89, 0.9)
    assert found == ["", "", "the predictions are stable: mean kappa 0.9000 over 1 rounds"]
