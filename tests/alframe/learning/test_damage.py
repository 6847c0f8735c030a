import gzip
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from alframe.learning.damage import is_damage


def raised_by(read):
    try:
        read()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def npz():
    file = io.BytesIO()
    np.savez_compressed(file, x=np.arange(1000))
    return file.getvalue()


def npy():
    file = io.BytesIO()
    np.save(file, np.arange(1000))
    return file.getvalue()


def png():
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (32, 32), np.uint8)).save(file, "png")
    return file.getvalue()


def weights():
    file = io.BytesIO()
    torch.save({"a": torch.zeros(1000)}, file)
    return file.getvalue()


def flipped(data, position):
    return data[:position] + bytes([data[position] ^ 0xFF]) + data[position + 1 :]


def load(data):
    with np.load(io.BytesIO(data)) as arrays:
        return arrays["x"]


@pytest.mark.parametrize(
    "read",
    [
        lambda: load(npz()[:500]),
        lambda: load(flipped(npz(), 200)),
        lambda: np.load(io.BytesIO(npy()[:500])),
        lambda: np.load(io.BytesIO(npy()[:40])),
        lambda: np.load(io.BytesIO(b"")),
        lambda: np.load(io.BytesIO(b"not an array")),
        lambda: zipfile.ZipFile(io.BytesIO(b"x")),
        lambda: gzip.decompress(gzip.compress(b"abc" * 99)[:-9]),
        lambda: gzip.decompress(b"abc"),
        lambda: json.loads("{"),
        lambda: b"\xff".decode(),
        lambda: Image.open(io.BytesIO(b"x")),
        lambda: Image.open(io.BytesIO(png()[:200])).load(),
        lambda: Image.open(io.BytesIO(flipped(png(), 60))).load(),
        lambda: torch.load(io.BytesIO(weights()[:900]), weights_only=True),
        lambda: torch.load(io.BytesIO(b"x" * 100), weights_only=True),
    ],
)
def test_what_a_reader_raises_of_a_damaged_file(read):
    assert is_damage(raised_by(read))


@pytest.mark.parametrize(
    "fail",
    [
        lambda: {}["x"],
        lambda: int("x"),
        lambda: np.zeros(3).reshape(2, 2),
        lambda: torch.zeros(3) @ torch.zeros(4),
        lambda: Path("missing").read_text(),
        lambda: np.load("missing.npy"),
        lambda: Image.open(3.5),
        lambda: [].pop(),
        lambda: None.x,
    ],
)
def test_a_bug_and_a_missing_file_are_none(fail):
    assert not is_damage(raised_by(fail))
