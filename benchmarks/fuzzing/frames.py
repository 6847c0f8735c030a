"""Tables in memory: `dataset_from_frame` of odd columns, headings and indices."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np

from fuzzing.callers import call_case
from fuzzing.case import Case, Draw, WrongAnswerError
from fuzzing.material import rows


def frame(draw: Draw) -> Case:
    """``dataset_from_frame`` of odd columns."""
    import pandas as pd
    import torch

    import alframe

    x, y = rows(30)
    frame = pd.DataFrame(x, columns=list("abcd"))
    said = []
    texts = np.array(["red", "blue", "green"] * 10)
    days = pd.date_range("2026-01-01", periods=30)
    columns: dict[str, Any] = {
        "text": texts,
        "objects": [object()] * 30,
        "mixed": [1, "a", None] * 10,
        "lists": [[1]] * 30,
        "dates": days,
        "zones": days.tz_localize("UTC"),
        "spans": days - days[0],
        "periods": days.to_period("D"),
        "bools": [True, False] * 15,
        "gaps": [np.nan] * 30,
        "Int64": pd.array([1, None, 2] * 10, dtype="Int64"),
        "boolean": pd.array([True, None, False] * 10, dtype="boolean"),
        "category": pd.Categorical(texts),
        "ordered": pd.Categorical(texts, ordered=True),
        "complex": np.arange(30) * 1j,
        "infinite": np.full(30, np.inf),
        "large": np.arange(30) + 1e300,
        "string": pd.array(texts, dtype="string"),
        "bytes": [b"a"] * 30,
        "sparse": pd.arrays.SparseArray([0, 1, 0] * 10),
        "half": x[:, 0].astype("f2"),
        "uint64": np.full(30, 2**64 - 1, "u8"),
        "dicts": [{}] * 30,
        "intervals": pd.interval_range(0, 30),
        "unique": [f"x{i}" for i in range(30)],
        "escape": ["\x1b[31m", "b", "c"] * 10,
        "huge": [10**400] * 30,
        "decimals": [Decimal("1.5")] * 30,
        "big": np.arange(30).astype(">i8"),
        "sets": [frozenset()] * 30,
    }
    for _ in range(draw.random.choice([1, 1, 2])):
        name = draw.random.choice(sorted(columns))
        frame[name] = columns[name]
        said.append(name)
    target: Any = draw.random.choice(["class"] * 4 + [said[-1], "none", None, 0, ("a",), ["class"], "a"])
    frame["class"] = columns[draw.random.choice(sorted(columns))] if draw.chance(0.3) else y
    kind = draw.random.randrange(8)
    if kind == 0:
        frame.columns = draw.random.choice(
            [
                [*"aaaa", *frame.columns[4:]],
                [0, 1, 2, None, *frame.columns[4:]],
                [("a", 1), *frame.columns[1:]],
            ]
        )
    elif kind == 1:
        frame.index = [0] * 30
    elif kind == 2:
        frame = frame.iloc[: draw.random.choice([0, 1, 2])]
    elif kind == 3:
        frame = frame[["class"]]

    def call() -> None:
        found = alframe.dataset_from_frame("t", frame, target)
        if len(found.targets) != len(frame):
            raise WrongAnswerError(f"{len(found.targets)} samples of {len(frame)} rows")
        parts = found.split_test(0.3, torch.Generator())
        assert parts.test_inputs is not None
        if not (parts.inputs.isfinite().all() and parts.test_inputs.isfinite().all()):
            raise WrongAnswerError("the network's inputs are not finite")

    return call_case(call, f"dataset_from_frame({said}, target={target!r}, {frame.shape}, change {kind})")
