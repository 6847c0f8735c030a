import pytest

from alframe.errors import UsageError
from alframe.labelling.classes import KEYS, Classes, ClassInfo, checked_name


def test_keys_are_digits_then_letters_and_then_there_are_none():
    classes = Classes(tuple(f"c{number}" for number in range(40)))
    keys = [info.key for info in classes.infos()]
    assert keys[:11] == list("123456789bc")
    assert "".join(keys) == KEYS
    assert not set("zugna ?/") & set(KEYS)
    assert len(set(KEYS)) == len(KEYS)


def test_a_class_outlasts_its_name():
    classes = Classes(("cat", "dog"))
    cat = classes.number("cat")
    classes.rename(cat, "kitten")
    classes.add("cat", None)
    assert (classes.name(cat), classes.number("cat") != cat) == ("kitten", True)
    assert classes.indices() == {cat: 0, classes.number("dog"): 1, classes.number("cat"): 2}


def test_a_key_is_one_classs():
    classes = Classes(("cat", "dog"))
    classes.set_key(1, "1")
    assert classes.infos() == [ClassInfo("cat", ""), ClassInfo("dog", "1")]
    classes.remove(1)
    classes.add("fox", None)
    assert classes.infos()[1] == ClassInfo("fox", "1")


def test_unknown():
    with pytest.raises(UsageError, match="unknown class 'cot'. Did you mean 'cat'"):
        Classes(("cat",)).number("cot")


def test_names_are_composed_and_stripped():
    assert checked_name(" u\u0308 ") == "ü"


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\0", "\ud800", "x" * 201, None, 3])
def test_names_that_can_not_be(name):
    with pytest.raises(UsageError):
        checked_name(name)


def test_classes_that_are_digits_have_themselves_for_keys():
    assert [info.key for info in Classes(("0", "7", "3")).infos()] == ["0", "7", "3"]
    assert [info.key for info in Classes(("0", "cat")).infos()] == ["1", "2"]
