import gzip
import json

import pytest

import alframe
from alframe import DamagedFileError, DataRequest, UsageError
from alframe.data.text_bytes import texts_of
from alframe_text import TextDataOptions, load_texts

CSV = 'review,stars\n"good, very good",5\nbad,1\n,1\nNA,5\n'


@pytest.fixture
def read(tmp_path):
    def read(content, name="reviews.csv", **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return alframe.load_dataset(f"texts:{path}", **{"test_fraction": 0.25} | options)

    return read


def whole(data):
    """Texts and classes of all samples, whatever part they fell into."""
    parts = ((data.inputs, data.targets), (data.test_inputs, data.test_targets))
    return {
        text: int(y) for inputs, targets in parts for text, y in zip(texts_of(inputs), targets, strict=True)
    }


def test_a_table_with_a_column_of_a_usual_name(read):
    data = read(CSV, bad_texts="skip")
    assert data.name == "reviews"
    assert whole(data) == {"good, very good": 1, "bad": 0, "NA": 1}
    assert "reviews.csv: the classes are those of 'stars'" in data.notes
    assert "column 'review': 1 rows without a text are left out" in data.notes


def test_a_row_without_a_text_is_refused(read):
    with pytest.raises(UsageError, match="1 of 4 rows have no text in 'review', the first is row 3"):
        read(CSV)


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson"])
def test_json_lines(read, name):
    rows = [
        {"id": 1, "text": "fine\u2028", "label": "y"},
        {"text": "dull", "label": "n"},
        {"text": "", "label": "n"},
    ]
    content = "\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    assert whole(read(content, name, target="label")) == {"fine\u2028": 1, "dull": 0, "": 0}


def test_other_forms_of_tables(read):
    expected = {"a": 1, "b": 0, "c": 1, "d": 0}
    assert whole(read("x\ty\na\tp\nb\tn\nc\tp\nd\tn\n", "a.tsv", text="x")) == expected
    assert whole(read("x;y\na;p\nb;n\nc;p\nd;n\n", "a.csv", text="x")) == expected
    packed = gzip.compress(b"x,y\na,p\nb,n\nc,p\nd,n\n")
    assert whole(read(packed, "a.csv.gz", text="x")) == expected
    windows = "text,y\nd\xe9j\xe0,p\nb,n\nc,p\n".encode("cp1252")
    data = read(windows, "a.csv")
    assert "déjà" in whole(data)
    assert "a.csv is no UTF-8 and is read as cp1252; -o data.encoding= names another" in data.notes


def test_a_file_of_its_own_is_the_test_part(read, tmp_path):
    (tmp_path / "test.csv").write_text("stars,review\n1,so bad\n5,so good\n")
    data = read(CSV, bad_texts="skip", test=str(tmp_path / "test.csv"))
    assert texts_of(data.test_inputs) == ["so bad", "so good"]
    assert data.test_targets.tolist() == [0, 1]
    (tmp_path / "test.csv").write_text("stars,other\n1,so bad\n")
    with pytest.raises(
        UsageError, match=r"test.csv has no column 'review'; -o data.text= names one of stars"
    ):
        read(CSV, bad_texts="skip", test=str(tmp_path / "test.csv"))


@pytest.mark.parametrize(
    ("content", "name", "options", "message"),
    [
        (
            "a,b,c\n1,2,3\n",
            "x.csv",
            {},
            "no column of a usual name for texts; -o data.text= names one of a, b, c",
        ),
        ("text,b,c\n1,2,3\n", "x.csv", {}, "no single column beside the texts; -o data.target= names one of"),
        ("text,b\n1,2\n", "x.csv", {"text": "z"}, "has no column 'z'; -o data.text= names one of text, b"),
        ("text,b\n1,2\n", "x.csv", {"text": "b", "target": "b"}, "has no column 'b' beside the texts"),
        ("text,text,b\n1,2,3\n", "x.csv", {}, "has several columns 'text'; rename"),
        ("text,b\n1,2\n2.5,1\n", "x.csv", {}, "has numbers in column 'text'; -o data.text= names one of"),
        ("text,b\n1,2,3\n1,2\n", "x.csv", {}, "line 2 has 3 fields, but there are 2 headings"),
        ("a\nb\n", "x.txt", {}, "must be a file of .csv, .tsv or .jsonl, got .txt; .*`alframe label` takes"),
        ("x", "x.jsonl.gz", {}, "x.jsonl.gz is packed, and of packed files tables alone are read"),
        ("a\nb\n", "x", {}, "must be a file of .csv, .tsv or .jsonl, got none"),
        ('{"text": "a"\n', "x.jsonl", {}, "x.jsonl, line 1: this is no JSON"),
        ("[1]\n", "x.jsonl", {}, "x.jsonl, line 1: expected an object"),
        ("", "x.jsonl", {}, "x.jsonl has no rows"),
        ("", "x.csv", {}, "it is empty"),
        (b'{"text": "\xe9"}', "x.jsonl", {}, "is no UTF-8: .* -o data.encoding= names another"),
        (b'{"text": 1}', "x.jsonl", {"encoding": "nix"}, "option data.encoding: unknown encoding: nix"),
        (
            '{"text": ["a"], "y": 1}\n{"text": "b", "y": 2}',
            "x.jsonl",
            {},
            "'text' holds no texts: .* in row 1",
        ),
        ('{"text": "a", "y": [1, 2]}', "x.jsonl", {}, "several classes a sample .multi-label"),
        ("text,y\na,0.5\nb,1.5\n", "x.csv", {}, "'y' holds numbers with fractions, as 0.5"),
    ],
)
def test_what_can_not_be_read_is_said_in_a_line(read, content, name, options, message):
    with pytest.raises(UsageError, match=message) as caught:
        read(content, name, **options)
    assert "\n" not in str(caught.value)


def test_files_that_are_gone_or_damaged(read, tmp_path):
    for name in ("gone.csv", "gone.jsonl"):
        with pytest.raises(UsageError, match=f"{name} can't be read.*: No such file or directory"):
            alframe.load_dataset(f"texts:{tmp_path / name}")
    with pytest.raises(DamagedFileError, match="holds zero bytes"):
        read("text,y\na\0b,1\n")


def test_classes_that_are_numbers_are_in_their_order(read):
    assert whole(read("text,y\na,10\nb,9\nc,\nd,10.0\ne,9\n", "x.csv")) == {
        "a": 1,
        "b": 0,
        "c": -1,
        "d": 1,
        "e": 0,
    }
    assert whole(read("text,y\na,01\nb,1\nc,01\nd,1\n", "x.csv")) == {"a": 0, "b": 1, "c": 0, "d": 1}


@pytest.mark.parametrize(
    ("content", "options"), [("text\na\nb\n", {}), ("text,y,z\na,1,2\nb,2,1\n", {"target": ""})]
)
def test_texts_without_classes_can_be_embedded_and_not_compared_on(read, content, options, tmp_path):
    with pytest.raises(UsageError, match="2 samples, 0 of them labelled"):
        read(content, **options)
    request = DataRequest(str(tmp_path / "reviews.csv"), tmp_path, False, TextDataOptions(**options))
    data = load_texts(request)
    assert (texts_of(data.inputs), data.targets.tolist()) == (["a", "b"], [-1, -1])
    assert data.notes[-1] == "reviews.csv: no column of classes, so no label is known"
