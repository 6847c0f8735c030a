import os

import numpy as np
import pytest
import torch
from PIL import Image

from alframe import DamagedFileError, ImageDataOptions, ImageReader
from alframe.data import decoding, pictures
from alframe.data.decoding import images_stay_in_files
from alframe.ops.digest import digest_of


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(40):
        pixels = rng.integers(0, 256, (9, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02}.png")
    values = rng.integers(0, 3000, (8, 8), dtype=np.uint16)
    Image.fromarray(values).save(folder / "99.png")
    return sorted(folder.iterdir())


@pytest.fixture
def looked(monkeypatch):
    """The files that were decoded."""
    seen = []

    def read(source, rules, ranges):
        seen.append(source)
        return pictures.read_picture(source, rules, ranges)

    monkeypatch.setattr(decoding, "read_picture", read)
    return seen


def opened(files, folder, told=None, **options):
    progress = (lambda done, total: None) if told is None else (lambda *numbers: told.append(numbers))
    reader = ImageReader(ImageDataOptions(**{"size": 8} | options))
    with images_stay_in_files(0, folder, progress):
        images, labels = reader.open("toy", files, [file.name for file in files], list(range(len(files))))
    return images, labels, reader.notes


def test_what_was_found_is_kept_for_the_same_files(files, tmp_path, looked):
    told = []
    first, labels, notes = opened(files, tmp_path, told)
    assert len(looked) == len(files) + 1  # the grey one twice
    assert told == [(41, 41)]
    again, others, same = opened(files, tmp_path)
    assert len(looked) == len(files) + 1
    assert torch.equal(labels, others)
    assert notes == same
    assert len(notes) == 1
    assert first.sums == again.sums
    assert digest_of([first]) == digest_of([again])
    assert torch.equal(first.clone(), again.clone())


@pytest.mark.parametrize("change", ["date", "another", "option", "damage"])
def test_it_is_found_anew_where_something_changed(files, tmp_path, looked, change):
    opened(files, tmp_path)
    del looked[:]
    options = {"background": "black"} if change == "option" else {}
    if change == "date":
        os.utime(files[3], ns=(1, 1))
    elif change == "another":
        Image.new("RGB", (9, 9)).save(files[3])
    elif change == "damage":
        (kept,) = tmp_path.glob(".images-*.npz")
        kept.write_bytes(kept.read_bytes()[:200])
    images, _, _ = opened(files, tmp_path, **options)
    assert len(looked) == len(files) + 1
    assert bool((images[3] == 0).all()) == (change == "another")


def test_damage_is_said_again_without_another_look(files, tmp_path, looked):
    files[5].write_bytes(b"no image")
    for _ in range(2):
        with pytest.raises(DamagedFileError, match="toy: 1 of 41 images can't be decoded: 05.png"):
            opened(files, tmp_path)
    assert len(looked) == len(files) + 1
    Image.new("RGB", (9, 9)).save(files[5])
    assert len(opened(files, tmp_path)[0]) == 41
