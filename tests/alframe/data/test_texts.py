from decimal import Decimal

import numpy as np
import pytest

from alframe.data.texts import exact, say


@pytest.mark.parametrize(
    ("texts", "values", "what"),
    [
        (["1", "-2.5", "+3e2", ".5", "4."], [1, -2.5, 300, 0.5, 4], "numbers"),
        (["1,234", "12", "1,234,567.5"], [1234, 12, 1234567.5], "numbers with a comma at thousands"),
        (["3,14", "2,5", "7"], [3.14, 2.5, 7], "numbers with a decimal comma"),
        (["1.234,5", "2,5"], [1234.5, 2.5], "numbers with a decimal comma"),
        (["12%", "7.5 %"], [12, 7.5], "numbers with a unit"),
        (["$1,200.5", "-$3", "$ 4"], [1200.5, -3, 4], "numbers with a comma at thousands"),
        (["true", "FALSE"], [1, 0], "truth values"),
        (["12:30", "0:00:01.5", "1:15 PM", "12:05 am"], [45000, 1.5, 47700, 300], "times"),
    ],
)
def test_numbers_and_times(texts, values, what):
    said = say(texts)
    assert said.values.tolist() == values
    assert (said.what, said.gaps, said.is_ambiguous) == (what, (), False)


DAY = 86400


@pytest.mark.parametrize(
    ("texts", "days", "what"),
    [
        (["2020-01-31", "2020-02-01", "2019-12-31"], [0, 1, -31], "dates"),
        (["2020-01-31T12:00:00Z", "2020-02-01 00:00"], [0, 0.5], "dates"),
        (["2020/1/31", "2020/2/1"], [0, 1], "dates"),
        (["31/1/2020", "1/2/2020"], [0, 1], "dates, day first"),
        (["1/31/2020", "2/1/2020"], [0, 1], "dates, month first"),
        (["1.2.2020", "2.2.2020"], [0, 1], "dates, day first"),
        (["1/31/20 11:00 PM", "2/1/20 11:00 AM"], [0, 0.5], "dates, month first"),
        (["31-Jan-2020", "01-Feb-2020"], [0, 1], "dates"),
        (["Jan 31, 2020", "Feb 1, 2020"], [0, 1], "dates"),
    ],
)
def test_dates(texts, days, what):
    said = say(texts)
    distances = said.values - said.values[0]
    assert (distances / distances[-1]).tolist() == [day / days[-1] for day in days]
    assert (said.what, said.is_ambiguous) == (what, False)


def test_what_can_be_read_two_ways_says_so_and_an_option_decides():
    months, days = say(["1/2/2020", "1/3/2020"]), say(["1/2/2020", "1/3/2020"], dates="day-first")
    assert (months.what, months.is_ambiguous) == ("dates, month first", True)
    assert (days.what, days.is_ambiguous) == ("dates, day first", False)
    assert np.diff(months.values) == DAY
    assert np.diff(days.values) == 29 * DAY
    thousands, comma = say(["1,234", "2,500"]), say(["1,234", "2,500"], decimal="comma")
    assert (thousands.values.tolist(), thousands.is_ambiguous) == ([1234, 2500], True)
    assert (comma.values.tolist(), comma.is_ambiguous) == ([1.234, 2.5], False)
    assert not say(["1,234"], decimal="point").is_ambiguous


def test_a_comma_decimal_makes_points_thousands():
    assert say(["1.234", "999", "1,5"], decimal="comma").values.tolist() == [1234, 999, 1.5]
    assert say(["3.14", "2,5"], decimal="comma") is None
    assert say(["3,14", "2,5"], decimal="point") is None


@pytest.mark.parametrize("gap", ["?", "NA", "n/a", "None", "NaN", "-", "null", "#DIV/0!"])
def test_signs_among_numbers_are_gaps(gap):
    said = say(["1", gap, "3"])
    np.testing.assert_equal(said.values, [1, np.nan, 3])
    assert said.gaps == (gap,)


@pytest.mark.parametrize(
    "texts",
    [
        ["red", "blue"],
        ["NA", "None"],
        ["1", "two"],
        ["1_000", "2"],
        ["٣", "٤"],  # digits, but not those of numbers in files
        ["1,23,4", "5"],
        ["2020-13-45"],
        ["31/31/2020"],
        ["1/2/2020 25 o'clock"],
        ["31/1/2020", "1-2-2020 x"],
        ["12:75"],
        ["yes", "no"],
    ],
)
def test_words_are_none_of_them(texts):
    assert say(texts) is None


def test_whole_numbers_of_any_length_keep_their_differences():
    assert np.diff(say(["100000000000000000000000000001", "100000000000000000000000000003"]).values) == 2
    assert say(["1" * 5000, "2"]).values[0] == np.inf
    assert np.diff(exact([2**60, 2**60 + 1])) == 1
    assert exact([3, 4]).tolist() == [3, 4]
    assert np.diff(exact([Decimal("1e20") + Decimal("0.25"), Decimal("1e20") + Decimal("0.5")])) == 0.25
    assert exact([Decimal("inf"), Decimal("inf")])[0] == np.inf
    assert exact([10**400, 0.5]).tolist() == [np.inf, 0.5]
