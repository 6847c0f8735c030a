import gzip
import shutil
import struct

import numpy as np
import pytest
import torch

import alframe
from alframe import UsageError
from alframe_vision._mnist import MEAN, STD

PARTS = {"train": 30, "t10k": 10}


def write_idx(path, array):
    kind = struct.pack(">BBBB", 0, 0, 8, array.ndim)
    path.write_bytes(kind + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes())


@pytest.fixture
def look_alike(tmp_path):
    """A small MNIST in its genuine file format."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for part, n in PARTS.items():
        write_idx(raw / f"{part}-images-idx3-ubyte", rng.integers(0, 256, (n, 28, 28), dtype=np.uint8))
        write_idx(raw / f"{part}-labels-idx1-ubyte", (np.arange(n) % 10).astype(np.uint8))
    return tmp_path


def pack(folder):
    for path in list(folder.iterdir()):
        with gzip.open(path.with_name(path.name + ".gz"), "wb") as file:
            file.write(path.read_bytes())
        path.unlink()


def test_files_are_read_and_normalised(look_alike):
    data = alframe.load_dataset("mnist", data_dir=look_alike)
    assert data.inputs.shape == (30, 1, 28, 28)
    assert data.test_targets.tolist() == list(range(10))
    pixels = np.random.default_rng(0).integers(0, 256, (30, 28, 28), dtype=np.uint8)
    np.testing.assert_allclose(data.inputs[:, 0], (pixels / 255 - MEAN) / STD, atol=1e-5)


def test_packed_files_are_read_where_they_are(look_alike):
    unpacked = alframe.load_dataset("mnist", data_dir=look_alike)
    folder = look_alike / "MNIST" / "raw"
    pack(folder)
    before = sorted(folder.iterdir())
    packed = alframe.load_dataset("mnist", data_dir=look_alike)
    assert torch.equal(packed.inputs, unpacked.inputs)
    assert sorted(folder.iterdir()) == before


def test_a_missing_file_is_one_line_with_folder_file_and_flag(tmp_path):
    with pytest.raises(UsageError) as caught:
        alframe.load_dataset("mnist", data_dir=tmp_path)
    message = str(caught.value)
    for part in (str(tmp_path), "train-images-idx3-ubyte", "--data-dir", "--download"):
        assert part in message


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("keep", [0, 10, 500])
def test_a_truncated_file_is_named(look_alike, keep, packed):
    folder = look_alike / "MNIST" / "raw"
    if packed:
        pack(folder)
    path = next(folder.glob("train-images*"))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UsageError, match="mnist can't be read from"):
        alframe.load_dataset("mnist", data_dir=look_alike)


def test_a_failing_download_is_one_line(tmp_path, monkeypatch, capsys):
    def fail(root, download):
        print("Failed to download (trying next mirror)")
        raise RuntimeError("Error downloading train-images-idx3-ubyte.gz")

    monkeypatch.setattr("torchvision.datasets.MNIST", fail)
    with pytest.raises(UsageError, match="mnist can't be downloaded to .*: Error downloading"):
        alframe.load_dataset("mnist", data_dir=tmp_path, download=True)
    assert capsys.readouterr().out == ""


def test_real_mnist(shared_data):
    data = alframe.load_dataset("mnist", data_dir=shared_data)
    assert data.inputs.shape == (60_000, 1, 28, 28)
    assert len(data.test_inputs) == 10_000
    assert data.inputs.mean().item() == pytest.approx(0, abs=1e-3)
    assert data.inputs.std().item() == pytest.approx(1, abs=1e-3)
    assert data.targets[:5].tolist() == [5, 0, 4, 1, 9]


def test_a_download_that_is_allowed_unpacks_what_is_there(shared_data, tmp_path):
    shutil.copytree(shared_data / "MNIST" / "raw", tmp_path / "MNIST" / "raw")
    data = alframe.load_dataset("mnist", data_dir=tmp_path, download=True)
    assert len(data) == 60_000
    assert (tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte").exists()
