from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import torch

import alframe
from alframe import UsageError, dataset_from_frame
from alframe.data.one_class import several_targets, why_no_classes


@pytest.mark.parametrize(
    "targets",
    [
        [1.0, 2.0, np.nan, 2.0],
        range(20),
        list(range(30)) * 2,
        [str(row) for row in range(100)],
        [True, False],
        [],
        [[1], [0]],
        ["cat", None, "dog"],
        pd.Series([1, 2, None], dtype="Int64"),
        [f"{row}.0" for row in range(30)],
        [f"c{row}.5" for row in range(30)],
        [f"2024-01-{day:02}" for day in range(1, 31)],
        ["Men, shoes", "Women, shoes", "Men, shirts", "Women, shirts"],
        ["a; the first", "b; the second", "c"],
        ["<=50K", ">50K"],
        ["1,234", "2,345"],
        ["x;y"],
    ],
)
def test_classes_are_taken(targets):
    assert why_no_classes(targets) is None


@pytest.mark.parametrize(
    ("targets", "told"),
    [
        ([1.0, 0.37, 1.52], "numbers with fractions, as 0.37, a quantity (a regression)"),
        ([Decimal("0.5"), Decimal(1)], "numbers with fractions, as 0.5"),
        ([f"{row}.5" for row in range(30)], "numbers with fractions, as 0.5"),
        ([f"{row},50" for row in range(30)], "numbers with fractions, as 0.5"),
        ([f"${row}.25" for row in range(30)], "numbers with fractions, as 0.25"),
        (range(21), "21 different numbers in 21 samples, which looks like a regression"),
        (np.eye(3)[[0, 2, 1]], "one-hot rows of 3 numbers"),
        ([[0, 1, 1], [0, 0, 0]], "rows of 0 and 1 with up to 2 ones, several classes a sample (multi-label)"),
        ([[0.2, 0.8], [0.5, 0.5]], "rows of 2 probabilities; "),
        ([[0.2, 3.8], [0.5, 0.5]], "2 numbers a sample (a regression of several targets)"),
        ([[4, 3], [1, 1]], "2 numbers a sample (multi-label of several targets)"),
        ([["a", "b"], ["a", "c"]], "2 values a sample (multi-label)"),
        ([["a", "b"], ["a"], []], "values of type list, several classes a sample (multi-label)"),
        (pd.Series([{"a"}, {"a", "b"}]), "values of type set, several"),
        (pd.Series([["a"], ["b"]]), "values of type list, of one entry each"),
        (["a;b", "a", "b"], "texts that join classes by ';', as 'a;b'"),
        (["Action|Comedy", "Comedy|Drama", "Drama"], "texts that join classes by '|'"),
        (["red, green", "red", "green", "blue"], "texts that join classes by ','"),
        (["['a', 'b']", "['c']"], "lists in text, as \"['a', 'b']\", several classes"),
    ],
)
def test_quantities_and_several_classes_are_told(targets, told):
    problem = why_no_classes(targets)
    assert problem.startswith(told)
    assert "; alframe learns one class a sample: " in problem
    assert "\n" not in problem


def test_a_few_labelled_samples_may_have_a_class_each():
    assert why_no_classes(range(90), is_whole=False) is None
    assert why_no_classes([0.5] * 90, is_whole=False)


def test_several_columns_of_a_table():
    assert several_targets(["a", "b"]).startswith("2 columns are named as targets, 'a', 'b' (multi-label)")
    frame = pd.DataFrame({"x": [1, 2], "class 1": [0, 1], "class2": [1, 1]})
    with pytest.raises(UsageError, match="data set 't': 2 columns are named as targets, 'class 1', 'class2'"):
        dataset_from_frame("t", frame, "class 1,class2", target_option="-o data.target=")

    with pytest.raises(UsageError, match="data set 't': 2 columns are named as targets, 'class 1', 'class2'"):
        dataset_from_frame("t", frame, ["class 1", "class2"])


def test_a_table_with_few_labels_may_have_a_class_for_each():
    frame = pd.DataFrame({"x": range(90), "y": [*range(30), *[None] * 60]})
    assert dataset_from_frame("t", frame, "y").num_classes == 30


@pytest.mark.parametrize(
    ("column", "told"),
    [
        ([0.37, 1.5], "numbers with fractions, as 0.37, a quantity"),
        (range(40), "40 different numbers in 40 samples"),
        ([["a", "b"], ["a"]], "values of type list, several classes"),
        (pd.Categorical(["a;b", "a", "b", "b"]), "texts that join classes by ';'"),
    ],
)
def test_the_target_of_a_table(column, told):
    frame = pd.DataFrame({"x": range(len(column)), "y": column})
    with pytest.raises(UsageError, match=f"data set 't': the target 'y' holds {told}"):
        dataset_from_frame("t", frame, "y")


@pytest.mark.parametrize(
    ("targets", "told"),
    [
        (torch.tensor([0.5, 1, 0]), "float32 of shape (3,): numbers with fractions, as 0.5, a quantity"),
        (torch.tensor([0.5, 1, 0]).bfloat16(), "bfloat16 of shape (3,): numbers with fractions, as 0.5"),
        (
            torch.eye(3),
            "float32 of shape (3, 3): one-hot rows of 3 numbers; alframe learns one class a sample",
        ),
        (torch.ones(3, 2, dtype=torch.int64), "int64 of shape (3, 2): rows of 0 and 1 with up to 2 ones"),
        (torch.tensor([0.0, 1, 0]), "float32 of shape (3,): targets.reshape(-1).long() makes them"),
    ],
)
def test_targets_of_a_data_set_in_python(targets, told):
    with pytest.raises(UsageError) as caught:
        alframe.Dataset("d", torch.zeros(3, 2), targets, num_classes=3)
    assert f"data set 'd', training part: targets must be one int64 a sample, got torch.{told}" in str(
        caught.value
    )
