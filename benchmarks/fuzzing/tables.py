"""Tables in text: ragged, in other encodings, with odd numbers, dates, quotes and classes."""

from __future__ import annotations

import contextlib
import random

from fuzzing.case import DAMAGED, Case, Draw
from fuzzing.material import TRIAL, table
from fuzzing.values import damaged

CELLS = (
    *(
        "",
        " ",
        "NA",
        "N/A",
        "nan",
        "None",
        "null",
        "-",
        "?",
        "inf",
        "-inf",
        "Infinity",
        "1e39",
        "1e308",
        "1e400",
        "-1e400",
    ),
    *(
        "9" * 30,
        "9" * 5000,
        "1_000",
        "1,234",
        "1.234,5",
        "0x10",
        "1e",
        "--1",
        "+1",
        "½",
        "١٢",
        "50%",
        "$5",
        "1/2",
        "True",
    ),
    *(
        "2026-01-01",
        "01/02/2026",
        "2026-13-45",
        "12:30",
        "12:30:59.5",
        "2026-01-01T00:00:00Z",
        "1 Jan 26",
        "9999-99-99",
    ),
    *(
        "a\x00b",
        "\x00",
        "\x1b[31m",
        "=1+1",
        "@x",
        "+cmd|' /C calc'!A0",
        '"',
        '""',
        "'",
        '"a',
        'a"b',
        "a\nb",
        "\r",
        "\ufeff",
    ),
    *(
        "日本語",
        "\u202e",
        "\udcff",
        "é",
        "x" * 300,
        "x" * 70_000,
        "-1",
        "0",
        "1",
        "1.0",
        "1.5",
        "1e-320",
        "5e-324",
        "-0",
    ),
)
OPTIONS = (
    *(
        "data.target=class",
        "data.target=height",
        "data.target=colour",
        "data.target=day",
        "data.target=none",
        "data.target=",
    ),
    *(
        "data.target=x",
        "data.target=0",
        "data.test_fraction=0.99",
        "data.test_fraction=0.001",
        "data.imbalance=1e-9",
    ),
    *("data.imbalance=0.5", "data.target=\x1b[31m", "data.test_fraction=1e-300"),
)


def csv(draw: Draw) -> Case:
    """A run on a table in which cells, rows, headings, separators or bytes are odd."""
    lines = table()
    for _ in range(draw.random.choice([0, 1, 1, 2, 4])):
        with contextlib.suppress(IndexError):  # an earlier change left nothing to change
            draw.random.choice(CHANGES)(draw.random, lines)
    separator = draw.random.choice([","] * 8 + [";", "\t", "|", " "])
    end = draw.random.choice(["\n"] * 8 + ["\r\n", "\r", "\n\n", ""])
    text = (
        end.join(separator.join(_cell(draw.random, cell, separator) for cell in row) for row in lines) + end
    )
    encoding = draw.random.choice(
        ["utf-8"] * 8 + ["utf-8-sig", "utf-16", "utf-32", "latin-1", "cp037", "utf-7"]
    )
    content = text.encode(encoding, errors="surrogateescape" if encoding.startswith("utf-8") else "replace")
    if draw.chance(0.2):
        content = damaged(draw.random, content)
    (draw.work / "data.csv").write_bytes(content)
    options = [f"-o{draw.random.choice(OPTIONS)}"] if draw.chance(0.3) else []
    if not any("target" in one for one in options):
        options.append("-odata.target=class")
    return Case((*TRIAL, "--dataset", "csv:data.csv", *options), codes=DAMAGED)


def _cell(draw: random.Random, cell: str, separator: str) -> str:
    if draw.random() < 0.9 and any(c in cell for c in (separator, "\n", '"')):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def _cells(draw: random.Random, lines: list[list[str]]) -> None:
    for _ in range(draw.choice([1, 1, 3, 30])):
        row = draw.choice(lines)
        if row:
            row[draw.randrange(len(row))] = draw.choice(CELLS)


def _column(draw: random.Random, lines: list[list[str]]) -> None:
    at = draw.randrange(6)
    cell, counted = draw.choice(CELLS), draw.random() < 0.2
    for number, row in enumerate(lines[1:]):
        if at < len(row):
            row[at] = f"{cell}{number}" if counted else cell


def _scaled(draw: random.Random, lines: list[list[str]]) -> None:
    factor, offset = draw.choice([1.0, 1e30, 1e300, 1e-300]), draw.choice([0.0, 1e9, 1.7e9, 1e17, 1e300])
    for row in lines[1:]:
        try:
            row[0] = repr(float(row[0]) * factor + offset)
        except (ValueError, IndexError):
            continue


def _ragged(draw: random.Random, lines: list[list[str]]) -> None:
    for row in draw.choice([lines, lines[1:], [draw.choice(lines)], lines[:1]]):
        if draw.random() < 0.7:
            row.append(draw.choice(["", "x", "1"]))
        elif row:
            row.pop()


def _headings(draw: random.Random, lines: list[list[str]]) -> None:
    if lines and lines[0]:
        at = draw.randrange(len(lines[0]))
        lines[0][at] = draw.choice(
            [*lines[0], "", " ", "0", "\x1b[31m", "a\nb", "class", "Class", "Unnamed: 0", "x" * 5000]
        )


def _rows(draw: random.Random, lines: list[list[str]]) -> None:
    kind = draw.randrange(6)
    if kind == 0:
        del lines[draw.choice([0, 1, 2, 5, 12]) :]
    elif kind == 1:
        lines[1:] = [[*row] for row in lines[1:2] * 40]
    elif kind == 2 and lines:
        del lines[0]
    elif kind == 3:
        lines.insert(
            draw.randint(0, len(lines)), draw.choice([[], [""], ["# comment"], ["sep=;"], ["x"] * 9])
        )
    elif kind == 4:
        for row in lines:
            del row[draw.choice([0, 1, 4]) :]
    else:
        for number, row in enumerate(lines[1:]):
            if row:
                row[-1] = str(number)  # a class of its own for each


def _wide(draw: random.Random, lines: list[list[str]]) -> None:
    width = draw.choice([50, 500])
    for number, row in enumerate(lines):
        row[:0] = [f"c{column}" if not number else str(column * number % 7) for column in range(width)]


CHANGES = (_cells, _cells, _cells, _column, _column, _scaled, _ragged, _headings, _rows, _wide)
