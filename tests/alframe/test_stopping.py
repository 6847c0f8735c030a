import pytest

from alframe.stopping import StopOptions


def rounds(*accuracies):
    return [{"labelled": 10 * (n + 1), "accuracy": accuracy} for n, accuracy in enumerate(accuracies)]


def stops_after(options, *accuracies):
    """The number of rounds after which a trial stops, and why."""
    records = rounds(*accuracies)
    for n in range(1, len(records) + 1):
        if reason := options.reason(records[:n]):
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


@pytest.mark.parametrize("values", [{"labels": 0}, {"patience": 0}, {"accuracy": 0.0}, {"accuracy": 1.1}])
def test_rules_that_cannot_be(values):
    with pytest.raises(ValueError, match="must"):
        StopOptions(**values)
