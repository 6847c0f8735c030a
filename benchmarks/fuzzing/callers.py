"""What calls from Python share: odd numbers, the same array as other objects, a small learner."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from fuzzing.arrays import KINDS, SPECIAL
from fuzzing.case import Case, Draw, WrongAnswerError
from fuzzing.material import rows

CODES = frozenset({0, 1, 2})  # never a plugin's fault: the built-in ones have none
NUMBERS: tuple[Any, ...] = (
    *(
        0,
        -1,
        1,
        3,
        5.0,
        2.5,
        "3",
        "x",
        None,
        True,
        False,
        10**30,
        -(10**30),
        float("nan"),
        float("inf"),
        [],
        [3],
        {},
    ),
    *(np.int64(3), np.float32(3), np.array(3), np.array([3]), b"3", 3 + 0j, np.nan, object(), "\x1b[31m"),
)
Made = tuple[str, Any]


def call_case(function: Callable[[], object], shown: str) -> Case:
    return Case(call=function, codes=CODES, writes=(), shown=shown[:400])


def like(draw: Draw, array: np.ndarray[Any, Any]) -> Made:
    """The same numbers, or nearly, as another kind of object."""
    import pandas as pd
    import scipy.sparse as sparse
    import torch

    ways: dict[str, Callable[[np.ndarray[Any, Any]], Any]] = {
        "array": lambda a: a,
        "list": lambda a: a.tolist(),
        "tuple": lambda a: tuple(map(tuple, a)) if a.ndim > 1 else tuple(a),
        "tensor": torch.from_numpy,
        "float64 tensor": lambda a: torch.from_numpy(a).double(),
        "half": lambda a: torch.from_numpy(a).half(),
        "bfloat16": lambda a: torch.from_numpy(a).bfloat16(),
        "requires_grad": lambda a: torch.from_numpy(a).double().requires_grad_(),
        "meta": lambda a: torch.from_numpy(a).to("meta"),
        "sparse tensor": lambda a: torch.from_numpy(a).to_sparse(),
        "DataFrame": lambda a: pd.DataFrame(a) if a.ndim > 1 else pd.Series(a),
        "frame of names": lambda a: (
            pd.DataFrame(a, columns=[f"f{i}" for i in range(a.shape[1])])
            if a.ndim > 1
            else pd.Series(a, index=range(90, 90 + len(a)))
        ),
        "object frame": lambda a: (
            pd.DataFrame(a.astype(object)) if a.ndim > 1 else pd.Series(a.astype(object))
        ),
        "csr": lambda a: sparse.csr_matrix(a),
        "coo array": lambda a: sparse.coo_array(a),
        "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
        "reversed": lambda a: a[::-1],
        "fortran": lambda a: np.asfortranarray(a),
        "read-only": lambda a: _locked(a),
        "masked": lambda a: np.ma.masked_array(a, mask=np.arange(a.size).reshape(a.shape) % 7 == 0),
        "matrix": lambda a: np.matrix(a),
        "structured": lambda a: np.zeros(len(a), dtype=[("a", "f8"), ("b", "i4")]),
        "iterator": lambda a: iter(a),
        "dict": lambda a: dict(enumerate(a.tolist())),
        "strings": lambda a: a.astype(str),
        "None": lambda a: None,
        "scalar": lambda a: 3,
        "empty": lambda a: a[:0],
        "no columns": lambda a: a[..., :0],
        "3 axes": lambda a: a[None],
        "flat": lambda a: a.reshape(-1),
        "one row": lambda a: a[:1],
        "one column": lambda a: a[..., :1],
        "text": lambda a: "x",
        "inference": lambda a: _inference(a),
        "parameter": lambda a: torch.nn.Parameter(torch.from_numpy(a).double()),
        **{f"dtype {kind}": functools.partial(_typed, kind) for kind in KINDS},
        **{f"with {number}": functools.partial(_with, number) for number in SPECIAL},
        **{f"times {factor}": functools.partial(_times, factor) for factor in (1e30, 1e300, 1e-300, 0.0)},
        "offset": lambda a: a + 1e9,
    }
    name = draw.random.choice(sorted(ways)) if draw.chance(0.8) else "array"
    with np.errstate(all="ignore"):
        try:
            return name, ways[name](array)
        except Exception:  # there is no such kind of this array
            return "array", array


def _locked(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    array = array.copy()
    array.flags.writeable = False
    return array


def _inference(array: np.ndarray[Any, Any]) -> Any:
    import torch

    with torch.inference_mode():
        return torch.from_numpy(array).clone()


def _typed(kind: str, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return array.astype(kind)


def _times(factor: float, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.asarray(array * factor)


def _with(number: float, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    changed = array.astype("f8")
    changed.reshape(-1)[:: max(1, changed.size // 3)] = number
    return changed


def require_picks(picks: Any, n: Any, size: int | None, below: int | None = None) -> None:
    """Raises `WrongAnswerError` unless these are ``n`` distinct positions, or all.

    Args:
        picks: what came back.
        n: what was asked for.
        size: of the pool; None where its features were no rows.
        below: what positions lie below, where it is not the pool's size.
    """
    if size is None:
        raise WrongAnswerError("an answer to features that are no rows")
    if isinstance(n, (str, bytes, list, dict)) or n is None or n % 1:
        raise WrongAnswerError(f"n={n!r} was taken, which is no whole number")
    wanted, below = min(int(n), size), below or size
    chosen = [int(one) for one in picks]
    if not len(chosen) == len(set(chosen)) == wanted or not all(0 <= one < below for one in chosen):
        raise WrongAnswerError(f"{len(set(chosen))} distinct picks of {len(chosen)}, {wanted} wanted")


@functools.cache
def dataset() -> Any:
    import torch

    import alframe

    x, y = rows()
    inputs, targets = torch.from_numpy(x).float(), torch.from_numpy(y)
    return alframe.Dataset("d", inputs[:48], targets[:48], 3, inputs[48:], targets[48:])


def learner_of(strategy: str = "margin", **more: Any) -> Any:
    import alframe

    recipe = alframe.Recipe(epochs=1)
    return alframe.ActiveLearner(
        dataset().hide_labels(), "mlp", strategy=strategy, recipe=recipe, device="cpu", **more
    )
