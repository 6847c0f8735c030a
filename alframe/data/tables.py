"""Tables as data sets: columns of numbers and of categories, with gaps."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from alframe.data.columns import Column, Reading, UnusableColumnError, read_column
from alframe.data.dataset import Dataset
from alframe.data.labels import UnusableLabelsError, match_labels, read_labels, shown
from alframe.data.one_class import several_targets
from alframe.data.preparation import Preparation
from alframe.data.remarks import Remarks, in_one_line
from alframe.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

MOST_CATEGORIES = 1000  # distinct texts of one column
MANY_CATEGORIES = 0.1  # of the rows: more are likely names or free text
FEW_CATEGORIES = 20  # which are never many


def dataset_from_frame(
    name: str,
    frame: pd.DataFrame,
    target: str,
    *,
    target_option: str = "",
    test: pd.DataFrame | None = None,
    missing: Collection[str] = (),
    drop: Collection[str] = (),
    categories: Collection[str] = (),
    decimal: Literal["point", "comma"] | None = None,
    dates: Literal["day-first", "month-first"] | None = None,
    notes: Iterable[str] = (),
) -> Dataset:
    """Makes a data set of a table.

    What a column holds is found out: numbers, also as text (``"1,234"``, ``"12 %"``), truth values, dates
    and times become a number each, all other texts categories. `Dataset.details` says what was made of each
    column, `Dataset.notes` what was guessed or left out. When the test part is split off, numeric columns are
    standardised and their gaps filled with the mean, categorical columns become one column a category, and
    their gaps the most frequent one: all by the training part alone. Columns without any value are left out.

    Args:
        name: of the data set.
        frame: one row a sample.
        target: the column that holds the classes, numbered in ascending order; a gap is an unknown label.
        target_option: how the user names that column, as ``-o data.target=``, for messages, which name the
            other options likewise; "" where there is no way.
        test: the test part, with the columns of ``frame``, or None.
        missing: texts, or numbers in text, that stand for a gap. Empty texts always do, and among numbers the
            usual signs, as ``?`` and ``NA``.
        drop: columns that are left out.
        categories: columns whose numbers, dates or times are categories.
        decimal: what parts whole from fraction in text; None: what suits.
        dates: how 1/2/2020 is meant; None: what suits, months first where both do.
        notes: what was guessed before, as when a file was read.

    Raises:
        UsageError: no such column or two of the name, a target that holds no classes, a test part with other
            classes than the training part, infinite values, or a column of too many texts.
    """
    if not isinstance(target, str) and isinstance(target, Collection):
        raise UsageError(f"data set {name!r}: {several_targets([str(one) for one in target])}")
    where, remarks = f"data set {name!r}", Remarks(target_option.removesuffix("target="), notes)
    if not len(frame):
        raise UsageError(f"{where} has no rows")
    at_target = _positions(frame, target)
    if len(at_target) != 1:
        raise _no_single_column(where, frame, target, len(at_target), target_option)
    for column in (*drop, *categories):
        if not _positions(frame, column):
            raise _no_single_column(where, frame, column, 0, "")
    reading = Reading(frozenset(missing), decimal, dates)
    parts = [frame] if test is None else [frame, _aligned(frame, test, remarks)]
    targets, num_classes = _labels(where, parts, at_target[0], reading, remarks)
    left_out = {position for column in drop for position in _positions(frame, column)}
    forced = {position for column in categories for position in _positions(frame, column)}
    columns: dict[int, Column] = {}
    for position, column in _wholes(parts):
        if position not in left_out | set(at_target):
            read = _column(where, column, reading, position in forced, remarks)
            if read.what != "nothing":
                columns[position] = read
    if not columns:
        raise UsageError(f"{where} has no column beside the target {target!r} that holds anything")
    headings = [str(frame.columns[position]) for position in columns]
    inputs = torch.from_numpy(np.stack([column.values for column in columns.values()], axis=1))
    train, held_out = len(frame), test is not None
    dataset = Dataset(
        name,
        inputs[:train],
        targets[:train],
        num_classes,
        inputs[train:] if held_out else None,
        targets[train:] if held_out else None,
        fit=Preparation(name, headings, [column.categories for column in columns.values()]),
        notes=remarks.notes(),
        details=remarks.details(),
    )
    return dataset.prepared() if held_out else dataset


def _positions(frame: pd.DataFrame, name: str) -> list[int]:
    """Where the columns of a name stand; blanks around it don't count where no name has them."""
    exact = [position for position, heading in enumerate(frame.columns) if heading == name]
    wanted = in_one_line(name)
    return exact or [i for i, heading in enumerate(frame.columns) if in_one_line(heading) == wanted]


def _no_single_column(where: str, frame: pd.DataFrame, name: str, count: int, option: str) -> UsageError:
    parts = [part.strip() for part in re.split("[,;]", str(name))]
    if len(parts) > 1 and all(_positions(frame, part) for part in parts):
        return UsageError(f"{where}: {several_targets(parts)}")
    if count:
        return UsageError(
            f"{where} has {count} columns {name!r}; rename all but the one that holds the classes"
        )
    names = ", ".join(map(in_one_line, frame.columns[:20]))
    return UsageError(
        f"{where} has no column {name!r}; {f'{option} names one of' if option else 'it has'} {names}"
    )


def _aligned(frame: pd.DataFrame, test: pd.DataFrame, remarks: Remarks) -> pd.DataFrame:
    """The test part with the training part's columns in their order."""
    if list(test.columns) == list(frame.columns) or not (frame.columns.is_unique and test.columns.is_unique):
        return test
    for column in frame.columns.difference(test.columns):
        remarks.note(str(column), "the test part has no such column, its values there are missing", "")
    for column in test.columns.difference(frame.columns):
        remarks.note(str(column), "left out, for only the test part has it", "")
    return test.reindex(columns=frame.columns)


def _wholes(parts: list[pd.DataFrame]) -> Iterator[tuple[int, pd.Series]]:
    """Each column of all parts together, with its position."""
    import pandas as pd

    for position, columns in enumerate(zip(*(part.items() for part in parts), strict=True)):
        series = [column for _, column in columns]
        yield position, series[0] if len(series) == 1 else pd.concat(series, ignore_index=True)


def _labels(
    where: str, parts: list[pd.DataFrame], position: int, reading: Reading, remarks: Remarks
) -> tuple[torch.Tensor, int]:
    """Class numbers of all parts, one after the other, and how many classes there are."""
    name = str(parts[0].columns[position])
    found = []
    try:
        codes, classes, gaps = read_labels(parts[0].iloc[:, position], reading.missing)
        found.append(codes)
        for part in parts[1:]:
            codes, names, _ = read_labels(part.iloc[:, position], reading.missing)
            codes, renamed = match_labels(codes, names, classes)
            if unknown := int((codes < 0).sum()):
                raise UsageError(f"{where}: the test part has {unknown:,} samples without a label")
            found.append(codes)
            for other, known in renamed.items():
                remarks.note(name, f"the test part's class {other!r} is taken for {known!r}", "")
    except UnusableLabelsError as error:
        raise UsageError(f"{where}: the target {name!r} {in_one_line(error)}") from error
    except UnusableColumnError as error:
        raise UsageError(f"{where}: the target {name!r} holds {error}, classes are needed") from error
    if gaps:
        remarks.note(name, f"{gaps} among numbers taken as an unknown class", "")
    remarks.detail(name, f"the target, {len(classes)} classes: {shown(classes)}")
    return torch.from_numpy(np.concatenate(found)), len(classes)


def _column(where: str, column: pd.Series, reading: Reading, is_categories: bool, remarks: Remarks) -> Column:
    name = in_one_line(column.name)
    drop = remarks.option(f"drop={name}")
    try:
        read = read_column(column, reading, is_categories=is_categories)
    except UnusableColumnError as error:
        more = (
            remarks.option("missing=inf,-inf") + " takes them as missing, "
            if "infinite" in str(error)
            else ""
        )
        raise UsageError(f"{where}: column {name!r} holds {error}; {more}{drop} leaves it out") from error
    if read.categories > MOST_CATEGORIES:
        raise UsageError(
            f"{where}: column {name!r} holds {read.categories:,} different texts, at most "
            f"{MOST_CATEGORIES:,} are taken as categories; {drop} leaves it out"
        )
    if read.guess:
        remarks.note(name, read.guess, read.option)
    if read.categories > max(FEW_CATEGORIES, MANY_CATEGORIES * len(column)):
        guess = "more categories than a tenth of the rows, likely names or free text"
        remarks.note(name, guess, "drop={column} leaves it out")
    if read.what == "nothing":
        remarks.note(name, "left out, for it has no value", "")
        return read
    gaps = int(np.isnan(read.values).sum())
    filled = (
        f", {gaps:,} missing, filled with the {'most frequent' if read.categories else 'mean'}"
        if gaps
        else ""
    )
    size = f"{read.categories:,} " if read.categories else ""
    remarks.detail(name, f"{size}{read.what}{filled}")
    return read
