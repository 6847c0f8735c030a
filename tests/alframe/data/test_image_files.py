"""Images that stay in their files are what they are in memory, to the last bit."""

import copy
import pickle

import numpy as np
import pytest
import torch
from PIL import Image

import alframe
from alframe import DamagedFileError, Normalize, UsageError, seeds
from alframe.data import decoding, image_files, images
from alframe.data.identity import identity
from alframe.data.image_files import ImageFiles
from alframe.ops.digest import digest_of


def write_folder(root, parts=("train",), per_class=20, side=12):
    rng = np.random.default_rng(0)
    for part in parts:
        for label in ("cat", "dog", "eel"):
            folder = root / part / label
            folder.mkdir(parents=True)
            for number in range(per_class):
                pixels = rng.integers(0, 256, (side, side + number % 3, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number:03}.{'jpg' if number % 2 else 'png'}")
    return root


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "photos")


def load(folder, monkeypatch, stay, **options):
    monkeypatch.setattr(decoding, "SHARE", 0.0 if stay else 0.25)
    offer, location = alframe.registry.registry.installed().offers.located(
        alframe.registry.offers.DATASETS, f"imagefolder:{folder}"
    )
    options = offer.value.options(**{"size": 8} | options)
    return offer.value.load(alframe.DataRequest(location, folder, False, options))


@pytest.fixture
def both(folder, monkeypatch):
    held, left = load(folder, monkeypatch, False), load(folder, monkeypatch, True)
    assert isinstance(left.inputs, ImageFiles)
    assert not isinstance(held.inputs, ImageFiles)
    monkeypatch.setattr(image_files, "SHARE", 0.25)
    return held, left


def test_the_data_set_is_the_same(both):
    held, left = both
    x, y = held.inputs, left.inputs
    assert (x.shape, x.dtype, x.device, x.nbytes, len(x)) == (y.shape, y.dtype, y.device, y.nbytes, len(y))
    assert torch.equal(held.targets, left.targets)
    assert identity(held) == identity(left)
    assert digest_of([x]) == digest_of([y]) == left.inputs.digest
    assert Normalize.of(x) == Normalize.of(y)
    held, left = (data.split_test(0.3, seeds.generator(1, "split")) for data in both)
    assert isinstance(left.test_inputs, ImageFiles)
    assert held.transform == left.transform
    assert torch.equal(held.example(), left.example())
    assert torch.equal(held.test_inputs, left.test_inputs.clone())
    assert identity(held) == identity(left)


ROWS = torch.tensor([59, 0, 7, 7, 31])


@pytest.mark.parametrize("inference", [False, True])
def test_what_torch_makes_of_it(both, inference):
    x, y = both[0].inputs, both[1].inputs
    with torch.inference_mode(inference):
        assert torch.equal(x.index_select(0, ROWS), y.index_select(0, ROWS))
        for index in (ROWS, slice(5, 9), slice(50, None, 3), ROWS.tolist(), x[:, 0, 0, 0] > 99):
            assert isinstance(y[index], ImageFiles)
            assert torch.equal(x[index], y[index].clone())
        assert y.to("cpu") is y.detach() is y.contiguous() is y.cpu() is y
        assert torch.equal(x.float(), y.float())
        assert torch.equal(x.to(torch.float64), y.to(torch.float64))
        assert torch.equal(x[3], y[3])
        assert torch.equal(x[2:5, 0], y[2:5, 0])
        assert torch.equal(x.reshape(60, -1), y.reshape(60, -1))
        assert torch.equal(torch.cat([x, x]), torch.cat([y, y]))
        assert [len(part) for part in y.split(25)] == [25, 25, 10]
        assert torch.equal(torch.stack(list(x)), torch.stack(list(y)))
        lists = [ROWS, ROWS[:0], ROWS[:2]]
        for rows, part in zip(lists, y.blocks(lists), strict=True):
            assert torch.equal(x[rows], part)


def test_copies(both):
    x, y = both[0].inputs, both[1].inputs[ROWS]
    assert torch.equal(pickle.loads(pickle.dumps(y)).clone(), x[ROWS])
    assert copy.deepcopy(y) is y
    assert "(5, 3, 8, 8)" in repr(y)


def test_what_takes_all_of_many_is_refused(both, monkeypatch):
    monkeypatch.setattr(image_files, "SHARE", 0.0)
    with pytest.raises(UsageError, match=r"photos.*: 60 images are wanted at once, .* stay in their files"):
        both[1].inputs.float()
    assert both[1].inputs.index_select(0, ROWS).shape == (5, 3, 8, 8)


def test_bad_images_are_named_or_left_out(folder, monkeypatch):
    bad = folder / "train" / "dog" / "003.jpg"
    bad.write_bytes(bad.read_bytes()[:200])
    with pytest.raises(DamagedFileError, match=r"1 of 60 images can't be decoded: dog/003.jpg. Remove"):
        load(folder, monkeypatch, True)
    with pytest.warns(alframe.AlframeWarning, match="left out"):
        held, left = (load(folder, monkeypatch, stay, bad_images="skip") for stay in (False, True))
    monkeypatch.setattr(image_files, "SHARE", 0.25)
    assert identity(held) == identity(left)
    assert left.inputs.digest == ""
    assert left.inputs.fingerprint != left.inputs[1:].fingerprint
    assert len(left) == 59


def test_a_file_that_changes_after_the_look_is_named(folder, monkeypatch):
    data = load(folder, monkeypatch, True)
    (folder / "train" / "dog" / "003.jpg").write_bytes(b"no image")
    with pytest.raises(DamagedFileError, match=r"photos.*: dog/003.jpg can't be decoded any more"):
        data.inputs.index_select(0, torch.arange(60))
    (folder / "train" / "dog" / "003.jpg").unlink()
    with pytest.raises(UsageError, match="dog/003.jpg is gone; it was there when the files were listed"):
        list(data.inputs.blocks([torch.arange(60)]))


def test_grey_of_16_bits_is_looked_at_twice(folder, monkeypatch):
    for number in range(3):
        values = np.random.default_rng(number).integers(0, 3000, (12, 12), dtype=np.uint16)
        Image.fromarray(values).save(folder / "train" / "cat" / f"deep{number}.png")
    held, left = (load(folder, monkeypatch, stay) for stay in (False, True))
    assert held.notes == left.notes
    assert len(held.notes) == 1
    monkeypatch.setattr(image_files, "SHARE", 0.25)
    assert identity(held) == identity(left)
    assert Normalize.of(held.inputs) == Normalize.of(left.inputs)


def test_who_has_too_little_memory_is_told(folder, monkeypatch):
    monkeypatch.setattr(images, "machine_memory", lambda: 40_000.0)
    (note,) = load(folder, monkeypatch, False).notes
    assert "train: 60 images are left in their files and decoded whenever they are looked at" in note
    assert "more than a quarter of this machine's memory" in note
    assert load(folder, monkeypatch, False, size=5).notes == ()


@pytest.mark.parametrize("train", ["linear-probe", None])
def test_a_run_is_the_same_to_the_last_bit(folder, tmp_path, monkeypatch, alframe_rounds, train):
    found = {}
    for stay in (False, True):
        monkeypatch.setattr(decoding, "SHARE", 0.0 if stay else 0.25)
        found[stay] = alframe_rounds(f"imagefolder:{folder}", tmp_path / str(stay), train)
    assert found[False] == found[True]
    assert len(found[True]) == 3
