import csv
import json

import pytest

from alframe_cli.main import main
from alframe_csv._table import write_table

RECORDS = [
    {
        "round": 0,
        "labelled": 2,
        "accuracy": 0.5,
        "best_epoch": None,
        "queried": [1, 2],
        "diagnostics": {"margin": 0.1},
    },
    {
        "round": 1,
        "labelled": 3,
        "accuracy": 0.6,
        "best_epoch": 4,
        "queried": [3],
        "diagnostics": {},
        "logged": {"a": {"b": 7}},
    },
]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "rounds.jsonl").write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    return tmp_path


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_a_round_with_every_column(folder):
    write_table(folder)
    write_table(folder)
    first, second = rows(folder / "rounds.csv")
    assert first["labelled"] == "2"
    assert [first[name] for name in ("round", "accuracy", "best_epoch")] == ["0", "0.5", ""]
    assert [first[name] for name in ("diagnostics/margin", "logged/a/b")] == ["0.1", ""]
    assert not {"queried", "diagnostics", "logged"} & set(first)
    assert (second["diagnostics/margin"], second["logged/a/b"]) == ("", "7")
    assert sorted(path.name for path in folder.iterdir()) == ["rounds.csv", "rounds.jsonl"]


def test_no_records_is_no_table(tmp_path):
    (tmp_path / "rounds.csv").write_text("of a trial that starts anew")
    write_table(tmp_path)
    assert not (tmp_path / "rounds.csv").exists()


def test_a_disk_that_is_full_leaves_the_old_table(folder, monkeypatch):
    write_table(folder)
    old = (folder / "rounds.csv").read_bytes()

    def full(writer, rows):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(csv.DictWriter, "writerows", full)
    with pytest.raises(OSError, match="No space left"):
        write_table(folder)
    assert (folder / "rounds.csv").read_bytes() == old
    assert not list(folder.glob("*.tmp"))


def test_log_csv_writes_it_also_after_the_run(tmp_path):
    command = ["run", "--strategy", "margin", "--seeds", "1", "--initial-size", "20", "--query-size", "20"]
    command += ["--rounds", "2", "--epochs", "2", "--device", "cpu", "--out", str(tmp_path), "-q"]
    for arguments, tables in ((command, 0), ([*command, "--log", "csv"], 1)):
        with pytest.raises(SystemExit) as end:
            main(arguments)
        assert end.value.code == 0
        found = list(tmp_path.glob("digits/*/margin/seed-1/rounds.csv"))
        assert len(found) == tables
    assert [row["labelled"] for row in rows(found[0])] == ["20", "40", "60"]


@pytest.mark.parametrize("name", ["rounds.csv", "rounds.csv.tmp"])
def test_no_link_is_written_through(folder, tmp_path_factory, name):
    victim = tmp_path_factory.mktemp("elsewhere") / "victim"
    victim.write_text("precious")
    (folder / name).symlink_to(victim)
    write_table(folder)
    assert len(rows(folder / "rounds.csv")) == 2
    assert victim.read_text() == "precious"
    assert not (folder / "rounds.csv").is_symlink()


def test_a_text_is_no_formula_and_a_number_stays_one(folder):
    logged = {
        "=1+1": -2.5,
        "a": "=cmd|' /C calc'!A0",
        "b": "@x",
        "c": "-3",
        "d": "\tx",
        "e": "plain",
        "f": "\x1b[2J",
    }
    (folder / "rounds.jsonl").write_text(json.dumps(RECORDS[0] | {"logged": {"x": logged}}) + "\n")
    write_table(folder)
    (row,) = rows(folder / "rounds.csv")
    assert row["logged/x/=1+1"] == "-2.5"
    found = [row[f"logged/x/{key}"] for key in "abcdef"]
    assert found == ["'=cmd|' /C calc'!A0", "'@x", "'-3", "'\tx", "plain", "\x1b[2J"]
