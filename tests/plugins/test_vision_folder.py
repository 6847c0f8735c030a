import numpy as np
import pytest
import torch
from PIL import Image

import alframe
from alframe import AlframeWarning, UsageError


def write(path, value, mode="RGB", size=(20, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, value, value)).convert(mode).save(path)


@pytest.fixture
def folder(tmp_path):
    """Two classes: dark cats and bright dogs, in every mode that files have."""
    for number, mode in enumerate(("RGB", "L", "P", "RGBA", "1")):
        write(tmp_path / "train" / "cat" / f"{number}.png", 0, mode)
        write(tmp_path / "train" / "dog" / "deeper" / f"{number}.png", 255, mode)
    write(tmp_path / "train" / "dog" / "print.jpg", 255, "CMYK")
    write(tmp_path / "test" / "dog" / "x.JPG", 255)
    (tmp_path / "train" / "cat" / "notes.txt").write_text("no image")
    return tmp_path


def test_train_and_test(folder):
    data = alframe.load_dataset(f"imagefolder:{folder}", size=8)
    assert data.inputs.shape == (11, 3, 8, 8)
    assert data.targets.tolist() == [0] * 5 + [1] * 6
    assert data.test_targets.tolist() == [1]
    assert data.inputs.dtype == torch.uint8
    made = data.transform(data.inputs)
    assert made.mean().abs() < 1e-5
    means = made.mean(dim=(1, 2, 3))
    assert means[:5].max() < 0 < means[5:].min()  # whatever the mode, dark is dark
    np.testing.assert_allclose(data.transform(data.test_inputs).mean(), means[5:].mean(), atol=1e-2)


def test_without_a_test_part_one_is_split_off(folder):
    data = alframe.load_dataset(f"imagefolder:{folder / 'train'}", test_fraction=0.25)
    assert data.inputs.shape == (8, 3, 32, 32)
    assert len(data.test_inputs) == 3


def test_images_that_cannot_be_decoded_are_named_and_counted(folder):
    bad = folder / "train" / "cat" / "bad.png"
    bad.write_bytes(b"no image")
    whole = folder / "train" / "dog" / "print.jpg"
    whole.write_bytes(whole.read_bytes()[:300])
    with pytest.raises(
        UsageError,
        match=r"train: 2 of 12 images can't be decoded: cat/bad.png, dog/print.jpg. "
        r"Remove them, or leave them out by -o data.bad_images=skip$",
    ):
        alframe.load_dataset(f"imagefolder:{folder}")
    with pytest.warns(AlframeWarning, match="2 of 12 images .* they are left out"):
        assert len(alframe.load_dataset(f"imagefolder:{folder}", bad_images="skip")) == 10


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda folder: write(folder / "test" / "bird" / "1.png", 9),
            "classes that the training part lacks: bird",
        ),
        (
            lambda folder: (folder / "test" / "dog" / "x.JPG").unlink(),
            "there are no images in the folders of",
        ),
    ],
)
def test_folders_that_cannot_be_used(folder, spoil, message):
    spoil(folder)
    with pytest.raises(UsageError, match=message):
        alframe.load_dataset(f"imagefolder:{folder}")


def test_no_folder_and_no_classes(tmp_path):
    with pytest.raises(UsageError, match="there is no folder"):
        alframe.load_dataset(f"imagefolder:{tmp_path / 'nowhere'}")
    with pytest.raises(UsageError, match="at least 2 classes, it has 0"):
        alframe.load_dataset(f"imagefolder:{tmp_path}")


def test_a_size_that_is_none(folder):
    with pytest.raises(UsageError, match="size must be at least 1"):
        alframe.load_dataset(f"imagefolder:{folder}", size=0)
