"""Files of torch with a tuple in a tuple in a tuple as a key: its hash overruns the interpreter's stack."""

import pickle
import zipfile

import pytest
import torch

from alframe.networks.nesting import is_too_deep

HEAD = [0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}]
DEEP = 400_000
READ = """
import sys
from alframe import DamagedFileError, read_weights
try:
    read_weights(sys.argv[1])
except DamagedFileError as error:
    print(error)
"""


def is_deep(path):
    with path.open("rb") as file:
        return is_too_deep(file)


def in_archive(path, pickled):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (("data.pkl", pickled), ("version", b"3\n"), ("byteorder", b"little")):
            archive.writestr(f"archive/{name}", content)


def in_a_row(path, pickled):
    """As torch wrote before 1.6."""
    path.write_bytes(b"".join(pickle.dumps(part, 2) for part in HEAD) + pickled)


@pytest.mark.parametrize("write", [in_archive, in_a_row])
@pytest.mark.parametrize(
    "levels",
    [
        b")" + b"\x85" * DEEP,
        b")" + b"\x85q\x01h\x01\x860h\x01" * (DEEP // 10),  # by way of the memo
        b"(" * DEEP + b"t" * DEEP,
    ],
    ids=["one in one", "by the memo", "marks"],
)
def test_a_deep_key_is_seen_before_torch_reads_it(tmp_path, write, levels):
    write(tmp_path / "w.pt", b"\x80\x02}q\x00" + levels + b"Ns.")
    assert is_deep(tmp_path / "w.pt")


def test_such_a_file_is_one_line(tmp_path, forks):
    in_archive(tmp_path / "w.pt", b"\x80\x02}q\x00)" + b"\x85" * DEEP + b"Ns.")
    done = forks.run(READ, str(tmp_path / "w.pt"))
    assert done.returncode == 0
    assert done.stdout == f"weights {tmp_path / 'w.pt'} can't be read: values are nested beyond all measure\n"


@pytest.mark.parametrize("is_new", [True, False])
def test_genuine_files_are_not_deep(tmp_path, is_new):
    state = {f"layer.{number}.weight": torch.zeros(2, 2) for number in range(300)}
    state["list"] = list(range(5000))
    torch.save(state, tmp_path / "w.pt", _use_new_zipfile_serialization=is_new)
    assert not is_deep(tmp_path / "w.pt")


@pytest.mark.parametrize(
    "content", [b"", b"no weights", b"PK\x05\x06" + b"\x00" * 18, b"\x80\x02tttt", b"h\x05."]
)
def test_what_is_damaged_is_left_to_torch(tmp_path, content):
    (tmp_path / "w.pt").write_bytes(content)
    assert not is_deep(tmp_path / "w.pt")
