"""Files in others' formats: IDX, MATLAB, packed text, and OpenML's cache."""

from __future__ import annotations

import bz2
import io
import pickle
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from fuzzing.case import DAMAGED, Case, Draw
from fuzzing.material import TRIAL, rows
from fuzzing.runs import Payload
from fuzzing.values import damaged

OPENML = "openml/org/openml/www/datasets/7"
CLIENTS = ("../home/openml", "../home/.config", "../home/.cache")  # what the client makes when it is imported
XML = 'xmlns:oml="http://openml.org/openml"'


def stores(draw: Draw) -> Case:
    """``mnist``, ``usps``, ``svhn`` and ``stl10``: files of their formats with lies and damage."""
    name = draw.random.choice(["mnist", "mnist", "usps", "svhn", "stl10"])
    makers: dict[str, list[bytes]] = {
        "mnist": _idx(draw),
        "usps": _usps(draw),
        "svhn": _mat(draw),
        "stl10": _stl(),
    }
    write(draw, name, makers[name] * 2, lambda draw, content: damaged(draw.random, content))
    return Case((*TRIAL, "--dataset", name), codes=DAMAGED, shown=f"alframe run --dataset {name}")


def write(draw: Draw, name: str, contents: list[Any], spoil: Callable[[Draw, Any], bytes]) -> None:
    """Puts a data set's files under ``data``, one or all of them spoilt."""
    from alframe_vision._catalogue import SOURCES

    files = SOURCES[name].files
    chosen = draw.random.randrange(len(files)) if draw.chance(0.8) else None
    for number, (file, content) in enumerate(zip(files, contents, strict=False)):
        path = draw.work / "data" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        plain = content if isinstance(content, bytes) else pickle.dumps(content)
        path.write_bytes(spoil(draw, content) if chosen in (None, number) else plain)


def _idx(draw: Draw) -> list[bytes]:
    n, side = draw.random.choice([(12, 28), (12, 28), (0, 28), (12, 1)])
    images = struct.pack(
        ">IIII", 2051, draw.random.choice([n, n, n, 2**31 - 1, 2**32 - 1]), side, side
    ) + bytes(n * side * side)
    return [images, struct.pack(">II", 2049, n) + bytes(i % 10 for i in range(n))]


def _usps(draw: Draw) -> list[bytes]:
    cell = draw.random.choice(["0.5"] * 4 + ["nan", "inf", "1e39", "x", ""])
    label = draw.random.choice(["1", "2", "10", "11", "0", "-1", "1e400", "x", "nan"])
    row = " ".join(f"{i + 1}:{cell if i == 7 else 0.1}" for i in range(draw.random.choice([256, 256, 255])))
    return [bz2.compress("".join(f"{label if not i else i % 10 + 1} {row}\n" for i in range(12)).encode())]


def _mat(draw: Draw) -> list[bytes]:
    from scipy.io import savemat

    file = io.BytesIO()
    labels: Any = draw.random.choice(
        [
            np.arange(12) % 10 + 1,
            np.arange(12),
            -np.arange(12),
            np.full(12, np.nan),
            np.array(["x"] * 12),
            np.arange(3),
        ]
    )
    shape = draw.random.choice(
        [(32, 32, 3, 12), (32, 32, 3, 12), (32, 32, 3), (0, 32, 3, 12), (32, 32, 1, 12)]
    )
    content = {
        draw.random.choice(["X", "X", "X", "x"]): np.zeros(shape, draw.random.choice(["u1", "u1", "f8"])),
        "y": labels,
    }
    savemat(file, content, do_compression=draw.chance(0.5))
    return [file.getvalue()]


def _stl() -> list[bytes]:
    return [bytes(12 * 3 * 96 * 96), bytes(i % 10 + 1 for i in range(12))]


def openml(draw: Draw) -> Case:
    """OpenML's cache: descriptions and tables that are damaged, and pickles beside them."""
    folder = draw.work / "data" / OPENML
    folder.mkdir(parents=True)
    x, y = rows(45)
    lines = [
        "@relation t",
        *(f"@attribute a{i} numeric" for i in range(4)),
        "@attribute class {a,b,c}",
        "@data",
    ]
    lines += [",".join([*(f"{v:.3f}" for v in row), "abc"[k]]) for row, k in zip(x, y, strict=True)]
    if draw.chance(0.4):
        at = draw.random.randrange(len(lines))
        lines[at] = draw.random.choice(
            [
                "",
                "%",
                "@data",
                "@attribute a9 string",
                "@attribute d date",
                "?,?,?,?,?",
                "1,2,3",
                "{0 1, 4 a}",
                "1e400,inf,nan,1,a",
                "x,1,2,3,a",
                "1,1,1,1,d",
                "@attribute r relational",
                "'a",
            ]
        )
    fields = {
        "id": "7",
        "name": "t",
        "version": "1",
        "description": "d",
        "format": "ARFF",
        "licence": "Public",
        "url": "https://localhost/none",
        "file_id": "7",
        "default_target_attribute": "class",
        "visibility": "public",
        "status": "active",
    }
    if draw.chance(0.3):
        fields[draw.random.choice(sorted(fields))] = draw.random.choice(
            ["", "x", "-1", "../../../x", "9" * 30, "SPARSE_ARFF", "&#27;[31m", "none"]
        )
    body = "".join(f"<oml:{name}>{text}</oml:{name}>" for name, text in fields.items())
    features = "".join(
        f"<oml:feature><oml:index>{i}</oml:index><oml:name>{name}</oml:name><oml:data_type>{kind}</oml:data_type>"
        + (
            "<oml:nominal_value>a</oml:nominal_value><oml:nominal_value>b</oml:nominal_value><oml:nominal_value>c</oml:nominal_value>"
            if kind == "nominal"
            else ""
        )
        + "<oml:is_target>false</oml:is_target><oml:is_ignore>false</oml:is_ignore>"
        "<oml:is_row_identifier>false</oml:is_row_identifier><oml:number_of_missing_values>0</oml:number_of_missing_values></oml:feature>"
        for i, (name, kind) in enumerate([*((f"a{i}", "numeric") for i in range(4)), ("class", "nominal")])
    )
    files = {
        "dataset.arff": "\n".join(lines).encode(),
        "description.xml": f"<oml:data_set_description {XML}>{body}</oml:data_set_description>".encode(),
        "features.xml": f"<oml:data_features {XML}>{features}</oml:data_features>".encode(),
        "qualities.xml": f"<oml:data_qualities {XML}></oml:data_qualities>".encode(),
    }
    if draw.chance(0.4):
        name = draw.random.choice(sorted(files))
        files[name] = damaged(draw.random, files[name])
    if draw.chance(0.3):
        entities = (
            b'<!DOCTYPE x [<!ENTITY a "'
            + b"x" * 1000
            + b'">'
            + b"".join(
                b'<!ENTITY a%d "%s">' % (i, (b"&a%d;" % (i - 1) if i else b"&a;") * 10) for i in range(9)
            )
            + b"]><x>&a8;</x>"
        )
        files[draw.random.choice(["description.xml", "features.xml"])] = entities
    for name in (
        "features.xml.pkl",
        "qualities.xml.pkl",
        "dataset.pkl.py3",
        "dataset.pkl",
        "dataset.pq",
        "dataset.feather.attributes.pkl.py3",
    ):
        if draw.chance(0.3):
            files[name] = pickle.dumps(Payload(draw.box.marker))
    for name, content in files.items():
        (folder / name).write_bytes(content)
    target = draw.random.choice([[], [], ["-odata.target=a0"], ["-odata.target=\x1b[31m"]])
    return Case(
        (*TRIAL, "--dataset", draw.random.choice(["openml:7", "openml:t"]), *target),
        codes=DAMAGED,
        writes=("runs", f"data/{OPENML}", *CLIENTS),
    )
