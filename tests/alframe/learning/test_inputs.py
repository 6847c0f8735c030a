import decimal
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch

from alframe import UsageError
from alframe.learning.inputs import as_tensor, class_numbers, matrix, positions, whole_number

CPU = torch.device("cpu")
X = np.arange(12, dtype=np.float32).reshape(4, 3)


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


class TestWholeNumber:
    @pytest.mark.parametrize("value", [5, 5.0, np.int32(5), np.float16(5), np.array(5), torch.tensor(5.0)])
    def test_every_kind_of_five(self, value):
        number = whole_number(value, "n")
        assert (number, type(number)) == (5, int)

    @pytest.mark.parametrize(
        "value",
        [2.5, "3", None, True, np.True_, np.nan, np.inf, [5], np.array([5]), 5j, decimal.Decimal("2.5")],
    )
    def test_what_is_none(self, value):
        with pytest.raises(UsageError, match="n must be a whole number, got"):
            whole_number(value, "n")

    def test_one_of_any_size(self):
        assert whole_number(10**30, "n", least=1) == 10**30

    def test_one_that_is_too_small(self):
        with pytest.raises(UsageError, match="n must be at least 1, got 0"):
            whole_number(0.0, "n", least=1)


SAME_MATRIX = {
    "list": X.tolist(),
    "list of arrays": list(X),
    "list of tensors": [torch.tensor(row) for row in X],
    "list of tensors with gradient": [torch.tensor(row, requires_grad=True) for row in X],
    "float64": X.astype(np.float64),
    "float16": X.astype(np.float16),
    "long double": X.astype(np.longdouble),
    "uint8": X.astype(np.uint8),
    "uint64": X.astype(np.uint64),
    "big-endian": X.astype(">f4"),
    "big-endian integers": X.astype(">i4"),
    "by columns": np.asfortranarray(X),
    "negative strides": np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1],
    "every second": np.repeat(X, 2, axis=0)[::2],
    "read-only": read_only(X),
    "unaligned": np.array([(0, row) for row in X], dtype=[("a", "u1"), ("b", "f4", 3)])["b"],
    "objects": X.astype(object),
    "decimals": [[decimal.Decimal(int(value)) for value in row] for row in X],
    "np.matrix": np.asmatrix(X),
    "masked, none of it": np.ma.masked_array(X, mask=False),
    "DataFrame": pd.DataFrame(X),
    "DataFrame with another index": pd.DataFrame(X, index=[3, 2, 1, 0], columns=list("abc")),
    "DataFrame of several types": pd.DataFrame(X).astype({0: int, 1: "float64"}),
    "DataFrame of nullable types": pd.DataFrame(X.astype(int)).astype("Int64"),
    "csr": sp.csr_matrix(X),
    "csc array": sp.csc_array(X),
    "torch sparse": torch.tensor(X).to_sparse(),
    "transposed tensor": torch.tensor(X.T.copy()).T,
    "requires gradient": torch.tensor(X, requires_grad=True),
    "half": torch.tensor(X).half(),
    "Parameter": torch.nn.Parameter(torch.tensor(X)),
}


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize("kind", SAME_MATRIX)
def test_a_matrix_of_any_kind_is_the_same(kind):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made, most = matrix(SAME_MATRIX[kind], "features", CPU)
    assert torch.equal(made, torch.tensor(X))
    assert (made.dtype, made.is_contiguous(), made.requires_grad, most) == (torch.float32, True, False, 11)


def test_a_tensor_of_inference_mode_is_fit_for_gradients():
    with torch.inference_mode():
        given = torch.tensor(X)
    assert not matrix(given, "features", CPU)[0].is_inference()


def test_what_is_float32_already_is_not_copied():
    assert matrix(X, "features", CPU)[0].data_ptr() == X.ctypes.data


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (None, "got NoneType"),
        ({"a": [1]}, "got dict"),
        ({1, 2}, "got set"),
        ((row for row in X), "got generator"),
        ("text", "got <U4 texts such as 'text'"),
        ([["a", "b"]], "got <U1 texts such as 'a'"),
        (X * 1j, "got complex"),
        (torch.tensor(X) * 1j, "got complex"),
        (np.array([["2026-01-01"]], dtype="M8[D]"), r"got datetime64\[D\]"),
        ([[1, 2], [3]], "features must be numbers of one shape"),
        ([torch.zeros(2), torch.zeros(3)], "features must be numbers of one shape"),
        (
            torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)], layout=torch.jagged),
            "a nested tensor",
        ),
        (pd.DataFrame({"age": [1, 2], "city": ["Oslo", "Rome"]}), "got str in column 'city': 'Oslo'"),
        (np.array([[{}]], dtype=object), "got dict: {}"),
        (X[0], r"must be a matrix, one row a sample, got shape \[3\]"),
        (X[None], r"must be a matrix, one row a sample, got shape \[1, 4, 3\]"),
        (np.ma.masked_array(X, mask=X > 9), "features have 2 masked values"),
        (torch.empty(4, 3, device="meta"), "the device 'meta'"),
        (
            np.where(X > 9, np.nan, X),
            "NaN or infinite.* 1 of 4 rows and 2 of 3 columns, the first in row 3, column 1",
        ),
        (X.astype(np.float64) * 1e38, "NaN or infinite values in float32: 3 of 4 rows"),
        (
            pd.DataFrame(X).astype("Float64").replace(5.0, pd.NA),
            "1 of 4 rows .* the first in row 1, column 2",
        ),
        (sp.csr_matrix((10**7, 10**7)), r"would take 372,529 GB written out"),
    ],
)
def test_what_is_no_matrix_is_one_line(values, message):
    with pytest.raises(UsageError, match=message) as caught:
        matrix(values, "features", CPU)
    assert "\n" not in str(caught.value)


Y = [2, 0, 1, 2]
SAME_LABELS = {
    "list": Y,
    "whole floats": [2.0, 0.0, 1.0, 2.0],
    "float16": np.array(Y, dtype=np.float16),
    "uint8": np.array(Y, dtype=np.uint8),
    "uint64": np.array(Y, dtype=np.uint64),
    "tensor": torch.tensor(Y),
    "list of tensors": list(torch.tensor(Y)),
    "column": np.array(Y)[:, None],
    "row": torch.tensor([Y]),
    "Series": pd.Series(Y),
    "Series with another index": pd.Series(Y, index=[3, 2, 1, 0]),
    "nullable Series": pd.Series(Y, dtype="Int64"),
    "category": pd.Series(Y, dtype="category"),
    "objects": np.array(Y, dtype=object),
    "big-endian": np.array(Y, dtype=">i8"),
    "reversed": np.array(Y[::-1])[::-1],
    "range-like": np.array(Y, dtype=np.int8),
}


@pytest.mark.parametrize("kind", SAME_LABELS)
def test_labels_of_any_kind_are_the_same(kind):
    labels = class_numbers(SAME_LABELS[kind], "labels")
    assert labels.tolist() == Y
    assert labels.dtype == torch.int64


def test_booleans_are_two_classes_and_one_label_is_one():
    assert class_numbers([True, False], "labels").tolist() == [1, 0]
    assert class_numbers(3, "labels").tolist() == [3]
    assert class_numbers([], "labels").tolist() == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.5, 1], "some are no whole numbers, the first is 1.5 at 0"),
        ([1, np.nan, 2], r"1 of 3 labels are missing \(NaN or None\): leave those samples out"),
        ([None, 1, ""], "2 of 3 labels are missing"),
        (pd.Series([1, pd.NA], dtype="Int64"), "1 of 2 labels are missing"),
        (["3", "1"], "got <U1 texts such as '3'"),
        (pd.Series(["cat", "dog"]), "got str: 'cat'"),
        (np.eye(3), r"one class number a sample, got shape \[3, 3\]: .* one label a sample; argmax"),
        ([0.2, 0.8], "some are no whole numbers, the first is 0.2"),
        ({0: 1}, "got dict"),
        (np.array([2**24 + 2], dtype=np.float32), "is too large to be exact in float32"),
    ],
)
def test_what_are_no_labels_is_one_line(values, message):
    with pytest.raises(UsageError, match=message):
        class_numbers(values, "labels")


@pytest.mark.parametrize(
    "values",
    [
        [3, 1],
        (3, 1),
        [3.0, 1.0],
        np.array([3, 1], dtype=np.uint8),
        pd.Series([3, 1], index=[7, 8]),
        pd.Index([3, 1]),
        range(3, 0, -2),
        torch.tensor([[3], [1]]),
    ],
)
def test_positions_of_any_kind_are_the_same(values):
    assert positions(values, "indices", 4).tolist() == [3, 1]


def test_a_boolean_for_each_sample_means_those_that_are_true():
    assert positions(np.array([False, True, False, True]), "indices", 4).tolist() == [1, 3]
    assert positions(torch.tensor([True, False]), "indices", 2).tolist() == [0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([3.9], "some are no whole numbers, the first is 3.9 at 0"),
        ([np.nan], "some are no whole numbers, the first is nan"),
        ([True, False], "as booleans must be one for each of 4 samples, got 2"),
        ([4], r"must lie in 0..3, got 4"),
        ([0, -1], r"must lie in 0..3, got -1"),
        ([2**70], "too large|must lie in"),
        ([2**63], "too large|must lie in"),
        (["1"], "texts such as '1'"),
        ({1, 2}, "got set"),
    ],
)
def test_what_are_no_positions_is_one_line(values, message):
    with pytest.raises(UsageError, match=message):
        positions(values, "indices", 4)


def test_numbers_keep_their_type_and_place():
    given = torch.tensor([1, 2], dtype=torch.int32)
    assert as_tensor(given, "x").data_ptr() == given.data_ptr()
    assert as_tensor(np.array([1.5]), "x").dtype == torch.float64
