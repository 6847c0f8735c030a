"""Texts and their classes, from lists or from the columns of a table, as a data set."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from alframe.data.columns import UnusableColumnError
from alframe.data.dataset import Dataset
from alframe.data.labels import UnusableLabelsError, match_labels, read_labels, shown
from alframe.data.remarks import in_one_line
from alframe.data.text_bytes import LENGTH, as_bytes, bytes_of
from alframe.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    Codes = np.ndarray[Any, np.dtype[np.int64]]

SEVERAL = (list, tuple, set, frozenset, dict, np.ndarray)
LIST = re.compile(r"\s*\[.*\]\s*", re.DOTALL)  # as a table holds it
NAMED = 40  # characters of a value in a message


def dataset_from_texts(
    name: str,
    texts: Sequence[Any],
    targets: Sequence[Any] | None = None,
    *,
    classes: Sequence[Any] | None = None,
    test: tuple[Sequence[Any], Sequence[Any]] | None = None,
    length: int = LENGTH,
    bad_texts: Literal["error", "skip"] = "error",
    column: str = "text",
    target: str = "target",
    notes: Sequence[str] = (),
) -> Dataset:
    """Makes a data set of texts: networks that take texts are given their bytes.

    Args:
        name: short name for folders and tables.
        texts: ``M`` texts: a list, or a column of a table; an empty text is one, too.
        targets: the class of each, a number or a text; None, NaN or an empty text where it is unknown. None:
            no label is known yet, and ``classes`` names them.
        classes: all classes in the order of their numbers; None: those that ``targets`` has, sorted.
        test: texts and classes of the test part, or None.
        length: most bytes of a text, of UTF-8; what is longer is cut, and a note says how many were.
        bad_texts: what to do with a text that is None or NaN: refuse it by its row, or leave the row out.
        column: what messages call the texts.
        target: what messages call the classes.
        notes: what was guessed before, as when a file was read.

    Raises:
        UsageError: samples that are no texts or missing, classes that are none or not known, or several
            classes for one text.

    Example:
        >>> from alframe import dataset_from_texts
        >>> data = dataset_from_texts("reviews", ["a fine film", "dull", "so so"], ["good", "bad", None])
        >>> data.inputs.shape, data.targets.tolist()
        (torch.Size([3, 11]), [1, 0, -1])
    """
    where, said = f"data set {name!r}", list(notes)
    if targets is None and classes is None:
        raise UsageError(f"{where}: no label is known, so classes= must name the classes")
    if targets is None:
        targets = [None] * len(texts)
    order = None if classes is None else [in_one_line(one) for one in classes]
    if order is not None and len(set(order)) < len(order):
        raise UsageError(f"{where}: classes names one twice: {shown(order)}")
    kept, codes, order = _part(f"{where}", texts, targets, order, bad_texts, (column, target), said)
    parts = [(kept, codes)]
    if test is not None:
        held_out, known, _ = _part(f"{where}, test part", *test, order, bad_texts, (column, target), said)
        if unknown := int((known < 0).sum()):
            raise UsageError(f"{where}: the test part has {unknown:,} samples without a label")
        parts.append((held_out, known))
    if not any(text.strip() for text in kept):
        raise UsageError(f"{where}: its {len(kept):,} texts are all empty")
    rows, cut = bytes_of([text for part, _ in parts for text in part], length)
    if cut:
        said.append(f"texts longer than {length:,} bytes are cut: {cut:,}; data.length= keeps more of them")
    inputs, tested = rows[: len(kept)], rows[len(kept) :]
    return Dataset(
        name,
        inputs,
        torch.from_numpy(codes),
        len(order),
        tested if test is not None else None,
        torch.from_numpy(parts[1][1]) if test is not None else None,
        transform=as_bytes,
        notes=tuple(map(in_one_line, said)),
        details=(
            f"{column!r}: texts of at most {rows.shape[1]:,} bytes",
            f"{target!r}: the target, {len(order)} classes: {shown(order)}",
        ),
    )


def _part(
    where: str,
    texts: Sequence[Any],
    targets: Sequence[Any],
    classes: list[str] | None,
    bad_texts: str,
    names: tuple[str, str],
    notes: list[str],
) -> tuple[list[str], Codes, list[str]]:
    """Texts and class numbers of one part, and the classes; what is left out is noted."""
    import pandas as pd

    if len(texts) != len(targets):
        raise UsageError(f"{where}: {len(texts):,} texts but {len(targets):,} classes")
    if not len(texts):
        raise UsageError(f"{where} has no rows")
    column, target = names
    values = list(texts)
    gaps = [row for row, value in enumerate(values) if _is_missing(value)]
    if gaps and bad_texts == "error":
        raise UsageError(
            f"{where}: {len(gaps):,} of {len(values):,} rows have no text in {column!r}, the first is row "
            f"{gaps[0] + 1}; data.bad_texts=skip leaves such rows out"
        )
    labels = pd.Series(list(targets), dtype=None if len(targets) else object)
    if gaps:
        absent = set(gaps)
        kept = [row for row in range(len(values)) if row not in absent]
        values, labels = [values[row] for row in kept], labels.iloc[kept].reset_index(drop=True)
        notes.append(f"column {column!r}: {len(gaps):,} rows without a text are left out")
    for row, value in enumerate(values):
        if not isinstance(value, str):
            raise UsageError(
                f"{where}: {column!r} holds no texts: {str(value)[:NAMED]!r} in row {row + 1} is of type "
                f"{type(value).__name__}"
            )
    codes, found = _classes(where, labels, target, classes, notes)
    return values, codes, found


def _classes(
    where: str, labels: pd.Series, target: str, classes: list[str] | None, notes: list[str]
) -> tuple[Codes, list[str]]:
    known = labels.dropna().tolist()
    listed = [value for value in known if isinstance(value, SEVERAL)]
    if not listed and known and all(isinstance(value, str) and LIST.fullmatch(value) for value in known):
        listed = known
    if listed:
        raise UsageError(
            f"{where}: the target {target!r} holds several labels a text, as {str(listed[0])[:NAMED]}; one "
            "class a text is needed, multi-label data are not supported"
        )
    try:
        codes, found, gaps = read_labels(labels)
        if gaps:
            notes.append(f"column {target!r}: {gaps} among numbers taken as an unknown class")
        if classes is not None:
            codes, renamed = match_labels(codes, found, classes)
            notes += [
                f"column {target!r}: {other!r} is taken for the class {known!r}"
                for other, known in renamed.items()
            ]
            found = classes
    except UnusableLabelsError as error:
        raise UsageError(f"{where}: the target {target!r} {in_one_line(error)}") from error
    except UnusableColumnError as error:
        raise UsageError(f"{where}: the target {target!r} holds {error}, classes are needed") from error
    return codes, found


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value) or type(value).__name__ == "NAType"
