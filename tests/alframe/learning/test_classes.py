import numpy as np
import pandas as pd
import pytest
import torch

from alframe import UsageError
from alframe.learning.classes import are_numbers, class_labels, class_names

NAMES = ["cat", "dog", "cat", "emu"]
SAME = {
    "list": NAMES,
    "array": np.array(NAMES),
    "objects": np.array(NAMES, dtype=object),
    "column": np.array(NAMES)[:, None],
    "Series of another index": pd.Series(NAMES, index=[9, 2, 9, 0]),
    "strings of pandas": pd.Series(NAMES, dtype="string"),
    "Categorical": pd.Categorical(NAMES, categories=["emu", "dog", "cat"]),
    "Series of categories": pd.Series(NAMES, dtype="category"),
    "DataFrame of a column": pd.DataFrame({"y": NAMES}),
}


@pytest.mark.parametrize("kind", SAME)
def test_texts_of_any_kind_are_numbered_in_ascending_order(kind):
    numbers, classes = class_labels(SAME[kind], "labels", None)
    assert (numbers.tolist(), classes) == ([0, 1, 0, 2], ("cat", "dog", "emu"))


@pytest.mark.parametrize(
    ("labels", "classes", "numbers"),
    [
        (NAMES, ("emu", "cat", "dog"), [1, 2, 1, 0]),
        ([5, 7, 5.0], (7, 5), [1, 0, 1]),
        (np.array([True, False]), (False, True), [1, 0]),
        (torch.tensor([3, 1]), (1, 3), [1, 0]),
        ([("a", 1), ("b", 2)], (("b", 2), ("a", 1)), [1, 0]),
        ([2, 0, 1], None, [2, 0, 1]),
        ([True, False], None, [1, 0]),
        (np.array([1.0, 0.0]), (0, 1), [1, 0]),
        ([], None, []),
        (None, ("a", "b"), []),
    ],
)
def test_the_order_that_is_known_counts(labels, classes, numbers):
    found, told = class_labels(labels, "labels", classes)
    assert (found.dtype, found.tolist(), told) == (torch.int64, numbers, classes)


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        (["cat", None, "dog"], None, "1 of 3 labels are missing"),
        (pd.Series(["cat", pd.NA], dtype="string"), None, "1 of 2 labels are missing"),
        (np.array(["cat", np.nan], dtype=object), None, "1 of 2 labels are missing"),
        ([1, None], None, "1 of 2 labels are missing"),
        (["cat", "yak"], ("cat", "dog"), "labels has 'yak' at 1, and head has 'cat', 'dog'"),
        ([0, 1], ("cat", "dog"), "labels has 0 at 0, and head has 'cat', 'dog'"),
        (["0", "1"], (0, 1), "labels has '0' at 0, .* a number is no text"),
        (
            [0.37, 1],
            None,
            "the first is 0.37 at 0: active learning here is for classification with one label",
        ),
        (np.eye(3), None, r"got shape \[3, 3\]: .* one label a sample; argmax"),
        (np.full((3, 2), "a"), None, r"got shape \[3, 2\]: .* one label a sample"),
        ([["a"], ["a", "b"]], None, r"labels has \['a'\] at 0, several labels: .* one label a sample"),
        ([{"a"}, {"b"}], None, "several labels"),
        (["a", 1], None, "several types have no order: pass classes="),
        ("cat", None, "got 'cat'|several|label"),
    ],
)
def test_what_are_no_labels_is_one_line(labels, classes, message):
    if isinstance(labels, str):  # one label of one sample
        assert class_labels(labels, "labels", classes)[1] == (labels,)
        return
    with pytest.raises(UsageError, match=message) as caught:
        class_labels(labels, "labels", classes, "head")
    assert "\n" not in str(caught.value)


def test_names_of_classes():
    assert class_names(None) is None
    assert class_names(pd.Index(["a", "b"])) == ("a", "b")
    assert class_names(np.array([3, 1])) == (3, 1)
    assert are_numbers((0, 1.0, 2))
    assert not are_numbers((1, 0))
    assert not are_numbers(("0", "1"))
    assert not are_numbers(None)
    for wrong, message in (
        ("ab", "list of class labels"),
        (3, "got 3"),
        ({"a"}, "in an order"),
        ([1, 1], "1 twice"),
        ([], "empty"),
    ):
        with pytest.raises(UsageError, match=message):
            class_names(wrong)
