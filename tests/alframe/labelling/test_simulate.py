import numpy as np
import pytest
import torch
from PIL import Image

import alframe
from alframe.errors import UsageError
from alframe.labelling.simulate import write_pictures


def made(inputs, targets=None):
    targets = torch.arange(len(inputs)) % 2 if targets is None else torch.tensor(targets)
    return alframe.Dataset("made", inputs, targets, 2)


def read(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


@pytest.mark.parametrize("channels", [1, 3])
def test_bytes_are_written_as_they_are(tmp_path, channels):
    inputs = torch.randint(256, (3, channels, 5, 7), dtype=torch.uint8)
    truth = write_pictures(
        alframe.Dataset("made", inputs, torch.tensor([0, 1, 0]), 2, fit=lambda x: x), tmp_path
    )
    assert truth.classes == ("0", "1")
    assert truth.of == {"00000.png": "0", "00001.png": "1", "00002.png": "0"}
    for row in range(3):
        expected = inputs[row].permute(1, 2, 0).numpy()
        assert np.array_equal(read(tmp_path / f"{row:05}.png").reshape(expected.shape), expected)


def test_numbers_are_scaled_by_the_range_of_all(tmp_path):
    inputs = torch.stack(
        [torch.full((1, 2, 2), -1.0), torch.full((1, 2, 2), 0.0), torch.full((1, 2, 2), 1.0)]
    )
    write_pictures(made(inputs), tmp_path)
    assert [int(read(tmp_path / f"{row:05}.png")[0, 0]) for row in range(3)] == [0, 128, 255]


def test_what_is_there_stays(tmp_path):
    data = made(torch.rand(3, 1, 4, 4))
    write_pictures(data, tmp_path)
    (tmp_path / "00001.png").write_bytes(b"mine")
    write_pictures(data, tmp_path)
    assert (tmp_path / "00001.png").read_bytes() == b"mine"
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("shape", [(4, 10), (4, 2, 5, 5), (4, 1, 1, 9)])
def test_what_is_no_picture_is_refused(tmp_path, shape):
    with pytest.raises(UsageError, match="can show pictures"):
        write_pictures(made(torch.rand(shape)), tmp_path)


def test_an_oracle_needs_all_labels(tmp_path):
    with pytest.raises(UsageError, match="without a label"):
        write_pictures(made(torch.rand(3, 1, 4, 4), [0, -1, 1]), tmp_path)


def test_a_folder_that_can_not_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(alframe.AlframeError, match="file"):
        write_pictures(made(torch.rand(3, 1, 4, 4)), tmp_path / "file" / "pictures")
