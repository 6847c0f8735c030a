import io

import numpy as np
import pytest
from PIL import Image

from alframe.errors import DamagedFileError, UsageError
from alframe.labelling import thumbnails
from alframe.labelling.thumbnails import Thumbnails


def opened(path, size=32):
    return Image.open(io.BytesIO(Thumbnails().get(path, path.name, size)))


def corner(path):
    return opened(path).getpixel((1, 1))


@pytest.mark.parametrize(("mark", "wanted"), [(None, (40, 20)), (6, (20, 40)), (3, (40, 20))])
def test_turned_as_the_exif_mark_says(tmp_path, mark, wanted):
    image = Image.new("RGB", (40, 20))
    image.paste((255, 255, 255), (0, 0, 10, 20))  # white at the left
    exif = Image.Exif()
    if mark:
        exif[0x0112] = mark
    image.save(tmp_path / "1.jpg", exif=exif, quality=95)
    found = opened(tmp_path / "1.jpg", 40)
    assert (found.format, found.size) == ("JPEG", wanted)
    is_white = found.getpixel((2, 2))[0] > 200
    assert is_white == (mark != 3)


@pytest.mark.parametrize("size", [(300, 200), (200, 300), (5, 5)])
def test_no_side_is_longer_and_none_is_made_larger(tmp_path, size):
    Image.new("RGB", size).save(tmp_path / "1.jpg")
    found = opened(tmp_path / "1.jpg").size
    assert max(found) == min(32, max(size))


def test_every_kind_of_pixels(tmp_path):
    deep = Image.fromarray(np.array([[1000, 3000], [1000, 3000]], np.uint16))
    deep.resize((8, 8), 0).save(tmp_path / "deep.png")
    pixels = np.asarray(opened(tmp_path / "deep.png").convert("L"))
    assert (pixels.min() < 10, pixels.max() > 245) == (True, True)
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert min(corner(tmp_path / "clear.png")) > 250
    for mode in ("1", "L", "P", "CMYK", "LA"):
        Image.new(mode, (8, 8)).save(tmp_path / f"{mode}.tiff")
        assert opened(tmp_path / f"{mode}.tiff").mode == "RGB"


@pytest.mark.parametrize(
    "content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, b"<svg/>", b"%!PS"]
)
def test_a_broken_image_is_named(tmp_path, content):
    (tmp_path / "broken.png").write_bytes(content)
    with pytest.raises(DamagedFileError, match="broken.png is no image that can be shown"):
        Thumbnails().get(tmp_path / "broken.png", "broken.png", 32)


def test_a_cut_image_is_named(tmp_path):
    image = Image.effect_noise((200, 200), 50)
    image.save(tmp_path / "cut.png")
    content = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(DamagedFileError, match="cut.png"):
        Thumbnails().get(tmp_path / "cut.png", "cut.png", 32)


@pytest.mark.parametrize("size", [0, -1, 10_000])
def test_sizes_that_can_not_be(tmp_path, size):
    with pytest.raises(UsageError, match="size: expected 1 to 4096 pixels"):
        Thumbnails().get(tmp_path / "x.png", "x.png", size)


def test_those_asked_for_last_are_kept_up_to_a_size(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(thumbnails, "_picture", lambda path, name, size: made.append(name) or b"x" * 100)
    monkeypatch.setattr(thumbnails, "KEPT", 250)
    kept = Thumbnails()
    for name in "abaacab":
        kept.get(tmp_path / name, name, 32)
    assert "".join(made) == "abcb"
