import numpy as np
import pandas as pd
import pytest

from alframe.data.labels import UnusableLabelsError, match_labels, read_labels, shown


@pytest.mark.parametrize(
    ("values", "codes", "names"),
    [
        (["b", "a", None, "b"], [1, 0, -1, 1], ["a", "b"]),
        (["None", "NA", "", "nan"], [1, 0, -1, 2], ["NA", "None", "nan"]),
        ([3, 7, 3], [0, 1, 0], ["3", "7"]),
        ([10, 9, np.nan], [1, 0, -1], ["9", "10"]),
        ([True, False], [1, 0], ["False", "True"]),
        ([2**60 + 1, 2**60], [1, 0], [str(2**60), str(2**60 + 1)]),
        ([" a", "a "], [0, 0], ["a"]),
        (["?", "a"], [0, 1], ["?", "a"]),
        ([None, None], [-1, -1], []),
    ],
)
def test_classes_are_numbered_in_ascending_order(values, codes, names):
    found, classes, guess = read_labels(pd.Series(values))
    assert (found.tolist(), classes, guess) == (codes, names, "")


def test_signs_among_numbers_are_unknown_and_said():
    codes, names, guess = read_labels(pd.Series(["1", "?", "2", "NA"]))
    assert (codes.tolist(), names, guess) == ([0, -1, 1, -1], ["1", "2"], "'?', 'NA'")


def test_what_is_named_is_unknown():
    assert read_labels(pd.Series(["NA", "a", "b"]), frozenset({"NA"}))[0].tolist() == [-1, 0, 1]
    assert read_labels(pd.Series([9, 1, 2]), frozenset({"9"}))[0].tolist() == [-1, 0, 1]


def test_fractions_are_no_classes():
    with pytest.raises(UnusableLabelsError, match="fractions"):
        read_labels(pd.Series([0.5, 1.0]))
    with pytest.raises(UnusableLabelsError, match="infinite"):
        read_labels(pd.Series([np.inf, 1.0]))


def test_categories_of_numbers_are_classes():
    values = [f"{row}.5" for row in range(30)]
    assert len(read_labels(pd.Series(pd.Categorical(values)))[1]) == 30
    with pytest.raises(UnusableLabelsError, match=r"fractions, as 0.5, .* give them as texts, as c0.5"):
        read_labels(pd.Series(values))


def test_a_test_part_is_numbered_by_the_training_parts_classes():
    codes, renamed = match_labels(np.array([0, 1, -1, 0]), ["b", "c"], ["a", "b", "c"])
    assert (codes.tolist(), renamed) == ([1, 2, -1, 1], {})


@pytest.mark.parametrize(
    ("classes", "names"), [(["<=50K", ">50K"], ["<=50K.", ">50K."]), (["1", "2"], ["1.0", "2.0"])]
)
def test_a_full_stop_makes_no_other_class(classes, names):
    codes, renamed = match_labels(np.array([1, 0]), names, classes)
    assert codes.tolist() == [1, 0]
    assert renamed == dict(zip(names, classes, strict=True))


@pytest.mark.parametrize(("classes", "names"), [(["a", "b"], ["a", "c", "d"]), (["A", "a"], ["a."])])
def test_other_classes_are_refused(classes, names):
    with pytest.raises(UnusableLabelsError, match=r"lacks: (c, d|a\.); that has (a, b|A, a)"):
        match_labels(np.zeros(1, dtype=int), names, classes)


def test_only_some_names_are_shown():
    assert shown([str(n) for n in range(12)]) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"
