import numpy as np
import pandas as pd
import pytest
import torch

from alframe import ActiveLearner, Dataset, UsageError, dataset_from_texts
from alframe.data.text_bytes import texts_of

TEXTS = ["a fine film", "dull", "so so", "fine"]


def test_classes_are_sorted_and_unknown_ones_stay_so():
    data = dataset_from_texts("reviews", TEXTS, ["good", "bad", None, "good"])
    assert data.targets.tolist() == [1, 0, -1, 1]
    assert data.num_classes == 2
    assert texts_of(data.inputs) == TEXTS
    assert data.details == (
        "'text': texts of at most 11 bytes",
        "'target': the target, 2 classes: bad, good",
    )


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        ([3, 1, 1, 3], [1, 0, 0, 1]),
        (np.array([1.0, np.nan, 0.0, 1.0]), [1, -1, 0, 1]),
        (pd.Series(["b", "a", "", "b"], index=[9, 8, 7, 6]), [1, 0, -1, 1]),
        (pd.Categorical(["b", "a", None, "b"]), [1, 0, -1, 1]),
        ([True, False, False, True], [1, 0, 0, 1]),
    ],
)
def test_classes_of_any_kind(targets, expected):
    assert dataset_from_texts("x", pd.Series(TEXTS), targets).targets.tolist() == expected


def test_classes_may_be_named_before_any_label_is_known():
    data = dataset_from_texts("x", TEXTS, classes=["good", "bad", "mixed"])
    assert (data.targets.tolist(), data.num_classes) == ([-1] * 4, 3)
    data = dataset_from_texts("x", TEXTS, ["bad", None, None, "good"], classes=["good", "bad", "mixed"])
    assert data.targets.tolist() == [1, -1, -1, 0]
    with pytest.raises(UsageError, match="classes= must name the classes"):
        dataset_from_texts("x", TEXTS)
    with pytest.raises(UsageError, match="lacks: ugly; that has good, bad"):
        dataset_from_texts("x", TEXTS, ["ugly", None, None, "good"], classes=["good", "bad"])
    with pytest.raises(UsageError, match="names one twice"):
        dataset_from_texts("x", TEXTS, classes=["good", "good"])


def test_a_test_part_has_the_training_parts_classes():
    data = dataset_from_texts(
        "x", TEXTS, ["b", "a", "a", "b"], test=(["a much longer text", "c"], ["b", "a"])
    )
    assert data.test_targets.tolist() == [1, 0]
    assert data.test_inputs.shape == (2, 18)
    assert data.inputs.shape == (4, 18)
    with pytest.raises(UsageError, match="test part has 1 samples without a label"):
        dataset_from_texts("x", TEXTS, ["b", "a", "a", "b"], test=(["t", "c"], ["b", None]))


def test_how_many_texts_are_cut_is_said():
    data = dataset_from_texts("x", TEXTS, [1, 0, 0, 1], length=5)
    assert data.notes == ("texts longer than 5 bytes are cut: 1; data.length= keeps more of them",)
    assert texts_of(data.inputs)[0] == "a fin"


def test_missing_texts_are_refused_by_their_row_or_left_out():
    texts = ["a", None, float("nan"), "b", ""]
    with pytest.raises(UsageError, match="2 of 5 rows have no text in 'text', the first is row 2; .*=skip"):
        dataset_from_texts("x", texts, [0, 1, 1, 1, 0])
    data = dataset_from_texts("x", texts, [0, 1, 1, 1, 0], bad_texts="skip")
    assert (texts_of(data.inputs), data.targets.tolist()) == (["a", "b", ""], [0, 1, 0])
    assert data.notes == ("column 'text': 2 rows without a text are left out",)


@pytest.mark.parametrize(
    ("texts", "targets", "message"),
    [
        (["a", 3], [0, 1], "'text' holds no texts: '3' in row 2 is of type int"),
        (["a", "b"], [["x", "y"], ["x"]], "several labels a text, as .'x', 'y'.; .*multi-label"),
        (["a", "b"], ["['x', 'y']", "[]"], "several labels a text, as .'x', 'y'.; .*multi-label"),
        (["a", "b"], [0.5, 1.5], "holds numbers with fractions, classes are needed"),
        (["a", "b"], [0], "2 texts but 1 classes"),
        (["a", "b"], [1, 1], "has 1 class; at least 2"),
        (["", " "], [0, 1], "its 2 texts are all empty"),
        ([], [], "has no rows"),
    ],
)
def test_what_can_not_be_learned_is_refused_in_a_line(texts, targets, message):
    with pytest.raises(UsageError, match=message) as caught:
        dataset_from_texts("x", texts, targets)
    assert "\n" not in str(caught.value)


def test_a_network_of_numbers_is_refused_and_one_of_texts_on_numbers():
    data = dataset_from_texts("reviews", TEXTS, [1, 0, 0, 1])
    with pytest.raises(UsageError, match="'mlp' takes numbers, .* 'reviews' are texts: take text-static"):
        ActiveLearner(data, "mlp", strategy="margin", seed=0)
    numbers = Dataset("toy", torch.zeros(4, 2), torch.tensor([0, 1, 1, 0]), 2)
    with pytest.raises(UsageError, match=r"'text-hashed' takes texts, .* numbers of shape \(2,\): take mlp"):
        ActiveLearner(numbers, "text-hashed", strategy="margin", seed=0)
