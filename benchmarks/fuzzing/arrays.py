"""Arrays in files: ``npz:`` data sets of a run, and the pools of ``alframe query``."""

from __future__ import annotations

import io
import re
import struct
import zipfile
from typing import Any

import numpy as np

from fuzzing.case import DAMAGED, MARKER, Case, Draw
from fuzzing.material import TRIAL, Arrays, pool, rows, saved
from fuzzing.runs import Payload
from fuzzing.strategies import REPEATED, known_options, strategies
from fuzzing.values import argument, bomb, damaged, value

KINDS = (
    *(
        "f2",
        "f4",
        "f8",
        "g",
        ">f4",
        ">f8",
        "i1",
        "i2",
        "i4",
        "i8",
        ">i4",
        "u1",
        "u2",
        "u4",
        "u8",
        "?",
        "c8",
        "c16",
    ),
    *("U3", "S3", "O", "M8[s]", "m8[s]", "V8", "i4,f4", "U0"),
)
SPECIAL = (float("nan"), float("inf"), float("-inf"), 1e39, 1e308, -1e308, 5e-324, 1e30, -0.0, 2.0**63)


def npz(draw: Draw) -> Case:
    """A run on an ``.npz`` file whose arrays or bytes are odd."""
    x, y = rows()
    arrays: Arrays = {"x_train": x, "y_train": y}
    if draw.chance(0.5):
        arrays |= {"x_test": x[:9], "y_test": y[:9]}
    if draw.chance(0.2):
        pixels = np.random.default_rng(0).integers(
            0, 255, (60, *draw.random.choice([(5, 5), (5, 5, 3), (3, 5, 5), (5, 5, 4), (5, 5, 2)]))
        )
        arrays["x_train"] = pixels.astype(draw.random.choice(["u1", "f4", "i8"]))
        arrays.pop("x_test", None), arrays.pop("y_test", None)
    (draw.work / "data.npz").write_bytes(_spoilt(draw, arrays))
    model = draw.random.choice(["mlp"] * 5 + ["cnn", "lenet"])
    command = (*TRIAL, "--dataset", "npz:data.npz", "--model", model)
    return Case(command, codes=DAMAGED, shown=_shown(command, arrays))


def query(draw: Draw) -> Case:
    """``alframe query`` on odd pools."""
    arrays = pool()
    strategy = draw.random.choice(strategies())
    if draw.chance(0.15):  # a cold start
        del arrays["labelled_features"], arrays["labelled_targets"]
    content = _spoilt(draw, arrays)
    name = "pool.npz"
    if draw.chance(0.15):  # one array alone
        name = "pool.npy"
        file = io.BytesIO()
        np.save(file, next(iter(arrays.values())), allow_pickle=True)
        content = damaged(draw.random, file.getvalue()) if draw.chance(0.5) else file.getvalue()
    (draw.work / name).write_bytes(content)
    command = [
        "query",
        "--strategy",
        strategy,
        "-n",
        draw.random.choice(["1", "3", "28", "1000", str(2**62)]),
        name,
        "--device",
        "cpu",
    ]
    command += draw.random.choice(
        [[], ["--json"], ["--out", "rows.npz"], ["--out", "rows.npy"], ["-q"], ["--seed", "-1"]]
    )
    own = [name for name, _ in known_options() if name.startswith(strategy + ".")]
    if own and draw.chance(0.25):
        given = argument(f"{draw.random.choice(own)}={value(draw.random)}")
        command += ["-o", given] if not given.partition("=")[0].endswith(REPEATED) else []
    if draw.chance(0.15):
        stage = draw.random.choice(["--embed", "--score", "--select"])
        command += [stage, draw.random.choice(strategies())]
    writes: tuple[str, ...] = ("rows.npz", "rows.npy")
    if draw.chance(0.03):
        command += ["--out", draw.random.choice([name, f"./{name}", "notes.txt"])]
        writes = ()
    return Case(tuple(command), codes=DAMAGED, writes=writes, shown=_shown(tuple(command), arrays))


def _shown(command: tuple[str, ...], arrays: Arrays) -> str:
    held = ", ".join(f"{name} {array.dtype}{list(array.shape)}" for name, array in arrays.items())
    return f"alframe {' '.join(command)}  # {held}"


def _spoilt(draw: Draw, arrays: Arrays) -> bytes:
    """Changes arrays or the bytes of their file."""
    for _ in range(draw.random.choice([0, 1, 1, 1, 2, 3])):
        name = draw.random.choice(sorted(arrays))
        with np.errstate(all="ignore"):
            arrays[name] = _changed(draw, arrays[name])
    if draw.chance(0.1):
        _renamed(draw, arrays)
    if draw.chance(0.08):
        arrays["y_train" if "y_train" in arrays else next(iter(arrays))] = np.array(
            [Payload(draw.box.root / MARKER)] * 60, dtype=object
        )
    content = saved(arrays, compressed=draw.chance(0.3))
    kind = draw.random.random()
    if kind < 0.2:
        return damaged(draw.random, content)
    if kind < 0.35:
        return _header(draw, arrays)
    return content


def _changed(draw: Draw, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """One odd thing: type, shape, values."""
    kind = draw.random.randrange(10)
    try:
        if kind < 3:
            return array.astype(draw.random.choice(KINDS))
        if kind == 3:
            return array.reshape(
                draw.random.choice([(-1,), (1, *array.shape), (*array.shape, 1), array.shape[::-1]])
            )
        if kind == 4:
            return array[: draw.random.choice([0, 1, 2, -1])]
        if kind == 5:
            return array[..., : draw.random.choice([0, 1, 2])] if array.ndim > 1 else array[:0]
        if kind == 6:
            return np.asarray(draw.random.choice([0, 1.5, "x", True]))
        if kind == 7:
            return np.full_like(array, draw.random.choice([0, 1, -1, 7]))
        changed = array.astype("f8") if draw.chance(0.7) or array.dtype.kind not in "iu" else array.copy()
        flat = changed.reshape(-1)
        for _ in range(draw.random.choice([1, 1, 3, len(flat)])):
            if changed.dtype.kind == "f":
                flat[draw.random.randrange(len(flat))] = draw.random.choice(SPECIAL)
            else:
                flat[draw.random.randrange(len(flat))] = draw.random.choice(
                    [-1, -2, 99, 2**31, 2**62, -(2**63)]
                )
        if draw.chance(0.2):
            return np.asarray(
                changed * draw.random.choice([1e30, 1e-30, 1e300]) + draw.random.choice([0, 1e9, 1e300])
            )
        return changed
    except (ValueError, TypeError, OverflowError, IndexError, RuntimeError):
        return array


def _renamed(draw: Draw, arrays: Arrays) -> None:
    name = draw.random.choice(sorted(arrays))
    new = draw.random.choice(
        ["x", "X_TRAIN", "", "a/b", "../../outside/victim", "/etc/x", "\x1b[31m", "x" * 300, "é", "a\nb"]
    )
    arrays[new] = arrays[name] if draw.chance(0.5) else arrays.pop(name)


def _header(draw: Draw, arrays: Arrays) -> bytes:
    """An archive in which the header of one array lies: of its type, shape, order or length."""
    name = draw.random.choice(sorted(arrays))
    file = io.BytesIO()
    np.save(file, arrays[name], allow_pickle=True)
    content = file.getvalue()
    head, body = (
        content[10 : 10 + struct.unpack("<H", content[8:10])[0]].decode("latin-1"),
        content[10 + struct.unpack("<H", content[8:10])[0] :],
    )
    shape = draw.random.choice(
        [
            f"({2**40},)",
            "(-1,)",
            "(-1, 4)",
            "(0, 0)",
            "(1,)*9",
            "()",
            "(2**70,)",
            "(3, 4, 5)",
            "(True,)",
            "(1.5,)",
            "(99999999999, 99999999999)",
        ]
    )
    descr = draw.random.choice(
        [
            "'|O'",
            "'<f8'",
            "'<U99999999'",
            "'|V0'",
            "[('a', '|O')]",
            "'x'",
            "1",
            "[]",
            "[('a', '<f8', (10**9,))]",
            "'<M8[s]'",
        ]
    )
    kind = draw.random.randrange(5)
    if kind in (0, 1):
        head = re.sub(r"'shape': \([^)]*\)", lambda _: "'shape': " + shape, head)
    if kind in (1, 2):
        head = re.sub(r"'descr': [^,]*,", lambda _: f"'descr': {descr},", head)
    if kind == 3:
        head = draw.random.choice(
            [
                "{}",
                "[" * 5000,
                "x" * 60_000,
                "__import__('os').getcwd()",
                "'" * 100,
                "{'descr': '<f8'}",
                "\x00" * 50,
            ]
        )
    if kind == 4:
        head = head.replace("False", draw.random.choice(["True", "None", "1", "x"]))
    encoded = head.encode("latin-1")[:65_535]
    lying = (
        content[:8]
        + struct.pack("<H", len(encoded))
        + encoded
        + (body if draw.chance(0.8) else bomb()[: 1 << 20])
    )
    result = io.BytesIO()
    with zipfile.ZipFile(result, "w") as archive:
        for other, array in arrays.items():
            one = io.BytesIO()
            np.save(one, array, allow_pickle=True)
            archive.writestr(f"{other or 'x'}.npy", lying if other == name else one.getvalue())
    return result.getvalue()
