import pytest

from alframe.contract.stopping import StopOptions


def test_a_rule_that_is_not_set_is_not_there():
    assert StopOptions(stability_window=5).rules() == {}
    assert StopOptions(stability=0.99, labels=7).rules() == {
        "labels": 7,
        "stability": 0.99,
        "stability_window": 3,
        "stability_samples": 2000,
    }


@pytest.mark.parametrize(
    "values",
    [
        {"labels": 0},
        {"patience": 0},
        {"accuracy": 0.0},
        {"accuracy": 1.1},
        {"stability": 0.0},
        {"stability": 1.1},
        {"stability_window": 0},
        {"stability_samples": 0},
    ],
)
def test_rules_that_cannot_be(values):
    with pytest.raises(ValueError, match="must"):
        StopOptions(**values)
