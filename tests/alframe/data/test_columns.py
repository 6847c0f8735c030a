import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from alframe.data.columns import Reading, UnusableColumnError, read_column

DAY = datetime.date(2020, 1, 31)


def read(values, dtype=None, *, is_categories=False, **reading):
    series = values if isinstance(values, pd.Series) else pd.Series(values, dtype=dtype)
    reading["missing"] = frozenset(reading.get("missing", ()))
    return read_column(series, Reading(**reading), is_categories=is_categories)


@pytest.mark.parametrize(
    ("values", "dtype", "what"),
    [
        ([1.5, None, 3.5], "float64", "numbers"),
        ([1, None, 3], "Int64", "numbers"),
        ([1, None, 3], "UInt8", "numbers"),
        ([1.5, None, 3.5], "Float32", "numbers"),
        ([1, None, 3], "object", "numbers"),
        ([1, None, 3.5], "object", "numbers"),
        ([Decimal("1.5"), None, Decimal("3.5")], "object", "numbers"),
        ([True, None, False], "object", "truth values"),
        ([True, None, False], "boolean", "truth values"),
        (["1", None, "3"], "object", "numbers"),
        (["1", "", "3"], "string", "numbers"),
        (["1", "?", "3"], "object", "numbers"),
        ([1, "?", 3], "object", "numbers"),
        ([DAY, None, DAY + datetime.timedelta(2)], "object", "dates or times"),
        ([datetime.time(1), None, datetime.time(3)], "object", "dates or times"),
        (["2020-01-01", None, "2020-01-03"], "datetime64[ns]", "dates or times"),
        (["2020-01-01", None, "2020-01-03"], "datetime64[ns, UTC]", "dates or times"),
        (["1h", None, "3h"], "timedelta64[ns]", "dates or times"),
        (["2020-01", None, "2020-03"], "period[M]", "dates or times"),
        ([1, None, 3], "Sparse[float64]", "numbers"),
    ],
)
def test_numbers_of_every_type(values, dtype, what):
    column = read(values, dtype)
    assert (column.what, column.categories) == (what, 0)
    assert np.isnan(column.values).tolist() == [False, True, False]
    assert column.values[2] != column.values[0]


@pytest.mark.parametrize("kind", ["string", "int64", "float64", "bool_", "date32", "timestamp", "decimal128"])
def test_arrows_types(kind):
    pa = pytest.importorskip("pyarrow")
    values = {
        "string": ["a", None, "b"],
        "bool_": [True, None, False],
        "date32": [DAY, None, DAY + datetime.timedelta(2)],
        "timestamp": [datetime.datetime(2020, 1, 1), None, datetime.datetime(2020, 1, 3)],
        "decimal128": [Decimal(1), None, Decimal(3)],
    }.get(kind, [1, None, 3])
    arguments = {"timestamp": ("us",), "decimal128": (5, 1)}.get(kind, ())
    column = read(values, pd.ArrowDtype(getattr(pa, kind)(*arguments)))
    assert np.isnan(column.values).tolist() == [False, True, False]
    assert column.categories == (2 if kind == "string" else 0)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([2**60 + 1, 2**60, 2**60 + 3], "int64"),
        ([2**63 + 1, 2**63, 2**63 + 3], "uint64"),
        ([2**60 + 1, 2**60, 2**60 + 3], "Int64"),
        ([10**30 + 1, 10**30, 10**30 + 3], "object"),
        ([-(2**63) + 1, -(2**63), -(2**63) + 3], "int64"),
    ],
)
def test_large_integers_keep_their_differences(values, dtype):
    assert np.diff(read(values, dtype).values).tolist() == [-1, 3]


def test_integers_from_end_to_end():
    values = read([-(2**63), 0, 2**63 - 1], "int64").values
    assert (np.diff(values) == 2.0**63).all()


@pytest.mark.parametrize(
    ("values", "dtype", "codes", "categories"),
    [
        (["b", "a", None, "b"], "object", [1, 0, np.nan, 1], 2),
        (["b", " a ", "", "a"], "object", [1, 0, np.nan, 0], 2),
        (["NA", "None", "nan", "NA"], "object", [0, 1, 2, 0], 3),
        ([1, "two", 1, "two"], "object", [0, 1, 0, 1], 2),
        (["b", "a", None, "b"], "string", [1, 0, np.nan, 1], 2),
        (["b", "a", None, "b"], "category", [1, 0, np.nan, 1], 2),
    ],
)
def test_texts_are_categories(values, dtype, codes, categories):
    column = read(values, dtype)
    np.testing.assert_equal(column.values, codes)
    assert (column.what, column.categories) == ("categories", categories)


def test_declared_categories_count_unless_they_are_missing():
    declared = pd.Series(pd.Categorical(["b", "?", "a"], categories=["a", "b", "c", "?"]))
    assert read(declared).categories == 4
    np.testing.assert_equal(read(declared, missing={"?"}).values, [1, np.nan, 0])


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([-999, 1, 2], "int64"),
        ([-999.0, 1, 2], "float64"),
        (["-999", "1", "2"], "object"),
        ([-999, 1, 2], "Int64"),
    ],
)
def test_what_is_named_is_missing(values, dtype):
    np.testing.assert_equal(read(values, dtype, missing={"-999", "none"}).values, [np.nan, 1, 2])
    assert read(["none", "a"], "object", missing={"none"}).categories == 1
    assert read(["none"], "object", missing={"none"}).what == "nothing"


def test_numbers_can_be_categories():
    column = read([94110, 10001, 94110], is_categories=True)
    assert (column.values.tolist(), column.categories) == ([1, 0, 1], 2)
    assert read(["1", "2"], "object", is_categories=True).categories == 2


@pytest.mark.parametrize(
    ("values", "guess", "option"),
    [
        (["1", "?"], "taken as numbers with '?' as missing", "categories={column} takes it as categories"),
        (["1,234"], "numbers with a comma at thousands", "decimal=comma takes it for the decimal one"),
        (["1/2/2020"], "taken as dates, month first", "dates=day-first reads days first"),
        (["NA", "red"], "NA taken as a value", "missing=NA takes it as missing"),
        ([*map(str, range(20)), "unknown"], "there is unknown beside numbers", "missing=unknown takes it as"),
        (["red", "blue"], "", ""),
    ],
)
def test_a_guess_names_the_option_that_says_otherwise(values, guess, option):
    column = read(values, "object")
    assert guess in column.guess
    assert option in column.option
    assert bool(column.guess) == bool(guess)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, np.inf], "infinite values, the first in row 2"),
        (["1", "1e999"], "infinite values, as '1e999'"),
        ([[1], [2]], "values of type list, neither numbers nor texts"),
        ([{}, {}], "type dict"),
        ([1, [1], "a"], "type list"),
        ([10**400, 1.5], "infinite values"),
        ([np.zeros(2), np.zeros(2)], "type ndarray"),
        ([1j, 2j], "complex"),
    ],
)
def test_what_cannot_be_an_input(values, message):
    with pytest.raises(UnusableColumnError, match=message):
        read(values, "object")


def test_nothing_is_no_number():
    assert read([None, None]).what == "nothing"
    assert read([np.nan, np.nan]).what == "nothing"
