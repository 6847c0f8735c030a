import pytest

from alframe import Recipe


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be above 0"),
        ({"batch_size": [3]}, "batch_size must be at least 1"),
        ({"epochs": "3"}, "epochs must be at least 1"),
        ({"batch_size": True}, "batch_size must be at least 1, got True"),
        ({"learning_rate": None}, "learning_rate must be above 0, got None"),
        ({"batch_size": 5.0}, "batch_size must be a whole number, got 5.0"),
        ({"precision": [3]}, "precision must be one of float32, tf32, bfloat16, got"),
        ({"schedule": "sine"}, "schedule must be one of constant, cosine, step, got sine"),
        ({"augment": -1}, "augment must be a tuple of names, got -1"),
        ({"momentum": 1.0}, "momentum"),
        ({"momentum": 0.0, "nesterov": True}, "nesterov needs momentum"),
        ({"weight_decay": -1.0}, "weight_decay"),
        ({"stop_accuracy": 1.5}, "stop_accuracy"),
        ({"warmup": 200}, r"warmup must lie below epochs \(200\)"),
        ({"warmup": -1}, "warmup"),
        ({"step_epochs": 0}, "step_epochs"),
        ({"step_factor": 0.0}, "step_factor"),
        ({"validation": 1.0}, "validation must be at least 0 and below 1"),
        ({"validation": -0.1}, "validation"),
        ({"patience": 0, "validation": 0.1}, "patience must be at least 1"),
        ({"patience": 3}, "patience needs a validation part"),
        ({"crop_padding": 0}, "crop_padding"),
    ],
)
def test_impossible_values_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Recipe(**values)


def test_stop_accuracy_may_be_none():
    assert Recipe(stop_accuracy=None).stop_accuracy is None


@pytest.mark.parametrize(
    ("recipe", "factors"),
    [
        (Recipe(epochs=4), [1, 1, 1, 1]),
        (Recipe(epochs=4, warmup=2), [1 / 3, 2 / 3, 1, 1]),
        (Recipe(epochs=4, schedule="cosine"), [1, 0.5 + 0.125**0.5, 0.5, 0.5 - 0.125**0.5]),
        (Recipe(epochs=5, schedule="cosine", warmup=1), [0.5, 1, 0.5 + 0.125**0.5, 0.5, 0.5 - 0.125**0.5]),
        (Recipe(epochs=5, schedule="step", step_epochs=2, step_factor=0.5), [1, 1, 0.5, 0.5, 0.25]),
    ],
)
def test_the_learning_rate_over_the_epochs(recipe, factors):
    assert [recipe.rate_factor(epoch) for epoch in range(recipe.epochs)] == pytest.approx(factors)
