import numpy as np
import pandas as pd
import pytest
import torch

import alframe
from alframe import UsageError, dataset_from_frame


def table(n=50, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "size": rng.normal(5, 3, n),
            "count": rng.integers(0, 9, n),
            "colour": rng.choice(["red", "green", "blue"], n),
            "kind": rng.choice(["yes", "no"], n),
        }
    )


def split(dataset, fraction=0.2):
    return dataset.split_test(fraction, torch.Generator().manual_seed(0))


def test_numbers_are_standardised_by_the_training_part_alone():
    data = split(dataset_from_frame("t", table(), "kind"))
    numbers = data.inputs[:, :2]
    torch.testing.assert_close(numbers.mean(0), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(numbers.std(0, correction=0), torch.ones(2))
    assert data.test_inputs[:, :2].mean(0).abs().min() > 1e-4  # the test part has no part in it
    raw = table()[["size", "count"]].to_numpy()
    both = torch.cat([data.inputs, data.test_inputs])[:, 0].sort().values
    scale = raw[:, 0].std() / data.inputs.new_tensor(np.sort(raw[:, 0])).std()
    assert both.diff().argmax() == np.diff(np.sort(raw[:, 0])).argmax()
    assert scale > 0


def test_categories_become_columns_of_0_and_1():
    frame = table()
    data = split(dataset_from_frame("t", frame, "kind"))
    colours = torch.cat([data.inputs, data.test_inputs])[:, 2:]
    assert colours.shape == (50, 3)
    assert set(colours.unique().tolist()) == {0.0, 1.0}
    assert (colours.sum(1) == 1).all()
    assert sorted(colours.sum(0).tolist()) == sorted(frame["colour"].value_counts().tolist())


def test_gaps_are_filled_from_the_training_part():
    frame = table()
    frame.loc[::5, "size"] = np.nan
    frame.loc[::7, "colour"] = None
    frame["empty"] = np.nan
    data = split(dataset_from_frame("t", frame, "kind"))
    assert data.inputs.shape[1] == 5
    assert data.inputs.isfinite().all()
    assert data.test_inputs.isfinite().all()
    assert (data.inputs[:, 0].abs() < 1e-6).sum() >= 4  # a gap is the mean, which is 0


def test_features_are_never_integers_and_constants_harm_nothing():
    frame = pd.DataFrame({"a": [0.25, 0.75, 0.5, 1.0], "b": [1, 1, 1, 1], "y": [0, 1, 0, 1]})
    data = dataset_from_frame("t", frame, "y").prepared()
    assert data.inputs.dtype == torch.float32
    assert len(data.inputs[:, 0].unique()) == 4
    assert (data.inputs[:, 1] == 0).all()


@pytest.mark.parametrize(
    ("values", "targets", "classes"),
    [
        (["b", "a", "b"], [1, 0, 1], 2),
        ([3, 7, 3], [0, 1, 0], 2),
        ([1.0, 2.0, 1.0], [0, 1, 0], 2),
        ([True, False, True], [1, 0, 1], 2),
        (["b", None, "a"], [1, -1, 0], 2),
    ],
)
def test_classes_are_numbered_in_ascending_order_and_gaps_are_unknown(values, targets, classes):
    data = dataset_from_frame("t", pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": values}), "y")
    assert data.targets.tolist() == targets
    assert data.num_classes == classes


@pytest.mark.parametrize(
    ("frame", "target", "message"),
    [
        (table(), "kid", "no column 'kid'; it has size, count, colour, kind"),
        (table(), "size", "'size' holds numbers with fractions, classes are needed"),
        (table()[["kind"]], "kind", "no column beside the target"),
        (table().assign(kind="yes"), "kind", "has 1 class"),
        (
            pd.DataFrame({"y": [0, 1] * 600, "id": [f"n{i}" for i in range(1200)]}),
            "y",
            "1,200 different texts",
        ),
    ],
)
def test_tables_that_cannot_be_used(frame, target, message):
    with pytest.raises(UsageError, match=message):
        dataset_from_frame("t", frame, target)


def test_a_missing_column_tells_how_the_user_names_it():
    with pytest.raises(UsageError) as caught:
        dataset_from_frame("t", table(), "kid", target_option="-o data.target=")
    assert str(caught.value) == (
        "data set 't' has no column 'kid'; -o data.target= names one of size, count, colour, kind"
    )


def test_a_learner_prepares_what_was_not_split():
    data = dataset_from_frame("t", table(), "kind")
    learner = alframe.ActiveLearner(data.hide_labels(), "mlp", "margin", device="cpu")
    picks = learner.ask(10)
    learner.tell(picks, data.targets[picks])
    learner.fit()
    assert len(learner.ask(5)) == 5
