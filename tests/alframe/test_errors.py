import pytest

from alframe.errors import (
    AlframeError,
    AlframeWarning,
    DamagedFileError,
    PluginError,
    TrialError,
    UsageError,
    unknown_name,
)


@pytest.mark.parametrize(
    ("kind", "code"), [(TrialError, 1), (DamagedFileError, 1), (UsageError, 2), (PluginError, 3)]
)
def test_exit_codes(kind, code):
    assert kind.exit_code == code
    assert issubclass(kind, AlframeError)


def test_warnings_are_told_apart_from_other_programs():
    assert issubclass(AlframeWarning, UserWarning)


def test_unknown_name_suggests_what_is_close():
    error = unknown_name("strategy", "bagde", ["badge", "random"], "See x.")
    assert str(error) == "unknown strategy 'bagde'. Did you mean 'badge'? See x."


def test_unknown_name_lists_all_when_nothing_is_close():
    assert "Known: badge, random." in str(unknown_name("strategy", "xyz", ["random", "badge"]))


def test_unknown_name_with_nothing_known():
    assert "There is none." in str(unknown_name("preset", "xyz", []))
