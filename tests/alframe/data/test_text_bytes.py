import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from alframe.data.text_bytes import as_bytes, bytes_of, texts_of


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9)))
def test_texts_come_back(texts):
    rows, cut = bytes_of(texts)
    assert rows.dtype == torch.uint8
    assert texts_of(rows) == texts
    assert cut == 0


@pytest.mark.parametrize("length", range(1, 9))
def test_a_cut_text_ends_with_a_whole_character(length):
    rows, cut = bytes_of(["é\U0001f600ß", "a"], length)
    (text, short) = texts_of(rows)
    assert "é\U0001f600ß".startswith(text)
    assert len(text.encode()) <= length
    assert (short, cut) == ("a", int(length < 8))


def test_no_text_is_longer_than_its_row():
    assert bytes_of(["", ""])[0].tolist() == [[0], [0]]
    assert bytes_of(["", "abc"])[0].shape == (2, 3)
    assert bytes_of([])[0].shape == (0, 1)


def test_what_is_no_character_is_replaced():
    rows, _ = bytes_of(["a\0b", "\ud83d!", "end\0"])
    assert texts_of(rows) == ["a b", "?!", "end "]


def test_other_samples_are_no_texts():
    with pytest.raises(TypeError, match=r"rows of bytes, got float32 of shape \[2, 3\]"):
        texts_of(torch.zeros(2, 3))
    with pytest.raises(TypeError, match="rows of bytes"):
        texts_of(torch.zeros(2, 3, 4, 4, dtype=torch.uint8))


def test_the_transform_changes_nothing():
    rows, _ = bytes_of(["abc"])
    assert as_bytes(rows) is rows
