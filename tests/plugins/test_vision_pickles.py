"""Pickles that are forged: each is refused in one line, and none ends the interpreter or fills the memory."""

import io
import pickle
import random
import struct
from collections import OrderedDict

import numpy as np
import pytest

from alframe_vision._pickles import load_pickle
from alframe_vision._readers import cifar, miniimagenet

MEGABYTES = 1024  # of VmHWM, on Linux: ru_maxrss may be that of the process that started this one


def text(value):
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def raw(value):
    return b"B" + struct.pack("<I", len(value)) + value


def name(module, attribute):
    return f"c{module}\n{attribute}\n".encode()


def dtype(code, state=b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00", order="|"):
    """``numpy.dtype(code, False, True)`` with the state ``(3, order, None, None, None, -1, -1, 0)``."""
    return name("numpy", "dtype") + text(code) + b"\x89\x88\x87R(K\x03" + text(order) + state + b"tb"


def array(kind, shape=b"K\x04\x85", content=b"\x00" * 32, core="core"):
    empty = (
        name(f"numpy.{core}.multiarray", "_reconstruct") + name("numpy", "ndarray") + b"K\x00\x85C\x01b\x87R"
    )
    return empty + b"(K\x01" + shape + kind + b"\x89" + raw(content) + b"tb"


def file_of(value):
    """A dictionary with the value under "data"."""
    return b"\x80\x04}" + text("data") + value + b"s."


REFUSED = {
    "pointers of an object array": array(dtype("O8")),
    "objects by the state of a type": array(dtype("u8", b"N(" + text("a") + b"t}K\x08K\x08K\x00")),
    "a structured type": array(dtype("V8")),
    "objects in an array that is made with a buffer": name("numpy", "ndarray")
    + b"K\x04\x85" + name("numpy", "dtype") + text("O") + b"\x85R" + raw(b"\x41" * 32) + b"\x87R",
    "an array of memory that was never written": name("numpy", "ndarray") + b"K\x04\x85\x85R",
    "objects from a buffer": name("numpy.core.numeric", "_frombuffer")
    + b"(" + raw(b"\x41" * 8) + dtype("O8") + b"K\x01\x85" + text("C") + b"tR",
    "an object as a scalar": name("numpy.core.multiarray", "scalar") + dtype("O8") + raw(b"A" * 8) + b"\x86R",
    "times": array(dtype("M8")),
    "too few bytes": array(dtype("f8"), content=b"\x00" * 31),
    "too many bytes": array(dtype("f8"), content=b"\x00" * 33),
    "a negative shape": array(dtype("f8"), shape=b"J\xfc\xff\xff\xff\x85"),
    "two negative sizes": array(dtype("f8"), shape=b"J\xfe\xff\xff\xffJ\xfe\xff\xff\xff\x86"),
    "a shape beyond memory": array(dtype("f8"), shape=b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86"),
    "a shape whose product overflows": array(dtype("f8"), shape=b"\x8a\x09" + b"\x00" * 8 + b"\x01\x85"),
    "a shape of texts": array(dtype("f8"), shape=text("4") + b"\x85"),
    "a hundred axes": array(dtype("f8"), shape=b"(" + b"K\x01" * 99 + b"K\x04t"),
    "an array without a state": name("numpy.core.multiarray", "_reconstruct")
    + name("numpy", "ndarray") + b"K\x00\x85C\x01b\x87R",
    "a state for a function": name("_codecs", "encode") + b"N}" + text("__defaults__") + b"Ns\x86b",
    "a state for a class": name("collections", "OrderedDict") + b"N}" + text("get") + b"Ns\x86b",
    "a call of a list": b"](K\x01tR",
    "a class made without a call": name("numpy", "ndarray") + b"K\x04\x85\x81",
    "an old class": b"(inumpy\nndarray\n",
    "a persistent id": b"Pabc\n",
    "a persistent id from the stack": b"K\x01Q",
    "an extension code": b"\x82\x01",
    "a buffer from elsewhere": b"\x97",
    "a command": name("os", "system") + text("true") + b"\x85R",
    "a function inside NumPy": name("numpy", "load") + text("x") + b"\x85R",
    "a name with a dot": b"\x8c\x05numpy\x8c\x0ccore.os.open\x93",
    "bytes that are not there": b"\x8e" + struct.pack("<Q", 2**40),
    "a byte array that is not there": b"\x96" + struct.pack("<Q", 2**62),
    "a text that is not there": b"\x8d" + struct.pack("<Q", 2**63 + 1),
    "a frame that is not there": b"\x95" + struct.pack("<Q", 2**50),
    "a number of ten thousand digits": b"L" + b"9" * 10_000 + b"L\n",
    "a key whose hash has no end": b"}" + b")" + b"\x85" * 1_000_000 + b"Ns",
    "a set": b"\x8f",
    "a list as key": b"}]Ns",
    "nothing on the stack": b"tttt",
    "no mark": b"u",
    "an unknown operation": b"\xff",
    "the same megabyte two hundred times": text("a" * 2**20) + b"q\x00" + b"".join(
        b"0" + name("_codecs", "encode") + b"h\x00" + text("latin1") + b"\x86R" for _ in range(200)
    ),
    "the same megabyte in two hundred arrays": b"]q\x01" + raw(b"a" * 2**20) + b"q\x000" + b"".join(
        name("numpy.core.numeric", "_frombuffer") + b"(h\x00" + dtype("u1") + b"J\x00\x00\x10\x00\x85"
        + text("C") + b"tRa" for _ in range(200)
    ),
}  # fmt: skip
HARMLESS = {
    "a list a million deep": b"]" * 1_000_000 + b"a" * 999_999,
    "a tuple so deep": b")" + b"\x85" * 1_000_000,
    "a memo of four milliards": b"K\x01r\xff\xff\xff\xff",  # 34 GB where a memo is an array
}
READ_ALL = """
import pickle, sys
from pathlib import Path
from alframe_vision._pickles import load_pickle
from alframe_vision._readers import cifar, miniimagenet
for path in sorted(Path(sys.argv[1]).iterdir()):
    print(path.name, end="\\t", flush=True)
    try:
        load_pickle(path)
        print("read")
    except pickle.UnpicklingError as error:
        print(error)
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print("peak", peak.split()[1], sep="\\t")
"""


@pytest.fixture
def read_all(forks):
    return lambda folder: read_by(forks, folder)


def read_by(forks, folder):
    """What becomes of each file of a folder, all in one interpreter of their own."""
    done = forks.run(READ_ALL, str(folder))
    lines = dict(line.split("\t") for line in done.stdout.splitlines())  # one each
    assert done.returncode == 0, f"{list(lines)[-1:]} ended it: {done.returncode}\n{done.stderr[-2000:]}"
    peak = int(lines.pop("peak")) / MEGABYTES
    assert peak < 1000, f"{peak} MB"
    return lines


def test_what_is_forged_is_refused(tmp_path, read_all):
    for title, value in (REFUSED | HARMLESS).items():
        (tmp_path / title).write_bytes(file_of(value))
    (tmp_path / "an array as the whole").write_bytes(b"\x80\x04" + array(dtype("u1")) + b".")
    found = read_all(tmp_path)
    assert [title for title, line in found.items() if (line == "read") != (title in HARMLESS)] == []
    assert all(found.values())


def test_two_thousand_mutations_of_a_genuine_file(tmp_path, read_all):
    rng = random.Random(0)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 12), dtype=np.uint8)
    content = {"data": pixels, "labels": [1, 2, 3, 4], "names": OrderedDict(a=np.float32(1)), "x": pixels.T}
    (tmp_path / "files").mkdir()
    for number in range(2_000):
        forged = bytearray(pickle.dumps(content, protocol=number % 6))
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(len(forged))
            change = rng.randrange(4)
            if change == 0:
                forged[place] = rng.randrange(256)
            elif change == 1:
                forged[place : place + rng.randint(1, 20)] = b""
            elif change == 2:
                forged[place:place] = forged[rng.randrange(len(forged)) :][: rng.randint(1, 40)]
            else:
                forged[place] = ord(rng.choice("RbutsOi\x81\x93(.hrq2"))
        (tmp_path / "files" / f"{number}").write_bytes(forged)
    assert len(read_all(tmp_path / "files")) == 2_000


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_of_each_protocol_come_back(tmp_path, protocol):
    rng = np.random.default_rng(0)
    made = {
        "bytes": rng.integers(0, 256, (3, 4), dtype=np.uint8),
        "columns": np.asfortranarray(rng.normal(size=(3, 4))),
        "big": rng.integers(-9, 9, 5).astype(">i4"),
        "flags": np.array([True, False]),
        "halves": np.arange(4, dtype=np.float16),
        "whole": np.array(3.5),
    }
    content = {
        **made,
        "inner": OrderedDict(b=[made["bytes"], 1, None, "é", b"\xe9"], a=(1, -2.5, 2**70, True)),
        "scalar": np.int64(7),
        3: "number",
    }
    for core in (b"core", b"_core"):
        pickled = pickle.dumps(content, protocol)
        if protocol < 4:  # from then on a name comes after its length
            pickled = pickled.replace(b"numpy._core.", b"numpy.%s." % core)
        (tmp_path / "file").write_bytes(pickled)
        found = load_pickle(tmp_path / "file")
        for key, array_ in made.items():
            np.testing.assert_array_equal(found[key], array_)
            assert found[key].dtype == array_.dtype.newbyteorder("=")
            assert found[key].flags.writeable
        np.testing.assert_array_equal(found["inner"]["b"][0], made["bytes"])
        assert found["inner"]["b"][1:] == [1, None, "é", b"\xe9"]
        assert found["inner"]["a"] == (1, -2.5, 2**70, True)
        assert list(found["inner"]) == ["b", "a"]
        assert (found["scalar"], found[3]) == (7, "number")


def test_what_python_2_wrote_comes_back(tmp_path):
    """Its strings are what arrays are made of, by protocol 2 and by protocol 0."""
    short = name("numpy.core.multiarray", "_reconstruct") + name("numpy", "ndarray")
    kind = (
        name("numpy", "dtype")
        + b"U\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    new = (
        b"\x80\x02}U\x04data"
        + short
        + b"K\x00\x85U\x01b\x87R(K\x01K\x02\x85"
        + kind
        + b"\x89U\x02\xff\x00tbs."
    )
    old = (
        b"(dp0\nS'data'\np1\ncnumpy.core.multiarray\n_reconstruct\np2\n(cnumpy\nndarray\np3\n(I0\ntp4\nS'b'\np5\n"
        b"tp6\nRp7\n(I1\n(I2\ntp8\ncnumpy\ndtype\np9\n(S'u1'\np10\nI0\nI1\ntp11\nRp12\n(I3\nS'|'\np13\nNNNI-1\nI-1\n"
        b"I0\ntp14\nbI00\nS'\\xff\\x00'\np15\ntp16\nbs."
    )
    for content in (new, old):
        assert pickle.load(io.BytesIO(content), encoding="latin1")["data"].tolist() == [255, 0]
        (tmp_path / "file").write_bytes(content)
        assert load_pickle(tmp_path / "file")["data"].tolist() == [255, 0]


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_pickle(tmp_path / "none")


def twice(depth):
    """Two to the power of ``depth`` numbers, in a few hundred bytes of a pickle."""
    value = [1, 1]
    for _ in range(depth):
        value = [value, value]
    return value


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"data": twice(40), "labels": [1]}, "where the images should be, it holds a list"),
        ({"data": np.zeros((1, 3072), np.uint8), "labels": twice(40)}, "a number for each image"),
        ({"data": np.zeros((1, 3072), np.uint8), "labels": None}, "a number for each image"),
    ],
)
def test_lists_without_end_are_no_images_and_no_labels(tmp_path, content, message):
    (tmp_path / "file").write_bytes(pickle.dumps(content))
    with pytest.raises(ValueError, match=message):
        cifar([tmp_path / "file"] * 2)


def test_positions_that_are_named_again_and_again(tmp_path):
    rows = [0] * 1000
    content = {
        "image_data": np.zeros((2000, 84, 84, 3), np.uint8),
        "class_dict": dict.fromkeys(range(3), rows),
    }
    (tmp_path / "file").write_bytes(pickle.dumps(content))
    with pytest.raises(ValueError, match="more images than there are: 2000"):
        miniimagenet([tmp_path / "file"])
