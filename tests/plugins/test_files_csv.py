"""csv:PATH: separators, encodings, ragged rows, what is missing."""

import bz2
import gzip
import lzma
import zipfile

import numpy as np
import pytest

import alframe
from alframe import DamagedFileError, UsageError


@pytest.fixture
def read(tmp_path):
    """Reads a text, or lines, as a table with the classes in y."""

    def read(content, name="t.csv", *, target="y", **options):
        if isinstance(content, list):
            content = "\n".join(content) + "\n"
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return alframe.load_dataset(f"csv:{tmp_path / name}", target=target, test_fraction=0.25, **options)

    return read


def whole(data):
    """All inputs, sorted by the first."""
    rows = np.concatenate([data.inputs.numpy(), data.test_inputs.numpy()])
    return rows[rows[:, 0].argsort()]


ROWS = [f"{i},{i * i},{'ab'[i % 2]}" for i in range(20)]
PLAIN = ["x,z,y", *ROWS]


def test_unix_times_tell_classes_apart(read):
    rows = [f"{1_700_000_000 + i},{'ab'[i % 2]}" for i in range(20)]
    made = whole(read(["x,y", *rows]))[:, 0]
    np.testing.assert_allclose(np.diff(made), np.diff(made)[0], rtol=1e-4)
    assert made[1] > made[0]


class TestFields:
    @pytest.mark.parametrize(
        "lines",
        [
            ["x,z,y", *[row + "," for row in ROWS]],
            ["x,z,y,", *[row + "," for row in ROWS]],
            ["x,z,y,,", *ROWS],
            ["x,z,y", *[row + ",," * (i % 2) for i, row in enumerate(ROWS)]],
            [" x, z, y", *[row.replace(",", ", ") for row in ROWS]],
            ["", "x,z,y", "   ", *ROWS, "", ",,", ""],
            ["# made by hand", "# 3, 2", "x,z,y", *ROWS],
            ["\ufeffx,z,y", *ROWS],
            ['"x","z","y"', *['"' + row.replace(",", '","') + '"' for row in ROWS]],
        ],
    )
    def test_rows_are_the_same_whatever_is_around_them(self, read, lines):
        expected, data = read(PLAIN), read(lines)
        np.testing.assert_array_equal(data.inputs, expected.inputs)
        assert data.targets.tolist() == expected.targets.tolist()

    def test_what_is_left_out_is_said(self, read):
        assert read(PLAIN).notes == ()
        notes = read(["# made", "x,z,y", *[row + "," for row in ROWS], ",,,"]).notes
        assert notes == (
            "t.csv: lines before the headings begin with # and are left out",
            "t.csv: each row ends with an empty field, which is left out",
            "rows without any value are left out: 1",
        )

    @pytest.mark.parametrize("first", ["", ","])
    @pytest.mark.parametrize("start", [0, 1])
    def test_row_numbers_are_left_out(self, read, first, start):
        """pandas writes them under an empty heading, R under none."""
        data = read([first + "x,z,y", *[f"{start + i},{row}" for i, row in enumerate(ROWS)]])
        np.testing.assert_array_equal(data.inputs, read(PLAIN).inputs)
        assert "the first column has no heading and numbers the rows, it is left out" in data.notes[0]

    def test_a_column_without_a_heading_that_holds_something_is_taken(self, read):
        data = read([",z,y", *[f"{7 * i}{row}" for i, row in enumerate(ROWS)]])
        assert data.details[1] == "columns 'column 1', 'z': numbers"

    @pytest.mark.parametrize(
        ("lines", "message"),
        [
            (["x,z,y", *ROWS[:3], "1,2", *ROWS], "line 5 has 2 fields, but there are 3 headings"),
            (["x,z,y", *ROWS[:3], "1,2,a,7", *ROWS], "line 5 has 4 fields, but there are 3 headings"),
            (["x,z,y", *[f"n{row},{row}" for row in ROWS]], "line 2 has 6 fields"),
            (["x,z,y", *[f"n{i},{row}" for i, row in enumerate(ROWS)]], "line 2 has 4 fields"),
            (["x,z,y,w", *ROWS], "line 2 has 3 fields, but there are 4 headings"),
            (["x,z,y", '1,"two', 'lines",a', "1,a"], "line 4 has 2 fields"),
            (["x,z,y", *ROWS, '1,"2,a'], "can't be read as CSV"),
        ],
    )
    def test_ragged_rows_are_one_line_that_names_theirs(self, read, lines, message):
        with pytest.raises(UsageError, match=message) as caught:
            read(lines)
        assert "\n" not in str(caught.value)

    def test_two_headings_of_one_name(self, read):
        lines = ["x,x,y", *ROWS]
        assert read(lines).inputs.shape[1] == 2
        with pytest.raises(UsageError, match="has 2 columns 'x'; rename all but"):
            read(lines, target="x")

    def test_a_file_without_headings_is_suspected(self, read):
        assert "the headings are numbers" in read(["1.5,2,y", *ROWS]).notes[0]
        with pytest.raises(UsageError, match="names one of 0, 0, a; the first line is taken for headings"):
            read(ROWS, target=None)

    def test_names_of_several_lines_are_told_in_one(self, read):
        lines = ['"x\nz",w,y', *ROWS]
        assert read(lines, drop=["x z"]).inputs.shape[1] == 1
        with pytest.raises(UsageError, match="names one of x z, w, y$"):
            read(lines, target="none")

    def test_fields_may_be_long(self, read):
        data = read(["x,z,y", *[row.replace(",a", "," + "a" * 200_000) for row in ROWS]])
        assert data.num_classes == 2


class TestMissing:
    def test_only_empty_fields_are(self, read):
        lines = ["x,z,y", *[f"{('NA', 'b', '')[i % 3]},{i},{('None', 'some')[i % 2]}" for i in range(20)]]
        data = read(lines)
        assert data.num_classes == 2
        assert data.inputs.shape[1] == 1 + 2
        assert "column 'x': NA taken as a value; -o data.missing=NA takes it as missing" in data.notes
        assert read(lines, missing=["NA"]).inputs.shape[1] == 1 + 1

    @pytest.mark.parametrize("sign", ["?", "NA", "nan", "None", "-"])
    def test_signs_among_numbers_are_and_it_is_said(self, read, sign):
        data = read(["x,z,y", f"{sign},{sign},a", *ROWS])
        assert data.inputs.shape[1] == 2
        assert f"taken as numbers with '{sign}' as missing; -o data.categories=x,z" in data.notes[0]

    def test_a_label_may_be(self, read):
        data = read(["x,z,y", *ROWS, "7,7,", "8,8,"])
        assert (data.targets == -1).sum() == 2
        assert (data.test_targets >= 0).all()


class TestKinds:
    @pytest.mark.parametrize(
        ("cells", "what"),
        [
            ([f'"{i},{i:03}"' for i in range(20)], "numbers with a comma at thousands"),
            ([f"{i}%" for i in range(20)], "numbers with a unit"),
            ([f"2020-01-{i + 1:02}" for i in range(20)], "dates"),
            ([f"{i + 1}/1/2020" for i in range(20)], "dates, day first"),
            ([f"12:{i + 10}" for i in range(20)], "times"),
            ([("true", "false", "")[i % 3] for i in range(20)], "truth values"),
        ],
    )
    def test_what_columns_of_text_hold(self, read, cells, what):
        data = read(
            [
                "x,z,y",
                *[f"{cell},{row}" for cell, row in zip(cells, [r[2:] for r in ROWS[:10]] * 2, strict=True)],
            ]
        )
        assert data.inputs.shape[1] == 2
        assert any(what in line for line in data.details)

    def test_the_types_of_a_column_are_those_of_all_its_rows(self, read):
        """The parser reads long files in pieces: 007 and 7 were two classes if a word came later."""
        lines = ["x,y", *["1,007"] * 200_000, "2,word"]
        assert read(lines).num_classes == 2


class TestSeparators:
    @pytest.mark.parametrize(("separator", "word"), [(";", "semicolon"), ("\t", "tab"), ("|", "pipe")])
    def test_are_found_and_said(self, read, separator, word):
        data = read([line.replace(",", separator) for line in PLAIN])
        np.testing.assert_array_equal(data.inputs, read(PLAIN).inputs)
        assert data.notes == (f"t.csv is read as parted by {word}s; -o data.separator= says otherwise",)

    @pytest.mark.parametrize(
        ("separator", "option"), [(" ", "space"), ("\t", "\\t"), ("!", "!"), (";", "semicolon")]
    )
    def test_can_be_named(self, read, separator, option):
        data = read([line.replace(",", separator) for line in PLAIN], separator=option)
        np.testing.assert_array_equal(data.inputs, read(PLAIN).inputs)

    def test_a_comma_stays_one_where_both_would_do(self, read):
        data = read(["x|a|b,z,y", *ROWS])
        assert (data.inputs.shape[1], data.notes) == (2, ())

    @pytest.mark.parametrize("separator", [";;", '"'])
    def test_others_are_refused(self, read, separator):
        with pytest.raises(UsageError, match="data.separator: expected a character, or comma, semicolon"):
            read(PLAIN, separator=separator)

    def test_a_decimal_comma_comes_with_a_semicolon(self, read):
        rows = [f"{i},5;{'1.234' if i == 3 else i};{'ab'[i % 2]}" for i in range(20)]
        data = read(["x;z;y", *rows])
        assert data.inputs.shape[1] == 2
        assert whole(data)[3, 1] > 3.5  # not 1.2 but 1,234
        assert "t.csv is read with a decimal comma; -o data.decimal=point says otherwise" in data.notes
        assert read(["x;z;y", *rows], decimal="point").inputs.shape[1] > 2

    @pytest.mark.parametrize(
        ("separator", "first", "what"),
        [(";", "1,125", "decimal comma"), ("\t", "1,125", "thousands"), ("\t", "1,5", "decimal comma")],
    )
    def test_a_comma_that_may_be_either(self, read, separator, first, what):
        rows = [separator.join([first if i == 0 else f"{i},125", "ab"[i % 2]]) for i in range(20)]
        assert what in read([f"x{separator}y", *rows]).notes[1]


class TestEncodings:
    LINES = "x,z,y\n" + "".join(f"{i},{'äöü'[i % 3]},{'é' if i % 2 else 'ñ'}\n" for i in range(20))

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
    def test_are_found(self, read, encoding):
        data = read(self.LINES.encode(encoding))
        assert data.details[0] == "column 'y': the target, 2 classes: é, ñ"
        assert data.inputs.shape[1] == 4
        said = ("t.csv is no UTF-8 and is read as cp1252; -o data.encoding= names another",)
        assert data.notes == (said if encoding == "cp1252" else ())

    def test_can_be_named(self, read):
        assert read(self.LINES.encode("utf-16-le"), encoding="utf-16-le").num_classes == 2
        assert "ï" in read("x,y\n1,ï\n2,a\n3,ï\n4,a\n".encode("cp850"), encoding="cp850").details[0]

    @pytest.mark.parametrize(
        ("content", "options", "message"),
        [
            (LINES.encode("cp1252"), {"encoding": "utf-8"}, "-o data.encoding= names another encoding"),
            (LINES.encode(), {"encoding": "klingon"}, "unknown encoding: klingon"),
            (b"x,y\n1,\x81\n", {}, "can't be read as text: .*; -o data.encoding= names another encoding"),
        ],
    )
    def test_others_are_one_line(self, read, content, options, message):
        with pytest.raises(UsageError, match=message) as caught:
            read(content, **options)
        assert "\n" not in str(caught.value)

    def test_what_is_no_text_is_a_damaged_file(self, read):
        with pytest.raises(DamagedFileError, match="holds zero bytes"):
            read(b"x,y\n1,\0\n")


class TestPacked:
    @pytest.mark.parametrize(
        ("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)]
    )
    def test_files_are_unpacked(self, read, suffix, pack):
        content = "\n".join(PLAIN).encode()
        np.testing.assert_array_equal(read(pack(content), f"t.csv{suffix}").inputs, read(content).inputs)
        with pytest.raises(DamagedFileError, match="can't be unpacked"):
            read(pack(content)[:-9], f"t.csv{suffix}")

    def test_zip(self, read, tmp_path):
        for count in (1, 2):
            with zipfile.ZipFile(tmp_path / "made.zip", "w") as archive:
                for number in range(count):
                    archive.writestr(f"{number}.csv", "\n".join(PLAIN))
            if count == 1:
                assert read((tmp_path / "made.zip").read_bytes(), "t.zip").num_classes == 2
        with pytest.raises(UsageError, match="holds 2 files; one table is needed"):
            read((tmp_path / "made.zip").read_bytes(), "t.zip")
        with pytest.raises(DamagedFileError, match="can't be unpacked"):
            read(b"no archive", "t.zip")


@pytest.mark.parametrize(
    "names",
    [
        ["01", "1", "001"],
        ["1582218195625938945", "1582218195625938944", ""],  # next to a gap pandas makes floats of them
        ["20000000000000000001", "20000000000000000002", "3"],
    ],
)
def test_classes_that_are_one_as_numbers_stay_apart(read, names):
    rows = [f"{i},{names[i % 3]}" for i in range(60)]
    found = read(["x,y", *rows])
    assert found.num_classes == len([name for name in names if name])
    targets = np.concatenate([found.targets.numpy(), found.test_targets.numpy()])
    assert (
        sorted(np.unique(targets[targets >= 0], return_counts=True)[1].tolist()) == [20] * found.num_classes
    )
    if not names[-1].startswith("3"):
        assert any("its classes are taken as texts" in note for note in found.notes)


def test_classes_that_are_numbers_keep_their_order(read):
    found = read(["x,y", *(f"{i},{(2, 10)[i % 2]}" for i in range(20))])
    assert not found.notes
    assert "classes: 2, 10" in found.details[-1] or any("2, 10" in detail for detail in found.details)
