import pytest

from alframe.errors import UsageError
from alframe.labelling.text_rows import TextRows


def rows(path, content, column=None, **how):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    found = TextRows(path, column)
    return {item.id: found.content(item.id).text for item in found.items()}, found


def test_a_column_of_a_table_and_keys(texts):
    found = TextRows(texts, None)
    assert [item.id for item in found.items()] == [str(number) for number in range(12)]
    assert found.content("3").text == "review number 3 is good"
    assert found.content("3").media_type == "text/plain; charset=utf-8"
    assert found.notes == ["reviews.csv: the texts are those of 'review'; --text says otherwise"]
    assert TextRows(texts, "id").content(next(iter(TextRows(texts, "id").items())).id).text == "0"


def test_without_keys_rows_are_called_by_their_content(tmp_path):
    path = tmp_path / "t.csv"
    before, _ = rows(path, "text\none\ntwo\none\n")
    after, _ = rows(path, "text\nnew\ntwo\none\none\n")
    assert len(before) == 3
    assert before.items() < after.items()
    assert list(before.values()) == ["one", "two", "one"]


@pytest.mark.parametrize("keys", [("1", "1"), ("1", " ")])
def test_keys_with_gaps_or_repeats_are_none(tmp_path, keys):
    found, source = rows(tmp_path / "t.csv", f"id,text\n{keys[0]},one\n{keys[1]},two\n")
    assert not set(found) & set(keys)
    assert "has gaps or repeats" in source.notes[-1]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", 'text;n\n"one\nline";1\ntwo;2\n'),
        ("t.csv", '\ufefftext,n\r\n"one\nline",1\r\ntwo,2\r\n'),
        ("t.tsv", 'n\ttext\n1\t"one\nline"\n2\ttwo\n'),
        ("t.jsonl", '{"text": "one\\nline"}\n\n{"text": "two", "n": 2}\n'),
    ],
)
def test_tables(tmp_path, name, content):
    found, _ = rows(tmp_path / name, content, "text")
    assert list(found.values()) == ["one\nline", "two"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_they_do_anywhere(tmp_path, end):
    found, source = rows(tmp_path / "t.txt", end.join(["one", "two\u2028still two", "", "three"]))
    assert list(found.values()) == ["one", "two\u2028still two", "three"]
    assert source.notes == ["t.txt: 1 rows without a text are left out"]


def test_other_letters_than_utf_8(tmp_path):
    found, source = rows(tmp_path / "t.txt", "café".encode("cp1252"))
    assert list(found.values()) == ["café"]
    assert "Windows-1252" in source.notes[0]


def test_half_of_a_pair_of_surrogates(tmp_path):
    found, _ = rows(tmp_path / "t.jsonl", '{"text": "a\\ud800b"}')
    assert list(found.values()) == ["a?b"]


@pytest.mark.parametrize(
    ("name", "content", "column", "message"),
    [
        ("t.csv", "a,b\n1,2\n", None, "which column holds the texts. --text names one of: a, b"),
        ("t.csv", "a,b\n1,2\n", "c", "which column holds the texts"),
        ("t.csv", "", None, "which column"),
        ("t.txt", "\n \n", None, "has no texts"),
        ("t.jsonl", "[1]", None, "line 1: expected an object"),
        ("t.jsonl", '{"text": "a"}\n{', None, "line 2: this is no JSON"),
    ],
)
def test_what_can_not_be_read_says_why(tmp_path, name, content, column, message):
    with pytest.raises(UsageError, match=message):
        rows(tmp_path / name, content, column)


def test_a_text_that_is_gone(texts):
    with pytest.raises(UsageError, match="the text is gone"):
        TextRows(texts, None).content("99")
    with pytest.raises(UsageError, match="there is no file"):
        TextRows(texts.with_name("no.csv"), None)
