import pytest

from alframe import UsageError
from alframe.learning.wishes import checked_options, checked_stages


def test_nothing_is_nothing():
    assert checked_stages(None) == {}
    assert checked_options(None) == {}


def test_what_has_the_form():
    assert checked_stages({"select": "coreset"}) == {"select": "coreset"}
    assert checked_options({"alfamix": {"cap": 0.1}}) == {"alfamix": {"cap": 0.1}}


@pytest.mark.parametrize(
    ("check", "given", "line"),
    [
        (checked_stages, "coreset", "stages must be a dictionary, as"),
        (checked_stages, {"selct": "coreset"}, "unknown stage 'selct'. Did you mean 'select'?"),
        (checked_options, [1], "options must be a dictionary by plugin name"),
        (checked_options, {"cap": 0.1}, "options must be a dictionary by plugin name"),
    ],
)
def test_what_has_not(check, given, line):
    with pytest.raises(UsageError, match=line):
        check(given)
