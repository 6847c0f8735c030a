import dataclasses
import inspect

import numpy as np
import pandas as pd
import pytest
import torch

import alframe
from alframe import DataOptions, TableOptions, UsageError, dataset_from_frame


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


def test_a_table_without_rows_is_refused():
    frame = pd.DataFrame({"a": np.zeros(0), "y": np.zeros(0, int)})
    with pytest.raises(UsageError, match="has no rows"):
        dataset_from_frame("d", frame, "y")


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
        (table(), 7, "no column 7; it has size, count, colour, kind"),
        (table(), "size", "'size' holds numbers with fractions, as .* one class a sample"),
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


def numbers_of(values, n=200):
    """Inputs of one column, whole, in the order of its rows."""
    frame = pd.DataFrame({"x": values, "y": [0, 1] * (len(values) // 2)})
    return dataset_from_frame("t", frame, "y").prepared().inputs[:, 0].double().numpy()


@pytest.mark.parametrize(
    ("start", "step"), [(1_700_000_000, 1), (2**60, 1), (1e9, 0.01), (1e15, 1), (0, 1e300)]
)
def test_large_numbers_keep_their_differences(start, step):
    rows = np.random.default_rng(0).permutation(200)
    made = numbers_of(start + step * rows)
    expected = (rows - rows.mean()) / rows.std()
    np.testing.assert_allclose(made, expected, atol=1e-4)
    assert dataset_from_frame("t", table(), "kind").prepared().inputs.dtype == torch.float32


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            [1.0, np.inf],
            "column 'x' holds infinite values, the first in row 2; missing=inf,-inf takes them as mis",
        ),
        ([[1], [2]], "column 'x' holds values of type list, neither numbers nor texts; drop=x leaves it out"),
    ],
)
def test_columns_that_cannot_be_used_are_named(values, message):
    with pytest.raises(UsageError, match=message):
        dataset_from_frame("t", pd.DataFrame({"x": values, "y": [0, 1]}), "y")
    frame = pd.DataFrame({"x": values, "z": [1, 2], "y": [0, 1]})
    assert dataset_from_frame("t", frame, "y", drop=["x"]).inputs.shape == (2, 1)


def test_infinity_can_be_named_missing():
    frame = pd.DataFrame({"x": [1.0, np.inf, 3.0, -np.inf], "y": [0, 1, 0, 1]})
    data = dataset_from_frame("t", frame, "y", missing=["inf", "-inf"]).prepared()
    assert data.inputs[:, 0].tolist() == pytest.approx([-(2**0.5), 0, 2**0.5, 0])


@pytest.mark.parametrize("name", ["None", "NA", "nan", "null"])
def test_words_for_nothing_are_classes_and_categories(name):
    frame = pd.DataFrame({"x": [name, "b", None, "b"], "y": [name, "zebra", "yak", None]})
    data = dataset_from_frame("t", frame, "y")
    assert data.num_classes == 3
    assert (data.targets == -1).tolist() == [False, False, False, True]
    assert data.inputs[:, 0].isnan().tolist() == [False, False, True, False]
    named = dataset_from_frame("t", frame, "y", missing=[name])
    assert named.targets.tolist() == [-1, 1, 0, -1]
    assert named.inputs[:, 0].isnan().tolist() == [True, False, True, False]


def test_it_says_what_was_made_of_each_column_and_what_was_guessed():
    frame = table().astype({"count": object})
    frame.loc[0, "count"] = "?"
    frame.loc[1, "colour"] = None
    frame["name"] = [f"n{i}" for i in range(50)]
    frame["empty"] = None
    data = split(dataset_from_frame("t", frame, "kind", target_option="-o data.target=", notes=["first"]))
    assert data.details == (
        "column 'kind': the target, 2 classes: no, yes",
        "column 'size': numbers",
        "column 'count': numbers, 1 missing, filled with the mean",
        "column 'colour': 3 categories, 1 missing, filled with the most frequent",
        "column 'name': 50 categories",
    )
    assert data.notes == (
        "first",
        "column 'count': taken as numbers with '?' as missing; "
        "-o data.categories=count takes it as categories",
        "column 'name': more categories than a tenth of the rows, likely names or free text; "
        "-o data.drop=name leaves it out",
        "column 'empty': left out, for it has no value",
    )


def test_columns_are_dropped_or_taken_as_categories():
    frame = table().assign(zip=[94110, 10001] * 25)
    data = split(dataset_from_frame("t", frame, "kind", drop=["size", "colour"], categories=["zip"]))
    assert data.inputs.shape[1] == 1 + 2
    for option in ("drop", "categories"):
        with pytest.raises(UsageError, match="has no column 'zap'; it has size, count, colour, kind, zip"):
            dataset_from_frame("t", frame, "kind", **{option: ["zap"]})


def test_two_columns_of_one_name():
    frame = table()
    twice = pd.concat([frame, frame[["size"]] + 1], axis=1)
    assert split(dataset_from_frame("t", twice, "kind")).inputs.shape[1] == 3 + 3
    with pytest.raises(
        UsageError, match="has 2 columns 'kind'; rename all but the one that holds the classes"
    ):
        dataset_from_frame("t", pd.concat([frame, frame[["kind"]]], axis=1), "kind")


def test_blanks_around_a_heading_do_not_matter():
    assert dataset_from_frame("t", table().rename(columns={"kind": " kind"}), "kind ").num_classes == 2


class TestASeparateTestPart:
    def test_is_prepared_by_the_training_part(self):
        frame = table()
        data = dataset_from_frame(
            "t", frame[:40], "kind", test=frame[40:][["kind", "colour", "count", "size"]]
        )
        assert data.test_inputs.shape == (10, 5)
        assert data.inputs[:, 0].mean().abs() < 1e-6
        x = frame["size"].to_numpy()
        expected = (x[40:] - x[:40].mean()) / x[:40].std()
        np.testing.assert_allclose(data.test_inputs[:, 0], expected, rtol=1e-5)
        assert data.test_targets.tolist() == [int(kind == "yes") for kind in frame["kind"][40:]]

    def test_of_other_classes_is_refused(self):
        frame = table()
        with pytest.raises(
            UsageError, match="the target 'kind' has classes in the test part .* lacks: maybe; that"
        ):
            dataset_from_frame("t", frame[:40], "kind", test=frame[40:].assign(kind="maybe"))

    def test_with_a_full_stop_behind_the_classes_is_the_same_and_said(self):
        frame = table()
        test = frame[40:].assign(kind=frame["kind"][40:] + ".")
        data = dataset_from_frame("t", frame[:40], "kind", test=test)
        assert data.num_classes == 2
        assert set(data.test_targets.tolist()) == {0, 1}
        assert "column 'kind': the test part's class 'no.' is taken for 'no'" in data.notes

    def test_needs_all_labels(self):
        test = table().astype({"kind": object})
        test.loc[3, "kind"] = None
        with pytest.raises(UsageError, match="the test part has 1 samples without a label"):
            dataset_from_frame("t", table(), "kind", test=test)

    def test_of_other_columns_is_told(self):
        frame = table()
        test = frame[40:].drop(columns="size").assign(more=1)
        data = dataset_from_frame("t", frame[:40], "kind", test=test)
        assert (data.test_inputs[:, 0] == 0).all()
        assert data.notes == (
            "column 'size': the test part has no such column, its values there are missing",
            "column 'more': left out, for only the test part has it",
        )


def test_a_test_part_is_drawn_from_the_labelled_rows():
    frame = table().astype({"kind": object})
    frame.loc[10:, "kind"] = None
    data = split(dataset_from_frame("t", frame, "kind"), fraction=0.4)
    assert (len(data), len(data.test_inputs)) == (46, 4)
    assert (data.targets == -1).sum() == 40


def test_many_columns_take_one_line():
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(4, 2000))).assign(y=[0, 1, 0, 1])
    data = dataset_from_frame("t", frame, "y")
    assert data.details[1] == "columns '0', '1', '2', '3', '4' and 1,995 more: numbers"


def test_what_tables_are_asked_is_what_their_reader_takes():
    keywords = inspect.signature(alframe.dataset_from_frame).parameters
    own = {field.name for field in dataclasses.fields(TableOptions)} - {
        field.name for field in dataclasses.fields(DataOptions)
    }
    assert set(TableOptions().reading) == own - {"target"}
    assert all(keywords[name].default == value for name, value in TableOptions().reading.items())
