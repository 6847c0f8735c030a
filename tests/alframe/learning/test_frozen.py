import hashlib
import io
import os

import numpy as np
import pytest
import torch
from torch import nn

from alframe import AlframeWarning, Classifier, Normalize
from alframe.data.samples import Samples
from alframe.learning import frozen
from alframe.learning.frozen import frozen_features

CPU = torch.device("cpu")


def network(seed=0, bias=0.0):
    torch.manual_seed(seed)
    body = nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.BatchNorm1d(5), nn.ReLU())
    with torch.no_grad():
        body[1].bias.fill_(bias)
    return Classifier(body, nn.Linear(5, 3)).eval()


def samples(n=3000, mean=0.5, seed=0):
    stored = torch.randint(
        0, 256, (n, 3, 2, 2), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed)
    )
    return Samples(stored, CPU, Normalize((mean,) * 3, (0.25,) * 3))


@pytest.fixture(autouse=True)
def _all_are_worth_a_file(monkeypatch):
    monkeypatch.setattr(frozen, "WORTH_KEEPING", 0)


@pytest.fixture
def compute(tmp_path, count_calls):
    """Computes features with a folder to keep them in; says whether the samples passed the body."""

    def compute(model=None, rows=None, folder=tmp_path / "kept", shared=False):
        if not shared:
            frozen._shared.clear()  # as another process
        model, rows = model or network(), rows or samples()
        model.features = counted = count_calls(model.features)
        features = frozen_features(model, rows, folder, lambda done, total: None)
        torch.testing.assert_close(features, model.body(rows.batch(torch.arange(len(rows)))))
        return features, counted.counter.calls > 1  # a few samples pass for the key

    compute.folder = tmp_path / "kept"
    return compute


def test_the_second_time_they_are_read(compute):
    first, computed = compute()
    assert computed
    second, computed = compute()
    assert not computed
    assert torch.equal(first, second)
    assert len(list(compute.folder.iterdir())) == 1


def test_those_that_somebody_has_are_shared(compute):
    first, _ = compute()
    next(compute.folder.iterdir()).unlink()
    assert compute(shared=True)[0] is first
    assert compute(network(seed=1), shared=True)[1]
    del first
    assert compute(shared=True)[1]  # nobody has them any more


def test_what_is_computed_quickly_is_not_written(compute, monkeypatch):
    monkeypatch.setattr(frozen, "WORTH_KEEPING", 100)
    compute()
    assert not compute.folder.exists()
    assert compute()[1]


@pytest.mark.parametrize(
    "other",
    [
        lambda: {"model": network(seed=1)},
        lambda: {"model": network(bias=1e-4)},
        lambda: {"rows": samples(mean=0.4)},
        lambda: {"rows": samples(seed=1)},
        lambda: {"rows": samples(n=2999)},
    ],
    ids=[
        "other weights",
        "one weight a little different",
        "other transform",
        "other samples",
        "fewer samples",
    ],
)
def test_whatever_changes_them_is_in_the_key(compute, other):
    compute()
    _, computed = compute(**other())
    assert computed


def test_a_single_sample_far_behind_is_in_the_key(compute):
    compute()
    rows = samples()
    rows.stored[-1, 0, 0, 0] ^= 1
    assert compute(rows=rows)[1]


def test_the_head_is_not_in_the_key(compute):
    compute()
    model = network()
    with torch.no_grad():
        model.head.weight.zero_()
    assert not compute(model)[1]


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY", None])
def test_a_damaged_file_is_made_anew(compute, damage):
    first, _ = compute()
    path = next(compute.folder.iterdir())
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] if damage is None else damage)
    second, computed = compute()
    assert computed
    assert torch.equal(first, second)
    assert path.read_bytes() == content


def sealed(array):
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue() + hashlib.sha256(content.getvalue()).digest()


OTHERS = {
    "rows shuffled": lambda data: data[:-9] + data[-5:] + data[-9:-5],
    "zeros": lambda data: data[:128] + bytes(len(data) - 128),
    "without a checksum": lambda data: data[:-32],
    "zeros as NumPy writes them": lambda data: sealed(np.zeros((3000, 5), np.float32))[:-32],
    "another type": lambda data: sealed(np.zeros((3000, 5), np.float64)),
    "a type that torch lacks": lambda data: sealed(np.full((3000, 5), "x")),
    "another width": lambda data: sealed(np.zeros((3000, 4), np.float32)),
    "fewer rows": lambda data: sealed(np.zeros((2999, 5), np.float32)),
    "one axis more": lambda data: sealed(np.zeros((3000, 5, 1), np.float32)),
    "a number": lambda data: sealed(np.float32(1)),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
def test_another_content_is_not_believed(compute, other):
    first, _ = compute()
    path = next(compute.folder.iterdir())
    content = path.read_bytes()
    path.write_bytes(other(content))
    second, computed = compute()
    assert computed
    assert torch.equal(first, second)
    assert path.read_bytes() == content


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes by name here")
def test_a_pipe_in_its_place_is_not_waited_for(compute):
    compute()
    path = next(compute.folder.iterdir())
    path.unlink()
    os.mkfifo(path)
    assert compute()[1]
    assert path.is_file()


def test_what_is_kept_is_on_disk_before_it_has_its_name(compute, monkeypatch):
    synced = []
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(sync(number)))
    compute()
    assert synced


def test_what_is_kept_is_a_file_of_numpys(compute):
    features, _ = compute()
    kept = np.load(next(compute.folder.iterdir()), allow_pickle=False)
    assert np.array_equal(kept, features.numpy())


def test_without_a_folder_nothing_is_written(compute, tmp_path):
    compute(folder=None)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_a_warning(compute, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.warns(AlframeWarning, match="features can't be kept in .*file"):
        frozen_features(network(), samples(), tmp_path / "file", lambda done, total: None)


def test_nothing_half_written_stays(compute, tmp_path, monkeypatch):
    def full(file, array):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.warns(AlframeWarning, match="No space left"):
        frozen_features(network(), samples(), tmp_path / "kept", lambda done, total: None)
    assert list((tmp_path / "kept").iterdir()) == []


def test_progress_counts_samples():
    seen = []
    frozen_features(network(), samples(), None, lambda done, total: seen.append((done, total)))
    assert seen == [(1024, 3000), (2048, 3000), (3000, 3000)]
