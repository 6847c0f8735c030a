import bz2
import gzip
import os
import pickle
import shutil
import struct

import numpy as np
import pytest
import torch
from scipy.io import savemat

import alframe
from alframe import UsageError
from alframe.experiments.data import load_data
from alframe.experiments.plan import trials
from alframe.experiments.settings import resolve
from alframe.experiments.trial_loop import run_trial
from alframe.registry.offers import PRESETS
from alframe_cli.display import SilentDisplay
from alframe_vision._catalogue import MNIST_MEAN, MNIST_STD, SOURCES
from alframe_vision._pickles import load_pickle

DOWNLOADED = {name: source for name, source in SOURCES.items() if source.torchvision}

PARTS = {"train": 30, "t10k": 10}


def write_idx(path, array):
    kind = struct.pack(">BBBB", 0, 0, 8, array.ndim)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(kind + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes())


@pytest.fixture
def look_alike(tmp_path):
    """A small MNIST in its genuine file format."""
    rng = np.random.default_rng(0)
    raw = tmp_path / "MNIST" / "raw"
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
    np.testing.assert_array_equal(data.inputs[:, 0], pixels)
    made = data.transform(data.inputs)
    np.testing.assert_allclose(made[:, 0], (pixels / 255 - MNIST_MEAN[0]) / MNIST_STD[0], atol=1e-5)


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
    def fail(root, download, train):
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
    made = data.transform(data.inputs)
    assert made.mean().item() == pytest.approx(0, abs=1e-3)
    assert made.std().item() == pytest.approx(1, abs=1e-3)
    assert data.targets[:5].tolist() == [5, 0, 4, 1, 9]


def test_a_download_that_is_allowed_unpacks_what_is_there(shared_data, tmp_path):
    shutil.copytree(shared_data / "MNIST" / "raw", tmp_path / "MNIST" / "raw")
    data = alframe.load_dataset("mnist", data_dir=tmp_path, download=True)
    assert len(data) == 60_000
    assert (tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte").exists()


def images(n, channels, size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, channels, size, size), dtype=np.uint8)


def write_idx_set(folder, source, x, y, test_x, test_y):
    shift = source.reader == "emnist"
    for path, part in zip(source.files, (x, y, test_x, test_y), strict=True):
        part = part[:, 0] if part.ndim == 4 else part
        part = (part.transpose(0, 2, 1) if part.ndim == 3 else part + 1) if shift else part
        write_idx(folder / path, np.ascontiguousarray(part).astype(np.uint8))


def write_usps(folder, source, x, y, test_x, test_y):
    for path, pixels, labels in zip(source.files, (x, test_x), (y, test_y), strict=True):
        values = pixels.reshape(len(pixels), -1) / 255 * 2 - 1
        lines = [
            f"{label + 1} " + " ".join(f"{i + 1}:{value:.6f}" for i, value in enumerate(row))
            for label, row in zip(labels, values, strict=True)
        ]
        (folder / path).write_bytes(bz2.compress("\n".join(lines).encode()))


def write_svhn(folder, source, x, y, test_x, test_y):
    for path, pixels, labels in zip(source.files, (x, test_x), (y, test_y), strict=True):
        numbered = np.where(labels == 0, 10, labels)[:, None]
        savemat(folder / path, {"X": pixels.transpose(2, 3, 1, 0), "y": numbered.astype(np.uint8)})


def write_cifar(folder, source, x, y, test_x, test_y):
    """Pickled by protocol 2, numpy under its old name."""
    *batches, test = source.files
    parts = list(zip(np.array_split(x, len(batches)), np.array_split(y, len(batches)), strict=True))
    for path, (pixels, labels) in zip((*batches, test), [*parts, (test_x, test_y)], strict=True):
        key = "fine_labels" if "100" in path else "labels"
        content = {"data": pixels.reshape(len(pixels), -1), key: labels.tolist(), "batch_label": b"a batch"}
        (folder / path).parent.mkdir(exist_ok=True)
        pickled = pickle.dumps(content, protocol=2)
        (folder / path).write_bytes(pickled.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))


def write_stl10(folder, source, x, y, test_x, test_y):
    for path, part in zip(source.files, (x, y, test_x, test_y), strict=True):
        (folder / path).parent.mkdir(exist_ok=True)
        (part.transpose(0, 1, 3, 2) if part.ndim == 4 else part + 1).astype(np.uint8).tofile(folder / path)


WRITERS = {
    "idx": write_idx_set,
    "emnist": write_idx_set,
    "usps": write_usps,
    "svhn": write_svhn,
    "cifar": write_cifar,
    "stl10": write_stl10,
}
SHAPES = {"usps": (1, 16), "svhn": (3, 32), "cifar10": (3, 32), "cifar100": (3, 32), "stl10": (3, 96)}


@pytest.fixture(params=DOWNLOADED)
def genuine(request, tmp_path):
    """A small look-alike of each data set in its genuine file format, and what is in it."""
    source = SOURCES[request.param]
    channels, size = SHAPES.get(request.param, (1, 28))
    parts = []
    for seed, n in enumerate((60, 40)):
        parts += [images(n, channels, size, seed), np.arange(n) % source.classes]
    WRITERS[source.reader](tmp_path, source, *parts)
    return request.param, tmp_path, parts


def test_every_format_is_read_upright_with_labels_from_0(genuine):
    name, folder, (x, y, test_x, test_y) = genuine
    data = alframe.load_dataset(name, data_dir=folder)
    assert data.targets.tolist() == y.tolist()
    assert data.test_targets.tolist() == test_y.tolist()
    source = SOURCES[name]
    pixels = x / 255
    mean, std = (np.array(part)[:, None, None] for part in (source.mean, source.std))
    if not source.mean:
        mean, std = (f(pixels, axis=(0, 2, 3), keepdims=True)[0] for f in (np.mean, np.std))
    tolerance = 0.03 if name == "usps" else 1e-3  # USPS is text
    np.testing.assert_allclose(data.transform(data.inputs), (pixels - mean) / std, atol=tolerance)
    np.testing.assert_allclose(data.transform(data.test_inputs), (test_x / 255 - mean) / std, atol=tolerance)


def test_end_to_end(genuine, tmp_path, registry):
    """A trial as the command line runs it, from the files to the records."""
    name, folder, _ = genuine
    sections = {
        "run": {"strategy": ["alfamix"], "seeds": [1], "initial_size": 20, "query_size": 10, "rounds": 1}
        | {"device": "cpu", "out": str(tmp_path / "runs")},
        "data": {"name": name, "dir": str(folder)},
        "model": {"name": "cnn", "hidden": 16},
        "train": {"epochs": 1, "augment": ["crop", "flip"]},
    }
    settings = resolve(registry, sections)
    summary = run_trial(trials(settings)[0], load_data(settings), SilentDisplay(quiet=True))
    assert [record["labelled"] for record in summary.records] == [20, 30]
    assert all(0 <= record["accuracy"] <= 1 for record in summary.records)


def test_a_missing_file_of_any_data_set_is_named(genuine):
    name, folder, _ = genuine
    missing = folder / SOURCES[name].files[-1]
    missing.unlink()
    with pytest.raises(UsageError) as caught:
        alframe.load_dataset(name, data_dir=folder)
    for part in (name, missing.name, str(missing.parent), "--data-dir", "--download"):
        assert part in str(caught.value)


@pytest.mark.parametrize("keep", [0, 100, 0.7])
def test_a_truncated_file_of_any_data_set_is_one_line(genuine, keep):
    name, folder, _ = genuine
    path = folder / SOURCES[name].files[0]
    content = path.read_bytes()
    path.write_bytes(content[: keep if isinstance(keep, int) else int(keep * len(content))])
    with pytest.raises(UsageError, match=f"{name}") as caught:
        alframe.load_dataset(name, data_dir=folder)
    assert "\n" not in str(caught.value)


def test_pixels_that_are_no_bytes_are_damage(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    content = {"data": np.full((20, 3072), np.nan), "labels": [*range(10)] * 2}
    for path in SOURCES["cifar10"].files:
        (tmp_path / path).write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(alframe.DamagedFileError, match="cifar10 can't be read"):
        alframe.load_dataset("cifar10", data_dir=tmp_path)


def test_pictures_of_another_kind_are_damage(tmp_path):
    pixels, labels = np.zeros((32, 32, 1, 20), np.uint8), np.arange(1, 21)[:, None] % 10 + 1
    for path in SOURCES["svhn"].files:
        savemat(tmp_path / path, {"X": pixels, "y": labels})
    with pytest.raises(alframe.DamagedFileError, match="images have 1 channels, and 3 are expected"):
        alframe.load_dataset("svhn", data_dir=tmp_path)


def test_a_pickle_that_would_run_a_command_is_refused(tmp_path):
    class Attack:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'harmed'}",)

    path = tmp_path / "data_batch_1"
    path.write_bytes(pickle.dumps({"data": Attack()}))
    with pytest.raises(
        pickle.UnpicklingError, match=r"names posix.system; arrays and plain containers alone"
    ):
        load_pickle(path)
    assert not (tmp_path / "harmed").exists()
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    for part in ("train", "test"):
        shutil.copy(path, folder / part)
    with pytest.raises(UsageError, match="cifar100 can't be read from .*posix.system"):
        alframe.load_dataset("cifar100", data_dir=tmp_path)


def test_a_pickle_of_something_else(tmp_path):
    (tmp_path / "list").write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(pickle.UnpicklingError, match="it holds a list; a dictionary is wanted"):
        load_pickle(tmp_path / "list")


def test_torchvision_has_what_downloads_them():
    from torchvision import datasets

    for source in DOWNLOADED.values():
        assert hasattr(datasets, source.torchvision)


@pytest.mark.parametrize("name", ["cifar10", "svhn", "stl10", "usps", "emnist"])
def test_a_download_without_a_network_is_one_line(name, tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("Network is unreachable")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    with pytest.raises(UsageError, match=f"{name} can't be downloaded to .*unreachable"):
        alframe.load_dataset(name, data_dir=tmp_path, download=True)


def test_every_preset_is_a_complete_setting(registry):
    for offer in registry.offers.of(PRESETS):
        settings = resolve(registry, offer.value.settings)
        assert len(settings.run.seeds) in (5, 10)
        assert offer.value.reference
